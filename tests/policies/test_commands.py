"""Which commands the shipped policy of coding agents allows: everyday work, and nothing beside it.

Every line of `NEVER_AT_L2` and `NEVER_AT_L3` was once a way through: an option, a name or a pattern by
which a program that looks harmless runs another one, writes, or shows a secret.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from lines_of_agents import LOOKS_AROUND, NEVER_AT_L2, NEVER_AT_L3, WORKS
from shipped import policy, with_cases

from governance.engine import cases
from governance.engine.command import file_action
from governance.engine.model import Effect

WORK = "/srv/shop"


def judged(deeds: list[dict[str, object]], autonomy: str) -> list[Effect]:
    """The verdict of the shipped files on each deed (its cells), in order."""
    model = policy("code-agent").cases[0]
    given = {"agent.autonomy": autonomy, "session.workspace": WORK}
    made = [replace(model, name=str(n), cells={**given, **cells}) for n, cells in enumerate(deeds)]
    results = cases.run(with_cases({"code-agent": made}), "code-agent")
    return [result.verdict.effect for result in results]


def lines_with(lines: list[str], autonomy: str, allowed: bool) -> list[str]:
    """Those of the lines whose verdict is (or is not) allow."""
    deeds: list[dict[str, object]] = [
        {"action": "shell.run", "args.command": line} for line in lines
    ]
    effects = judged(deeds, autonomy)
    pairs = zip(lines, effects, strict=True)
    return [line for line, effect in pairs if (effect is Effect.ALLOW) == allowed]


def test_looking_around_is_free_at_the_lowest_levels() -> None:
    """If everyday looking were refused, people would switch the hook off."""
    assert lines_with(LOOKS_AROUND, "L2", allowed=False) == []


def test_everyday_work_is_free_from_l3() -> None:
    """If building, testing and editing were refused, agents could do no work."""
    assert lines_with([*LOOKS_AROUND, *WORKS], "L3", allowed=False) == []
    assert len(LOOKS_AROUND) + len(WORKS) > 150


def test_nothing_that_runs_writes_or_shows_secrets_counts_as_looking_around() -> None:
    """If one option of one program went unseen, an agent that may only look could do anything."""
    assert lines_with(NEVER_AT_L2, "L2", allowed=True) == []


def test_nothing_reaches_beyond_the_workspace_or_takes_the_reins_from_l3() -> None:
    """If an agent could reach its own hook by a link, an option or a patch, it would be free."""
    assert lines_with(NEVER_AT_L3, "L4", allowed=True) == []


SEARCHES = [
    ("Grep", {"pattern": "KEY", "glob": ".e*"}, False),
    ("Grep", {"pattern": "KEY", "glob": ".en?"}, False),
    ("Grep", {"pattern": "KEY", "glob": "[.]env"}, False),
    ("Grep", {"pattern": "KEY", "glob": "../**"}, False),
    ("Grep", {"pattern": "KEY", "glob": "**/.*"}, False),
    ("Grep", {"pattern": "KEY", "glob": "*"}, False),
    ("Glob", {"pattern": "/etc/*"}, False),
    ("Glob", {"pattern": "../../**"}, False),
    ("Read", {"file_path": ".envrc"}, False),
    ("Read", {"file_path": ""}, False),
    ("Write", {"file_path": ".mcp.json", "content": "x"}, False),
    ("Write", {"file_path": "/srv/shop/sub/.git/hooks/x", "content": "x"}, False),
    ("Write", {"file_path": "c/settings.json", "content": "x"}, True),
    ("Grep", {"pattern": "total", "glob": "*.py"}, True),
    ("Grep", {"pattern": "total", "glob": "**/*.{ts,tsx}"}, True),
    ("Grep", {"pattern": "total", "path": "src", "glob": "!*.min.js"}, True),
    ("Grep", {"pattern": "total"}, True),
    ("Glob", {"pattern": "**/*.py"}, True),
    ("Glob", {"pattern": "src/**/*.test.ts", "path": "/srv/shop"}, True),
    ("Read", {"file_path": "/srv/shop/src/a.py"}, True),
]


@pytest.mark.parametrize(("tool", "given", "free"), SEARCHES)
def test_file_tools_see_no_secret_by_a_pattern(
    tool: str, given: dict[str, object], free: bool
) -> None:
    """If a pattern could mean `.env` unseen, searching would be the way around reading."""
    made = file_action(tool, given)
    assert made is not None
    cells = {f"args.{name}": value for name, value in made[1].items()}
    (effect,) = judged([{"action": made[0], **cells}], "L4")
    assert (effect is Effect.ALLOW) == free
