"""A draft tried on a recorded past, entry after entry.

Law: the draft is read by the functions that decide (`judging.judge`), over the state that the log
had and the facts that the service kept; nothing is guessed. From the beginning of the period on, the
draft is in force in a world beside the real one: what it refuses charges nothing there, what it newly
allows does, and an approval that it newly asks for is taken as given for what really happened, and as
not given for what did not. Before the period both worlds are what really happened.

Three things stay as they were, because nobody can know better: what agents asked for, what people
answered, and which sessions were open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from audit.entry import Entry
from governance.engine.compile import Plan, Release
from governance.engine.decide import charges
from governance.engine.model import (
    SEMANTICS,
    Charge,
    Effect,
    FactQuery,
    Money,
    Request,
    Total,
)
from governance.engine.sameness import fields_said, same_actions, same_series
from governance.oversight import retention, sessions
from governance.oversight.model import Agent, Session, State
from governance.oversight.state import effect_of
from governance.oversight.times import micros
from governance.service import judging, recalling
from governance.service.judging import BUDGET, Judged, charges_of
from governance.service.releases import zone_of
from governance.service.replaying import total_of
from governance.service.worlds import Worlds
from governance.store.vault import Kept, Vault

GRADUAL: Final = "gradual:"
Known = Callable[[str], Release | None]
Both = tuple[Agent, Session]
Opened = Callable[[int, Mapping[str, Any]], Mapping[str, Any]]

_UNKNOWN: Final = Total(Decimal(0), 0, True)
_NOTHING: Final[Mapping[str, Any]] = {}
_CHUNK: Final = 512
_REMEMBERED: Final = 50_000


class Tried(NamedTuple):
    """One decision of the period under the draft.

    `was` and `now` are effects in words; `at_once` what the draft would have said after exactly what
    really happened. `judged` is None where nothing that concerns the decision is different, so that
    what was recorded stands. `lost` are fields without which it cannot be told what the draft would
    have said; then `now` means nothing.
    """

    decision: int
    entry: Entry
    was: str
    now: str
    at_once: str
    judged: Judged | None = None
    lost: tuple[str, ...] = ()


class _Against(NamedTuple):
    """A recorded release, compared with the draft."""

    actions: frozenset[str]
    series: frozenset[str]
    live: frozenset[str]


_NOTHING_ALIKE: Final = _Against(frozenset(), frozenset(), frozenset())


class Openings:
    """Committed values by entry, read in stretches; only those that the draft may look at."""

    def __init__(self, vault: Vault, draft: Release) -> None:
        self._vault, self._draft = vault, draft
        self._wanted: dict[str, frozenset[str]] = {}
        self._chunk: dict[int, list[Kept]] = {}
        self._first = -1
        self._known: dict[tuple[str, str, str], Any] = {}
        self._fields: frozenset[str] = frozenset()

    def wanted(self, action: str) -> frozenset[str]:
        """The committed fields of an action that matter to the draft."""
        found = self._wanted.get(action)
        if found is None:
            found = self._wanted[action] = looked_at(self._draft, action)
        return found

    def __call__(self, index: int, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is still there of what decision `index` commits to."""
        committed = data.get("commitments")
        if not committed:
            return _NOTHING
        action = data["action"]
        wanted = self.wanted(action)
        if wanted.isdisjoint(committed):
            return _NOTHING
        if not (wanted <= self._fields and self._first <= index < self._first + _CHUNK):
            self._first, self._fields = index, self._fields | wanted
            self._chunk = self._vault.kept(index, index + _CHUNK, sorted(self._fields))
        return {
            kept.field: self._open(index, action, kept)
            for kept in self._chunk.get(index, ())
            if kept.field in wanted
        }

    def _open(self, index: int, action: str, kept: Kept) -> Any:
        """One value; a data subject has the same one wherever the same field names them."""
        place = (kept.subject or "", action, kept.field)
        if kept.subject is not None and place in self._known:
            return self._known[place]
        found = self._vault.open(index, kept)
        value = None if found is None else orjson.loads(found.value)
        if kept.subject is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[place] = value
        return value


class Trial:
    """Reads a log from its beginning (or its cut) and tries the decisions of a period.

    `start` is the period's first moment in microseconds; entries before it are read for the state
    and for the totals that windows reach back to.
    """

    def __init__(
        self, draft: Release, known: Known, first: State, opened: Opened, start: int
    ) -> None:
        self.draft = draft
        self.state = first
        self.worlds = Worlds()
        self._known, self._opened, self._start = known, opened, start
        self._against: dict[str | None, _Against] = {}
        self._marked: set[str] = set()
        own = opened.wanted if isinstance(opened, Openings) else partial(looked_at, draft)
        self._looked_at: Callable[[str], frozenset[str]] = own

    def entry(self, index: int, entry: Entry) -> Tried | None:
        """Read the next entry; what became of it if it is a decision of the period."""
        at = micros(entry.at)
        tried = None
        if entry.kind == "decision":
            if at >= self._start:
                tried = self._decision(index, at, entry)
            elif entry.data["effect"] == "allow" or "charges" in entry.data:
                self.worlds.charge(index, at, self._before(entry))
        elif entry.kind == "outcome":
            self._outcome(index, at, entry)
        self.state = effect_of(self.state, index, entry)
        if entry.kind == "decision":
            if entry.data["effect"] == "allow":
                self._label(entry.data)
        elif entry.kind == "session.opened" and self._marked:
            self._opened_later(index, entry.data)
        return tried

    # -- one decision ----------------------------------------------------------------------------

    def _decision(self, index: int, at: int, entry: Entry) -> Tried:
        data = entry.data
        was = data["effect"]
        against = self._compared(data["release"])
        if self._stands(data, against):
            if "charges" in data:
                self.worlds.charge(index, at, charges_of(data))
            return Tried(index, entry, was, was, was)
        both = recalling.standing(self.state, data)
        if both is None:  # which no honest log brings about
            return Tried(index, entry, was, was, was, None, ("session",))
        request, hidden = self._request(index, entry, self._opened(index, data), both)
        queries = judging.wanted(self.draft, request, both[0], entry.at)
        kept = dict(map(total_of, data.get("facts", ()))) if queries else {}
        facts = {query: self._was(query, kept, against) for query in queries}
        at_once = self._judge(request, both, facts, data, entry.at, queries)
        judged = at_once
        if self.worlds.apart and any(self.worlds.differs(q.series, q.key) for q in queries):
            facts = {query: self._would(query, total) for query, total in facts.items()}
            judged = self._judge(request, both, facts, data, entry.at, queries)
        gone: frozenset[str] = frozenset()
        if hidden:
            looked, known = self._looked_at(data["action"]), data.get("undeclared", ())
            gone = frozenset([name for name in hidden if name in looked and name not in known])
        cut = any(total is _UNKNOWN for total in facts.values())
        lost: tuple[str, ...] = ()
        if gone or cut:
            lost = _lost(judged, gone, cut, self.draft.plans.get(data["action"]))
        self._charge(index, at, entry, judged, bool(lost))
        if self.draft.rollouts:
            self._count(index, at, at_once, judged)
        words = judged.verdict.effect.word, at_once.verdict.effect.word
        return Tried(index, entry, was, *words, judged, lost)

    def _stands(self, data: Mapping[str, Any], against: _Against) -> bool:
        """Whether the draft says what was recorded, because nothing that it looks at is different."""
        if (
            data["action"] not in against.actions
            or data["semantics"] != SEMANTICS
            or data["agent"] in self._marked
        ):
            return False
        if not self.worlds.apart:
            return True
        return not any(self.worlds.differs(row[0], row[1]) for row in data.get("facts", ()))

    def _compared(self, digest: str | None) -> _Against:
        found = self._against.get(digest)
        if found is None:
            release = None if digest is None else self._known(digest)
            found = _NOTHING_ALIKE
            if release is not None:
                found = _Against(
                    same_actions(release, self.draft),
                    same_series(release, self.draft) | {BUDGET},
                    frozenset(release.series) | {BUDGET},
                )
            self._against[digest] = found
        return found

    def _request(
        self, index: int, entry: Entry, opened: Mapping[str, Any], both: Both
    ) -> tuple[Request, tuple[str, ...]]:
        data, state = entry.data, self.state
        place = judging.workspace_of(*both)
        recalled = recalling.recall(self.draft, data, opened, place)
        zone = zone_of(state.time_zone)
        agent, session = both
        request = judging.complete(recalled.request, state, agent, session, zone, entry.at)
        return request, recalled.hidden

    def _judge(
        self,
        request: Request,
        both: Both,
        facts: Mapping[FactQuery, Total],
        data: Mapping[str, Any],
        at: datetime,
        queries: tuple[FactQuery, ...],
    ) -> Judged:
        agent, session = both
        return judging.judge(
            self.draft, request, self.state, agent, session, facts, data["digest"], at, queries
        )

    # -- facts -----------------------------------------------------------------------------------

    def _was(self, query: FactQuery, kept: Mapping[FactQuery, Total], against: _Against) -> Total:
        """The total as the service kept it, or would have kept it for the draft."""
        if query.series in against.series:
            recorded = kept.get(query)
            if recorded is not None:
                return recorded
        return _UNKNOWN if self._cut(query) else self.worlds.was(query)

    def _would(self, query: FactQuery, was: Total) -> Total:
        """The total in the draft's own world: what is different there, on top of what was kept."""
        if not self.worlds.differs(query.series, query.key):
            return was
        before, after = self.worlds.was(query), self.worlds.would(query)
        mixed = was.mixed if before.mixed is after.mixed else after.mixed
        return Total(
            was.sum + after.sum - before.sum, was.count + after.count - before.count, mixed
        )

    def _cut(self, query: FactQuery) -> bool:
        """Whether nobody can tell a total any more: after a restore, or because of what was pruned."""
        if self.state.restored:
            return True
        told = retention.told_from(self.state)
        return told is not None and (query.since is None or query.since <= told[0])

    # -- what a decision leaves behind -----------------------------------------------------------

    def _charge(self, index: int, at: int, entry: Entry, judged: Judged, lost: bool) -> None:
        data, effect = entry.data, judged.verdict.effect
        was = data["effect"] == "allow"
        would = (
            was if lost else effect is Effect.ALLOW or (effect is Effect.REQUIRE_APPROVAL and was)
        )
        if was or would:
            made = (
                *charges(self.draft, judged.request, entry.at),
                *_budget(data, judged.request, was),
            )
            self.worlds.charge(index, at, made, was=was, would=would)

    def _count(self, index: int, at: int, at_once: Judged, judged: Judged) -> None:
        """What a decision of a file that speaks for a share is counted as; denies, too."""
        was, would = map(_counted, (at_once, judged))
        if was == would:
            self.worlds.charge(index, at, would)
        else:
            self.worlds.charge(index, at, was, would=False)
            self.worlds.charge(index, at, would, was=False)

    def _before(self, entry: Entry) -> tuple[Charge, ...]:
        """What an action that was allowed before the period charges, as when a release is signed:
        what the service kept already stays, what is new is filled from the log alone."""
        data = entry.data
        live = self._compared(data["release"]).live
        wanted = self.draft.series
        made = tuple(c for c in charges_of(data) if c.series in wanted or c.series == BUDGET)
        plan = self.draft.plans.get(data["action"])
        if data["effect"] != "allow" or plan is None or not (plan.caps or plan.feeds):
            return made
        if wanted.keys() <= live:
            return made
        both = recalling.standing(self.state, data)
        if both is None:
            return made
        request, _ = self._request(-1, entry, _NOTHING, both)
        known = live | {charge.series for charge in made}
        new = (c for c in charges(self.draft, request, entry.at) if c.series not in known)
        return (*made, *new)

    def _outcome(self, index: int, at: int, entry: Entry) -> None:
        data = entry.data
        decision = data["refs"]["decision"]
        if data["released"]:
            self.worlds.give_back(decision)
        elif data["attested"] and data["status"] == "executed":
            self.worlds.confirm(index, at, decision)

    def _label(self, data: Mapping[str, Any]) -> None:
        """What the draft's catalogue says that an allowed action has seen, and the log's did not."""
        plan = self.draft.plans.get(data["action"])
        session = data["refs"].get("session")
        if plan is None or session is None or not plan.action.attaches:
            return
        if not plan.action.attaches <= set(data.get("labels", ())):
            self._attach(session, plan.action.attaches)

    def _opened_later(self, index: int, data: Mapping[str, Any]) -> None:
        """A session begins with what its agent has seen, or with what its parent has."""
        parent = self.state.sessions.get(data["refs"].get("session", -1))
        if data["opened_by"] == "agent" and data["agent"] in self._marked:
            self._attach(index, self.state.agents[data["agent"]].residue)
        if parent is not None and parent.agent in self._marked:
            self._attach(index, parent.labels)

    def _attach(self, session: int, labels: frozenset[str]) -> None:
        before, self.state = self.state, sessions.attach(self.state, session, labels)
        if before is not self.state:
            self._marked.add(self.state.sessions[session].agent)


def looked_at(draft: Release, action: str) -> frozenset[str]:
    """The fields of an action that the draft may look at, those included from which others derive."""
    found = fields_said(draft, action)
    declared = draft.catalogue.actions.get(action)
    if declared is not None and declared.command is not None:
        found |= {f"args.{declared.command}", "context.cwd"}
    return found


_FROM_RISK: Final = frozenset({"service/autonomy", "service/obligation"})
"""Findings that may come from a rule that could not be told, without naming it."""


def _lost(judged: Judged, gone: frozenset[str], cut: bool, plan: Plan | None) -> tuple[str, ...]:
    """The fields because of which nobody can tell what the draft would have said: values that were
    erased (`gone`), totals that were pruned (`cut`). Empty if the effect is the same without them.

    Sound because what cannot be told only ever tightens: the effect stands if a finding that does
    not rest on what is lost asks for it, and nothing that is lost could have lifted that.
    """
    names: list[str] = []
    sure = Effect.ALLOW
    said = False
    extras = None if plan is None else plan.extras
    shaky = set(_FROM_RISK) if gone else set[str]()
    for lifter in extras.lifters if extras is not None else ():
        shaky |= lifter.targets
    split = cut and extras is not None and bool(extras.rollouts)
    for finding in judged.verdict.findings:
        if finding.lifted:
            continue
        doubts = [name for name in finding.unknown if _is_gone(name, gone, cut)]
        names += doubts
        if not doubts and finding.name not in shaky and not split:
            said, sure = True, max(sure, finding.effect)
    if said and sure >= judged.verdict.effect:
        return ()
    return tuple(dict.fromkeys(names or sorted(gone) or ("history",)))


def _is_gone(name: str, gone: frozenset[str], cut: bool) -> bool:
    """Whether a field cannot be told because it is gone, and not because it never was clear."""
    if name.startswith("command."):
        return bool(gone)
    return name in gone or (cut and (name == "history" or name.startswith("limits.")))


def _counted(judged: Judged) -> tuple[Charge, ...]:
    return tuple(each for each in judged.verdict.charges if each.series.startswith(GRADUAL))


def _budget(data: Mapping[str, Any], request: Request, was: bool) -> tuple[Charge, ...]:
    """What an action costs its agent's budget."""
    if was:
        return tuple(charge for charge in charges_of(data) if charge.series == BUDGET)
    cost = request.fields.get("context.cost")
    if not isinstance(cost, Money):
        return ()
    return (Charge(BUDGET, data["agent"], cost.amount, cost.currency),)
