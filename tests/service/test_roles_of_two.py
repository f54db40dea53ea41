"""One administrator is not four people: roles that may do something take two of them."""

from __future__ import annotations

import pytest
from service_world import World, caller

from audit.entry import decode
from governance.service import keys, people
from governance.service.problem import Problem


def entry(world: World, index: int):
    """What the log holds at `index`."""
    return decode(next(iter(world.desk.reader.entries(index, index + 1))))


def test_a_role_that_waits_gives_no_right(world: World) -> None:
    """One administrator could invent a treasurer and a chief financial officer, and pay alone."""
    added = people.add(
        world.desk,
        world.maria,
        name="Ghost",
        email="g@corp.example",
        roles=["treasurer", "auditor"],
    )
    assert (added["roles"], added["waiting"]) == (["auditor"], ["treasurer"])
    ghost = added["person"]
    made = keys.issue(world.desk, world.maria, holder_type="person", holder_id=ghost)
    with pytest.raises(Problem) as caught:
        people.add(
            world.desk, caller(world.desk, made["secret"]),
            name="X", email="x@corp.example", roles=["auditor"],
        )  # fmt: skip
    assert caught.value.type == "not-allowed"
    assert world.desk.state.people[ghost].roles == {"auditor"}
    with pytest.raises(Problem) as caught:
        people.confirm(world.desk, world.maria, ghost, entry_shown=added["entry"])
    assert caught.value.type == "needs-another"
    done = people.confirm(world.desk, world.tom, ghost, entry_shown=added["entry"])
    assert done["roles"] == ["auditor", "treasurer"]
    assert world.desk.state.people[ghost].waiting is None
    assert entry(world, done["entry"]).data["refs"] == {"person": added["entry"]}


def test_what_is_confirmed_is_what_was_shown(world: World) -> None:
    """Somebody would read `treasurer`, and sign for `administrator`."""
    added = people.add(
        world.desk, world.maria, name="Ghost", email="g@corp.example", roles=["treasurer"]
    )
    people.set_roles(world.desk, world.maria, added["person"], roles=["administrator"])
    with pytest.raises(Problem) as caught:
        people.confirm(world.desk, world.tom, added["person"], entry_shown=added["entry"])
    assert caught.value.type == "not-shown"


def test_roles_are_taken_away_at_once(world: World) -> None:
    """Somebody who must not pay any more would go on until a second person has time."""
    changed = people.set_roles(world.desk, world.maria, world.carl.id, roles=["auditor"])
    assert (changed["roles"], changed["waiting"]) == (["auditor"], [])
    assert world.desk.state.people[world.carl.id].roles == {"auditor"}


def test_a_single_administrator_gives_roles_and_it_is_recorded(world: World) -> None:
    """Nobody could found a company, or nobody would see who founded it alone."""
    first = next(
        decode(raw)
        for raw in world.desk.reader.entries(0, 40)
        if b'"person.added"' in raw and world.tom.id.encode() in raw
    )
    assert first.data["alone"] is True
    assert "waiting" not in first.data


def test_one_address_is_one_person(world: World) -> None:
    """Somebody added twice would fill two seats of one approval."""
    with pytest.raises(Problem) as caught:
        people.add(
            world.desk, world.maria, name="Anna R.", email="ANNA@corp.example", roles=["auditor"]
        )
    assert (caught.value.type, caught.value.field) == ("conflict", "email")
