"""What another record of an agent opens: every difference is decided, *the same* is never said wrongly."""

from __future__ import annotations

from dataclasses import replace

import engine_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sides import OLD, ROLL, agents

from governance.engine.decide import decide, needs
from governance.engine.difference import Differences
from governance.engine.model import CannotTell, Effect, PolicyErrors, Request
from governance.engine.registered import Record, diff

SMALL = world.rule(1, "allow", "{action: pay, args.amount: {at_most: 500 EUR}}")
RECORD = Record(
    {
        "agent.id": "payer-1",
        "agent.team": "treasury",
        "agent.labels": ("payments",),
        "agent.class": "minimal",
        "agent.owner": "anna",
        "agent.model": "m-1",
        "agent.autonomy": "L4",
    },
    frozenset({"pay"}),
)


def changed(rules: str | list[str], **fields: object) -> Differences:
    """What a release answers differently once an agent's record has other fields."""
    rules = [rules] if isinstance(rules, str) else rules
    release = world.release(world.file("\n".join([SMALL, *rules])))
    return diff(release, [(RECORD, other(**fields))], world.AT)


def other(tools: frozenset[str] | None = None, **fields: object) -> Record:
    """The record with other fields (`agent_team` is `agent.team`)."""
    new = {name.replace("_", ".", 1): value for name, value in fields.items()}
    return Record({**RECORD.fields, **new}, RECORD.tools if tools is None else tools)  # type: ignore[dict-item]


LABELLED = world.rule(2, "deny", "{action: pay, agent.labels: {contains_any: [payments]}}")


def test_a_label_that_led_into_a_deny_is_missed() -> None:
    """An agent would be led out of a rule by a label, and the second person would not see of which."""
    found = changed(LABELLED, agent_labels=())
    assert found.outcome == "looser"
    (first, *_) = found.found
    assert (first.before, first.after, first.was) == ("deny", "allow", "pay/R-2")
    assert "agent.labels" not in first.witness
    assert changed(LABELLED, agent_labels=("payments", "new")).outcome == "same"
    assert changed([], agent_labels=()).outcome == "same"


def test_a_rule_about_another_value_is_met_by_neither() -> None:
    """Every change of a model would be called looser because some rule names a model."""
    rule = world.rule(2, "deny", "{action: pay, agent.model: {is: old}}")
    assert changed(rule, agent_model="m-2").outcome == "same"
    assert changed(rule, agent_model="old").outcome == "tighter"
    assert changed(rule, agent_model=CannotTell("not_recorded")).outcome == "tighter"


def test_a_tool_that_was_not_given_is_denied_before() -> None:
    """Another tool would be confirmed by somebody who does not see what it is good for."""
    release = world.release(world.file(SMALL))
    without = replace(RECORD, tools=frozenset())
    found = diff(release, [(without, RECORD)], world.AT)
    assert [(e.before, e.after, e.was) for e in found.found if e.after == "allow"] == [
        ("deny", "allow", "service/agent")
    ]
    assert diff(release, [(RECORD, without)], world.AT).outcome == "tighter"


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [("L1", "L3", "looser"), ("L0", "L1", "looser"), ("L3", "L1", "tighter"), ("L4", "L5", "same")],
)
def test_autonomy_is_compared_under_the_rules(before: str, after: str, outcome: str) -> None:
    """One person would let an agent go alone because no rule names the level."""
    release = world.release(world.file(SMALL))
    pair = (other(agent_autonomy=before), other(agent_autonomy=after))
    assert diff(release, [pair], world.AT).outcome == outcome


def test_an_agent_about_which_everything_is_asked_gains_nothing() -> None:
    """Two people would be asked although nothing changes."""
    ask = (
        "  - {id: R-2, title: Rule 2, effect: require_approval, when: {action: pay}, because: test, "
        "severity: low, approval: {needs: [1 boss], answer_within: 1h}}"
    )
    assert changed(ask, agent_autonomy="L5").outcome == "same"


def test_an_owner_who_is_compared_with_an_argument() -> None:
    """Whoever becomes the owner could be paid, unseen."""
    rule = world.rule(2, "deny", "{action: pay, args.note: {is_not: x}, agent.owner: {is: anna}}")
    assert changed(rule, agent_owner="bob").outcome == "looser"


def test_totals_that_begin_anew_are_not_claimed_to_be_the_same() -> None:
    """An agent would leave the team whose limit is used up, and one person would do."""
    limit = (
        "limits:\n  - {id: LIM-1, title: T, measure: sum args.amount, of: {action: pay}, "
        "per: [agent.team], in_last: 24h, at_most: 100 EUR, otherwise: deny, because: b}"
    )
    release = world.release(world.file(SMALL + "\n" + limit))
    found = diff(release, [(RECORD, other(agent_team="sales"))], world.AT)
    assert found.outcome == "incomplete"
    assert "agent.team" in found.open["pay"]
    assert diff(release, [(RECORD, other(agent_model="m-2"))], world.AT).outcome == "same"


def test_whoever_it_delegates_to_may_get_other_answers() -> None:
    """An agent would leave its team by one person's word, and lead its delegates out of a rule by that."""
    above = world.rule(2, "deny", "{action: pay, session.chain_teams: {contains_any: [treasury]}}")
    found = changed(above, agent_team="sales")
    assert found.outcome == "incomplete"
    assert "delegated" in found.open["pay"]
    assert changed(above, agent_model="m-2").outcome == "same"
    release = world.release(world.file("\n".join([SMALL, above])))
    neither = (other(tools=frozenset()), other(tools=frozenset(), agent_team="sales"))
    assert "delegated" in diff(release, [neither], world.AT).open["pay"]


def test_where_the_budget_ends_nothing_is_claimed_of_an_agent() -> None:
    """A search that was broken off would be read as a proof."""
    release = world.release(world.file("\n".join([SMALL, LABELLED])))
    pair = (RECORD, other(agent_labels=()))
    assert diff(release, [pair], world.AT, budget=1).outcome == "incomplete"


RECORDS = st.builds(
    lambda team, labels, level, model, kind: {
        "agent.id": "case-agent",
        "agent.team": team,
        "agent.labels": labels,
        "agent.class": kind,
        "agent.owner": "anna",
        "agent.model": model,
        "agent.autonomy": level,
    },
    st.sampled_from(["red", "blue", "treasury"]),
    st.sampled_from([(), ("red",), ("blue",), ("red", "blue")]),
    st.sampled_from(["L0", "L1", "L2", "L3", "L4", "L5"]),
    st.sampled_from(["m-1", "m-2", CannotTell("not_recorded")]),
    st.sampled_from(["minimal", "high"]),
)
TOOLS = st.frozensets(st.sampled_from(["pay", "mail", "look"]), min_size=1)


@settings(max_examples=60, deadline=None)
@given(
    world.worlds,
    st.builds(Record, RECORDS, TOOLS),
    st.builds(Record, RECORDS, TOOLS),
    st.lists(st.tuples(world.asked(), st.integers(0, 50)), min_size=12, max_size=12),
)
def test_what_is_claimed_of_two_records_holds_for_every_request(
    files: tuple[bytes, ...],
    before: Record,
    after: Record,
    requests: list[tuple[tuple[str, dict[str, object], dict[str, object], bool], int]],
) -> None:
    """One person would change an agent under *nothing becomes looser*, and it would do more."""
    try:
        release = world.release(*files)
    except PolicyErrors:
        return
    found = diff(release, [(before, after)], world.AT)
    for each in found.found:
        assert each.situation is not None
        verdicts = each.situation.verdicts
        assert (verdicts[0].effect.word, verdicts[1].effect.word) == (each.before, each.after)
        if each.kind == "verdict":
            assert (verdicts[1].effect < verdicts[0].effect) is each.looser
    known = {(each.action, each.looser) for each in found.found}
    for (action, arguments, facts, attested), seed in requests:
        if action in found.open or action not in release.plans:
            continue
        asked = world.request(release, action, arguments, facts, attested)
        effects = []
        for record in (before, after):
            request = with_record(asked, record)
            totals = {
                query: world.total_of(query, seed) for query in needs(release, request, world.AT)
            }
            effects.append(decide(release, request, totals, world.AT).effect)
        if effects[0] is not effects[1]:
            assert (action, effects[1] < effects[0]) in known


def with_record(asked: Request, record: Record) -> Request:
    """A request as this agent's."""
    return replace(asked, fields={**asked.fields, **record.facts(asked.action)})


def test_effects_are_ordered() -> None:
    """What is looser would be read the wrong way round."""
    assert Effect.ALLOW < Effect.REQUIRE_APPROVAL < Effect.DENY


def test_a_field_that_is_compared_with_what_changes() -> None:
    """Two records would be taken to meet a comparison with another field alike."""
    rule = world.rule(2, "deny", "{action: pay, session.id: {same_as_field: agent.owner}}")
    found = changed(rule, agent_owner="bob")
    assert found.outcome == "changed"
    assert {(e.looser, e.witness["session.id"]) for e in found.found} == {
        (True, "`anna`"), (False, "`bob`"),
    }  # fmt: skip
    assert changed(rule, agent_team="sales").outcome == "same"


@pytest.mark.parametrize(("inside", "outcome"), [(True, "looser"), (False, "same")])
def test_an_agent_outside_a_share_is_not_under_its_rules(inside: bool, outcome: str) -> None:
    """A label would be called looser by rules that do not speak about the agent, or the same by
    those that do."""
    (name,) = agents(1, inside)
    denied = world.rule(2, "deny", "{action: pay, agent.labels: {contains_any: [payments]}}")
    both = "\n".join((world.rule(1, "allow", "{action: pay}"), denied))
    release = world.release(OLD, world.file(both, more=ROLL, policy="new", mode="gradual"))
    pair = (other(agent_id=name), other(agent_id=name, agent_labels=()))
    assert diff(release, [pair], world.AT).outcome == outcome
