"""What recorded decisions would have charged to a limit that did not exist then.

Law: a new limit never starts empty when there is a past.  What cannot be told about the past (a
value that was erased, or never disclosed to this process) counts as charged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit.entry import Entry
from governance.engine.compile import Release
from governance.engine.decide import charges, confirmed
from governance.engine.model import Charge
from governance.oversight.model import State
from governance.oversight.state import apply
from governance.service import judging, recalling
from governance.service.desk import Desk
from governance.service.judging import BUDGET, charges_of


class Charging:
    """`charges_of(index, entry)` for `Workspace.backfill`: called for every entry in order."""

    def __init__(self, desk: Desk, release: Release) -> None:
        self._zone = desk.zone
        self._release = release
        self._first = desk.first_state
        self._state: State | None = None
        self._next = 0
        self._made: dict[int, tuple[Charge, ...]] = {}
        self._keep = frozenset(n for n in release.series if n.startswith("done:"))

    def __call__(self, index: int, entry: Entry) -> Iterable[Charge]:
        """What entry `index` charges under the release."""
        if index == 0 or self._state is None:
            self._state, self._next = self._first(), 0
        made: tuple[Charge, ...] = ()
        if entry.kind == "decision" and entry.data["effect"] == "allow":
            made = self._decision(entry)
            if self._keep and any(charge.series.startswith("did:") for charge in made):
                self._made[index] = made
        elif entry.kind == "outcome":
            earlier = self._made.pop(entry.data["refs"]["decision"], ())
            if entry.data["attested"] and entry.data["status"] == "executed":
                made = confirmed(earlier)
        if index >= self._next:
            self._state = apply(self._state, index, entry)
            self._next = index + 1
        return made

    def _decision(self, entry: Entry) -> tuple[Charge, ...]:
        data: Any = entry.data
        budget = tuple(charge for charge in charges_of(data) if charge.series == BUDGET)
        assert self._state is not None
        both = recalling.standing(self._state, data)
        if both is None:
            return budget
        place = recalling.place_of(self._state, data)
        request = recalling.recall(self._release, data, {}, place).request
        zone = self._zone(self._state.time_zone)
        request = judging.complete(request, self._state, *both, zone, entry.at)
        return (*charges(self._release, request, entry.at), *budget)
