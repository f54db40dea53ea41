"""The types of the catalogue: one spelling for one thing, and nothing guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine import values
from governance.engine.catalogue import MISSING, ActionType, ArgType, Catalogue
from governance.engine.model import ABSENT, CannotTell, Money, Risk
from governance.engine.values import INTERNAL, SCALARS, Type, duration, write

GOOD: list[tuple[str, Any, Any]] = [
    ("text", "hello", "hello"),
    ("boolean", True, True),
    ("integer", -3, -3),
    ("integer", Decimal("3.0"), 3),
    ("count", 0, 0),
    ("number", Decimal("1.5"), Decimal("1.5")),
    ("number", 2, Decimal(2)),
    ("money", "120 EUR", Money(Decimal("120.00"), "EUR")),
    ("money", "120.5 eur", Money(Decimal("120.50"), "EUR")),
    ("money", "7 JPY", Money(Decimal(7), "JPY")),
    ("money", {"amount": "1.250", "currency": "KWD"}, Money(Decimal("1.250"), "KWD")),
    ("money", {"amount": 3, "currency": "EUR"}, Money(Decimal(3), "EUR")),
    ("country", "de", "DE"),
    ("country", "NO", "NO"),
    ("currency", "chf", "CHF"),
    ("iban", "de89 3704 0044 0532 0130 00", "DE89370400440532013000"),
    ("email", "Ann@Corp.Example.", "ann@corp.example"),
    ("domain", "Corp.EXAMPLE", "corp.example"),
    ("host", "LOCALHOST", "localhost"),
    ("host", "db1", "db1"),
    ("host", "0.beef", "0.beef"),
    ("host", "[2001:DB8::1]", "2001:db8::1"),
    ("host", "::ffff:10.0.0.1", "10.0.0.1"),
    ("path", "/srv/./a/../b", "/srv/b"),
    ("path", "workspace:/src//a", "workspace:/src/a"),
    ("date", "2026-11-20", date(2026, 11, 20)),
    ("datetime", "2026-11-20T08:00:00+02:00", datetime(2026, 11, 20, 6, tzinfo=UTC)),
    ("duration", "1d12h", timedelta(hours=36)),
    ("choice", "sepa", "sepa"),
    ("command", "ls -l", "ls -l"),
]
BAD: list[tuple[str, Any, str]] = [
    ("text", 5, "not_a_text"),
    ("text", "x" * 10_001, "too_long"),
    ("text", "a\x00b", "not_valid_text"),
    ("text", "\ud800", "not_valid_text"),
    ("boolean", "true", "not_yes_or_no"),
    ("boolean", 1, "not_yes_or_no"),
    ("integer", True, "not_a_number"),
    ("integer", Decimal("1.5"), "not_a_whole_number"),
    ("integer", 10**40, "too_large"),
    ("count", -1, "outside_the_domain"),
    ("number", float("nan"), "not_a_number"),
    ("number", Decimal("Infinity"), "not_a_number"),
    ("number", Decimal("1E+500"), "too_large"),
    ("number", "5", "not_a_number"),
    ("money", 5, "currency_missing"),
    ("money", "5", "not_an_amount"),
    ("money", "-5 EUR", "negative"),
    ("money", "5.001 EUR", "too_many_decimals"),
    ("money", "5 ZZZ", "unknown_currency"),
    ("money", "NaN EUR", "not_an_amount"),
    ("money", "１００ EUR", "not_an_amount"),
    ("money", {"amount": "5", "currency": "EUR", "x": 1}, "not_an_amount"),
    ("money", {"amount": True, "currency": "EUR"}, "not_an_amount"),
    ("country", "ZZ", "unknown_member"),
    ("country", "Germany", "unknown_member"),
    ("country", ["DE"], "not_a_text"),
    ("currency", "EURO", "unknown_member"),
    ("iban", "DE88370400440532013000", "wrong_checksum"),
    ("iban", "DE89", "not_an_iban"),
    ("email", "a@b@c.example", "not_an_email"),
    ("email", "Ann <a@corp.example>", "not_an_email"),
    ("email", '"a b"@corp.example', "not_an_email"),
    ("email", "a@corp", "not_an_email"),
    ("domain", "cörp.example", "not_a_domain"),
    ("domain", "1.2.3.4", "not_a_domain"),
    ("host", "0x7f000001", "not_a_host"),
    ("host", "2130706433", "not_a_host"),
    ("host", "127.1", "not_a_host"),
    ("host", "0x7f.0x1", "not_a_host"),
    ("domain", "1.0x2", "not_a_domain"),
    ("host", "corp.example:443", "not_a_host"),
    ("host", "fe80::1%eth0", "not_a_host"),
    ("path", "../../etc", "not_a_known_path"),
    ("path", "a\\b", "not_a_known_path"),
    ("date", "2026-02-30", "not_a_date"),
    ("date", "20261120", "not_a_date"),
    ("datetime", "2026-11-20T08:00:00", "not_a_point_in_time"),
    ("duration", "soon", "not_a_duration"),
    ("duration", "", "not_a_duration"),
    ("choice", "SEPA", "unknown_member"),
]


def type_of(name: str) -> Type:
    if name == "count":
        return Type(name, minimum=Decimal(0))
    return Type(name, members=("sepa", "swift") if name == "choice" else ())


@pytest.mark.parametrize(("name", "raw", "value"), GOOD)
def test_what_is_well_formed_is_read_in_one_spelling(name: str, raw: Any, value: Any) -> None:
    """Two spellings of one account would count as two, or a good value would be refused."""
    kind = type_of(name)
    found = kind.read(raw)
    assert found == value
    assert type(found) is type(value)
    if name != "path" and not isinstance(found, CannotTell | tuple):
        again = write(found)
        assert kind.read(Decimal(again) if name == "number" else again) == found


@pytest.mark.parametrize(("name", "raw", "why"), BAD)
def test_what_is_spoiled_cannot_be_told(name: str, raw: Any, why: str) -> None:
    """A garbled value would be guessed, and a guess can be steered."""
    assert type_of(name).read(raw) == CannotTell(why)
    assert type_of(name).read(None) == CannotTell("null")


def test_every_type_is_in_the_tables() -> None:
    """A type could be added that nobody tried."""
    assert {row[0] for row in GOOD} == set(SCALARS) - INTERNAL
    assert {row[0] for row in BAD} | {"command"} == set(SCALARS) - INTERNAL


def test_one_spoiled_member_spoils_a_list() -> None:
    """An unreadable recipient would be left out, and the mail sent to it all the same."""
    kind = Type("email", many=True, max_items=2)
    assert kind.read(["a@b.example"]) == ("a@b.example",)
    assert kind.read(["a@b.example", "?"]) == CannotTell("not_an_email")
    assert kind.read("a@b.example") == CannotTell("not_a_list")
    assert kind.read(["a@b.example"] * 3) == CannotTell("too_many_items")


def test_units_must_be_the_declared_one() -> None:
    """Twelve pounds would pass as twelve kilograms."""
    kind = Type("number", unit="kg", minimum=Decimal(0))
    assert kind.read(12) == kind.read("12 kg") == Decimal(12)
    assert kind.read("12 lb") == CannotTell("wrong_unit")
    assert kind.read("12") == CannotTell("not_a_number")


def test_money_of_another_currency_than_declared_cannot_be_told() -> None:
    """A catalogue that knows EUR only would let a payment in another currency through unread."""
    assert Type("money", members=("EUR",)).read("1 USD") == CannotTell("unknown_currency")
    assert Type("money", negative=True).read("-1 EUR") == Money(Decimal("-1.00"), "EUR")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([name for name in SCALARS if name not in INTERNAL]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
)
def test_reading_never_raises(name: str, raw: Any) -> None:
    """An agent could crash the decision with a strange value."""
    for many in (False, True):
        Type(name, members=("a",), many=many).read(raw, "/srv/work", None)


def test_durations_add_their_parts() -> None:
    """`1h30m` would be an hour, or an error."""
    assert duration("1h30m") == timedelta(minutes=90)
    assert duration("90") is None
    assert duration(90) is None


CATALOGUE = Catalogue({
    "act": ActionType(
        "act", "Act", ("x",), Risk.HIGH,
        {
            "must": ArgType(Type("text"), True, "category"),
            "may": ArgType(Type("text"), False, "category"),
            "falls_back": ArgType(Type("text"), False, "category", default="tool default"),
            "who": ArgType(Type("email"), False, "identity", "customer"),
            "secret": ArgType(Type("text"), False, "private"),
            "line": ArgType(Type("command"), False, "private"),
        },
        {"resource.owner": ArgType(Type("text"), True, "category")},
    )
})  # fmt: skip


def test_missing_absent_default_and_undeclared_are_four_things() -> None:
    """A missing required argument would look like one that was left out on purpose."""
    one = CATALOGUE.read("act", {"bcc": 1}, {"agent.id": "a", "resource.x": 1}, True)
    assert one.fields["args.must"] == MISSING
    assert one.fields["args.may"] is ABSENT
    assert one.fields["args.falls_back"] == "tool default"
    assert one.fields["resource.owner"] == MISSING
    assert "resource.x" not in one.fields
    assert (one.undeclared, one.attested) == (("args.bcc",), True)
    assert (one.fields["tool.labels"], one.fields["tool.risk"]) == (("x",), "high")


def test_made_up_names_are_not_repeated_at_length() -> None:
    """An agent could write whatever it likes into the log, as the name of an argument."""
    odd = {"<script>": 1, "x" * 99: 1, "a b": 1, **{f"n{i}": 1 for i in range(99)}}
    names = CATALOGUE.read("act", odd, {}, False).undeclared
    assert names[0] == "args.(unprintable)"
    assert len(names) == 20
    assert all(len(name) <= 70 and name.isprintable() for name in names)


def test_a_claim_never_becomes_a_fact_of_the_service() -> None:
    """An agent could set its own labels by sending them with its claims."""
    one = CATALOGUE.read("act", {}, {"resource.owner": "x", "tool.risk": "low"}, False)
    assert one.fields["tool.risk"] == "high"


def test_a_command_line_gives_the_command_fields() -> None:
    """Rules about programs and files would have nothing to look at."""
    read = CATALOGUE.read
    one = read("act", {"line": "cat notes.txt"}, {"session.workspace": "/srv/work"}, False)
    assert one.fields["command.programs"] == ("cat",)
    assert one.fields["command.reads"] == ("workspace:/notes.txt",)
    spoiled = read("act", {"line": 7}, {}, False)
    assert isinstance(spoiled.fields["command.programs"], CannotTell)
    assert read("act", {}, {}, False).fields["command.programs"] is ABSENT


def test_an_unattested_directory_does_not_move_relative_paths() -> None:
    """An agent could say it stands elsewhere and have its paths read as harmless ones."""
    facts = {"session.workspace": "/srv/work", "context.cwd": "/srv/work/docs"}
    line = {"line": "cat hooks"}
    assert CATALOGUE.read("act", line, facts, False).fields["command.reads"] == (
        "workspace:/hooks",
    )
    attested = CATALOGUE.read("act", line, facts, True)
    assert attested.fields["command.reads"] == ("workspace:/docs/hooks",)


def test_a_recorded_action_is_read_back_without_its_secrets() -> None:
    """A new limit could not be filled from the past, or the log would have to hold values."""
    recorded = {"must": "m", "who": "s-abc", "secret": "commitment", "line": {"spoiled": "x"}}
    one = CATALOGUE.recall("act", recorded, {"agent.id": "a"})
    assert one.fields["args.must"] == "m"
    assert one.fields["args.who"] == one.fields["args.secret"] == CannotTell("not_disclosed")
    assert one.pseudonyms == {"args.who": "s-abc"}
    assert one.fields["args.line"] == CannotTell("x")
    assert one.undeclared == ()


_RAW: Any = (
    st.sampled_from(["12.50 EUR", "12.5 EUR", "DE", "de", "7 km", "1", "true", "2026-01-31", "?"])
    | st.booleans()
    | st.none()
    | st.integers(-3, 3)
    | st.decimals(-3, 3, places=1)
    | st.text(max_size=80)
    | st.fixed_dictionaries(
        {
            "amount": st.sampled_from(["1", "1.0", "1.00", "x", ""])
            | st.integers(-2, 2)
            | st.decimals(-2, 2, places=2),
            "currency": st.sampled_from(["EUR", "eur", "JPY", "XXX", "", None, 7]),
        }
    )
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3)
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["money", "country", "number", "integer", "boolean", "text", "date"]),
       st.lists(_RAW, min_size=1, max_size=8))  # fmt: skip
def test_what_is_remembered_is_what_would_be_read(name: str, raws: list[Any]) -> None:
    """A remembered reading of another value would judge an action by somebody else's amount."""
    kind = values.Type(name, unit="km" if name == "number" else "")
    remembered, plain = values.remembering(kind), values.reading(kind)
    for raw in raws * 2:
        expected = kind.one(raw)
        for found in (remembered(raw), plain(raw)):
            assert found == expected
            assert type(found) is type(expected)
            assert repr(found) == repr(expected)
