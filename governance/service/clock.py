"""The clock jumped: answers pause until two people looked and say that the time is right again.

Law: nobody confirms twice; the only person of a workspace confirms alone, and the log shows it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from governance.oversight import people
from governance.oversight.commands import Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.service.acting import Act, do, entry, person
from governance.service.desk import Caller, Desk


def confirm(desk: Desk, caller: Caller) -> dict[str, Any]:
    """Say that the machine's clock is right again.  Returns `{state: looked | confirmed}`."""
    who = person(caller)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "confirm the clock")
        if state.clock is None:
            raise Refused("conflict", "the clock has not jumped; there is nothing to confirm")
        first = state.clock.confirmed_by
        people.require_another(who, (first,), "confirmed the clock")
        done = state.single_person or (first is not None and first in state.people)
        event = "confirmed" if done else "looked"
        data = {"event": event, "seconds": "0"}
        return Proposal((entry("service.clock", at, caller, data),), {"state": event})

    return do(desk, Act(who, run, while_paused=True))
