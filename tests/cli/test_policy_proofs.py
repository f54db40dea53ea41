"""`policy diff --check` and `policy prove`: what they say, and how they end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from governance.cli import root
from governance.cli.frame import Frame

POLICIES = Path(__file__).parents[2] / "policies"


def cli(*args: str) -> Result:
    """Run the command line as a person would."""
    return CliRunner().invoke(root, list(args), obj=Frame(None))  # type: ignore[arg-type]


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """A copy of the shipped payments file, its catalogue and list, with two invariants."""
    folder = tmp_path / "draft"
    for name in ("payments.yaml", "actions/payments.yaml", "lists/erp/trusted-payees.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(POLICIES / name, folder / name)
    text = (POLICIES / "invariants.yaml").read_text()
    start, end = text.index("  - id: INV-001"), text.index("  - id: INV-003")
    head = text[: text.index("lists:")]
    (folder / "invariants.yaml").write_text(f"{head}never:\n{text[start:end]}")
    return folder


def change(folder: Path, before: str, after: str) -> None:
    """Change the payments file of a copy."""
    path = folder / "payments.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def test_what_is_proved_ends_well_and_what_is_refuted_with_five(draft: Path) -> None:
    """A pipeline would release what breaks a promise."""
    done = cli("policy", "prove", str(draft))
    assert (done.exit_code, done.stdout.count("proved")) == (0, 2), done.output
    change(draft, "needs: [1 treasurer, 1 cfo]", "needs: [1 treasurer]")
    done = cli("policy", "prove", str(draft), "-o", "json")
    assert done.exit_code == 5, done.output
    told = json.loads(done.stdout)
    assert (told["proved"], told["refuted"], told["ok"]) == (1, 1, False)
    broken = told["proofs"][0]
    assert (broken["name"], broken["action"]) == ("company/INV-001", "payment.create")
    assert "10\u202f000.01 EUR" in broken["witness"]["args.amount"]


def test_a_small_budget_ends_with_six(draft: Path) -> None:
    """What was not searched would pass as proved."""
    done = cli("policy", "prove", str(draft), "--budget", "1")
    assert done.exit_code == 6, done.output
    assert "not proved" in done.output


def test_diff_with_check_tells_looser_stricter_and_the_same_apart(
    draft: Path, tmp_path: Path
) -> None:
    """A pipeline could not hold back what lets more through."""
    other = Path(shutil.copytree(draft, tmp_path / "other"))
    assert cli("policy", "diff", str(draft), str(other), "--check").exit_code == 0
    change(other, "at_most: 2000 EUR", "at_most: 3000 EUR")
    done = cli("policy", "diff", str(draft), str(other), "--check")
    assert done.exit_code == 5, done.output
    assert "Looser only" in done.output
    assert cli("policy", "diff", str(other), str(draft), "--check").exit_code == 0
    assert cli("policy", "diff", str(draft), str(other), "--check", "--budget", "1").exit_code == 6


def test_a_name_that_is_neither_folder_nor_release_is_refused() -> None:
    """A mistyped folder would be compared as if it were empty."""
    done = cli("policy", "diff", "no-such-folder", str(POLICIES))
    assert done.exit_code == 2
    assert "no-such-folder" in done.output
