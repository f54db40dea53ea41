"""`governance policy fmt`: files and folders, checking, showing, and what happens when it fails."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from governance.cli import root
from governance.cli.frame import Frame

POLICIES = Path(__file__).parents[2] / "policies"
MESSY = "policy:    a\n# kept\ntitle: 'b'\n"
CLEAN = "policy: a\n# kept\ntitle: b\n"


def cli(*args: str, stdin: bytes = b"") -> Result:
    """Run the command line as a person would."""
    return CliRunner().invoke(root, list(args), obj=Frame(None), input=stdin)  # type: ignore[arg-type]


def test_a_folder_is_laid_out_and_then_stays(tmp_path: Path) -> None:
    """Every run would make another change for somebody to review."""
    folder = Path(shutil.copytree(POLICIES, tmp_path / "p"))
    (folder / "payments.yaml").write_text((folder / "payments.yaml").read_text() + "\n\n")
    first = cli("policy", "fmt", str(folder))
    assert first.exit_code == 0, first.output
    assert first.stdout == f"{folder / 'payments.yaml'}: laid out anew\n"
    again = cli("policy", "fmt", str(folder))
    assert (again.exit_code, again.stdout) == (0, "")
    assert (folder / "payments.yaml").read_bytes() == (POLICIES / "payments.yaml").read_bytes()


def test_checking_changes_nothing_and_says_so_by_its_exit_code(tmp_path: Path) -> None:
    """A build would pass with files that the next person's editor rewrites."""
    path = tmp_path / "a.yaml"
    path.write_text(MESSY)
    done = cli("policy", "fmt", "--check", str(path), "-o", "json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"changed": [str(path)], "unreadable": 0}
    assert path.read_text() == MESSY


def test_the_difference_is_shown_and_not_made(tmp_path: Path) -> None:
    """Somebody who only wanted to look would find their file rewritten."""
    path = tmp_path / "a.yaml"
    path.write_text(MESSY)
    done = cli("policy", "fmt", "--diff", str(path))
    assert done.exit_code == 0
    assert "-title: 'b'\n+title: b\n" in done.stdout
    assert path.read_text() == MESSY


def test_one_file_goes_through(tmp_path: Path) -> None:
    """An editor without the language server could not format."""
    done = cli("policy", "fmt", "-", stdin=MESSY.encode())
    assert (done.exit_code, done.stdout) == (0, CLEAN)


def test_a_broken_file_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    """One missing bracket would keep a whole folder from being formatted, or be overwritten."""
    broken, messy = tmp_path / "a.yaml", tmp_path / "b.yaml"
    broken.write_text("policy: [a\n")
    messy.write_text(MESSY)
    done = cli("policy", "fmt", str(tmp_path))
    assert done.exit_code == 3
    assert f"{broken}:" in done.stderr
    assert "not-yaml" in done.stderr
    assert (broken.read_text(), messy.read_text()) == ("policy: [a\n", CLEAN)


def test_a_failing_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a policy would stand where a whole one was."""
    path = tmp_path / "a.yaml"
    path.write_text(MESSY)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = cli("policy", "fmt", str(path))
    assert done.exit_code != 0
    assert "no space left" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]
    assert path.read_text() == MESSY


def test_rights_and_links_stay(tmp_path: Path) -> None:
    """A file that only its owner may read would be open, or a link a copy that nobody updates."""
    path, link = tmp_path / "a.yaml", tmp_path / "b.yaml"
    path.write_text(MESSY)
    path.chmod(0o640)
    link.symlink_to(path)
    assert cli("policy", "fmt", str(link)).exit_code == 0
    assert link.is_symlink()
    assert path.read_text() == CLEAN
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_schema_is_written_for_an_editor(tmp_path: Path) -> None:
    """An editor could not be told what a policy file may hold."""
    target = tmp_path / "schema.json"
    done = cli("policy", "schema", "--folder", str(POLICIES), "--to", str(target))
    assert done.exit_code == 0, done.output
    made = json.loads(target.read_text())
    assert made["$schema"].endswith("2020-12/schema")
    assert "payment.create" in target.read_text()
    shown = cli("policy", "schema", "--folder", str(POLICIES), "--kind", "lists")
    assert json.loads(shown.stdout)["$ref"] == "#/$defs/file-lists"


def test_what_the_program_writes_is_laid_out_already(tmp_path: Path) -> None:
    """The first thing somebody does with a new file would be a change that says nothing."""
    target = tmp_path / "travel.yaml"
    answers = {
        "title": "What agents may pay for travel",
        "owner": "travel-risk@corp.example",
        "actions": "payment.create",
        "agents": "travel",
        "free": "100 EUR",
        "asks": "1 treasurer in 4h",
    }
    given = [part for name, text in answers.items() for part in ("--answer", f"{name}={text}")]
    done = cli("policy", "new", "--folder", str(POLICIES), "--to", str(target), *given)
    assert done.exit_code == 0, done.output
    assert cli("policy", "fmt", "--check", str(target)).exit_code == 0
