"""How files that come in by and by stand: which share they have, what was counted, whether they stopped.

Law: nothing is counted here. What is told is what the log's own totals say at this moment, the same
that the next decision will ask.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from governance.engine.compile import Release
from governance.engine.model import NOTHING, FactQuery
from governance.engine.rules import Gradual
from governance.oversight.commands import Facts, Needs, Proposal
from governance.oversight.model import State
from governance.oversight.times import MICROSECOND, micros
from governance.service.acting import Act, perform
from governance.service.desk import Desk

KEYS: Final = ("decided", "denied", "held_back")
STOPPED: Final = "stopped"


def listed(desk: Desk) -> dict[str, Any]:
    """Every file of the release in force that replaces another for a share.

    `{shares: [{policy, replaces, share, of, by, from, until, state, decided, denied, held_back,
    in_last, stop_if}]}`; `state` is `to come`, `running`, `stopped` (by its own condition: the file
    it replaces speaks again) or `over`; counts are of the last `in_last` seconds.
    """
    release = desk.state.release
    if release is None:
        return {"shares": []}
    files = _gradual(desk.releases.get(release).release)
    if not files:
        return {"shares": []}

    def wants(state: State, at: datetime) -> Needs:
        return Needs(totals=tuple(query for _, one in files for query in _queries(one, at)))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        return Proposal((), [_told(name, one, facts, at) for name, one in files])

    found = perform(desk, Act("service", run, wants=wants, while_paused=True)).value
    return {"shares": found}


def _gradual(release: Release) -> list[tuple[str, Gradual]]:
    return [
        (file.policy, file.gradual) for file in release.bundle.files if file.gradual is not None
    ]


def _queries(one: Gradual, at: datetime) -> list[FactQuery]:
    since = micros(at) - one.in_last // MICROSECOND
    return [*(FactQuery(one.series, key, since) for key in KEYS), _stopped(one)]


def _stopped(one: Gradual) -> FactQuery:
    return FactQuery(one.series, STOPPED, None)


def _told(policy: str, one: Gradual, facts: Facts, at: datetime) -> dict[str, Any]:
    since = micros(at) - one.in_last // MICROSECOND
    counts = {
        key: facts.totals.get(FactQuery(one.series, key, since), NOTHING).count for key in KEYS
    }
    state = "running"
    if facts.totals.get(_stopped(one), NOTHING).count:
        state = "stopped"
    elif at.date() < one.since:
        state = "to come"
    elif at.date() > one.until:
        state = "over"
    limits = {"denied": one.denied, "held_back": one.held_back}
    return {
        "policy": policy,
        "replaces": one.replaces,
        "share": f"{one.share:f} %",
        "of": one.of,
        "by": one.by,
        "from": one.since.isoformat(),
        "until": one.until.isoformat(),
        "state": state,
        **counts,
        "in_last": int(one.in_last.total_seconds()),
        "stop_if": {
            **{name: f"{value:f} %" for name, value in limits.items() if value is not None},
            "out_of": one.out_of,
        },
        "series": one.series,
    }
