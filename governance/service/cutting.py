"""Giving up what may go: planned, decided by two people or their schedule, carried out, recorded.

Law: nothing goes that a class, a hold, a window or something open still keeps; what goes is named
before it goes (`retention.pruned`, with the state there sealed), and when its bytes are gone that is
an entry, too. A cut that was decided is finished, whatever happens in between.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any, Final

from audit.entry import Entry
from governance.oversight import cuts, people, retention, snapshot
from governance.oversight.commands import Facts, Proposal
from governance.oversight.cuts import BUNDLE, Plan
from governance.oversight.errors import Refused
from governance.oversight.model import Cut, State
from governance.oversight.state import SEMANTICS
from governance.oversight.times import micros, parse, write
from governance.service import backing_up, child
from governance.service.acting import Act, Texts, allowed, as_problem, do, one, stated
from governance.service.desk import FOLD, SERVICE, Caller, Desk
from governance.service.erasing import longest_look
from governance.service.explaining import state_at
from governance.service.problem import Problem
from governance.service.retaining import RIGHT
from governance.store import pruning
from governance.store.anchored import newest as anchored
from governance.store.database import Database
from governance.store.errors import StoreError
from governance.store.reader import Reader

SLACK: Final = timedelta(days=8)
"""Idempotency keys, permits and calendar periods look back less far than this beyond a window."""

MONTH: Final = timedelta(days=31)

_ONE: Final = threading.Lock()


def plan(desk: Desk, caller: Caller) -> dict[str, Any]:
    """What a cut made now would take, and what keeps the rest; changes nothing.

    `{current, minimum, entries, counts, last_at, values, first_kept, why, until, holds, covered}`;
    `covered` is the newest head beyond the cut that an outside anchor confirmed, or `{anchors: []}`
    and the newest head. `values` counts what the vault would lose. Raises `Problem`.
    """
    return told(desk, planned(desk))


def planned(desk: Desk) -> Plan:
    """The plan itself; worked out in a process of its own."""
    state, at = desk.state, desk.now()
    look = MONTH  # budgets of agents
    if state.release is not None:
        look = max(look, longest_look(desk.releases.get(state.release).release)[0])
    return child.run(
        _plan, desk.workspace.paths.log_database, snapshot.dump(state), at, look + SLACK, state.size
    )


def _plan(log: Database, state: bytes, at: datetime, look: timedelta, size: int) -> Plan:
    known, reader = snapshot.load(state), Reader(log)
    try:
        entries = reader.entries(known.retention.minimum, size)
        return cuts.plan(known, entries, at, look, size)
    finally:
        reader.close()


def told(desk: Desk, made: Plan) -> dict[str, Any]:
    """A plan as an answer."""
    in_use = retention.in_use(desk.state)
    return {
        "current": made.current,
        "minimum": made.minimum,
        "entries": made.entries,
        "counts": dict(made.counts),
        "last_at": made.last_at,
        "values": desk.vault.count_below(made.minimum, in_use) if made.entries else 0,
        "first_kept": made.first_kept,
        "why": made.why,
        "until": made.until,
        "holds": [
            {"hold": each.hold, "first": each.first, "keeps": each.entries} for each in made.holds
        ],
        "covered": _covered(desk, made.minimum),
    }


def prune(desk: Desk, caller: Caller, *, minimum: int | None = None, reason: str) -> dict[str, Any]:
    """Ask to give up everything below `minimum` (default: all that may go), or, as the second
    person, do it.

    Returns `{minimum, state: prune_asked | pruned, ...}`, with `pruned` also `entries`,
    `overwritten` and `trouble`. Compliance officers and administrators. Raises `Problem`.
    """
    who, why = allowed(desk, caller, RIGHT), stated(reason)
    if not _ONE.acquire(blocking=False):
        raise Problem("conflict", "the log is being cut; wait for it")
    try:
        asked = desk.state.retention.asked
        if minimum is None and asked is not None and asked.person != who:
            minimum = asked.minimum
        before, made = desk.state, planned(desk)
        minimum = _possible(made, minimum)
        first = None if asked is None or asked.minimum != minimum else asked.person
        if first not in desk.state.people:
            first = None
        if desk.state.single_person or (first is not None and first != who):
            signed = (who,) if first is None or asked is None else (asked.person, who)
            return _decide(desk, caller, before, made, minimum, signed, why)
        as_problem(people.require_another, who, (first,), "asked for this cut")
        return do(desk, _ask(caller, who, minimum, why))
    finally:
        _ONE.release()


def scheduled(desk: Desk) -> int:
    """Cut by the rules in force if their schedule says so; how many entries went. A daily job."""
    rules = desk.state.retention.rules
    if rules is None or not rules.schedule:
        return 0
    if len(rules.people) < 2 and not desk.state.single_person:
        return 0  # decided alone, when there was nobody else
    with _ONE:
        before, made = desk.state, planned(desk)
        if not made.entries:
            return 0
        _decide(desk, SERVICE, before, made, made.minimum, rules.people, None)
        return made.entries


def _possible(made: Plan, minimum: int | None) -> int:
    """The minimum that was asked for, if it is one and nothing keeps what lies below it."""
    wanted = made.minimum if minimum is None else minimum
    if type(wanted) is not int or wanted % BUNDLE or wanted < 0:
        raise Problem(
            "bad-field",
            f"`{wanted}` is no minimum: whole bundles go, so it is a multiple of {BUNDLE}",
            field="minimum",
        )
    if wanted <= made.current:
        reason = f"entry {made.first_kept} is the first that stays: {made.why}"
        reason += f" until {made.until[:10]}" if made.until else ""
        raise Problem("conflict", f"nothing can go below `{wanted}`; {reason}")
    if wanted > made.minimum:
        until = f" until {made.until[:10]}" if made.until else ""
        raise Problem(
            "conflict",
            f"entries from `{made.minimum}` on stay: at entry {made.first_kept}, {made.why}{until}; "
            f"ask for `{made.minimum}` or less",
            field="minimum",
        )
    return wanted


def _ask(caller: Caller, who: str, minimum: int, why: str) -> Act:
    texts = Texts.of(reason=why)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, RIGHT)
        data = {"person": who, "minimum": minimum}
        answer = {"minimum": minimum, "state": "prune_asked", "entry": index}
        return one("retention.prune_asked", at, caller, index, data, answer, texts)

    return Act(who, run)


def _decide(
    desk: Desk,
    caller: Caller,
    before: State,
    made: Plan,
    minimum: int,
    signed: tuple[str, ...],
    why: str | None,
) -> dict[str, Any]:
    """Seal the state at the minimum, record the cut, carry it out."""
    known = before.retention
    log = desk.workspace.paths.log_database
    base, counts = child.run(_dumped_at, log, known.minimum, minimum)
    digest = desk.blobs.put(base)
    sealed = desk.ledger.record(_sealing(minimum, digest)).result().receipts[0].index
    last_at = write(desk.reader.entry(minimum - 1).at)
    covered = _covered(desk, minimum)
    ref = known.asked.index if caller is not SERVICE and known.asked else None

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        now = state.retention
        if caller is not SERVICE:
            people.require(state, caller.id, RIGHT)
        same = (now.rules, now.holds, now.cut, now.asked)
        if same != (known.rules, known.holds, known.cut, known.asked):
            raise Refused("conflict", "rules, holds or the log's minimum changed; plan it again")
        needed = retention.first_needed(state, at)
        if needed is not None and needed[0] < minimum:
            raise Refused("conflict", f"{needed[1]} and looks at entry {needed[0]}; plan it again")
        refs = {"service": sealed}
        grounds = ref if ref is not None else None if now.rules is None else now.rules.index
        if grounds is not None and grounds >= 0:
            refs["retention"] = grounds
        data = {
            "refs": refs,
            "minimum": minimum,
            "people": list(signed),
            "alone": state.single_person,
            "ground": "retention_over",
            "counts": counts,
            "last_at": last_at,
            "snapshot": digest,
            "covered": covered,
        }
        answer = {"minimum": minimum, "state": "pruned", "entry": index}
        answer["entries"] = minimum - now.minimum
        return one("retention.pruned", at, caller, index, data, answer, Texts.of(reason=why))

    key = "service" if caller is SERVICE else caller.id
    answer = do(desk, Act(key, run))
    try:
        finish(desk)
    except StoreError as error:
        return answer | {"overwritten": False, "trouble": str(error)}
    return answer | {"overwritten": True, "trouble": None}


def finish(desk: Desk) -> bool:
    """Carry out a cut that was decided and not yet finished; whether there was one.

    At start-up and as a job. Raises `StoreError` when it cannot be finished now.
    """
    known = desk.state.retention
    cut = known.cut
    if cut is None or known.overwritten:
        return False
    if desk.reader.minimum < cut.minimum:
        _announce(desk, cut)
    older = not any(cuts.in_older_log(each) for each in known.holds.values())
    counts = desk.reader.entry(cut.index).data["counts"]
    removed = pruning.carry_out(
        desk.ledger,
        desk.vault,
        desk.workspace.paths.log,
        in_use=retention.in_use(desk.state),
        older_logs=older,
    )
    until = backing_up.log_copied_until(desk)
    values_until = backing_up.values_copied_until(desk)
    if values_until is not None and (until is None or until < values_until):
        until = values_until
    data = {
        "refs": {"retention": cut.index},
        "entries": sum(counts.values()),
        "values": removed.values,
        "in_use": removed.in_use,
        "copies_until": None if until is None else write(until),
    }

    def make(state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
        if state.retention.overwritten:
            return ()  # another process was quicker
        return (Entry("retention.overwritten", at, SERVICE.by(), data),)

    desk.ledger.record(make).result()
    return True


def _announce(desk: Desk, cut: Cut) -> None:
    """Hand the decided cut to the store, with the state that its entry names."""
    sealed = desk.reader.entry(cut.index).data["refs"]["service"]
    pruning.announce(
        desk.ledger,
        pruning.Cut(cut.minimum, cut.index, cut.snapshot, micros(parse(cut.last_at))),
        pruning.Base(sealed, SEMANTICS, desk.blobs.get(cut.snapshot)),
    )


def _dumped_at(log: Database, current: int, minimum: int) -> tuple[bytes, dict[str, int]]:
    """In the child: the state after `minimum` entries, dumped, and what would go, by class."""
    reader = Reader(log)
    try:
        counts = cuts.counted(reader.entries(current, minimum))
        return snapshot.dump(state_at(reader, minimum)), counts
    finally:
        reader.close()


def _sealing(size: int, digest: str) -> Any:
    def make(_state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
        data = {"size": size, "digest": digest, "semantics": FOLD.semantics}
        return (Entry("service.snapshot", at, SERVICE.by(), data),)

    return make


def _covered(desk: Desk, minimum: int) -> dict[str, Any]:
    """A signed head beyond a cut, and which anchors outside hold one beyond it."""
    held = {name: found.size for name, found in anchored(desk.reader).items()}
    beyond = {name: size for name, size in held.items() if size >= max(1, minimum)}
    size = max(beyond.values(), default=desk.reader.size)
    return {
        "size": size,
        "root": desk.reader.frontier(size).root().hex(),
        "anchors": sorted(beyond),
    }
