"""`policy diff`, `policy test --edges` and the warnings of `policy check`: no workspace needed."""

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
    """A copy of the shipped files, to be changed."""
    return Path(shutil.copytree(POLICIES, tmp_path / "draft"))


def change(folder: Path, before: str, after: str) -> None:
    """Change the payments file of a copy."""
    path = folder / "payments.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_looser_rule_is_called_looser_with_a_request_that_shows_it(draft: Path) -> None:
    """Whoever signs would not see that a change lets more through."""
    change(draft, "when: {action: [payee.add, payee.change]}", "when: {action: payee.add}")
    free = "[balance.read, payment.cancel"
    change(draft, f"when: {{action: {free}]}}", f"when: {{action: {free}, payee.change]}}")
    done = cli("policy", "diff", str(POLICIES), str(draft), "-o", "json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["looser"] >= 1
    first = told["differences"][0]
    shown = (first["looser"], first["action"], first["before"], first["after"], first["by"])
    assert shown == (True, "payee.change", "require_approval", "allow", "payments/PAY-010")
    assert first["witness"]


def test_the_same_files_differ_in_nothing() -> None:
    """A tool that cries without cause would not be looked at."""
    done = cli("policy", "diff", str(POLICIES), str(POLICIES), "-o", "json")
    told = json.loads(done.stdout)
    assert told["differences"] == []
    assert len(set(told["meaning"])) == 1


def test_another_layout_and_order_have_the_digest_of_meaning_of_the_first(draft: Path) -> None:
    """Whoever only tidied a file up could not show that it still means the same."""
    text = (draft / "payroll.yaml").read_text(encoding="utf-8")
    begin, second, end = (
        text.index(part) for part in ("  - id: PRL-001", "  - id: PRL-002", "cases:")
    )
    first = text[begin:second]
    (draft / "payroll.yaml").write_text(
        f"# tidied up\n{text[:begin]}{text[second:end].rstrip()}\n{first}\n{text[end:]}",
        encoding="utf-8",
    )
    done = cli("policy", "diff", str(POLICIES), str(draft))
    assert done.exit_code == 0, done.output
    assert "on both sides" in done.output, done.output


def test_every_threshold_is_tried_on_both_sides() -> None:
    """An off-by-one in a limit would be found by the first payment."""
    done = cli("policy", "test", str(POLICIES), "--policy", "payments", "--edges", "-o", "json")
    assert done.exit_code == 0, done.output
    small = [each for each in json.loads(done.stdout)["edges"] if each["rule"] == "PAY-002"]
    assert [(each["value"], each["effect"]) for each in small] == [
        ("499.99 EUR", "allow"),
        ("500 EUR", "allow"),
        ("500.01 EUR", "require_approval"),
    ]


def test_a_rule_that_decides_nothing_is_named(draft: Path) -> None:
    """Somebody would rely on a rule that another one always overrules."""
    change(
        draft,
        "  - id: PAY-002\n",
        "  - id: PAY-099\n"
        "    title: Payments to Iran up to 10 EUR go through\n"
        "    effect: allow\n"
        "    when: {action: payment.create, args.country: {is: IR}, args.amount: {at_most: 10 EUR}}\n"
        "    because: A test.\n"
        "    severity: low\n"
        "  - id: PAY-002\n",
    )
    done = cli("policy", "check", str(draft))
    assert done.exit_code == 0, done.output
    assert "PAY-099" in done.output
    assert "PAY-001" in done.output
