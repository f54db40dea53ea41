"""What the command line prints: data on stdout, inert, readable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner

from governance.cli import output, root
from governance.cli.evidence import quarter_bounds
from governance.cli.frame import Frame
from governance.cli.transport import Failed


def test_an_agents_text_cannot_steer_the_terminal() -> None:
    """A refusal could be repainted into a grant by escape sequences or reversed letters."""
    hostile = "\x1b[2J\x1b[1;32mGRANTED\x07 \u202egnp.exe \x00"
    shown = output.inert(hostile)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "<1b>" in shown


def test_a_table_lines_up_and_says_when_it_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    """A person could not compare rows, or would take nothing for a failure."""
    rows = [{"a": 1, "b": ["x", "y"]}, {"a": "ünïcode\x1b", "b": None}]
    output.table({"a": "first", "b": "second"}, rows, "Nothing.")
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("first")
    assert out[1].split() == ["1", "x,", "y"]
    assert "–" in out[2]
    output.table({"a": "first"}, [], "Nothing.")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "Nothing.\n"


def test_a_time_reads_the_same_in_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    """People would compare six digits of a second in one table with none in the next."""
    recorded = "2026-11-20T15:59:33.661732Z"
    output.table({"at": "made"}, [{"at": recorded}], "Nothing.")
    output.facts({"at": recorded})
    shown = capsys.readouterr().out
    assert shown.splitlines() == ["made", "2026-11-20 15:59:33Z", "at  2026-11-20 15:59:33Z"]


@pytest.mark.parametrize(
    ("quarter", "first", "after"),
    [
        ("2026Q1", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        ("2026-Q4", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ],
)
def test_quarters(quarter: str, first: str, after: str) -> None:
    """A report would cover other days than its title says."""
    assert quarter_bounds(quarter, ZoneInfo("UTC")) == (first, after)


def test_a_quarter_is_the_workspaces_own() -> None:
    """A company in Berlin would have an hour of another quarter in its report."""
    bounds = quarter_bounds("2026Q1", ZoneInfo("Europe/Berlin"))
    assert bounds == ("2026-01-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00")


def test_no_such_quarter() -> None:
    """A typo would silently report another period."""
    with pytest.raises(Failed, match="2026Q4"):
        quarter_bounds("2026Q5", ZoneInfo("UTC"))


def commands() -> list[tuple[str, ...]]:
    """Every command with its path."""
    return list(_below(root, ()))


def _below(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _below(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    """A stranger could not find out what a command does."""
    done = CliRunner().invoke(root, [*command, "--help"], obj=Frame(None))  # type: ignore[arg-type]
    assert done.exit_code == 0
    assert "Example:" in done.output
    assert f"governance {' '.join(command)}" in done.output


@pytest.mark.parametrize("args", [["--frobnicate"], ["agent", "nonsense"], ["stop", "raise"]])
def test_misuse_is_exit_2(args: list[str]) -> None:
    """A script could not tell a typo from a failure."""
    assert CliRunner().invoke(root, args, obj=Frame(None)).exit_code == 2  # type: ignore[arg-type]


def test_a_directory_that_is_no_workspace_is_said_so(tmp_path: object) -> None:
    """A command would fail with a traceback, or make a second workspace."""
    done = CliRunner().invoke(root, ["agent", "list", "-w", str(tmp_path)], obj=Frame(None))  # type: ignore[arg-type]
    assert done.exit_code == 1
    assert "governance init" in done.output


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """A program could not read what a command prints."""
    output.show("json", {"a": "ü", "b": [1]})
    assert json.loads(capsys.readouterr().out) == {"a": "ü", "b": [1]}


def test_sentences_of_a_list_have_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    """What a change opens would run together to one line that nobody reads to its end."""
    first, second = "Looser: " + "a" * 60, "Looser: " + "b" * 60
    output.facts({"opens": [first, second], "tools": ["pay", "read"]})
    assert capsys.readouterr().out == f"opens\n  {first}\n  {second}\ntools  pay, read\n"
