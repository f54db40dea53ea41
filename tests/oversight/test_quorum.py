"""Whether people who said yes are enough: distinct, with the role, and not those who are out."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.oversight.approvals import seats_filled
from governance.oversight.model import Seat

ROLES = ("treasurer", "cfo", "lead")


@pytest.mark.parametrize(
    ("needs", "people", "enough"),
    [
        ([("treasurer", 1)], [{"treasurer"}], True),
        ([("treasurer", 2)], [{"treasurer"}], False),
        ([("treasurer", 1), ("cfo", 1)], [{"treasurer", "cfo"}], False),
        ([("treasurer", 1), ("cfo", 1)], [{"treasurer", "cfo"}, {"treasurer"}], True),
        ([("treasurer", 1), ("cfo", 1)], [{"cfo"}, {"cfo"}], False),
        ([], [], True),
    ],
)
def test_seats_are_taken_by_different_people(
    needs: list[tuple[str, int]], people: list[set[str]], enough: bool
) -> None:
    """If one person could sit on two seats, four eyes would be two."""
    seats = [Seat(role, count) for role, count in needs]
    assert seats_filled(seats, [frozenset(roles) for roles in people]) is enough


def _by_trying(needs: list[Seat], people: list[frozenset[str]]) -> bool:
    seats = [seat.role for seat in needs for _ in range(seat.count)]
    return any(
        all(role in roles for role, roles in zip(seats, order, strict=False))
        for order in permutations(people, len(seats))
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.builds(Seat, st.sampled_from(ROLES), st.integers(1, 2)), max_size=2),
    st.lists(st.frozensets(st.sampled_from(ROLES)), max_size=5),
)
def test_it_agrees_with_trying_every_order(needs: list[Seat], people: list[frozenset[str]]) -> None:
    """If the matching missed an assignment, people who are enough would be told they are not."""
    assert seats_filled(needs, people) is _by_trying(needs, people)
