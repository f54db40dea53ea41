"""Reviews of past decisions: drawing what is looked at, giving a verdict, and what was given.

Law: who reviews had no part in the decision and does not see what others said of it before having
said the same; who had a part is read from the log before the decision, which nobody can change.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from audit.entry import Entry
from governance.oversight import people, reviews
from governance.oversight.commands import Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.oversight.times import write
from governance.service import child
from governance.service.acting import Act, Texts, allowed, do, one, stated
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.service.reading import entry_of, opened
from governance.store.database import Database
from governance.store.encoding import quick
from governance.store.reader import Reader
from governance.store.readmodel import Views

COUNT: Final = 20
DAYS: Final = 30
"""What a sample is drawn from, unless something else is asked for."""
PATIENCE: Final = 2.0
_DECISION: Final = b'"kind":"decision","v":1}'
_GRANTS: Final = ("approval.granted", "override.granted")
_SIGNED: Final = tuple(f'"kind":"{kind}","v":1}}'.encode() for kind in _GRANTS)


def review(
    desk: Desk,
    caller: Caller,
    decision: int,
    *,
    verdict: str,
    reason: str,
    should_be: str | None = None,
) -> dict[str, Any]:
    """Judge what the rules said: `right`, `too_strict` or `too_loose`, and what it `should_be`.

    A second one by the same person takes the place of the first where reviews are counted.
    Returns `{decision, review, verdict, should_be, sample}`; `sample` if it was in the one that waits.
    """
    if verdict not in reviews.VERDICTS:
        raise Problem(
            "bad-field",
            f"`{verdict}` is unknown; expected {', '.join(reviews.VERDICTS)}",
            field="verdict",
        )
    who, texts = allowed(desk, caller, reviews.RIGHT), Texts.of(reason=stated(reason))
    recorded = entry_of(desk, decision, "decision").data
    reader = desk.reader
    had_part = _took_part(reader, recorded, _signatures(reader, decision, recorded))
    effect = recorded["effect"]

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        reviews.require_independent(state, who, recorded["agent"], had_part)
        reviews.require_fitting(effect, verdict, should_be)
        refs = {"decision": decision}
        if state.sample is not None and decision in state.sample.decisions:
            refs["sample"] = state.sample.index
        data = {"refs": refs, "person": who, "verdict": verdict}
        if should_be is not None:
            data["should_be"] = should_be
        answer = {
            "decision": decision,
            "review": index,
            "verdict": verdict,
            "should_be": should_be,
            "sample": refs.get("sample"),
        }
        return one("decision.reviewed", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))


def why_not(desk: Desk, who: str, decision: int) -> str:
    """Why a person may not review a decision, or nothing: as it looks, for `review` looks itself."""
    try:
        people.require(desk.state, who, reviews.RIGHT)  # most may not, and that is quickly told
    except Refused as refused:
        return str(refused)
    desk.workspace.views.wait_for(decision, PATIENCE)
    return _barred(desk, who, decision)


def open_to(desk: Desk, who: str, decisions: Sequence[int]) -> int:
    """How many of some decisions a reviewer may review, as it looks. Waits for the lists once at most."""
    desk.workspace.views.wait_for(max(decisions, default=0), PATIENCE)
    return sum(not _barred(desk, who, each) for each in decisions)


def _barred(desk: Desk, who: str, decision: int) -> str:
    try:
        reviews.require_independent(desk.state, who, *_parts(desk, decision))
    except Refused as refused:
        return str(refused)
    return ""


def took_part(desk: Desk, who: str, decision: int) -> bool:
    """Whether a person opened the session of a decision, or let it pass."""
    return who in _parts(desk, decision)[1]


def _parts(desk: Desk, decision: int) -> tuple[str, frozenset[str]]:
    """Whose decision it was and who had a part in it; remembered, for pages ask again and again."""
    views = desk.workspace.views
    listed = views.followed >= decision
    return (_found_parts if listed else _found_parts.__wrapped__)(desk.reader, views, decision)


@lru_cache(maxsize=4 * reviews.MOST)
def _found_parts(reader: Reader, views: Views, decision: int) -> tuple[str, frozenset[str]]:
    data = reader.entry(decision).data
    signatures = _listed_signatures(reader, views, decision, data)
    return data["agent"], _took_part(reader, data, signatures)


def given(desk: Desk, caller: Caller, decision: int) -> dict[str, Any]:
    """What people said of a decision: `{given, disputed, hidden, reviews}`.

    `reviews` are the newest of each person, oldest first: `{review, at, person, verdict, should_be,
    reason, sampled}`. They are `hidden` from a person who may review the decision and has not.
    """
    views = desk.workspace.views
    views.wait_for(desk.state.size, PATIENCE)
    newest: dict[str, dict[str, Any]] = {}
    for index, _ in views.referring_to(decision, 1_000):
        entry = desk.reader.entry(index)
        if entry.kind == "decision.reviewed":
            data = entry.data
            newest.pop(data["person"], None)
            newest[data["person"]] = {
                "review": index,
                "at": write(entry.at),
                "person": data["person"],
                "verdict": data["verdict"],
                "should_be": data.get("should_be"),
                "reason": opened(desk, index, "reason"),
                "sampled": "sample" in data["refs"],
            }
    own = caller.type == "person" and caller.id not in newest
    hidden = bool(newest) and own and not why_not(desk, caller.id, decision)
    return {
        "given": len(newest),
        "disputed": not hidden and len({each["verdict"] for each in newest.values()}) > 1,
        "hidden": hidden,
        "reviews": [] if hidden else list(newest.values()),
    }


Signature = tuple[int, Entry]


def _took_part(
    reader: Reader, data: Mapping[str, Any], signatures: Iterable[Signature]
) -> frozenset[str]:
    """Who opened the sessions of a decision, and who let it pass by a grant or an override, which
    are among the `signatures`."""
    kept, found = reader.minimum, set()
    session = data["refs"].get("session")
    while session is not None and session >= kept:
        opening = reader.entry(session)
        if opening.by["type"] == "person":
            found.add(str(opening.by["id"]))
        session = opening.data["refs"].get("session")
    lifted = _lifted(data)
    for index, signed in signatures:
        named = {"override": index, **signed.data["refs"]}
        if any(named.get(role) == number for role, number in lifted.items()):
            found.add(str(signed.data["person"]))
    return frozenset(found)


def _lifted(data: Mapping[str, Any]) -> dict[str, int]:
    """The approval and the override that a decision ran on, by role."""
    refs = data["refs"]
    return {role: refs[role] for role in ("approval", "override") if role in refs}


def _signatures(reader: Reader, decision: int, data: Mapping[str, Any]) -> Iterator[Signature]:
    """Every grant and override before a decision that can have let it pass, from the log itself."""
    lifted = _lifted(data)
    if lifted:
        first = max(reader.minimum, min(lifted.values()))
        for index, raw in enumerate(reader.entries(first, decision), first):
            if raw.endswith(_SIGNED):
                yield index, quick(raw)


def _listed_signatures(
    reader: Reader, views: Views, decision: int, data: Mapping[str, Any]
) -> Iterator[Signature]:
    """The same by the lists, which are made from the log: it may be long, and pages are many."""
    for number in _lifted(data).values():
        for index in (number, *(other for other, _ in views.referring_to(number, 1_000))):
            if reader.minimum <= index < decision:
                entry = reader.entry(index)
                if entry.kind in _GRANTS:
                    yield index, entry


# -- the sample ------------------------------------------------------------------------------------


def draw(
    desk: Desk,
    caller: Caller,
    *,
    count: int = COUNT,
    days: int = DAYS,
    nonce: str | None = None,
) -> dict[str, Any]:
    """Draw decisions of the last `days` for review, across agents and effects; see `sample`.

    Without a `nonce` the service draws one. An earlier sample waits no longer.
    """
    who = allowed(desk, caller, reviews.RIGHT)
    if type(count) is not int or not 1 <= count <= reviews.MOST:
        raise Problem("bad-field", f"a sample has 1 to {reviews.MOST} decisions", field="count")
    if type(days) is not int or not 1 <= days <= 36_500:
        raise Problem("bad-field", "`days` is a number from 1 to 36500", field="days")
    nonce = os.urandom(16).hex() if nonce is None else stated(nonce, "nonce")
    if len(nonce) > 64:
        raise Problem("bad-field", "a nonce has at most 64 characters", field="nonce")
    log, since = desk.workspace.paths.log_database, desk.now() - timedelta(days=days)
    drawn = child.run(_drawn, log, since, desk.reader.size, count, nonce)
    if not drawn["decisions"]:
        raise Problem("conflict", f"nothing was decided in the last {days} days")

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, reviews.RIGHT)
        return one("sample.drawn", at, caller, index, {"person": who, **drawn}, {"sample": index})

    made = do(desk, Act(who, run))
    return {**sample(desk), "receipt": made["receipt"]}


def _drawn(log: Database, since: datetime, size: int, count: int, nonce: str) -> dict[str, Any]:
    """In the child: what `sample.drawn` says of a sample."""
    reader = Reader(log)
    first = bisect_left(range(size), since, reader.minimum, key=lambda i: reader.entry(i).at)
    root = reader.frontier(size).root().hex()
    found = reviews.draw(reviews.seed(root, nonce), count, _decisions(reader, first, size))
    return {
        "first": first,
        "size": size,
        "root": root,
        "nonce": nonce,
        "count": count,
        "decisions": found,
    }


def _decisions(reader: Reader, first: int, size: int) -> Iterator[tuple[int, str, str]]:
    for index, raw in enumerate(reader.entries(first, size), first):
        if raw.endswith(_DECISION):
            data = quick(raw).data
            yield index, data["agent"], data["effect"]


def sample(desk: Desk) -> dict[str, Any]:
    """The newest sample: `{sample, at, person, first, size, root, nonce, count, waiting, decisions}`.

    `decisions` are those still kept: `{decision, at, agent, action, effect, reviewed}`; `reviewed`
    says whether anybody has reviewed it. `{sample: null, waiting: 0, decisions: []}` before the first.
    """
    found = desk.state.sample
    if found is None:
        return {"sample": None, "waiting": 0, "decisions": []}
    kept = desk.reader.minimum
    rows = []
    for number in found.decisions:
        if number >= kept:
            entry = desk.reader.entry(number)
            rows.append(
                {
                    "decision": number,
                    "at": write(entry.at),
                    **{name: entry.data[name] for name in ("agent", "action", "effect")},
                    "reviewed": number in found.reviewed,
                }
            )
    drawn = {} if found.index < kept else desk.reader.entry(found.index).data
    said = {name: drawn.get(name) for name in ("first", "size", "root", "nonce", "count")}
    return {
        "sample": found.index,
        "at": write(found.at),
        "person": found.person,
        **said,
        "waiting": sum(not row["reviewed"] for row in rows),
        "decisions": rows,
    }
