"""Repairs: what is proposed, what is safe, and that nothing around it changes."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise

import engine_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.check import check
from governance.engine.fixes import KEYS, Source, apply, distance_one
from governance.engine.model import Fix, LoadFinding

TODAY = date(2026, 11, 20)


def found(text: str) -> tuple[LoadFinding, ...]:
    """The findings of one policy file beside the world's catalogue."""
    files = {world.CATALOGUE_PATH: world.CATALOGUE, "policies/pay.yaml": text.encode()}
    return check(files, TODAY).findings


def file(rule: str, more: str = "") -> str:
    """A policy with one rule in block style."""
    return world.file(rules=rule, more=more).decode()


def test_a_fix_changes_its_stretch_and_nothing_else() -> None:
    """A repair would eat a comment, or the byte order mark, or the line ends of a file."""
    data = b"\xef\xbb\xbfa: 1 # \xc3\xa4\r\nb: two # stays\r\nc: 3\r\n"
    done = apply(data, [Fix(2, 4, 2, 7, "three"), Fix(1, 4, 1, 5, "\u20ac")])
    assert done == b"\xef\xbb\xbfa: \xe2\x82\xac # \xc3\xa4\r\nb: three # stays\r\nc: 3\r\n"


def test_of_two_fixes_that_touch_only_one_is_made() -> None:
    """Two repairs of one place would write into each other."""
    assert apply(b"a: bcd\n", [Fix(1, 4, 1, 7, "x"), Fix(1, 5, 1, 6, "y")]) == b"a: x\n"


@settings(max_examples=200, deadline=None)
@given(
    text=st.text("ab\n", min_size=1, max_size=12),
    spans=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4)), max_size=5),
)
def test_a_fix_is_made_whole_or_not_at_all(text: str, spans: list[tuple[int, int]]) -> None:
    """Half of one repair inside another would be a text that nobody wrote."""
    source = Source.of(text.encode())
    assert source is not None
    cut = [(at, min(at + long, len(text))) for at, long in spans if at < len(text)]
    fixes = [source.fix(*span, f"<{i}>") for i, span in enumerate(cut)]
    done = apply(text.encode(), fixes).decode()
    made = sorted(cut[int(number)] for number in re.findall("<([0-9])>", done))
    for one, other in pairwise(made):
        assert one[1] <= other[0]
    for start, end in set(cut) - set(made):
        assert any(start < e and s < end for s, e in made)
    kept = [c for i, c in enumerate(text) if not any(s <= i < e for s, e in made)]
    assert re.sub("<[0-9]>", "", done) == "".join(kept)


def test_places_and_offsets_are_each_others_inverse() -> None:
    """A repair would land a line away."""
    source = Source.of("a\r\nbä\n\u2028c".encode())
    assert source is not None
    for offset in range(len(source.text)):
        assert source.offset(*source.place(offset)) == offset


@pytest.mark.parametrize(
    ("wrong", "text", "safe"),
    [
        ("{action: pay, args.country: {in: [KP]}}", "one_of", True),
        ("{action: pay, args.amount: {'>': 5 EUR}}", None, False),
        ("{action: pay, args.amount: {gt: 5 EUR}}", "above", True),
        ("{action: pay, args.amount: {abvoe: 5 EUR}}", "above", False),
        ("{action: pay, args.contry: {is: KP}}", "args.country", False),
        ("{action: pya, args.country: {is: KP}}", "pay", False),
        ("{action: pay, args.country: KP}", "{is: KP}", True),
        ("{action: pay, args.country: {is: XX}}", None, False),
        ("{action: pay, args.amount: {above: 10 000 EUR}}", "10000 EUR", True),
        ("{action: pay, args.amount: {above: EUR 500}}", "500 EUR", True),
        ('{action: pay, args.amount: {above: "10,000 EUR"}}', None, False),
        ("{action: pay, args.amount: {above: 500}}", None, False),
    ],
)
def test_only_another_spelling_of_the_same_is_safe(
    wrong: str, text: str | None, safe: bool
) -> None:
    """A machine would choose between two meanings, and nobody would have decided."""
    fixes = [each.fix for each in found(file(world.rule(1, "deny", wrong))) if each.fix]
    assert [(fix.text, fix.safe) for fix in fixes] == ([] if text is None else [(text, safe)])


def test_a_key_is_safe_only_if_no_other_key_is_as_near() -> None:
    """`at_leat` would become the wrong one of two keys."""
    assert distance_one("severty", "severity")
    assert distance_one("tilte", "title")
    assert not distance_one("title", "title")
    assert not distance_one("of", "default")
    assert [key for key in KEYS if distance_one("severty", key)] == ["severity"]
    text = file(world.rule(1, "deny", "{action: pay, args.country: {is: KP}}"))
    fixes = {each.fix for each in found(text.replace("owner: test", "ower: test"))}
    assert {(fix.text, fix.safe) for fix in fixes if fix} == {("owner", True)}


def test_a_title_with_a_colon_is_quoted_and_its_comment_stays() -> None:
    """The commonest mistake of people who do not program would need somebody who does."""
    text = world.file(rules="  []").decode().replace("title: A test", "title: Pay: who asks # why")
    (finding,) = found(text)
    assert (finding.code, finding.fix and finding.fix.safe) == ("not-yaml", True)
    assert finding.fix is not None
    done = apply(text.encode(), [finding.fix]).decode()
    assert 'title: "Pay: who asks" # why\n' in done


def test_a_second_member_goes_and_the_rest_stays_as_written() -> None:
    """A repair would lay out the whole list anew and lose its comments."""
    text = world.file(
        rules=world.rule(1, "deny", "{action: pay, args.country: {one_of: [KP,  IR, KP]}}"),
        more="lists:\n  used: [DE] # kept\n  unused: [FR]\n",
    ).decode()
    by_code = {each.code: each.fix for each in found(text)}
    twice = by_code["duplicate-member"]
    assert twice is not None
    assert twice.safe
    assert "{one_of: [KP,  IR]}" in apply(text.encode(), [twice]).decode()
