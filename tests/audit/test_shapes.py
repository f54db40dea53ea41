"""Known forms of entries: recognised only where reading in full would accept the same."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_world import AGENT, START

from audit.canonical import canonical
from audit.entry import Entry, decode, encode
from audit.errors import LogError, Tampered
from audit.shapes import OFTEN, Shapes, plain, same_day, unescaped
from audit.verify import verify
from tests.memory_log import MemoryLog

RICH: dict[str, Any] = {
    "action": "payment.create",
    "amount": 1250,
    "args": {"country": "FR", "note": 'a "quoted" \\ line\n', "list": ["a", "b"], "none": None},
    "charges": [["limit:1", '["x"]', "1.00", ""], ["limit:2", "y", "22.85", "EUR"]],
    "commitments": {"args.iban": "A" * 43, "note": "B" * 43},
    "empty": [],
    "facts": [["done", 1795159207065084, False], ["did", -7, True]],
    "files": {"policies/a.yaml": "ab" * 32},
    "refs": {"approval": 17, "decision": 0},
    "zero": 0,
}


def learned(*entries: Entry) -> Shapes:
    """Shapes that know the forms of these entries."""
    shapes = Shapes()
    for entry in entries:
        for _ in range(OFTEN):
            shapes.learn(encode(entry), entry)
    return shapes


def recognised(shapes: Shapes, data: bytes) -> tuple[Any, ...] | None:
    """What a shape says of an entry, or None if none matches."""
    if not plain([data]):
        return None
    text = unescaped(data)
    for shape in shapes.find(text):
        match = shape.match(text)
        if match is not None:
            at, *captured = match.groups()
            if not same_day(at, b"2026-11-20T10:00:00.000000Z"):
                return None
            files = [digest.decode() for digest in captured[: shape.files]]
            refs = dict(zip(shape.roles, map(int, captured[shape.files :]), strict=True))
            return at.decode(), shape.kind, refs, shape.commitments, files
    return None


def read(data: bytes) -> tuple[Any, ...] | None:
    """The same by reading in full, or None if it is refused."""
    try:
        entry = decode(data)
    except LogError:
        return None
    body = entry.data
    files = [body.get("files", {})[name] for name in sorted(body.get("files", {}))]
    refs = dict(body.get("refs", {}))
    return data[7:34].decode(), entry.kind, refs, len(body.get("commitments", ())), files


ENTRIES = [
    Entry("decision", START, AGENT, RICH),
    Entry("decision", START, {**AGENT, "for": "x"}, {"ok": True}),
    Entry("outcome", START, AGENT, {"deep": {"a": [{"b": [1, 2]}, {"b": [3]}]}, "t": ["x"]}),
]
SHAPES = learned(*ENTRIES)
BYTES = [encode(entry) for entry in ENTRIES]

FRAGMENTS = [
    b'"', b"\\", b"\\u0041", b"\\/", b"\\n", b"0", b"01", b"-0", b"1.0", b"1e3", b" ", b",", b":",
    b"{}", b"[]", b"null", b"true", b"\x1f", b"\x7f", b"\xc3\xa9", b"9007199254740992",
    b"-9007199254740991", b"9007199254740991", b"1234567890123456", b'"a":1,', b'"v":1', b"A",
    b"2026-02-30", b"24:00:00", b"person", b"robot", b'"refs":{}', b"[[]]", b"\n",
]  # fmt: skip


@given(st.data())
@settings(max_examples=1_500, deadline=None)
def test_what_is_recognised_is_what_would_be_read(data: st.DataObject) -> None:
    """Otherwise an entry that no reader accepts could pass because others looked like it."""
    raw = bytearray(data.draw(st.sampled_from(BYTES)))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        stop = min(len(raw), start + data.draw(st.integers(0, 6)))
        raw[start:stop] = data.draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=3))
    changed = bytes(raw)
    found = recognised(SHAPES, changed)
    if found is not None:
        assert found == read(changed)


def test_altered_values_are_recognised_and_altered_forms_are_not() -> None:
    """Otherwise the forms would save no time, or would let other forms pass."""
    text = BYTES[0].decode()
    for old, new, known in (
        ("1250", "-3", True),
        ('"FR"', '"a, b: {c}"', True),
        ('["a","b"]', '["a","b","c"]', True),
        ("22.85", "", True),
        ('"decision":0', '"decision":5', True),
        ("1250", "01250", False),
        ("1250", "1.5", False),
        ("1250", '"1250"', False),
        ("1250", "9007199254740992", False),
        ('"amount"', '"amount "', False),
        ('"zero":0', '"zero":-0', False),
        ('"decision":0', '"decision":-1', False),
        ("A" * 43, "A" * 42, False),
        ("ab" * 32, "AB" * 32, False),
        ('"agent:payments"', '""', False),
        ("10:00:00", "10:60:00", False),
        ('\\"quoted\\"', "\\u0022", False),
    ):
        assert old in text
        changed = text.replace(old, new, 1).encode()
        assert (recognised(SHAPES, changed) is not None) == known, (old, new)
        if known:
            assert recognised(SHAPES, changed) == read(changed)


def test_what_patterns_rely_on_is_looked_at() -> None:
    """Otherwise control characters or half-broken text could hide in a recognised entry."""
    assert plain(BYTES)
    for bad in (b"\n", b"\x00", b"\x1f", b"\xff", "é".encode()):
        assert not plain([*BYTES, b'{"x":"' + bad + b'"}'])


def test_a_name_with_an_escape_is_no_other_name() -> None:
    """Otherwise members in an order that no reader accepts could pass for others in the right one."""
    quote, backslash, hidden = ('a"b', "a\\b", "a\x01\x01b")
    shapes = learned(Entry("decision", START, AGENT, {quote: "1", backslash: "2"}))
    for first, second in ((quote, backslash), (backslash, quote), (hidden, quote)):
        names = f"{json.dumps(first)}:" + '"1",' + f"{json.dumps(second)}:" + '"2"'
        data = b"".join((BYTES[0][: BYTES[0].index(b'"data":')], b'"data":{', names.encode()))
        assert recognised(shapes, data + b'},"kind":"decision","v":1}') is None


def test_escapes_are_taken_out_as_a_reader_takes_them() -> None:
    """Otherwise a string could end for the pattern where it goes on for every reader."""
    for text, left in (
        (rb'"a\"b"', rb'"a..b"'),
        (rb'"a\\","b"', rb'"a..","b"'),
        (rb'"a\\\"b"', rb'"a....b"'),
        (rb'"\n\t\\\\"', rb'"........"'),
        (rb'"\\u0041"', rb'"..u0041"'),
        (rb'"\u0041"', b""),
        (rb'"\/"', b""),
        (rb'"\\\/"', b""),
    ):
        assert unescaped(text).replace(b"\x01", b".") == left


def test_lists_of_many_forms_end(world) -> None:
    """Otherwise one crafted entry could keep a verifier busy for ever."""
    mixed = ["a", 'q"', 1, 1234567890123456, None, True, ["x"], {"k": 1}, {"k": "v"}]
    entry = Entry("decision", START, AGENT, {"list": mixed * 3})
    shapes = learned(entry)
    data = encode(replace(entry, data={"list": mixed * 700}))
    assert recognised(shapes, data) == read(data)
    assert recognised(shapes, data[:-32] + b"!" + data[-32:]) is None
    assert recognised(shapes, data.replace(b"],{", b"],[{", 1)) is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a log of ever new forms could fill the verifier's memory."""
    monkeypatch.setattr("audit.shapes.MOST", 4)
    shapes = Shapes()
    for number in range(300):
        entry = Entry("decision", START, AGENT, {f"name{number}": 1})
        for _ in range(OFTEN):
            shapes.learn(encode(entry), entry)
    assert len(shapes._seen) <= 64
    assert sum(map(len, shapes._places.values())) <= 64


@pytest.mark.parametrize(
    ("index", "change", "said"),
    [
        (200, lambda d: d.replace(b'"ok":true', b'"ok": true'), "canonical"),
        (201, lambda d: d.replace(b'"decision":200', b'"decision":201'), "not before it"),
        (201, lambda d: d.replace(b'"decision":200', b'"approval":200'), "which is a"),
        (203, lambda d: d.replace(b'"decision":200', b'"decision":199'), "which is a"),
        (300, lambda d: d.replace(b"T10:05:00", b"T10:04:58"), "before that of"),
        (303, lambda d: d.replace(b"T10:05:03", b"T24:05:03"), "no calendar has"),
        (299, lambda d: d.replace(b"2026-11-20T10:04:59", b"2026-11-31T10:04:59"), "no calendar"),
        (301, lambda d: d.replace(b"agent:payments", b"agent:pay\\u006dents"), "canonical"),
        (301, lambda d: d.replace(b'"type":"agent"', b'"type":"robot"'), "by.type"),
    ],
)
def test_a_bad_entry_among_a_thousand_good_ones_is_named(world, index: int, change, said) -> None:
    """Otherwise what is checked entry by entry would not be checked once the form is known."""
    entries = list(world.log(1_000).entries(0, 1_000))
    entries[200] = world_entry(world, 200)
    bad = change(entries[index])
    if bad == entries[index]:
        entries[index] = encode(Entry("outcome", world.entry(index).at, AGENT, {"ok": True}))
        bad = change(entries[index])
    assert bad != entries[index]
    entries[index] = bad
    with pytest.raises(Tampered, match=said) as caught:
        verify(world.package(MemoryLog(entries), disclosures=()), [world.key])
    assert caught.value.index == index


def world_entry(world, index: int) -> bytes:
    """An entry of the world as bytes."""
    return encode(world.entry(index))


def test_counts_are_the_same_however_an_entry_was_read(world, monkeypatch) -> None:
    """Otherwise a statement would depend on which entries came first."""
    rng = random.Random(7)
    entries = []
    for index in range(900):
        entry = world.entry(index)
        data = dict(entry.data)
        if rng.random() < 0.3:
            data["files"] = {"a": f"{index:064x}"}
        if rng.random() < 0.2:
            data["text"] = "umlaut ü"
        entries.append(encode(replace(entry, data=data)))
    path = world.package(MemoryLog(entries))
    fast = verify(path, [world.key])
    monkeypatch.setattr("audit.entryreader.plain", lambda _: False)
    assert fast == verify(path, [world.key])
    assert json.loads(canonical(fast.kinds))["decision"] == 225
