"""Every operator: what it says yes to, what it says no to, and what it cannot tell."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from governance.engine.model import ABSENT, CannotTell, Money
from governance.engine.rules import Test as Comparison
from governance.engine.vocabulary import OPERATORS, Reading, check

DENY, ALLOW = Reading(allow=False), Reading(allow=True)
SPOILED = CannotTell("spoiled")


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


# operator, kind, constants, yes, no, cannot tell (besides a spoiled or missing value)
TABLE: list[tuple[str, str, tuple[Any, ...], Any, Any, Any]] = [
    ("is", "text", ("ok",), "ok", "no", "OK"),
    ("is", "money", (eur("5"),), eur("5.00"), eur("6"), Money(Decimal(5), "USD")),
    ("is", "boolean", (True,), True, False, SPOILED),
    ("is", "path", ("/etc",), "/etc", "/srv", "/ETC"),
    ("is_not", "text", ("ok",), "no", "ok", "Ok"),
    ("is_not", "country", ("DE",), "FR", "DE", SPOILED),
    ("one_of", "country", ("DE", "FR"), "FR", "IT", SPOILED),
    ("one_of", "text", ("a", "b"), "b", "c", "B"),
    ("one_of", "date", (date(2026, 1, 1),), date(2026, 1, 1), date(2026, 1, 2), SPOILED),
    ("none_of", "choice", ("x", "y"), "z", "y", SPOILED),
    ("above", "money", (eur("500"),), eur("500.01"), eur("500"), Money(Decimal(999), "USD")),
    ("above", "level", ("L2",), "L3", "L2", SPOILED),
    ("at_least", "integer", (3,), 3, 2, SPOILED),
    ("at_least", "level", ("high",), "critical", "medium", SPOILED),
    ("below", "number", (Decimal("0.8"),), Decimal("0.79"), Decimal("0.8"), SPOILED),
    ("at_most", "duration", (timedelta(hours=1),), timedelta(hours=1), timedelta(hours=2), SPOILED),
    ("between", "money", (eur("1"), eur("9")), eur("9"), eur("9.01"), Money(Decimal(5), "USD")),
    ("contains_any", "list of text", ("a", "b"), ("x", "b"), ("x",), ("x", "B")),
    ("contains_all", "list of name", ("a", "b"), ("b", "a", "c"), ("a",), SPOILED),
    ("contains_all", "list of text", ("a", "b"), ("b", "a"), ("a",), ("a", "B")),
    ("contains_none", "list of name", ("a",), ("b",), ("a", "b"), SPOILED),
    ("count_at_most", "list of email", (2,), ("a", "b"), ("a", "b", "c"), SPOILED),
    ("count_above", "list of email", (2,), ("a", "b", "c"), ("a", "b"), SPOILED),
    ("under", "path", ("/etc", "workspace:/src"), "/etc/x", "/etcetera", "/ETC/x"),
    ("under", "path", ("workspace:/",), "workspace:/a", "/srv/a", "**"),
    ("not_under", "path", ("workspace:/",), "/etc/passwd", "workspace:/a/b", "WORKSPACE:/a"),
    ("in_domain", "email", ("corp.example",), "a@x.corp.example", "a@acorp.example", SPOILED),
    ("in_domain", "host", ("corp.example",), "corp.example", "corp.example.evil.io", SPOILED),
    ("not_in_domain", "domain", ("corp.example",), "evil.io", "corp.example", SPOILED),
    ("name_like", "path", (".env*",), "/srv/.env.local", "/srv/env", "/srv/.ENV"),
    ("name_like", "text", ("inv-*-?",), "inv-2026-a", "inv-2026-", "INV-1-a"),
    ("same_as_field", "text", (), "same", "other", "SAME"),
    ("not_same_as_field", "text", (), "other", "same", "Same"),
    ("is_set", "text", (True,), "x", ABSENT, SPOILED),
    ("is_set", "text", (False,), ABSENT, "x", SPOILED),
]


def compare(op: str, kind: str, constants: tuple[Any, ...], value: Any, reading: Reading) -> Any:
    other = "g" if op.endswith("same_as_field") else None
    fields = {"f": value, "g": "same", "session.workspace": "/srv/work"}
    return check(Comparison("f", kind, op, constants, other=other), constants, reading)(fields)


@pytest.mark.parametrize(("op", "kind", "constants", "yes", "no", "unknown"), TABLE)
def test_each_operator_answers_yes_no_and_cannot_tell(
    op: str, kind: str, constants: Any, yes: Any, no: Any, unknown: Any
) -> None:
    """A rule would match what its words exclude, or miss what they include."""
    for reading in (DENY, ALLOW):
        assert compare(op, kind, constants, yes, reading) is True
        assert compare(op, kind, constants, no, reading) is False
        assert compare(op, kind, constants, unknown, reading) is None
        assert compare(op, kind, constants, SPOILED, reading) is None
        assert compare(op, kind, constants, None, reading) is None


def test_the_table_has_every_operator() -> None:
    """An operator could be added without anybody saying what it means."""
    assert {row[0] for row in TABLE} == set(OPERATORS)


@pytest.mark.parametrize(("op", "kind", "constants", "yes", "no", "unknown"), TABLE)
def test_a_negative_operator_is_the_exact_negation_of_its_twin(
    op: str, kind: str, constants: Any, yes: Any, no: Any, unknown: Any
) -> None:
    """`is_not` would say yes where `is` cannot tell, so that a garbled value passes."""
    twin = OPERATORS[op].negation_of
    if twin is None:
        return
    for value in (yes, no, unknown):
        one, other = (compare(name, kind, constants, value, DENY) for name in (op, twin))
        assert one is (None if other is None else not other)


@pytest.mark.parametrize(
    ("op", "kind", "constants", "bad", "good"),
    [
        ("under", "list of path", ("/etc",), "/etc/x", "/srv/x"),
        ("not_under", "list of path", ("workspace:/",), "/etc/x", "workspace:/x"),
        ("in_domain", "list of email", ("evil.io",), "a@evil.io", "a@corp.example"),
        ("not_in_domain", "list of email", ("corp.example",), "a@evil.io", "a@corp.example"),
        ("name_like", "list of path", ("*.pem",), "/a/k.pem", "/a/k.txt"),
    ],
)
def test_lists_are_read_from_the_strict_side(
    op: str, kind: str, constants: Any, bad: str, good: str
) -> None:
    """One bad recipient among good ones would slip past a deny, or one good one would earn an allow."""
    mixed = (good, bad)
    assert compare(op, kind, constants, mixed, DENY) is True
    assert compare(op, kind, constants, mixed, ALLOW) is False
    assert compare(op, kind, constants, mixed, DENY.flipped()) is False
    assert compare(op, kind, constants, (bad, bad), ALLOW) is True
    assert compare(op, kind, constants, (good, good), DENY) is False


@pytest.mark.parametrize("op", [name for name, one in OPERATORS.items() if name != "is_set"])
def test_an_absent_argument_escapes_no_negative_deny_and_earns_no_allow(op: str) -> None:
    """Leaving out an optional argument would turn a deny into an allow."""
    row = next(row for row in TABLE if row[0] == op)
    kind, constants = row[1], row[2]
    negative = OPERATORS[op].negation_of is not None
    if not kind.startswith("list of "):
        assert compare(op, kind, constants, ABSENT, DENY) is negative
    assert compare(op, kind, constants, ABSENT, ALLOW) is False
    assert compare(op, kind, constants, ABSENT, ALLOW.flipped()) is True


def test_an_absent_list_is_an_empty_one_in_a_deny() -> None:
    """A mail without copies would count as a mail with a copy to a stranger."""
    assert compare("not_in_domain", "list of email", ("corp.example",), ABSENT, DENY) is False
    assert compare("contains_none", "list of email", ("a@b.example",), ABSENT, DENY) is True
    assert compare("contains_any", "list of email", ("a@b.example",), ABSENT, DENY) is False


def test_without_a_workspace_an_absolute_path_may_lie_in_it() -> None:
    """A lost workspace would open the folders that are protected in it."""
    kinds: list[tuple[str, Any]] = [
        ("path", "/srv/work/.git/x"),
        ("list of path", ("/srv/work/.git/x",)),
    ]
    for kind, value in kinds:
        for op, inside in (("under", None), ("not_under", None)):
            test = Comparison("f", kind, op, ("workspace:/.git", "/etc"))
            for reading in (DENY, ALLOW):
                assert check(test, test.constants, reading)({"f": value}) is inside
                etc = "/etc/x" if kind == "path" else ("/etc/x",)
                assert check(test, test.constants, reading)({"f": etc}) is (op == "under")


def test_a_path_that_differs_from_the_workspace_in_case_cannot_be_told() -> None:
    """`/SRV/work/.git` is the protected folder on some disks."""
    inside = Comparison("f", "path", "under", ("workspace:/.git",))
    fields: dict[str, Any] = {"f": "/SRV/work/.git/x", "session.workspace": "/srv/work"}
    assert check(inside, inside.constants, DENY)(fields) is None
    assert check(inside, inside.constants, DENY)({**fields, "f": "/srv/workshop/.git"}) is False


def test_a_pattern_costs_linear_time() -> None:
    """A long name could keep the engine busy for minutes."""
    assert compare("name_like", "text", ("*a*a*a*a*a*a*b",), "a" * 10_000, DENY) is False
