"""Where the cursor is, in texts that are no YAML yet; and findings that move with their lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.editor.cursor import Spot, where
from governance.editor.findings import Findings, fix_of, span
from governance.editor.folder import Folder
from governance.engine.model import LoadFinding

BASE = (
    "policy: a\nrules:\n  - id: A-1\n    title: x y\n    when:\n      action: pay\n      any:\n"
    "        - {args.a: {is: 1}}\n"
)


def spot(text: str) -> Spot:
    """The spot at the `|` of a text."""
    before, _, after = text.partition("|")
    line = before.count("\n")
    return where((before + after).split("\n"), line, len(before) - before.rfind("\n") - 1)


PLACES = [
    ("policy: a\nlim|", (), True, "lim"),
    (BASE + "      args|", ("rules", 0, "when"), True, "args"),
    (BASE + "    sev|", ("rules", 0), True, "sev"),
    (BASE + "    severity: hi|", ("rules", 0, "severity"), False, "hi"),
    (BASE + "    |", ("rules", 0), True, ""),
    (BASE + "  - i|", ("rules", 0), True, "i"),
    (BASE + "        - {action: |", ("rules", 0, "when", "any", 0, "action"), False, ""),
    (BASE + "        - {action: pay, args.|", ("rules", 0, "when", "any", 0), True, "args."),
    (BASE + "        - {a: 1, args.x: {at|", ("rules", 0, "when", "any", 0, "args.x"), True, "at"),
    (BASE + "        - {action: [pay, re|", ("rules", 0, "when", "any", 0, "action", 0), False, "re"),
    ("policy: a\nrules:\n- id: X\n  eff|", ("rules", 0), True, "eff"),
    ("cases:\n  rows:\n    - [a b, pay, de|", ("cases", "rows", 0, 0), False, "de"),
    ("governs: [pay|]", ("governs", 0), False, "pay"),
    ("a: {b: {c: {d: [x|]}}}", ("a", "b", "c", "d", 0), False, "x"),
    ("rules:\n  - id: A\n    when: {action: pay,\n           x: {|", ("rules", 0, "when", "x"), True, ""),
    ("x: 'a [b'\nmode: |", ("mode",), False, ""),
    ("rules:\n  - because: It is [so\n    sev|", ("rules", 0), True, "sev"),
    ("l: {from: er|, max_age: 2h}", ("l", "from"), False, "er"),
    ("x: {one_of: $tr|}", ("x", "one_of"), False, "$tr"),
    ("# {[\nmo|", (), True, "mo"),
    ("x: [a, # [\n    b|", ("x", 0), False, "b"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "way", "is_key", "prefix"), PLACES, ids=lambda each: str(each)[-24:]
)
def test_the_place_is_found_while_the_text_is_broken(
    text: str, way: tuple[str | int, ...], is_key: bool, prefix: str
) -> None:
    """Completion would offer what belongs somewhere else."""
    found = spot(text)
    assert (found.way, found.is_key, found.prefix) == (way, is_key, prefix)


def test_what_is_beside_is_known() -> None:
    """A key that is there already would be offered again, and fields of any action first."""
    assert spot(BASE + "      args|").siblings == {"any": "", "action": "pay"}
    assert spot("x:\n  - {action: pay, a|").siblings == {"action": "pay"}
    assert spot("rows:\n  - [a, [b, c], d|").item == 2


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(st.sampled_from("ab: \n-[]{},'\"#|&*!\\$.é😀"), max_size=60),
    line=st.integers(0, 8),
    column=st.integers(0, 30),
)
def test_no_text_makes_it_fail(text: str, line: int, column: int) -> None:
    """One odd keystroke would end completion until the file is opened again."""
    found = where(text.split("\n"), line, column)
    assert found.start <= found.end


def finding(line: int, code: str = "case-failed") -> LoadFinding:
    """A finding in line `line`."""
    return LoadFinding("policies/a.yaml", line, 1, code, "`x` is wrong", "did you mean `y`?")


def test_findings_of_the_whole_check_move_with_their_lines(tmp_path: object) -> None:
    """While somebody types, a warning would jump to another line, or blink."""
    folder, findings = Folder(root=None), Findings()  # type: ignore[arg-type]
    findings.checked([finding(1), finding(3), finding(5)], {"policies/a.yaml": b"a\nb\nc\nd\ne\n"})
    folder.texts["policies/a.yaml"] = "a\nnew\nb\nC\nd\ne\n"
    shown = findings.now(folder)["policies/a.yaml"]
    assert [each.line for each in shown] == [1, 6]
    findings.quick = (finding(1, "not-yaml"),)
    shown = findings.now(folder)["policies/a.yaml"]
    assert [each.code for each in shown] == ["not-yaml"]


def test_a_hint_becomes_a_repair_only_where_its_word_stands() -> None:
    """A repair would replace something else than what is wrong."""
    one = LoadFinding(
        "a", 1, 4, "unknown-key", "`wrnog` is not a key here", "did you mean `wrong`?"
    )
    assert fix_of(one, ["   wrnog: 1"]) is not None
    assert fix_of(one, ["   other: 1"]) is None
    assert fix_of(LoadFinding("a", 1, 4, "x", "`wrnog`", "known keys: a"), ["   wrnog: 1"]) is None
    assert span(one, ["   wrnog: 1"]) == (0, 3, 9 - 1 + 1)
    assert span(LoadFinding("a", 9, 9, "x", ""), ["a"]) == (0, 1, 1)
