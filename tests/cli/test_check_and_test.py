"""`policy check` and `policy test` as people and build hosts run them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cli_world import cli as wired
from click.testing import CliRunner, Result

from governance.cli import root
from governance.cli.frame import Frame
from governance.cli.policy import testing
from governance.cli.policy.folder import replace_file
from governance.service import checking

POLICIES = Path(__file__).parents[2] / "policies"
OLD, NEW = b"policy: old\n", b"policy: new\n" * 9_000


def cli(*args: str, given: str = "") -> Result:
    """Run the command line as a person would."""
    return CliRunner().invoke(root, list(args), obj=Frame(None), input=given)  # type: ignore[arg-type]


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """A copy of the shipped files, to be changed."""
    return Path(shutil.copytree(POLICIES, tmp_path / "draft"))


def change(folder: Path, before: str, after: str) -> str:
    """Change the payments file of a copy; what it was before."""
    path = folder / "payments.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return text


def test_fix_repairs_the_file_and_says_what_it_did(draft: Path) -> None:
    """Somebody would commit a change that nobody was shown."""
    was = change(draft, "severity: critical", "severty: critical  # as agreed")
    (draft / "payments.yaml").chmod(0o640)
    done = cli("policy", "check", str(draft), "--fix")
    assert done.exit_code == 0, done.output
    assert "`severty` is not a key here" in done.output
    assert "+    severity: critical  # as agreed" in done.output
    now = (draft / "payments.yaml").read_text()
    assert now == was.replace("severity: critical", "severity: critical  # as agreed", 1)
    assert (draft / "payments.yaml").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in draft.iterdir() if path.name.startswith(".")] == []


def test_notes_are_counted_and_shown_where_somebody_asks(draft: Path) -> None:
    """A hundred remarks of no consequence would hide the one warning."""
    path = draft / "payments.yaml"
    lines = path.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip() == "rows:")
    first = lines[start + 1]
    name = first.strip().removeprefix("- [").split(",")[0]
    lines.insert(start + 2, first.replace(name, "the very same again", 1))
    path.write_text("\n".join(lines) + "\n")
    done = cli("policy", "check", str(draft), "--quick")
    assert done.exit_code == 0, done.output
    assert "1 note; --notes shows them" in done.output
    assert "case-twice" not in done.output
    assert "case-twice" in cli("policy", "check", str(draft), "--quick", "--notes").output


def test_fix_leaves_to_a_person_what_is_a_choice(draft: Path) -> None:
    """A machine would decide which of two rules was meant."""
    change(draft, "at_most: 500 EUR", "abov: 500 EUR")
    before = (draft / "payments.yaml").read_bytes()
    done = cli("policy", "check", str(draft), "--fix")
    assert done.exit_code == 3
    assert "nothing could be repaired without asking" in done.output
    assert "did you mean `above`?" in done.output
    assert (draft / "payments.yaml").read_bytes() == before


def test_warnings_fail_only_if_that_is_asked_for(draft: Path) -> None:
    """A build would stop for a review that is due next month; or pass, although it must not."""
    change(draft, "[BY, CU,", "[BY, CU, CU,")
    done = cli("policy", "check", str(draft))
    assert done.exit_code == 0
    assert ": warning: duplicate-member: `CU`" in done.stdout
    assert cli("policy", "check", str(draft), "--strict").exit_code == 3


def test_json_and_sarif_are_one_document_on_stdout(draft: Path) -> None:
    """A build host could not read what is printed."""
    change(draft, "severity: critical", "severty: critical")
    done = cli("policy", "check", str(draft), "--format", "json")
    told = json.loads(done.stdout)
    assert done.exit_code == 3
    (found,) = [each for each in told["findings"] if each["code"] == "unknown-key"]
    assert found["fix"]["text"] == "severity"
    done = cli(
        "policy", "check", str(draft), "--format", "sarif", "--page", "https://h.example/f.md"
    )
    log = json.loads(done.stdout)
    assert done.exit_code == 3
    (result,) = [each for each in log["runs"][0]["results"] if each["ruleId"] == "unknown-key"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith(
        "draft/payments.yaml"
    )
    assert all(
        rule["helpUri"].startswith("https://h.example/f.md#")
        for rule in log["runs"][0]["tool"]["driver"]["rules"]
    )


def test_a_finding_is_explained_by_its_id() -> None:
    """Whoever reads `not-inapplicable` would have to guess."""
    done = cli("policy", "check", "--about", "title-says-more")
    assert done.exit_code == 0
    assert "Wrong:" in done.stdout
    done = cli("policy", "check", "--about", "title-says-mor")
    assert done.exit_code == 2
    assert "`title-says-more`" in done.output


def test_a_link_stays_a_link(draft: Path, tmp_path: Path) -> None:
    """A repair would replace a link by a copy, and the original would stay wrong."""
    change(draft, "severity: critical", "severty: critical")
    (draft / "real").mkdir()
    shutil.move(draft / "payments.yaml", draft / "real" / "payments.txt")
    (draft / "payments.yaml").symlink_to(draft / "real" / "payments.txt")
    assert cli("policy", "check", str(draft), "--fix").exit_code == 0
    assert (draft / "payments.yaml").is_symlink()
    assert "severty" not in (draft / "real" / "payments.txt").read_text()


def test_coverage_is_shown_and_can_be_asked_for() -> None:
    """A rule that no case looks at would be released as tested."""
    done = cli("policy", "test", str(POLICIES), "--policy", "payments", "--coverage")
    assert done.exit_code == 0, done.output
    assert "payments/PAY-001" in done.stdout
    assert "uncertainty" in done.output
    done = cli("policy", "test", str(POLICIES), "--coverage-at-least", "100", "-o", "json")
    assert done.exit_code == 5
    told = json.loads(done.stdout)["coverage"]
    assert told["least"] < 100
    done = cli("policy", "test", str(POLICIES), "--coverage-at-least", str(told["least"]))
    assert done.exit_code == 0


def test_junit_is_written_beside_what_is_said(draft: Path, tmp_path: Path) -> None:
    """A build host would show no case."""
    change(draft, "at_most: 500 EUR", "below: 500 EUR")
    target = tmp_path / "cases.xml"
    done = cli("policy", "test", str(draft), "--junit", str(target))
    assert done.exit_code == 4
    suites = ElementTree.parse(target).getroot()
    failed = [
        case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None
    ]
    assert "exactly 500 is still small" in failed
    assert {case.get("file") for case in suites.iter("testcase")} >= {str(draft / "payments.yaml")}


def test_edges_are_confirmed_one_by_one_and_kept(
    draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An off-by-one would be written down as right because nobody was asked about it."""
    args = ("policy", "test", str(draft), "--policy", "payments", "--confirm")
    target = draft / "cases" / "payments-edges.yaml"
    done = cli(*args)
    assert done.exit_code == 0, done.output
    assert "if somebody at a terminal confirmed each" in done.output
    assert not target.exists()
    monkeypatch.setattr(testing, "at_a_terminal", lambda: True)
    done = cli(*args, given="y\ns\nn\nq\n")
    assert done.exit_code == 4
    assert "is wrong: change it" in done.output
    assert target.read_text().count("      - [") == 1
    assert cli("policy", "check", str(draft)).exit_code == 0
    again = cli(*args, given="q\n")
    assert "payments/EXC-001: at 2026-12-15" in done.output
    assert "payments/EXC-001: at 2026-12-15" not in again.output


def test_a_check_asks_the_workspace_who_holds_which_role(workspace: Path) -> None:
    """A release would ask for somebody who is not there, and every such action end in a no."""
    done = wired("policy", "check", POLICIES, "-w", workspace, "--fired", "-o", "json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert told["ok"] is True
    roles = [each for each in told["findings"] if each["code"] == "role-nobody-holds"]
    assert any("`treasurer`" in each["message"] for each in roles)
    # the log is from today: nothing is said of rules that did not speak for 90 days
    assert {each["code"] for each in told["findings"]} == {"role-nobody-holds", "nobody-has"}
    agents = [each["message"] for each in told["findings"] if each["code"] == "nobody-has"]
    assert all("and no agent " in each for each in agents)


@pytest.mark.parametrize(
    ("module", "step", "whole"),
    [
        ("os", "fdopen", OLD),
        ("os", "fsync", OLD),
        ("pathlib.Path", "replace", OLD),
        ("os", "open", NEW),
    ],
)
def test_a_process_that_is_killed_leaves_one_file_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, step: str, whole: bytes
) -> None:
    """A repair that loses its power would leave half a policy in somebody's folder."""
    target = tmp_path / "a.yaml"
    target.write_bytes(OLD)
    child = os.fork()
    if child == 0:  # dies where a kill would hurt: what comes after does not happen
        try:
            first = tempfile.mkstemp(dir=tmp_path, prefix=".a.yaml.")
            monkeypatch.setattr(tempfile, "mkstemp", lambda **_: first)
            monkeypatch.setattr(f"{module}.{step}", lambda *_args, **_more: os._exit(9))
            replace_file(target, NEW)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert target.read_bytes() == whole
    assert checking.read_folder(tmp_path) == {"policies/a.yaml": whole}
