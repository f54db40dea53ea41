"""Paths: many spellings, one place; and doubt where a wildcard or a letter case leaves it open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.engine.model import CannotTell
from governance.engine.paths import DOUBTS, has_name, is_under, normalise

WORK = "/srv/work"


@pytest.mark.parametrize(
    ("spelling", "place"),
    [
        ("a.py", "workspace:/a.py"),
        ("./a.py", "workspace:/a.py"),
        ("src/../a.py", "workspace:/a.py"),
        ("/srv/work/a.py", "workspace:/a.py"),
        ("/srv//work/./a.py", "workspace:/a.py"),
        ("/srv/work/../work/a.py", "workspace:/a.py"),
        ("/srv/work", "workspace:/"),
        (".", "workspace:/"),
        ("..", "/srv"),
        ("./...", "workspace:/..."),
        ("../../..", "/"),
        ("/srv/workshop/a.py", "/srv/workshop/a.py"),
        ("~/.ssh/id", "home:/.ssh/id"),
        ("~ann/.ssh/id", "home:/.ssh/id"),
        ("/home/ann/.ssh/id", "home:/.ssh/id"),
        ("/Users/ann/.ssh/id", "home:/.ssh/id"),
        ("/users/ann/.ssh/id", "home:/.ssh/id"),
        ("/root/.ssh/id", "home:/.ssh/id"),
        ("/var/root/.ssh/id", "home:/.ssh/id"),
        ("/private/etc/hosts", "/etc/hosts"),
        ("/System/Volumes/Data/etc/hosts", "/etc/hosts"),
        ("/home", "/home"),
        ("workspace:/a/./b", "workspace:/a/b"),
        ("home:/x", "home:/x"),
        ("cafe\u0301", "workspace:/caf\u00e9"),
    ],
)
def test_every_spelling_of_a_place_is_one_value(spelling: str, place: str) -> None:
    """If two spellings stayed two values, a rule about one would not hold for the other."""
    assert normalise(spelling, workspace=WORK) == place


@pytest.mark.parametrize(
    ("spelling", "why"),
    [
        ("", "path_empty"),
        ("x" * 5000, "too_long"),
        ("a\x00b", "odd_characters"),
        ("a\u200bb", "odd_characters"),
        ("\uff0fetc", "odd_characters"),
        ("a\\b", "path_backslash"),
        ("https://x.example/a", "not_a_path"),
        ("~/../ann/.ssh", "path_leaves_root"),
        ("workspace:/../x", "path_leaves_root"),
        ("home:/../x", "path_leaves_root"),
        ("/proc/self/root/etc/shadow", "path_of_a_process"),
        ("/PROC/1/cwd/x", "path_of_a_process"),
        ("/dev/fd/3", "path_of_a_process"),
        ("/SRV/WORK/a.py", "letter_case"),
        ("/a/**/../b", "path_leaves_root"),
    ],
)
def test_what_cannot_be_placed_is_said(spelling: str, why: str) -> None:
    """If a doubtful path were placed by a guess, the guess would be the way around a rule."""
    found = normalise(spelling, workspace=WORK)
    assert found == CannotTell(why)
    assert why in DOUBTS


@given(st.text(alphabet="ab./~*?:\\wé", max_size=30))
def test_the_one_spelling_is_left_as_it_is(text: str) -> None:
    """If a recorded path were read as another one later, replay would give another verdict."""
    place = normalise(text, workspace=WORK)
    if not isinstance(place, CannotTell):
        assert normalise(place, workspace=WORK) == place


@pytest.mark.parametrize(
    ("path", "root", "answer"),
    [
        ("workspace:/a", "workspace:/", True),
        ("workspace:/", "workspace:/", True),
        ("workspace:/a/b", "workspace:/a", True),
        ("workspace:/ab", "workspace:/a", False),
        ("workspace:/a", "workspace:/a/b", False),
        ("workspace:/A/b", "workspace:/a", None),
        ("/etc/shadow", "/etc", True),
        ("/etc", "workspace:/", False),
        ("home:/x", "workspace:/", False),
        ("workspace:/**", "workspace:/a", None),
        ("workspace:/**", "workspace:/", True),
        ("workspace:/*", "workspace:/a", None),
        ("workspace:/*", "workspace:/.git", False),
        ("workspace:/.*", "workspace:/.git", None),
        ("workspace:/b*", "workspace:/a", False),
        ("workspace:/a/*", "workspace:/a", True),
        ("workspace:/?it/x", "workspace:/git", None),
        ("workspace:/*/x/**", "workspace:/a/y", False),
        ("/**", "home:/.ssh", None),
        ("/home/**", "home:/.ssh", None),
        ("/etc/**", "home:/.ssh", False),
        ("/tmp/*", "workspace:/", None),
        ("home:/**", "workspace:/", None),
        ("home:/**", "home:/.ssh", None),
    ],
)
def test_beneath_or_not_or_not_to_be_told(path: str, root: str, answer: bool | None) -> None:
    """If a wildcard were taken for a name, `rm -rf *` would touch nothing a rule protects."""
    assert is_under(path, root) is answer


@pytest.mark.parametrize(
    ("path", "pattern", "answer"),
    [
        ("workspace:/.env", ".env", True),
        ("workspace:/a/.env", ".env", True),
        ("workspace:/.ENV", ".env", None),
        ("workspace:/.env.example", ".env", False),
        ("workspace:/a.pem", "*.pem", True),
        ("workspace:/a.PEM", "*.pem", None),
        ("workspace:/*", ".env", False),
        ("workspace:/.*", ".env", None),
        ("workspace:/*.py", "*.pem", False),
        ("workspace:/*.p*", "*.pem", None),
        ("workspace:/**", ".env", None),
        ("workspace:/x/.git/config", ".git/", True),
        ("workspace:/x/.GIT/config", ".git/", None),
        ("workspace:/x/git/config", ".git/", False),
        ("workspace:/", ".env", False),
    ],
)
def test_names_fit_or_do_not_or_cannot_be_told(
    path: str, pattern: str, answer: bool | None
) -> None:
    """If a name in other letters or behind a star did not count, secrets would be read that way."""
    assert has_name(path, pattern) is answer


@given(st.text(alphabet="ab*?/", max_size=12), st.text(alphabet="ab*?", min_size=1, max_size=12))
def test_comparing_always_ends(path: str, pattern: str) -> None:
    """If a pattern could take for ever, one request would hold up all the others."""
    assert has_name(f"workspace:/{path}", pattern) in (True, False, None)
    assert is_under(f"workspace:/{path}", "workspace:/a/b") in (True, False, None)
