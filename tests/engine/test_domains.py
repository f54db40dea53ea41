"""Every value of a field is in a class: no comparison comes out in a way that no class shows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import engine_world as world
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.engine import rules
from governance.engine.builtin import LIVE_STATES
from governance.engine.difference import diff
from governance.engine.domains import Said, cut
from governance.engine.model import CannotTell, Money, Scalar
from governance.engine.values import Type
from governance.engine.vocabulary import Answer, Reading, check

MONEY = [Money(Decimal(n), c) for n in ("0", "5", "5.01", "9") for c in ("EUR", "USD")]
KINDS: list[tuple[Type, list[str], list[Any], st.SearchStrategy[Any]]] = [
    (Type("money"), ["above", "at_least", "below", "at_most", "is"], MONEY,
     st.builds(lambda n, c: f"{n / 100:.2f} {c}", st.integers(0, 1200),
               st.sampled_from(["EUR", "USD", "GBP"]))),
    (Type("integer"), ["above", "at_most", "is"], [-3, 0, 1, 2, 9], st.integers(-6, 12)),
    (Type("count", minimum=Decimal(0), maximum=Decimal(23)), ["above", "at_most", "is"], [0, 1, 8, 23],
     st.integers(0, 23)),
    (Type("number", minimum=Decimal(0), maximum=Decimal(1)), ["above", "below", "is"],
     [Decimal("0"), Decimal("0.5"), Decimal("0.50001"), Decimal("1")],
     st.decimals(0, 1, allow_nan=False, places=7)),
    (Type("duration"), ["above", "at_most", "is"],
     [timedelta(0), timedelta(seconds=1), timedelta(hours=1)],
     st.integers(0, 4000).map(lambda n: f"{n}s")),
    (Type("country"), ["is", "one_of"], ["DE", "FR", "KP"], st.sampled_from(["DE", "FR", "KP", "US"])),
    (Type("choice", members=("a", "b", "c")), ["is", "one_of"], ["a", "b"], st.sampled_from(["a", "b", "c"])),
    (Type("name"), ["is", "one_of"], ["something-else", "x"], st.sampled_from(["x", "y", "something-else"])),
    (Type("iban"), ["is", "one_of"], [world.IBAN, world.OTHER_IBAN],
     st.sampled_from([world.IBAN, world.OTHER_IBAN, "GB82WEST12345698765432"])),
    (Type("text"), ["is", "one_of"], ["abc", "ABC", "ß", "1"],
     st.sampled_from(["abc", "ABC", "aBc", "ß", "ss", "SS", "1", "other", "\uff11"])),
    (Type("host"), ["is", "one_of", "in_domain"], ["corp.example", "eu.corp.example", "example", "db"],
     st.sampled_from(["corp.example", "eu.corp.example", "x.eu.corp.example", "y.corp.example",
                      "a.example", "example", "evilcorp.example", "10.0.0.1", "a.test", "db"])),
    (Type("email"), ["is", "one_of", "in_domain"],
     ["a@corp.example", "corp.example", "eu.corp.example", "b@eu.corp.example"],
     st.sampled_from(["a@corp.example", "c@corp.example", "b@eu.corp.example", "z@eu.corp.example",
                      "z@x.eu.corp.example", "a@evil.example", "a@notcorp.example"])),
]  # fmt: skip


def _fits(kind: Type, op: str, constant: Scalar) -> bool:
    if kind.name == "email":
        return ("@" in str(constant)) == (op != "in_domain")
    return True


@given(st.data())
def test_every_value_comes_out_as_some_class_does(data: st.DataObject) -> None:
    """A threshold with a gap beside it would hide what is let through there."""
    kind, ops, constants, raw = data.draw(st.sampled_from(KINDS))
    uses = []
    for _ in range(data.draw(st.integers(1, 4))):
        op = data.draw(st.sampled_from(ops))
        fitting = [c for c in constants if _fits(kind, op, c)]
        many = op in ("one_of", "in_domain")
        chosen = data.draw(
            st.lists(st.sampled_from(fitting), min_size=1, max_size=2 if many else 1)
        )
        uses.append((op, tuple(chosen)))
    found = cut(kind, [Said(op, chosen) for op, chosen in uses])
    runs = [check(rules.Test("x", kind.kind, op, c), c, Reading()) for op, c in uses]

    def answers(value: Any) -> tuple[Answer, ...]:
        return tuple(run({"x": value}) for run in runs)

    given_value = data.draw(raw)
    value = kind.one(given_value)
    if isinstance(value, CannotTell):
        return
    if found.exact:
        assert answers(value) in {answers(each) for each in found.values}, (value, uses)


def test_names_under_patterns_and_paths_are_not_called_exact() -> None:
    """Examples would be taken for all there is."""
    assert not cut(Type("text"), [Said("name_like", ("*a*",))]).exact
    assert not cut(Type("path"), [Said("under", ("workspace:/",))]).exact


@pytest.mark.parametrize("state", sorted(LIVE_STATES))
def test_an_agent_on_trial_is_an_agent(state: str) -> None:
    """A rule for agents on trial would make no difference, because none was looked at."""
    allow = world.rule(1, "allow", "{action: pay, args.urgent: {is: true}}")
    deny = world.rule(2, "deny", f"{{action: pay, agent.state: {{is: {state}}}}}")
    plain, strict = world.release(world.file(allow)), world.release(world.file(f"{allow}\n{deny}"))
    assert diff(plain, strict, world.AT).outcome == "tighter"
    other = deny.replace("is:", "is_not:")
    assert (
        diff(plain, world.release(world.file(f"{allow}\n{other}")), world.AT).outcome == "tighter"
    )


def test_a_long_list_is_looked_at_to_its_end() -> None:
    """The last of many names could be dropped from a list without a difference."""
    names = [f"n{number}@corp.example" for number in range(90)]
    allow = world.rule(1, "allow", "{action: pay, args.urgent: {is: true}}")

    def denying(members: list[str]) -> Any:
        when = f"{{action: pay, args.to: {{contains_any: [{', '.join(members)}]}}}}"
        return world.release(world.file(f"{allow}\n{world.rule(2, 'deny', when)}"))

    found = diff(denying(names), denying(names[:-1]), world.AT)
    assert found.outcome == "looser"
    assert names[-1] in found.found[0].witness["args.to"]
