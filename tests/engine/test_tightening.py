"""What one person may put in force: only what is proved to be nowhere looser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_world import AT

from governance.engine import tightening
from governance.engine.load import Bundle, load

CATALOGUE = b"""catalogue: pay
title: Pay
owner: r@corp.example
actions:
  pay.create:
    title: Pay
    risk: low
    args:
      amount: {type: money, currencies: [EUR], class: quantity}
      country: {type: country, class: category}
      payee: {type: text, class: category}
      instant: {type: boolean, class: category, required: false}
  pay.check:
    title: Call back
    risk: low
    args:
      payee: {type: text, class: category}
"""
FILE = """policy: pay
title: Payments
owner: r@corp.example
review_by: 2027-05-31
governs: [pay.create, pay.check]
applies_to: {agents: all}
mode: enforce
default: deny
lists:
  known: [A, B]
  asked: [A]
rules:
  - id: P-1
    title: Small
    effect: allow
    when: {action: pay.create, args.payee: {one_of: $known}, args.amount: {at_most: 500 EUR}}
    because: x
    severity: low
  - id: P-2
    title: Asked
    effect: require_approval
    when: {action: pay.create, args.payee: {none_of: $asked}, args.amount: {above: 500 EUR}}
    approval: {needs: [2 cfo], answer_within: 4h}
    because: x
    severity: low
  - id: P-3
    title: Never there
    effect: deny
    when: {action: pay.create, args.country: {one_of: [IR, KP]}}
    because: x
    severity: low
  - id: P-4
    title: Called back
    effect: deny
    when: {action: pay.create, args.amount: {above: 9000 EUR}, history: {did_not: pay.check, same: args.payee, in_last: 3d, by: any_agent}}
    because: x
    severity: low
    may_be_waived_by: [cfo]
  - id: P-5
    title: Checks
    effect: allow
    when: {action: pay.check}
    because: x
    severity: low
limits:
  - {id: L-1, title: Cap, measure: sum args.amount, of: {action: pay.create}, per: [agent.id], in_last: 24h, at_most: 900 EUR, otherwise: deny, because: x}
cases:
  columns: [name, action, args.payee, args.amount, args.country, expect]
  rows:
    - [one, pay.create, A, 1 EUR, DE, allow]
"""


def bundle(text: str, catalogue: bytes = CATALOGUE) -> Bundle:
    """The files of this test."""
    return load({"policies/pay.yaml": text.encode(), "policies/actions/pay.yaml": catalogue})


def doubts(old: str, new: str) -> tuple[str, ...]:
    """What stands against putting `new` in force alone."""
    return tightening.doubts(bundle(old), bundle(new), AT)


TIGHTER = {
    "a smaller amount": ("at_most: 500 EUR", "at_most: 400 EUR"),
    "one payee fewer": ("known: [A, B]", "known: [A]"),
    "one country more": ("[IR, KP]", "[IR, KP, SY]"),
    "other words": ("title: Small\n", "title: Small ones\n"),
    "one more condition": ("args.amount: {at_most: 500 EUR}}", "args.amount: {at_most: 500 EUR}, args.instant: {is: false}}"),
    "one limit more": ("limits:\n", "limits:\n  - {id: L-2, title: Cap, measure: count, of: {action: pay.create}, per: [agent.id], in_last: 24h, at_most: 9, otherwise: deny, because: x}\n"),
    "one deny more": ("rules:\n", "rules:\n  - {id: P-9, title: No, effect: deny, when: {action: pay.create, args.payee: {is: Z}}, because: x, severity: low}\n"),
}  # fmt: skip
LOOSER = {
    "a larger amount": ("at_most: 500 EUR", "at_most: 501 EUR"),
    "one payee more": ("known: [A, B]", "known: [A, B, C]"),
    "one country fewer": ("[IR, KP]", "[IR]"),
    "fewer people asked": ("[2 cfo]", "[1 cfo]"),
    "fewer payees asked about": ("asked: [A]", "asked: [A, B]"),
    "a larger limit": ("at_most: 900 EUR", "at_most: 901 EUR"),
    "a limit gone": (FILE[FILE.index("limits:") : FILE.index("cases:")], ""),
    "a history shorter": ("in_last: 3d", "in_last: 1d"),
    "more waivers": ("may_be_waived_by: [cfo]", "may_be_waived_by: [cfo, ceo]"),
    "a default that asks": ("default: deny", "default: require_approval\ndefault_approval: {needs: [1 cfo], answer_within: 4h}"),
    "only watched": ("mode: enforce", "mode: observe\nobserve: {by: m@corp.example, from: 2026-12-01, until: 2026-12-20}"),
    "fewer agents": ("{agents: all}", "{agents: {labels: {contains_any: [x]}}}"),
    "one condition less": ("args.payee: {one_of: $known}, ", ""),
    "a new allow": ("rules:\n", "rules:\n  - {id: P-9, title: Y, effect: allow, when: {action: pay.create, args.payee: {is: A}, args.amount: {at_most: 5 EUR}}, because: x, severity: low}\n"),
}  # fmt: skip


@pytest.mark.parametrize("what", TIGHTER)
def test_what_only_holds_back_is_proved(what: str) -> None:
    """A connector that takes a payee off a list would wait for somebody to sign."""
    was, now = TIGHTER[what]
    assert was in FILE
    assert doubts(FILE, FILE.replace(was, now)) == ()


@pytest.mark.parametrize("what", [*LOOSER, *TIGHTER])
def test_what_may_loosen_is_never_proved(what: str) -> None:
    """One person would open what two closed."""
    was, now = LOOSER[what] if what in LOOSER else TIGHTER[what][::-1]
    text = FILE if what in LOOSER else FILE.replace(now, was)
    if what == "other words":
        return
    assert doubts(text, text.replace(was, now)), what


def test_a_deny_that_a_history_hides_is_not_given_up() -> None:
    """With nothing in the past the history denies anyway, so nobody would see that a plain deny left."""
    more = "rules:\n  - {id: P-9, title: No, effect: deny, when: {action: pay.create, args.amount: {above: 9000 EUR}}, because: x, severity: low}\n"
    assert doubts(FILE.replace("rules:\n", more), FILE) != ()


def test_an_allow_that_asks_for_less_is_not_proved_by_two_that_cover_it() -> None:
    """What is missing would earn an allow that it did not earn from either half."""
    halves = FILE.replace(
        "    when: {action: pay.create, args.payee: {one_of: $known}, args.amount: {at_most: 500 EUR}}",
        "    when: {action: pay.create, args.payee: {one_of: $known}, args.instant: {is_set: true}}",
    )
    assert doubts(halves, FILE) != ()


def test_a_milder_allow_does_not_take_over_unseen() -> None:
    """An agent at L2 would do alone what it asked about while the graver rule matched."""
    graver = FILE.replace("severity: low\n  - id: P-2", "severity: high\n  - id: P-2")
    mild = "rules:\n  - {id: P-9, title: Y, effect: allow, when: {action: pay.create, args.payee: {is: B}, args.amount: {at_most: 500 EUR}}, because: x, severity: low}\n"
    both = graver.replace("rules:\n", mild)
    fewer = both.replace("known: [A, B]", "known: [A]")
    assert any("risk" in each for each in doubts(both, fewer))


def test_another_catalogue_is_never_proved() -> None:
    """An argument that is optional now, or a label that is gone, would change every answer."""
    other = CATALOGUE.replace(b"class: category, required: false", b"class: category")
    assert tightening.doubts(bundle(FILE), bundle(FILE, other), AT) == (
        "the catalogue of actions is another",
    )


def test_an_older_date_of_a_list_is_no_looser_answer() -> None:
    """What is stale cannot be told, and what cannot be told holds back."""
    made = bundle(FILE)
    older = replace(made, files=made.files[::-1])
    assert tightening.doubts(made, older, AT) == ()
