"""One decision explained, by performing it again.

Law: an explanation is the engine's own account of the same request over the same facts; where the
decision can no longer be performed again, it says so and shows what the log recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from audit.entry import Entry
from governance.engine import explain
from governance.engine.compile import Release
from governance.engine.decide import decide
from governance.engine.model import Effect, FactQuery, Request, Total
from governance.oversight import snapshot
from governance.oversight.model import State
from governance.oversight.state import apply, genesis
from governance.oversight.times import from_micros, write
from governance.service import child, describing, drafts, judging, recalling, reviews, supposing
from governance.service.desk import FOLD, Caller, Desk
from governance.service.problem import Problem
from governance.service.reading import entry_of, opened
from governance.service.replaying import total_of
from governance.store.blobs import BlobError
from governance.store.database import Database
from governance.store.encoding import quick
from governance.store.opening import carried
from governance.store.reader import Reader
from governance.store.snapshots import newest

PATIENCE: Final = 2.0  # seconds to wait for the lists to have read the newest entries
NEAR: Final = 2_000  # entries that are folded beside everything else, in some 10 ms
FARTHEST: Final = 500_000  # entries that are folded to see the state a decision saw


def decision(desk: Desk, caller: Caller, index: int, *, everything: bool = False) -> dict[str, Any]:
    """Everything about decision `index`; with `everything`, also the rules that did not speak.

    `{decision, at, by, agent, action, digest, effect, ..., facts, findings, sentence, accounts,
    nearest, turning, enough, incomplete, story, reviews, receipt}`; `accounts` have conditions `{says, saw, holds, who,
    level}`, `incomplete` is a sentence where it could not be performed again, else None. `reviews` (see `reviews.given`)
    are for people only: an agent is not told what was found too loose.
    """
    entry = entry_of(desk, index, "decision")
    data = entry.data
    found = desk.reader.decision(index)
    out: dict[str, Any] = {
        "decision": index,
        "at": write(entry.at),
        "by": dict(entry.by),
        **{
            name: data.get(name)
            for name in (
                "agent", "action", "digest", "effect", "would_be", "observed", "risk", "autonomy",
                "release", "clauses", "obligations", "attested", "valid_until", "semantics",
            )
        },
        "session": data["refs"].get("session"),
        "approval": data["refs"].get("approval"),
        "override": data["refs"].get("override"),
        "parent": data["refs"].get("decision"),
        "facts": describing.facts_of(desk, index, data),
        "findings": describing.findings_of(desk, data),
        "outcome": None if found is None else found.outcome,
        "redeemed": None if found is None else found.redeemed,
        "story": story(desk, index),
        "reviews": reviews.given(desk, caller, index) if caller.type == "person" else None,
    }  # fmt: skip
    return out | _account(desk, index, entry, everything=everything)


def _account(desk: Desk, index: int, entry: Entry, *, everything: bool = False) -> dict[str, Any]:
    """The engine's account, or what was recorded and why there is no more."""
    data = entry.data
    found = _performed(desk, index, entry)
    if isinstance(found, str):
        return _recorded(desk, data, found)
    if _overspent(data):
        return _recorded(desk, data, None) | {"turning": _BUDGET}
    verdict = decide(found.release, found.request, found.facts, entry.at, found.lifted)
    if verdict.effect is not Effect.of(data["effect"]):
        missing = ", ".join(found.hidden) or "a fact of the service"
        return _recorded(
            desk, data, f"it cannot be performed again without what is gone: {missing}"
        )
    told = explain.plain(
        explain.explain(
            found.release,
            found.request,
            found.facts,
            entry.at,
            found.lifted,
            everything=everything,
        )
    )
    return {name: told[name] for name in _TOLD} | {"incomplete": None}


_TOLD: Final = ("sentence", "accounts", "nearest", "turning", "enough")
_BUDGET: Final = (
    "No change of the action turns it, as long as it costs anything: an agent manager would have to "
    "approve it or raise the budget."
)


_UNKEPT: Final = "Its reason stands in the release that it was taken under."


def _overspent(data: Any) -> bool:
    """Whether it was the agent's budget alone that held an action back; the engine has no budgets."""
    live = [f for f in data["findings"] if f["effect"] == data["effect"] and not f.get("lifted")]
    return bool(live) and all((f["policy"], f["rule"]) == ("service", "budget") for f in live)


class _Performed(NamedTuple):
    """A recorded decision, ready to be decided again."""

    release: Release
    request: Request
    facts: dict[FactQuery, Total]
    lifted: frozenset[str]
    hidden: tuple[str, ...]


def _performed(
    desk: Desk, index: int, entry: Entry, release: Release | None = None
) -> _Performed | str:
    """Decision `index` as it was asked, under its own release or another one; or why not."""
    data = entry.data
    values = {name: opened(desk, index, name) for name in data.get("commitments", {})}
    state = state_before(desk, index)
    if state is None:
        return "the decision is too far back to be performed again here"
    both = recalling.standing(state, data)
    if both is None:
        return "its session is not in the log before it"
    if release is None:
        try:
            release = desk.releases.get(data["release"]).release
        except BlobError:
            return "the files of the release it was taken under are not here"
    recalled = recalling.recall(release, data, values, recalling.place_of(state, data))
    zone = desk.zone(state.time_zone)
    request = judging.complete(recalled.request, state, *both, zone, entry.at)
    lifted = frozenset(
        f"{finding['policy']}/{finding['rule']}"
        for finding in data["findings"]
        if finding.get("lifted") and not finding.get("lifted_by")
    )
    facts = dict(map(total_of, data.get("facts", ())))
    return _Performed(release, request, facts, lifted, recalled.hidden)


def what_if(
    desk: Desk,
    caller: Caller,
    index: int,
    cells: Mapping[str, str],
    files: Mapping[str, bytes] | None = None,
) -> dict[str, Any]:
    """Decision `index` with something else: other facts (`cells`: dotted name -> text), other rules
    (`files`), or both.

    `{decision, was, effect, sentence, accounts, nearest, turning, enough, changed, notes}`. What is
    not named stays as it was then; totals that the service did not keep for the decision count as
    empty, and `notes` says so. Raises `Problem` for a name or a value that does not fit.
    """
    entry = entry_of(desk, index, "decision")
    draft = None if files is None else drafts.compiled(files)
    found = _performed(desk, index, entry, draft)
    if isinstance(found, str):
        raise Problem("conflict", f"decision `{index}` cannot be taken up: {found}")
    changed = supposing.changed(found.release, found.request, found.facts, cells, entry.at)
    told = explain.plain(
        explain.explain(found.release, changed.request, changed.facts, changed.at, found.lifted)
    )
    notes = list(changed.notes)
    gone = [name for name in found.hidden if name not in cells]
    if gone:
        notes.append(f"not known any more: {', '.join(gone)}")
    if _overspent(entry.data):
        notes.append("the agent's budget, which held the decision back, is left out here")
    return {
        "decision": index,
        "was": entry.data["effect"],
        "effect": told["effect"],
        **{name: told[name] for name in _TOLD},
        "changed": dict(cells),
        "notes": notes,
    }


def _recorded(desk: Desk, data: Any, why: str | None) -> dict[str, Any]:
    findings = describing.findings_of(desk, data)
    first = findings[0]
    return {
        "sentence": f"{data['effect'].replace('_', ' ').capitalize()}: {first['title']} "
        f"(`{first['policy']}/{first['rule']}`).",
        "accounts": [
            {
                **finding,
                "because": finding["because"] or _UNKEPT,
                "owner": describing.owner_of(desk, data["release"], finding["policy"]),
                "matters": True,
                "conditions": [],
            }
            for finding in findings
        ],
        "nearest": [],
        "turning": "",
        "enough": [],
        "incomplete": why,
    }


def state_before(desk: Desk, index: int) -> State | None:
    """The state just before entry `index`; None if too many entries would have to be folded.

    A few are folded here, many in a process of their own, so that nobody else waits.
    """
    start, state = _known_before(desk.reader, index)
    if index - start > FARTHEST:
        return None
    if index - start > NEAR:
        known = snapshot.dump(state)
        folded = child.run(_fold_beside, desk.workspace.paths.log_database, known, start, index)
        return snapshot.load(folded)
    return _fold(state, desk.reader, start, index)


def state_at(reader: Reader, index: int) -> State:
    """The state after the first `index` entries, however many have to be folded."""
    start, state = _known_before(reader, index)
    return _fold(state, reader, start, index)


def _known_before(reader: Reader, index: int) -> tuple[int, State]:
    """The newest state that is known and not after `index`: a snapshot's, or the log's beginning."""
    with reader.connection() as db:
        found = newest(db, FOLD, index)
        if found is not None:
            return found
        began = carried(db, FOLD)[0]
    return 0, genesis() if began is None else began


def _fold_beside(log: Database, known: bytes, start: int, stop: int) -> bytes:
    """In the child: the state `known`, `start` entries old, after the entries up to `stop`."""
    return snapshot.dump(_fold(snapshot.load(known), Reader(log), start, stop))


def _fold(state: State, reader: Reader, start: int, stop: int) -> State:
    for number, raw in enumerate(reader.entries(start, stop), start):
        state = apply(state, number, quick(raw))
    return state


def story(desk: Desk, index: int) -> list[dict[str, Any]]:
    """What happened around a decision, oldest first: `{index, kind, at, by, text?}`.

    Everything that refers to it but reviews, and everything that refers to its approvals and
    overrides.
    """
    views = desk.workspace.views
    views.wait_for(desk.state.size, PATIENCE)
    numbers = {index}
    kept = desk.reader.minimum
    for number, _ in views.referring_to(index):
        numbers.add(number)
        if desk.reader.entry(number).kind in ("approval.asked", "override.granted"):
            numbers.update(other for other, _ in views.referring_to(number))
    refs = desk.reader.entry(index).data["refs"]
    for role in ("approval", "override"):
        if role in refs:
            numbers.add(refs[role])
            numbers.update(other for other, _ in views.referring_to(refs[role]))
    out = []
    for number in sorted(each for each in numbers if each >= kept):
        entry = desk.reader.entry(number)
        if entry.kind == "decision.reviewed":
            continue
        said = [opened(desk, number, name) for name in ("reason", "note")]
        out.append(
            {
                "index": number,
                "kind": entry.kind,
                "at": write(entry.at),
                "by": dict(entry.by),
                "text": next((text for text in said if text), None),
            }
        )
    return out


def decisions(
    desk: Desk,
    caller: Caller,
    *,
    agent: str | None = None,
    effect: str | None = None,
    action: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> dict[str, Any]:
    """A page of decisions, newest first: `{decisions: [...], next_before}`."""
    limit = max(1, min(limit, 500))
    desk.workspace.views.wait_for(desk.state.size, PATIENCE)
    lines = desk.workspace.views.decisions(
        agent=agent, effect=effect, action=action, before=before, limit=limit
    )
    return {
        "decisions": [
            {
                "decision": line.index,
                "at": write(from_micros(line.at)),
                "agent": line.agent,
                "session": line.session,
                "action": line.action,
                "effect": line.effect,
                "would_be": line.would_be,
                "risk": line.risk,
                "rules": list(line.rules),
                "approval": line.approval,
                "override": line.override,
                "outcome": line.outcome,
                "reversed_by": line.reversed_by,
                "disregarded_by": line.disregarded_by,
            }
            for line in lines
        ],
        "next_before": lines[-1].index if len(lines) == limit else None,
    }
