"""Deciding: an agent asks before it acts, and the answer is an entry before it is an answer.

Law: no durable signed record, no answer.  `prepare` does outside the lock whatever needs the vault
or takes time (reading, pseudonyms, commitments); everything the verdict depends on is looked at
again under the lock: the key, the agent, the session, stops, grants, facts and the release in
force.  One decision is one entry (and its standing session's, the first time; and its approval
request's, when the caller wants one).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from audit.canonical import canonical
from audit.entry import Entry, decode
from governance.engine.model import SEMANTICS, Effect, FactQuery, Money, Request, Total
from governance.oversight import agents, autonomy, keys, sessions, stops
from governance.oversight.commands import (
    NO_NEEDS,
    Answer,
    Facts,
    IdempotencyRow,
    Lane,
    Needs,
    Proposal,
    VaultRow,
)
from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Session, State
from governance.oversight.state import apply
from governance.oversight.times import write
from governance.service import answering, asked, judging
from governance.service.acting import Texts, perform, receipt_json
from governance.service.asked import Asked
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.service.reading import plain
from governance.service.recording import Recorded, record_action, secret_name

MOST_IN_BATCH: Final = 1_000
SEMANTICS_OF_BATCH: Final = ("execute_all", "deny_on_first_deny", "permit_on_first_permit")
_NOTHING: Final[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a command, prepared under one release and one workspace folder."""

    asked: Asked
    release: str
    place: str | None
    request: Request
    recorded: Recorded


@dataclass(frozen=True, slots=True)
class _Seen:
    """A request completed while the needs were worked out, with the facts it wants."""

    request: Request
    queries: tuple[FactQuery, ...] | None


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
            request, index = self._complete(state, number, at, index, opened)
            item = self.items[number]
            if isinstance(item, Problem):
                requests.append(None)
                continue
            if request is None:
                requests.append(None)
            else:
                release = self.desk.releases.get(item.release).release
                agent = state.agents[item.asked.agent]
                wanted = judging.wanted(release, request, agent, at)
                requests.append(_Seen(request, wanted))
                queries.update(dict.fromkeys(wanted))
            if item.asked.parent is not None:
                parents.append(item.asked.parent)
        self._seen = (state, at, requests)
        if not queries and not parents and self._idem is None:
            return NO_NEEDS
        return Needs(tuple(queries), tuple(parents), idempotency=self._idem)

    def run(self, state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        """Judge each request in order; each sees what the ones before it changed."""
        if facts.idempotency is not None:
            again = self._again(state, facts, at)
            if again is not None:
                return Proposal((), again)
        batch = _Batch(state, facts, index)
        answers: list[dict[str, Any]] = []
        for number in range(len(self.items)):
            try:
                answers.append(self._one(batch, number, at))
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
        if self._idem is not None and batch.decisions:
            rows = (IdempotencyRow(*self._idem, self._body, batch.decisions[0]),)
        return Proposal(tuple(batch.entries), answer, rows, tuple(batch.values))

    def _one(self, batch: _Batch, number: int, at: datetime) -> dict[str, Any]:
        state = batch.state
        item = self._current(state, number)
        ask = item.asked
        agent = self._agent(state, ask.agent)
        session = self._session(state, agent, ask, at)
        if ask.parent is not None and ask.parent not in batch.decisions_known:
            raise Refused("unknown", f"`{ask.parent}` is no decision", field="context.parent")
        if session is None:
            if ask.advisory:
                session = self._standing(agent, batch.index, at)
            else:
                batch.add(self._opening(agent, at))
                state = batch.state
                session, agent = state.sessions[batch.index - 1], state.agents[agent.id]
        seen = self._seen_request(batch, number, at)
        if seen is None or seen.request.fields["session.id"] != str(session.index):
            seen = _Seen(self._completed(state, item, agent, session, at), None)
        release = self.desk.releases.get(item.release).release
        judged = judging.judge(
            release,
            seen.request,
            state,
            agent,
            session,
            batch,
            item.recorded.digest,
            at,
            seen.queries,
        )
        data = self._data(item, agent, session, judged, at)
        texts = {f.name: (f.title, f.because) for f in judged.verdict.findings}
        if ask.advisory:
            return answering.advisory(data, texts)
        index = batch.index
        batch.add(Entry("decision", at, self.caller.by(ask.agent), data))
        batch.decisions.append(index)
        batch.values.extend(opening.row(index) for opening in item.recorded.openings)
        for charge in judged.verdict.charges:
            batch.charge(charge.series, charge.key, charge.amount, charge.unit)
        answer = answering.answer(data, index, at, texts)
        if judged.verdict.effect is Effect.REQUIRE_APPROVAL:
            self._approval(batch, number, data, index, answer, at)
        return answer

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
        if type(confidence).__name__ == "Decimal":
            data["intent_confidence"] = format(confidence, "f")
        cost = item.request.fields.get("context.cost")
        if type(cost) is Money:
            data["claimed_cost"] = f"{cost.amount:f} {cost.currency}"
        if judged.verdict.effect is Effect.ALLOW:
            seconds = timedelta(seconds=self.desk.settings.permit_seconds)
            data["valid_until"] = write(at + seconds)
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
        fresh = _item(self.desk, self.caller, state, item.asked)
        self.items[number] = fresh
        return fresh

    def _complete(
        self, state: State, number: int, at: datetime, index: int, opened: dict[str, int]
    ) -> tuple[Request | None, int]:
        """The completed request as it will be judged (None if it will be refused anyway), and the
        index after its entries; `index` is where they will start."""
        try:
            item = self._current(state, number)
            agent = self._agent(state, item.asked.agent)
            session = self._session(state, agent, item.asked, at)
        except Refused:
            return None, index
        if session is None:
            if agent.id not in opened and not item.asked.advisory:
                opened[agent.id] = index
                index += 1
            session = self._standing(agent, opened.get(agent.id, index), at)
        request = self._completed(state, item, agent, session, at)
        return request, index if item.asked.advisory else index + 1

    def _completed(
        self, state: State, item: Item, agent: Agent, session: Session, at: datetime
    ) -> Request:
        zone = self.desk.zone(state.time_zone)
        return judging.complete(item.request, state, agent, session, zone, at)

    def _seen_request(self, batch: _Batch, number: int, at: datetime) -> _Seen | None:
        """What `needs` completed, if nothing that it depends on has changed since."""
        seen = self._seen
        if seen is None or seen[0] is not batch.first or seen[1] != at or batch.changed:
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
            or stops.matching(state, agent, session, data["action"]) is not None
        ):
            return None
        texts = self.desk.releases.get(data["release"]).texts
        return answering.answer(data, earlier.index, earlier.at, texts)

    def _approval(
        self,
        batch: _Batch,
        number: int,
        data: Mapping[str, Any],
        index: int,
        answer: dict[str, Any],
        at: datetime,
    ) -> None:
        """Point at the approval that waits for this very action, or ask for it in the same breath."""
        from governance.service.asking import asked_entry, pending

        item, request = self._current(batch.state, number), answer["context"]["access_request"]
        waiting = pending(batch.state, data["refs"]["session"], item.recorded.digest, at)
        if waiting is not None:
            request |= waiting
            return
        if not item.asked.wants_approval:
            return
        texts = self.texts[number]
        try:
            asking = asked_entry(
                batch.state, self.caller, data, index, item.recorded.variant, texts, at
            )
        except Refused as refused:
            request |= {"status": "refused", "detail": refused.detail}
            if refused.retry_after is not None:
                request["retry_after"] = refused.retry_after
            return
        approval = batch.index
        batch.add(asking)
        batch.values.extend(texts.rows(approval))
        found = pending(batch.state, data["refs"]["session"], item.recorded.digest, at)
        request |= found or _NOTHING


class _Batch:
    """What a command has proposed so far, and what its next decision therefore sees.

    A mapping of totals: those that the ledger fetched, plus the charges made in this command.
    """

    __slots__ = (
        "_added",
        "_folded",
        "_totals",
        "changed",
        "decisions",
        "decisions_known",
        "entries",
        "first",
        "index",
        "values",
    )

    def __init__(self, state: State, facts: Facts, index: int) -> None:
        self.first = self._folded = state
        self.changed = False
        self.index = index
        self.entries: list[Entry] = []
        self.values: list[VaultRow] = []
        self.decisions: list[int] = []
        self.decisions_known = facts.decisions
        self._totals = facts.totals
        self._added: dict[tuple[str, str], list[tuple[Any, str]]] = {}

    def add(self, entry: Entry) -> None:
        """Number `entry` and let the state know it."""
        self.entries.append(entry)
        self.index += 1
        data = entry.data
        if entry.kind != "decision":
            self.changed = self.changed or entry.kind != "session.opened"
        elif data["effect"] == "allow" and (
            "labels" in data or "approval" in data["refs"] or "override" in data["refs"]
        ):
            self.changed = True

    @property
    def state(self) -> State:
        """The state after everything proposed so far."""
        done = self._folded.size - self.first.size
        for entry in self.entries[done:]:
            self._folded = apply(self._folded, self._folded.size, entry)
        return self._folded

    def charge(self, series: str, key: str, amount: Any, unit: str) -> None:
        """Remember a charge of this command for the decisions after it."""
        self._added.setdefault((series, key), []).append((amount, unit))

    def get(self, query: FactQuery, default: Total, /) -> Total:
        """The total for `query`, charges of this command included."""
        found = self._totals.get(query)
        if found is None:
            return default
        added = self._added.get((query.series, query.key)) if self._added else None
        if added is None:
            return found
        return Total(
            found.sum + sum(amount for amount, _ in added),
            found.count + len(added),
            found.mixed or any(unit != query.unit for _, unit in added),
        )


def prepare(
    desk: Desk,
    caller: Caller,
    request: Any,
    *,
    idempotency_key: str | None = None,
    via: str = "api",
    ask: bool = False,
) -> Decide:
    """The command for one AuthZEN evaluation request (parsed JSON; numbers int or Decimal).

    `ask`: when approval is required, ask for it in the same command.  Raises `Problem` for what
    does not fit; does not block but for a first-seen data subject's pseudonym.
    """
    item = _item(desk, caller, desk.state, _readable(desk, caller, request, ask))
    idem = None
    if idempotency_key is not None and not item.asked.advisory:
        idem = (_idempotency_key(idempotency_key), _body(request))
    return Decide(desk, caller, (item,), via=via, idem=idem)


def prepare_many(
    desk: Desk,
    caller: Caller,
    requests: Sequence[Any],
    *,
    semantics: str = "execute_all",
    idempotency_key: str | None = None,
    via: str = "batch",
) -> Decide:
    """One command for a batch of complete evaluation requests (AuthZEN section 6.2).

    `semantics`: execute_all, deny_on_first_deny or permit_on_first_permit.  A request that cannot be
    decided (an ended session, say) is answered with an error of its own and not recorded.
    """
    if idempotency_key is not None:
        raise Problem(
            "bad-field",
            "an Idempotency-Key stands for one evaluation; leave it out for a batch",
            field="Idempotency-Key",
        )
    if semantics not in SEMANTICS_OF_BATCH:
        raise Problem(
            "bad-field",
            f"`{semantics}` is unknown; expected {', '.join(SEMANTICS_OF_BATCH)}",
            field="options.evaluations_semantic",
        )
    if not 0 < len(requests) <= MOST_IN_BATCH:
        raise Problem(
            "too-large",
            f"a batch has 1 to {MOST_IN_BATCH} evaluations, not {len(requests)}",
            field="evaluations",
        )
    items: list[Item | Problem] = []
    for request in requests:
        try:
            if isinstance(request, Problem):
                raise request
            items.append(_item(desk, caller, desk.state, _readable(desk, caller, request, False)))
        except Problem as problem:
            if problem.status >= 500 or problem.type == "unauthenticated":
                raise
            items.append(problem)
    return Decide(desk, caller, items, via=via, semantics=semantics)


def _readable(desk: Desk, caller: Caller, request: Any, ask: bool) -> Asked:
    if caller.type not in ("agent", "gateway"):
        raise Problem(
            "not-allowed", "evaluations are asked by agents and gateways under their own keys"
        )
    own: str | None = caller.id
    if caller.type == "gateway":
        key = desk.state.keys.get(caller.digest or "")
        listed = () if key is None else tuple(key.agents - {keys.ALL_AGENTS})
        own = listed[0] if key is not None and len(listed) == len(key.agents) == 1 else None
    return asked.read(request, own=own, ask=ask)


def _item(desk: Desk, caller: Caller, state: State, ask: Asked) -> Item:
    """Read, pseudonymise and commit one request under the release in force."""
    if state.release is None:
        raise Problem(
            "not-ready", "no policy is in force; sign a release first (`governance policy release`)"
        )
    agent = state.agents.get(ask.agent)
    key = None if caller.digest is None else state.keys.get(caller.digest)
    if agent is None or key is None or not keys.speaks_for(key, ask.agent):
        raise Problem(
            "wrong-subject",
            f"this key does not speak for an agent `{ask.agent}`",
            field="subject.id",
        )
    desk.ledger.admit(caller.key)  # before anything is kept for a key beyond its quota
    session = state.sessions.get(-1 if ask.session is None else ask.session)
    place = judging.workspace_of(agent, session)
    claims = dict(ask.claims)
    claims["context.obligations_supported"] = sorted({*ask.supported, *key.obligations})
    extra = claims if place is None else {**claims, "session.workspace": place}
    catalogue = desk.releases.get(state.release).release.bundle.catalogue
    request = catalogue.read(ask.action, ask.arguments, extra, caller.type == "gateway")
    standing = ask.session if session is None or session.index != agent.standing else None
    recorded = record_action(
        desk.vault,
        desk.vault.session_secret(secret_name(ask.agent, standing)),
        ask.agent,
        ask.action,
        catalogue.actions.get(ask.action),
        request,
        ask.arguments,
        ask.claims,
    )
    if recorded.pseudonyms:
        request = Request(
            request.action,
            request.fields,
            request.undeclared,
            request.attested,
            recorded.pseudonyms,
        )
    return Item(ask, state.release, place, request, recorded)


def _idempotency_key(key: str) -> str:
    if not 0 < len(key) <= 200 or not key.isprintable():
        raise Problem(
            "bad-field",
            "an Idempotency-Key has 1 to 200 printable characters",
            field="Idempotency-Key",
        )
    return key


def _body(request: Any) -> str:
    return hashlib.sha256(canonical(plain(request))).hexdigest()


def finish(desk: Desk, answer: Answer) -> dict[str, Any]:
    """The response for a performed command: receipts and checkpoints filled in."""
    receipts = {receipt.index: receipt for receipt in answer.receipts}
    for each in answer.value.get("evaluations", (answer.value,)):
        context = each["context"]
        index = context.get("evaluation_id")
        if index is None:
            continue
        receipt = receipts.get(int(index))
        if receipt is None:  # an earlier answer, given again
            receipt = desk.reader.receipt(int(index))
        context["receipt"] = receipt_json(receipt)
    value: dict[str, Any] = answer.value
    return value


def decide(
    desk: Desk,
    caller: Caller,
    request: Any,
    *,
    idempotency_key: str | None = None,
    via: str = "api",
    ask: bool = False,
) -> dict[str, Any]:
    """Decide one evaluation request and wait until it is on disk; the AuthZEN response."""
    command = prepare(desk, caller, request, idempotency_key=idempotency_key, via=via, ask=ask)
    return finish(desk, perform(desk, command))


def decide_many(
    desk: Desk, caller: Caller, requests: Sequence[Any], *, semantics: str = "execute_all"
) -> dict[str, Any]:
    """Decide a batch in one command: `{evaluations: [...]}` in the order asked."""
    command = prepare_many(desk, caller, requests, semantics=semantics)
    return finish(desk, perform(desk, command))


def matches(desk: Desk, caller: Caller, request: Any, decision: int) -> bool:
    """Whether this evaluation request is the very action that decision was about."""
    from governance.service.reading import entry_of

    item = _item(desk, caller, desk.state, _readable(desk, caller, request, False))
    return bool(entry_of(desk, decision, "decision").data["digest"] == item.recorded.digest)
