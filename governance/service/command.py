"""The command that decides: run by the ledger, under its lock, at the decision's own index.

Law: pure but for preparing a request again when the release changed while it waited.  Everything the
verdict depends on is looked at here: the key, the agent, the session, stops, grants, facts and the
release in force.  One decision is one entry (and its standing session's, the first time; and its
approval request's, when the caller wants one).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from audit.entry import Entry, decode
from governance.engine import reasons
from governance.engine.model import SEMANTICS, Effect, FactQuery, Money, Request
from governance.engine.mould import mould
from governance.oversight import agents, autonomy, keys, sessions, stops
from governance.oversight.commands import (
    NO_NEEDS,
    Facts,
    IdempotencyRow,
    Lane,
    Needs,
    Proposal,
    VaultRow,
)
from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Session, State
from governance.oversight.times import write
from governance.service import answering, judging
from governance.service.acting import Texts
from governance.service.asked import Asked
from governance.service.asking import asked_entry, pending
from governance.service.desk import Caller, Desk
from governance.service.preparing import Item, prepared
from governance.service.problem import Problem
from governance.service.recording import variant_of
from governance.service.sessions import require_parent
from governance.service.uncommitted import Uncommitted

_ALLOW, _ASK = Effect.ALLOW, Effect.REQUIRE_APPROVAL
_entry: Final = mould(Entry)
_row: Final = mould(VaultRow)
_needs: Final = mould(Needs)
_proposal: Final = mould(Proposal)
_NOTHING: Final[dict[str, Any]] = {}


class _Seen(NamedTuple):
    """What was found out about a request while the needs were worked out: the completed request,
    the facts it wants, and where it was asked (None: in a session that is yet to be opened)."""

    request: Request
    queries: tuple[FactQuery, ...] | None
    item: Item
    agent: Agent
    session: Session | None


@lru_cache(maxsize=8)
def _until(at: datetime, seconds: int) -> str:
    """When a permit given at `at` ends; the same for all decisions of a batch."""
    return write(at + timedelta(seconds=seconds))


class Decide:
    """The command of one or more evaluations; see `governance.oversight.commands.Command`."""

    __slots__ = (
        "_body",
        "_idem",
        "_ready",
        "_seen",
        "caller",
        "desk",
        "items",
        "key",
        "lane",
        "semantics",
        "texts",
        "via",
        "weight",
    )

    def __init__(
        self,
        desk: Desk,
        caller: Caller,
        items: Sequence[Item | Problem],
        *,
        via: str,
        semantics: str = "",
        idem: tuple[str, str] | None = None,
    ) -> None:
        self.desk, self.caller, self.items, self.via = desk, caller, list(items), via
        self.lane: Lane = "agent"
        self.key = caller.key
        self.weight = len(items)
        self.semantics = semantics
        self.texts = [
            Texts.of(note=item.asked.note)
            if isinstance(item, Item) and item.asked.wants_approval
            else Texts()
            for item in items
        ]
        self._idem = None if idem is None else (caller.key, idem[0])
        self._body = "" if idem is None else idem[1]
        self._seen: tuple[State, datetime, list[_Seen | None]] | None = None

    def needs(self, state: State, at: datetime) -> Needs:
        """Every window that a rule, limit or budget looks at, and the idempotency key."""
        queries: dict[FactQuery, None] = {}
        requests: list[_Seen | None] = []
        parents: list[int] = []
        opened: dict[str, int] = {}  # standing sessions that this command will open
        index = state.size
        for number in range(len(self.items)):
            seen, index = self._complete(state, number, at, index, opened)
            requests.append(seen)
            item = self.items[number]
            if isinstance(item, Problem):
                continue
            if seen is not None and seen.queries:
                queries.update(dict.fromkeys(seen.queries))
            if item.asked.parent is not None:
                parents.append(item.asked.parent)
        self._seen = (state, at, requests)
        if not queries and not parents and self._idem is None:
            return NO_NEEDS
        return _needs(tuple(queries), tuple(parents), (), self._idem)

    def run(self, state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        """Judge each request in order; each sees what the ones before it changed."""
        if facts.idempotency is not None:
            again = self._again(state, facts, at)
            if again is not None:
                return Proposal((), again)
        so_far = Uncommitted(state, facts, index)
        answers: list[dict[str, Any]] = []
        for number in range(len(self.items)):
            try:
                answers.append(self._one(so_far, number, at))
            except Refused as refused:
                if not self.semantics:
                    raise
                answers.append(answering.refused(refused))
            decision = answers[-1]["decision"]
            if (self.semantics == "deny_on_first_deny" and not decision) or (
                self.semantics == "permit_on_first_permit" and decision
            ):
                break
        answer: Any = {"evaluations": answers} if self.semantics else answers[0]
        rows: tuple[Any, ...] = ()
        if self._idem is not None and so_far.decisions:
            rows = (IdempotencyRow(*self._idem, self._body, so_far.decisions[0]),)
        return _proposal(tuple(so_far.entries), answer, rows, tuple(so_far.values))

    def _one(self, so_far: Uncommitted, number: int, at: datetime) -> dict[str, Any]:
        state = so_far.state
        seen = self._seen_request(so_far, number, at)
        known = None if seen is None or state is not so_far.first else seen.session
        if seen is not None and known is not None:
            # Nothing happened since the needs were worked out under this lock, in this very state.
            item, agent, session = seen.item, seen.agent, known
            ask = item.asked
            self._require_parent(so_far, ask)
        else:
            item = self._current(state, number)
            ask = item.asked
            agent = self._agent(state, ask.agent)
            found = self._session(state, agent, ask, at)
            self._require_parent(so_far, ask)
            if found is None:
                if ask.advisory:
                    found = self._standing(agent, so_far.index, at)
                else:
                    so_far.add(self._opening(agent, at))
                    state = so_far.state
                    found, agent = state.sessions[so_far.index - 1], state.agents[agent.id]
            session = found
            if seen is None or seen.request.fields["session.id"] != str(session.index):
                seen = _Seen(
                    self._completed(state, item, agent, session, at), None, item, agent, session
                )
        release = self.desk.releases.get(item.release).release
        judged = judging.judge(
            release,
            seen.request,
            state,
            agent,
            session,
            so_far,
            item.recorded.digest,
            at,
            seen.queries,
        )
        data = self._data(item, agent, session, judged, at)
        texts = reasons.texts(release, item.asked.action, judged.verdict.findings)
        if ask.advisory:
            return answering.advisory(data, texts)
        index = so_far.index
        so_far.add(_entry("decision", at, self.caller.by(ask.agent), data))
        so_far.decisions.append(index)
        so_far.values += [
            _row(index, field, value, salt, subject)
            for field, value, salt, subject in item.recorded.openings
        ]
        for charge in judged.verdict.charges:
            so_far.charge(charge.series, charge.key, charge.amount, charge.unit)
        answer = answering.answer(data, index, at, texts)
        if judged.verdict.effect is _ASK:
            self._approval(so_far, number, data, index, answer, at)
        return answer

    def _require_parent(self, so_far: Uncommitted, ask: Asked) -> None:
        if ask.parent is not None:
            parent = so_far.decisions_known.get(ask.parent)
            if parent is None:
                raise Refused("unknown", f"`{ask.parent}` is no decision", field="context.parent")
            require_parent(so_far.state, self.caller, parent)

    def _data(
        self, item: Item, agent: Agent, session: Session, judged: judging.Judged, at: datetime
    ) -> dict[str, Any]:
        ask, recorded = item.asked, item.recorded
        data = judging.written(judged)
        refs = {"session": session.index}
        if judged.approval is not None:
            refs["approval"] = judged.approval.index
        if judged.override is not None:
            refs["override"] = judged.override.index
        if ask.parent is not None:
            refs["decision"] = ask.parent
        data["refs"] = refs
        data["agent"] = ask.agent
        data["action"] = ask.action
        data["digest"] = recorded.digest
        data["args"] = recorded.args
        data["resource"] = recorded.resource
        data["attested"] = item.request.attested
        data["release"] = item.release
        data["semantics"] = SEMANTICS
        data["autonomy"] = autonomy.level(agent, at)
        data["via"] = self.via
        if recorded.commitments:
            data["commitments"] = recorded.commitments
        if recorded.claims:
            data["claims"] = recorded.claims
        if item.request.undeclared:
            data["undeclared"] = list(item.request.undeclared)
        supported = item.request.fields.get("context.obligations_supported")
        if supported:
            data["supported"] = list(supported)  # type: ignore[arg-type]
        confidence = item.request.fields.get("context.confidence")
        if type(confidence) is Decimal:
            data["intent_confidence"] = format(confidence, "f")
        cost = item.request.fields.get("context.cost")
        if type(cost) is Money:
            data["claimed_cost"] = f"{cost.amount:f} {cost.currency}"
        if judged.verdict.effect is _ALLOW:
            data["valid_until"] = _until(at, self.desk.settings.permit_seconds)
        return data

    # who and where, looked at under the lock

    def _agent(self, state: State, name: str) -> Agent:
        """The agent, if the caller's key is still good and speaks for it."""
        caller = self.caller
        key = None if caller.digest is None else keys.find(state, caller.digest)
        if key is None:
            raise Refused("unauthenticated", "the key is unknown or was revoked")
        agent = state.agents.get(name)
        if agent is None or not keys.speaks_for(key, name):
            raise Refused(
                "wrong-subject",
                f"this key does not speak for an agent `{name}`",
                field="subject.id",
            )
        return agent

    def _session(self, state: State, agent: Agent, ask: Asked, at: datetime) -> Session | None:
        """The live session that the request names, or the agent's standing one, if there is one."""
        number = agent.standing if ask.session is None else ask.session
        if number is None:
            return None
        found = sessions.live(state, number, at)
        if ask.session is None:
            return found
        if found is None:
            raise Refused(
                "conflict",
                f"session `{number}` has ended or never was; open a new one",
                field="context.session",
            )
        if not sessions.usable(found, agent.id, self.caller.type, self.caller.id):
            raise Refused(
                "wrong-subject",
                f"session `{number}` is not one in which this key may act for agent `{agent.id}`",
                field="context.session",
            )
        return found

    def _standing(self, agent: Agent, index: int, at: datetime) -> Session:
        labels = sessions.first_labels(agent, "agent", None)
        return Session(index, agent.id, "agent", self.caller.id, at, labels, 0, None)

    def _opening(self, agent: Agent, at: datetime) -> Entry:
        data = {
            "agent": agent.id,
            "opened_by": "agent",
            "labels": sorted(sessions.first_labels(agent, "agent", None)),
            "refs": {},
            "depth": 0,
            "standing": True,
        }
        return Entry("session.opened", at, self.caller.by(agent.id), data)

    # the request, with what only the state knows

    def _current(self, state: State, number: int) -> Item:
        """The item, prepared again if the release or the workspace folder changed meanwhile."""
        item = self.items[number]
        if isinstance(item, Problem):
            raise item
        agent = state.agents.get(item.asked.agent)
        session = state.sessions.get(-1 if item.asked.session is None else item.asked.session)
        place = None if agent is None else judging.workspace_of(agent, session)
        if item.release == state.release and item.place == place:
            return item
        fresh = prepared(self.desk, self.caller, state, item.asked)
        self.items[number] = fresh
        return fresh

    def _complete(
        self, state: State, number: int, at: datetime, index: int, opened: dict[str, int]
    ) -> tuple[_Seen | None, int]:
        """The request as it will be judged and what it needs (None if it will be refused anyway),
        and the index after its entries; `index` is where they will start."""
        try:
            item = self._current(state, number)
            agent = self._agent(state, item.asked.agent)
            session = found = self._session(state, agent, item.asked, at)
        except Refused:
            return None, index
        if session is None:
            if agent.id not in opened and not item.asked.advisory:
                opened[agent.id] = index
                index += 1
            session = self._standing(agent, opened.get(agent.id, index), at)
        request = self._completed(state, item, agent, session, at)
        release = self.desk.releases.get(item.release).release
        wanted = judging.wanted(release, request, agent, at)
        seen = _Seen(request, wanted, item, agent, found)
        return seen, index if item.asked.advisory else index + 1

    def _completed(
        self, state: State, item: Item, agent: Agent, session: Session, at: datetime
    ) -> Request:
        zone = self.desk.zone(state.time_zone)
        return judging.complete(item.request, state, agent, session, zone, at)

    def _seen_request(self, so_far: Uncommitted, number: int, at: datetime) -> _Seen | None:
        """What `needs` completed, if nothing that it depends on has changed since."""
        seen = self._seen
        if seen is None or seen[0] is not so_far.first or seen[1] != at or so_far.changed:
            return None
        return seen[2][number]

    # the same answer again

    def _again(self, state: State, facts: Facts, at: datetime) -> Any:
        """The earlier answer under this idempotency key, or None if it counts no more."""
        earlier = facts.idempotency
        assert earlier is not None
        if earlier.body != self._body:
            raise Refused(
                "key-reused",
                "this Idempotency-Key was used for another request; use a new one",
                field="Idempotency-Key",
            )
        fact = facts.decisions.get(earlier.index)
        recorded = facts.entries.get(earlier.index)
        if fact is None or recorded is None or self.semantics:
            return None
        if fact.effect != "allow" or fact.valid_until is None or at >= fact.valid_until:
            return None
        if fact.redeemed is not None or fact.outcome is not None:
            return None
        item = self._current(state, 0)
        agent = self._agent(state, item.asked.agent)
        session = state.sessions.get(-1 if fact.session is None else fact.session)
        data = decode(recorded).data
        if (
            agent.state != "active"
            or session is None
            or data["release"] != state.release
            or not agents.may_use(agent, data["action"])
            or stops.since(state, earlier.index, agent, session, data["action"]) is not None
        ):
            return None
        ready = self.desk.releases.get(data["release"])
        texts = reasons.again(ready.release, ready.texts, data)
        return answering.answer(data, earlier.index, earlier.at, texts)

    def _approval(
        self,
        so_far: Uncommitted,
        number: int,
        data: Mapping[str, Any],
        index: int,
        answer: dict[str, Any],
        at: datetime,
    ) -> None:
        """Point at the approval that waits for this very action, or ask for it in the same breath."""
        item, request = self._current(so_far.state, number), answer["context"]["access_request"]
        waiting = pending(so_far.state, data["refs"]["session"], item.recorded.digest, at)
        if waiting is not None:
            request |= waiting
            return
        if not item.asked.wants_approval:
            return
        texts = self.texts[number]
        try:
            asking = asked_entry(
                so_far.state, self.caller, data, index, self._variant(item), texts, at
            )
        except Refused as refused:
            request |= {"status": "refused", "detail": refused.detail}
            if refused.retry_after is not None:
                request["retry_after"] = refused.retry_after
            return
        approval = so_far.index
        so_far.add(asking)
        so_far.values.extend(texts.rows(approval))
        found = pending(so_far.state, data["refs"]["session"], item.recorded.digest, at)
        request |= found or _NOTHING

    def _variant(self, item: Item) -> str:
        catalogue = self.desk.releases.get(item.release).release.bundle.catalogue
        declared = catalogue.actions.get(item.asked.action)
        recorded = item.recorded
        return variant_of(
            item.asked.action, item.asked.agent, declared, recorded.args, recorded.resource
        )
