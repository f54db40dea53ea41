"""*Same* is never said of what differs, and is said of what only reads differently."""

from __future__ import annotations

import pytest

from governance.engine.compile import Release, compile_release
from governance.engine.sameness import fields_said, same_actions, same_series

CATALOGUE = """
catalogue: shop
title: Shop
owner: a@b.example
actions:
  pay:
    title: Pay
    labels: [moves_money]
    risk: low
    args:
      amount: {type: money, currencies: [EUR], class: quantity}
      iban: {type: iban, class: identity, about: payee}
      note: {type: text, class: private, required: false}
  call:
    title: Call
    labels: []
    risk: low
    args: {iban: {type: iban, class: identity, about: payee}}
  look:
    title: Look
    labels: []
    risk: low
    args: {}
"""
POLICY = """
policy: shop
title: The shop
owner: a@b.example
review_by: 2099-01-01
governs: [pay, call, look]
applies_to: {agents: all}
mode: enforce
default: deny
lists:
  known: [DE89370400440532013000]
  safe: [GB82WEST12345698765432]
rules:
  - id: SHO-1
    title: Pay a little
    effect: allow
    when: {action: pay, args.amount: {at_most: 50 EUR}, args.iban: {one_of: $known}}
    because: Little.
    severity: low
  - id: SHO-2
    title: Only after a call
    effect: deny
    when: {action: pay, history: {did_not: call, same: args.iban, in_last: 1h, by: any_agent}}
    because: Heard.
    severity: low
  - id: SHO-3
    title: Call
    effect: allow
    when: {action: call}
    because: Fine.
    severity: low
  - id: SHO-4
    title: Look
    effect: allow
    when: {action: look}
    because: Fine.
    severity: low
limits:
  - id: SHL-1
    title: A limit
    measure: sum args.amount
    of: {action: pay, args.iban: {none_of: $safe}}
    per: [args.iban]
    in_last: 24h
    at_most: 100 EUR
    otherwise: deny
    because: Cap.
    severity: low
cases:
  columns: [name, action, expect]
  rows: [[a look, look, allow]]
"""


def release(*pairs: str, catalogue: bool = False) -> Release:
    """The shop, with some texts replaced."""
    made = {"policies/shop.yaml": POLICY, "policies/actions/shop.yaml": CATALOGUE}
    path = "policies/actions/shop.yaml" if catalogue else "policies/shop.yaml"
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in made[path], old
        made[path] = made[path].replace(old, new, 1)
    return compile_release({name: text.encode() for name, text in made.items()})


ALL = frozenset({"pay", "call", "look"})


@pytest.mark.parametrize(
    ("pairs", "catalogue", "alike"),
    [
        ((), False, ALL),
        (("title: Pay a little", "title: Pay a bit"), False, ALL),
        (("because: Little.", "because: Small."), False, ALL),
        (("owner: a@b.example", "owner: c@b.example"), False, ALL),
        (("at_most: 50 EUR", "at_most: 60 EUR"), False, ALL - {"pay"}),
        (("in_last: 1h", "in_last: 2h"), False, ALL - {"pay"}),
        (("at_most: 100 EUR", "at_most: 200 EUR"), False, ALL - {"pay"}),
        (("when: {action: call}", "when: {action: call, agent.team: {is: x}}"), False, ALL - {"call"}),
        (("known: [DE89370400440532013000]", "known: [GB82WEST12345698765432]"), False, frozenset()),
        (("safe: [GB82WEST12345698765432]", "safe: [DE89370400440532013000]"), False, frozenset()),
        (("default: deny", "default: require_approval\ndefault_approval: {needs: [1 boss], answer_within: 1h}"),
         False, frozenset()),
        (("severity: low", "severity: high"), False, ALL - {"pay"}),
        (("    risk: low\n    args: {iban", "    risk: high\n    args: {iban"), True, ALL - {"pay", "call"}),
        (("class: private, required: false", "class: private, required: true"), True, ALL - {"pay"}),
        (("    labels: []\n    risk: low\n    args: {}", "    labels: [x]\n    risk: low\n    args: {}"),
         True, ALL - {"look"}),
    ],
)  # fmt: skip
def test_an_action_is_the_same_only_if_nothing_about_it_differs(
    pairs: tuple[str, ...], catalogue: bool, alike: frozenset[str]
) -> None:
    """If a changed rule were taken for the same, its decisions would not be tried at all."""
    assert same_actions(release(), release(*pairs, catalogue=catalogue)) == alike
    assert same_actions(release(*pairs, catalogue=catalogue), release()) == alike


def test_a_series_is_the_same_only_if_it_is_charged_the_same() -> None:
    """If totals of one meaning were taken for totals of another, a limit would be tried on noise."""
    old = release()
    assert same_series(old, release("at_most: 50 EUR", "at_most: 60 EUR")) == frozenset(old.series)
    changed = release("safe: [GB82WEST12345698765432]", "safe: [DE89370400440532013000]")
    assert not any(name.startswith("limit:") for name in same_series(old, changed))


def test_every_field_that_is_looked_at_is_said() -> None:
    """If a field were left out, its value would not be opened and every rule on it could not tell."""
    assert fields_said(release(), "pay") >= {"args.amount", "args.iban"}
    assert "args.note" not in fields_said(release(), "pay")
    assert fields_said(release(), "nothing") == frozenset()


WATCHING = "observe: {by: me, from: 2026-11-01, until: 2026-11-30}\n"


@pytest.mark.parametrize("when", ["{action: pay, args.iban: {none_of: $known}}",
                                  "{session.labels: {contains_any: [untrusted]}}"])  # fmt: skip
def test_a_file_that_governs_something_else_and_only_watches_is_seen(when: str) -> None:
    """Its denies would stop nothing any more, and the change be called *the same* for that action."""
    text = (
        "policy: guard\ntitle: T\nowner: a@b.example\nreview_by: 2099-01-01\ngoverns: [look]\n"
        "applies_to: {agents: all}\nmode: enforce\ndefault: deny\n"
        "lists: {known: [DE89370400440532013000]}\n"
        "cases: {columns: [name, action, expect], rows: [[x, look, deny]]}\nrules:\n"
        f"  - {{id: GUA-1, title: T, effect: deny, when: {when}, because: b, severity: low}}\n"
    )
    if "$known" not in when:
        text = text.replace("lists: {known: [DE89370400440532013000]}\n", "")
    other = POLICY.replace("policy: shop", "policy: other").replace("SH", "OT")
    other = other.replace("mode: enforce\n", "mode: observe\n" + WATCHING)

    def made(guard: str) -> Release:
        return compile_release(
            {
                "policies/actions/shop.yaml": CATALOGUE.encode(),
                "policies/shop.yaml": POLICY.encode(),
                "policies/other.yaml": other.encode(),
                "policies/guard.yaml": guard.encode(),
            }
        )

    enforced, again = made(text), made(text)
    watching = made(text.replace("mode: enforce\n", "mode: observe\n" + WATCHING))
    assert "pay" in same_actions(enforced, again)
    assert "pay" not in same_actions(enforced, watching)
