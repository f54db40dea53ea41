"""What a change of an agent's record opens under the rules in force: found out beside the service.

Law: what lets an agent do more takes two people, and the second one sees what it opens.  What was not
found out in time, or cannot be told, counts as opening something.  What was found out is about one
release and one record; under other rules, or of another record, nobody confirms it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from governance.engine import registered
from governance.engine.compile import Release, compile_bundle, compile_release
from governance.engine.registered import Record
from governance.oversight import agents, autonomy, policies
from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Change, State
from governance.service import child, comparing, examining, judging, takeover
from governance.service.desk import Desk
from governance.service.problem import Problem
from governance.store.blobs import BlobError

WITHIN: Final = 20.0
"""Seconds that finding out may take."""
PATH: Final = examining.path_of("diff")
_WAIT: Final = 30.0
_at_once: Final = threading.BoundedSemaphore(1)

Pairs = tuple[tuple[Record, Record], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a change opens, and of what that was found out.

    `release` is None where none was in force; `before` is what its rules saw of the agent, whose
    autonomy ended at `until`. `said` is the answer, kept under the SHA-256 `digest`; both are None
    where rules see no difference, and where there are none.
    """

    release: str | None
    since: int | None
    before: Record | None
    until: datetime | None
    said: Mapping[str, Any] | None = None
    digest: str | None = None

    @property
    def looser(self) -> bool:
        """Whether something is answered more loosely, or it is not known that nothing is."""
        return self.said is not None and self.said.get("outcome") not in ("same", "tighter")

    @property
    def opens(self) -> tuple[str, ...]:
        """What it opens in sentences, looser first."""
        return () if self.said is None else tuple(opens(self.said))

    def into(self, data: dict[str, Any]) -> dict[str, Any]:
        """The data of an entry with what was found out."""
        if self.digest is None:
            return data
        return {**data, "release": self.release, "files": {PATH: self.digest}}


def of_now(judged: Judged | None, desk: Desk, state: State, agent: Agent, at: datetime) -> Judged:
    """What was found out; refuses if other rules came in force meanwhile, or the agent is another
    one, or was not known yet."""
    if (
        judged is None
        or (policies.rules_since(state), agent.autonomy_until) != (judged.since, judged.until)
        or _seen(desk, judged.release, agent, at) != judged.before
    ):
        raise Refused(
            "conflict",
            f"the rules or agent `{agent.id}` changed while this was looked at; try again",
        )
    return judged


def changed(desk: Desk, before: Agent, after: Agent) -> Judged:
    """What another record of an agent opens."""
    state, now = desk.state, desk.now()
    release = state.release
    if release is None:
        return _judged(desk, state, before, (), now)
    ends = before.autonomy_until
    levels = (autonomy.level(before, moment) for moment in (now, ends) if moment is not None)
    pairs = (
        (_record(desk, release, before, level), _record(desk, release, after, level))
        for level in dict.fromkeys(levels)
    )
    return _judged(desk, state, before, tuple(pairs), now)


def raised(desk: Desk, agent: Agent, level: str, until: datetime) -> Judged:
    """What another level of autonomy opens, until it ends or the one in force does."""
    state, now = desk.state, desk.now()
    release = state.release
    if release is None:
        return _judged(desk, state, agent, (), now)
    steps = dict.fromkeys(autonomy.steps(agent, level, until, now))
    records = {
        each: _record(desk, release, agent, each)
        for each in {lvl for step in steps for lvl in step}
    }
    pairs = tuple((records[one], records[other]) for one, other in steps if one != other)
    return _judged(desk, state, agent, pairs, now)


def _seen(desk: Desk, release: str | None, agent: Agent, at: datetime) -> Record | None:
    """What the rules of a release, if there is one, see of an agent at a time."""
    level = autonomy.level(agent, at)
    return None if release is None else _record(desk, release, agent, level)


def _record(desk: Desk, release: str, agent: Agent, level: str) -> Record:
    """What rules see of an agent at a level of autonomy."""
    known = desk.releases.get(release).release.plans
    tools = frozenset(action for action in known if agents.may_use(agent, action))
    return Record({**judging.agent_facts(agent), "agent.autonomy": level}, tools)


def _judged(desk: Desk, state: State, agent: Agent, pairs: Pairs, now: datetime) -> Judged:
    seen = _seen(desk, state.release, agent, now)
    about = Judged(state.release, policies.rules_since(state), seen, agent.autonomy_until)
    if state.release is None or all(before == after for before, after in pairs):
        return about
    if not _at_once.acquire(timeout=_WAIT):
        raise Problem("not-ready", "other agents are being looked at; try again", retry_after=10)
    found: list[dict[str, Any]] = []
    try:
        files = desk.releases.files(state.release)
        name = desk.compiled_form()
        form = None if name is None else desk.blobs.get(name)
        child.followed(
            _diff, files, state.release, form, pairs, now, told=found.append, seconds=lambda: WITHIN
        )
    except BlobError as error:
        raise Problem("not-ready", f"the rules in force cannot be read: {error}") from None
    finally:
        _at_once.release()
    unknown = {"complete": False, "why": f"it was not finished within {WITHIN:.0f} s"}
    said = {"what": "diff", "against": state.release, **(found[0] if found else unknown)}
    try:
        digest = desk.blobs.put(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
    except (OSError, BlobError) as error:
        raise Problem("not-ready", f"what was found out could not be kept: {error}") from None
    return replace(about, said=said, digest=digest)


def _diff(
    tell: examining.Tell,
    files: Mapping[str, bytes],
    digest: str,
    form: bytes | None,
    pairs: Pairs,
    at: datetime,
) -> None:
    """In a child: the difference, as plain values."""
    release = _release(dict(files), digest, form)
    found = comparing.also_refreshed(lambda each: registered.diff(each, pairs, at), at, release)
    tell(
        {
            "complete": found.complete,
            "outcome": found.outcome,
            "open": dict(found.open),
            "looser": sum(each.looser for each in found.found),
            "tighter": sum(not each.looser for each in found.found),
            "differences": [comparing.plain(each) for each in found.found[: examining.MOST_SHOWN]],
            "more": max(0, len(found.found) - examining.MOST_SHOWN),
        }
    )


def _release(files: dict[str, bytes], digest: str, form: bytes | None) -> Release:
    if form is not None:
        try:
            return compile_bundle(takeover.read(form), files, digest)
        except takeover.NotPortable:
            pass
    return compile_release(files)


def require_of_now(state: State, waits: Change) -> None:
    """Refuse a change that was looked at under other rules, or of another record."""
    since = policies.rules_since(state)
    since = since if since is not None and waits.index < since else waits.overtaken
    if since is not None:
        raise Refused(
            "conflict",
            f"the rules or the agent changed (entry `{since}`) since it was found out what this opens; "
            "propose it again",
        )


def waiting(desk: Desk, agent: Agent) -> list[str]:
    """What the change of an agent that waits would open, in sentences, looser first."""
    files = None if agent.pending is None else agent.pending.files
    if not files:
        return []
    try:
        return list(opens(json.loads(desk.blobs.get(files[PATH]))))
    except BlobError as error:
        return list(opens({"why": f"it cannot be read: {error}"}))


def evidence(desk: Desk, waits: Change) -> dict[str, Any]:
    """What was shown for a raise of autonomy that waits; nothing of another change, or once its entry
    was pruned."""
    if "autonomy" not in waits.fields or waits.index < desk.reader.minimum:
        return {}
    return dict(desk.reader.entry(waits.index).data["evidence"])


def opens(said: Mapping[str, Any]) -> Iterable[str]:
    """What was found out in sentences, looser first."""
    if "outcome" not in said:
        yield f"What it opens was not found out: {said.get('why', 'nobody looked')}"
        return
    for each in said["differences"]:
        if each["looser"]:
            change = f"{each['before']} -> {each['after']}"
            such = ", ".join(f"{name} {value}" for name, value in each["witness"].items())
            such = f", such as {such}" if such else ""
            note = f"; {each['note']}" if each["note"] else ""
            yield f"Looser: {each['action']}: {change} ({each['was']} -> {each['by']}){such}{note}"
    if said["more"]:
        yield f"{said['more']} more kinds of requests are answered differently than could be kept"
    for action, why in said["open"].items():
        yield f"Not searched to the end: {action}: {why}"
    if said["outcome"] in ("same", "tighter"):
        yield "Nothing becomes looser under the rules in force; that was proved"
