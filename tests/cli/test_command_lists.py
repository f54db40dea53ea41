"""The lists of commands in `--help`, of the program and of every group."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from cli_world import cli

from governance.cli import root


def groups(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Group]]:
    """Every group with the words that lead to it."""
    yield path, group
    for name, each in group.commands.items():
        if isinstance(each, click.Group):
            yield from groups(each, *path, name)


GROUPS = dict(groups(root))


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(path) or "governance")
def test_no_sentence_in_a_list_of_commands_is_cut(path: tuple[str, ...]) -> None:
    """Somebody would guess how "ends with 1 if one failed,..." goes on."""
    done = cli(*path, "--help", env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    lines = done.output.partition("Commands:")[2].splitlines()
    assert len(lines) > len(GROUPS[path].commands)
    assert [line for line in lines if line.endswith(("...", "…"))] == []
    for name, each in GROUPS[path].commands.items():
        assert each.get_short_help_str(60).strip(" ."), f"nothing is said of {name}"


def test_every_group_is_walked() -> None:
    """A group that is added later would be looked at by nobody."""
    assert {("audit",), ("anchor",), ("log-key",), ("retention",)} < set(GROUPS)
