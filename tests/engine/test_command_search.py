"""What search patterns stand for, and what the tables of options say."""

from __future__ import annotations

import pytest

from governance.engine.command import parse
from governance.engine.model import CannotTell
from governance.engine.paths import has_name
from governance.engine.programs import TABLE
from governance.engine.search import named_by


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.py", ["*.py", ".py"]),
        ("**/*.py", ["*.py", ".py"]),
        ("src/**/*.test.ts", ["*.test.ts", ".test.ts"]),
        ("*.{py,js}", ["*.py", ".py", "*.js", ".js"]),
        ("*.local", ["*.local", ".local", ".*.local"]),
        (".env", [".env"]),
        ("**/.env", [".env"]),
        ("!*.py", []),
        ("*", None),
        ("**", None),
        (".e*", None),
        (".en?", None),
        ("[.]env", None),
        ("*.p[y]", None),
        ("src/**", None),
        ("../*.py", None),
        ("{a,{b,c}}", None),
        ("*.{" + "a," * 50 + "b}", None),
        ("", None),
    ],
)
def test_a_search_pattern_is_certain_only_in_its_plain_forms(
    pattern: str, names: list[str] | None
) -> None:
    """If a wild pattern counted as certain, it would name the hidden file that nobody may read."""
    assert named_by(pattern) == names


@pytest.mark.parametrize(
    ("name", "pattern", "answer"),
    [
        ("workspace:/[.]env", "*.env", None),
        ("workspace:/.en[v]", ".env", None),
        ("workspace:/*.{py,env}", "*.env", None),
        ("workspace:/*.{ts,tsx}", "*.env", False),
        ("workspace:/{.env,src/a}", "*.env", None),
        ("workspace:/app/[id]/page.tsx", ".env", False),
        ("workspace:/app/[id].tsx", "*.pem", False),
        ("workspace:/" + "{a,b}" * 40, "a", None),
        ("workspace:/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "x", None),
    ],
)
def test_brackets_and_braces_in_a_name_leave_doubt(
    name: str, pattern: str, answer: bool | None
) -> None:
    """If a set of signs were read letter for letter, `[.]env` would not be `.env`."""
    assert has_name(name, pattern) is answer


HARMLESS = [name for name, program in TABLE.items() if program.strict and not program.special]


@pytest.mark.parametrize("name", HARMLESS)
def test_an_option_that_no_table_names_is_a_doubt(name: str) -> None:
    """If unknown options passed, the next version of a program would bring the next way through."""
    for option in ("--frobnicate", "--frobnicate=x", "--frob"):
        found = parse(f"{name} {option} a", workspace="/srv/work")
        assert isinstance(found["effects"], CannotTell)
        assert found["effects"].why == "unknown_option"


NAMES = ["read {}", "unset {}", "export {}", "declare {}=1", "printf -v {} x", "[ -v {} ]"]


@pytest.mark.parametrize("form", NAMES)
def test_a_name_that_is_not_plain_is_a_doubt(form: str) -> None:
    """If a subscript passed for a name, the shell would run what stands in it."""
    assert parse(form.format("word"), workspace="/srv/work")["understood"] is True
    for name in ("'a[$(rm x)]'", "'a[1]'", '"$x"', "1a"):
        assert parse(form.format(name), workspace="/srv/work")["understood"] is False


@pytest.mark.parametrize(
    "line", ["echo $T", "echo ${T}", "cat <<E\n$T\nE", "x=$T", "echo `echo $T`"]
)
def test_a_variable_that_is_shown_is_the_environment_read(line: str) -> None:
    """If showing a variable were harmless, every token in the environment would be one `echo` away."""
    effects = parse(line, workspace="/srv/work")["effects"]
    assert isinstance(effects, CannotTell) or "reads_environment" in effects  # type: ignore[operator]


def test_what_a_link_points_to_is_written() -> None:
    """If only the link's own name counted, writing through it would reach the agent's hook."""
    found = parse("ln -s ../.git sub/g", workspace="/srv/work")["writes"]
    assert "workspace:/.git" in found  # type: ignore[operator]
    assert "workspace:/x" in parse("cp -l x y", workspace="/srv/work")["writes"]  # type: ignore[operator]
