"""A supposed action: unknown names are refused, and what nobody said is said with the answer."""

from __future__ import annotations

import pytest
from service_world import DE, FILES, World

from governance.service import drafting, given
from governance.service.problem import Problem

CELLS = {"action": "payment.create", "args.amount": "100 EUR", "args.iban": DE}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("sesion.labels", "[private]", "did you mean `session.labels`"),
        ("foo", "1", "it has `args.amount`"),
        ("args.amout", "1 EUR", "did you mean `args.amount`"),
        ("history.PAY-999", "yes", "no `history.PAY-999`"),
        ("limits.LIM-X", "1950 EUR", "no `limits.LIM-X`"),
        ("lists.nobody", "stale", "no `lists.nobody`"),
        ("expect", "allow", "no `expect`"),
        ("args.amount", "10.000 EUR", "is it 10 EUR or 10000 EUR"),
        ("action", "payment.creat", "did you mean `payment.create`"),
        ("action", "", "say which action"),
    ],
)
def test_a_name_that_means_nothing_is_refused(name: str, text: str, said: str) -> None:
    """The answer would be about another action than the one that was written down."""
    with pytest.raises(Problem) as caught:
        drafting.suppose(FILES, {**CELLS, name: text})
    assert caught.value.field == name
    assert said in caught.value.detail


def test_what_nobody_said_is_said() -> None:
    """A person would take the answer for an agent at L4 as the answer for theirs at L1."""
    told = drafting.suppose(FILES, CELLS)["supposed"]
    assert "at autonomy L4 (say agent.autonomy=" in told
    assert "a clean session" in told
    assert "nothing used of any limit" in told
    more = {**CELLS, "agent.autonomy": "L1", "session.labels": "[private]", "agent.id": "a-1"}
    told = drafting.suppose(FILES, more)["supposed"]
    assert "at autonomy L1," in told
    assert "clean session" not in told
    assert "`a-1` was not looked at" in told


def test_an_agent_that_is_known_is_taken_as_it_is(world: World) -> None:
    """The level that the service goes by would not be the one that the answer stands on."""
    state, now = world.desk.state, world.desk.now()
    name = next(iter(state.agents))
    cells = {**CELLS, "agent.id": name}
    known = given.known_agent(state, cells, now)
    assert known is not None
    assert known["agent.autonomy"] == state.agents[name].autonomy
    careful = {**known, "agent.autonomy": "L1"}
    told = drafting.suppose(FILES, cells, agent=careful, asked=True)
    assert told["effect"] == "require_approval"
    assert f"`{name}` as the workspace knows it, at autonomy L1" in told["supposed"]
    said = drafting.suppose(FILES, {**cells, "agent.autonomy": "L4"}, agent=careful, asked=True)
    assert said["effect"] == "allow", "what is said goes before what is known"
    nobody = {**CELLS, "agent.id": "nobody"}
    assert given.known_agent(state, nobody, now) is None
    told = drafting.suppose(FILES, nobody, asked=True)
    assert "the workspace knows no agent `nobody`" in told["supposed"].lower()
