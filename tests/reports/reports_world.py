"""A small invented company whose log has everything a report can count, held to the real shapes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.entry import Entry, encode
from audit.note import Ed25519Signer
from audit.tree import leaf_hash, root_of
from governance.oversight.entries import check
from reports.evidence import Period, as_instant
from reports.periodic import Parameters, RuleFact

START = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
MADE = datetime(2026, 11, 2, 8, 15, tzinfo=UTC)
PERIOD = Period(START, END, "October 2026")
C = "A" * 43
D = "d" * 64
RELEASE = "e" * 64
PEOPLE = ["p-aaaaaaaaa1", "p-bbbbbbbbb2", "p-ccccccccc3"]


@dataclass
class Log:
    """Entries in order, each checked against the closed list of kinds."""

    at: datetime = START
    entries: list[Entry] = field(default_factory=list)

    def add(self, kind: str, data: dict[str, Any], *, seconds: float = 1, **by: str) -> int:
        """Append an entry `seconds` later; answers its index."""
        self.at += timedelta(seconds=seconds)
        who = by or {"type": "service", "id": "service"}
        check(kind, who, data)
        self.entries.append(Entry(kind, self.at, who, data))
        return len(self.entries) - 1

    def person(self, kind: str, who: str, data: dict[str, Any], seconds: float = 1) -> int:
        """An entry by a person who is also named in `data`."""
        return self.add(kind, {**data, "person": who}, seconds=seconds, type="person", id=who)

    def agent(self, name: str, *, owner: str = PEOPLE[0], **fields: Any) -> int:
        """Propose and confirm an agent; answers the index of its standing session."""
        data: dict[str, Any] = {
            "agent": name,
            "team": "finance",
            "owner": owner,
            "deputy": None,
            "commitments": {"purpose": C},
            "class": "minimal",
            "annex": None,
            "tools": ["payments.pay"],
            "labels": [],
            "workspace": None,
            "model": "model-1",
            "budget": None,
            "autonomy": "L2",
            "autonomy_until": None,
        }
        proposed = self.add("agent.proposed", {**data, **fields}, type="person", id=owner)
        confirm = {"refs": {"agent": proposed}, "agent": name, "alone": False}
        self.add("agent.onboarded", confirm, type="person", id=PEOPLE[1])
        opened = {
            "agent": name,
            "opened_by": "agent",
            "labels": ["untrusted"],
            "refs": {},
            "depth": 0,
            "standing": True,
        }
        return self.add("session.opened", opened)

    def decide(
        self, agent: str, effect: str, *, session: int = 0, seconds: float = 1, **fields: Any
    ) -> int:
        """A decision; `fields` replace those of a plain one."""
        refs = {"session": session, **fields.pop("refs", {})}
        finding = {
            "policy": "payments",
            "rule": fields.pop("rule", "default"),
            "effect": effect,
            "certain": fields.pop("certain", True),
            "unknown": fields.pop("unknown", []),
        }
        data: dict[str, Any] = {
            "refs": refs,
            "agent": agent,
            "action": "payments.pay",
            "digest": D,
            "args": {},
            "resource": {},
            "attested": False,
            "release": RELEASE,
            "semantics": "1",
            "effect": effect,
            "would_be": effect,
            "observed": False,
            "findings": [finding],
            "autonomy": "L2",
            "risk": "low",
            "via": "api",
        }
        return self.add("decision", {**data, **fields}, seconds=seconds, type="agent", id=agent)

    def outcome(self, decision: int, *, attested: bool = True, status: str = "executed") -> int:
        """What came of a decision."""
        data = {
            "refs": {"decision": decision},
            "status": status,
            "attested": attested,
            "released": False,
        }
        return self.add("outcome", data, type="gateway", id="gateway-1")

    def ask(self, decision: int, agent: str, *, seats: int = 1, review: int = 15) -> int:
        """Ask for approval of a decision; `review` is the reading time in seconds."""
        clause = {
            "rule": "PAY-004",
            "needs": [{"role": "treasury", "count": seats}],
            "answer_within": 3_600_000_000,
            "not_by": ["requester"],
            "reason_required": True,
            "checklist": [],
            "review_time": review * 1_000_000,
        }
        data = {
            "refs": {"decision": decision},
            "agent": agent,
            "session": 0,
            "digest": D,
            "variant": D,
            "refused_before": 0,
            "clauses": [clause],
            "answer_by": as_instant(self.at + timedelta(hours=1)),
        }
        return self.add("approval.asked", data, type="agent", id=agent)

    def show(self, approval: int, who: str) -> int:
        """A person opens the request."""
        data = {"refs": {"approval": approval}, "evidence": D}
        return self.person("approval.shown", who, data)

    def answer(
        self, approval: int, who: str, word: str, *, after: float = 60, complete: bool = True
    ) -> int:
        """A person grants or refuses, `after` seconds."""
        data: dict[str, Any] = {
            "refs": {"approval": approval},
            "role": "treasury",
            "digest": D,
            "evidence": D,
            "commitments": {"reason": C},
        }
        if word == "granted":
            data |= {"complete": complete, "confirmed": 0}
        return self.person(f"approval.{word}", who, data, seconds=after)

    def override(self, decision: int, who: str, *, alone: bool = False, **refs: int) -> int:
        """A person lifts a denial."""
        data = {
            "refs": {"decision": decision, **refs},
            "roles": ["treasury"],
            "digest": D,
            "lifts": ["payments/PAY-006"],
            "until": as_instant(self.at + timedelta(hours=1)),
            "commitments": {"reason": C},
            "complete": True,
            "alone": alone,
        }
        return self.person("override.granted", who, data)

    def draw(self, decisions: list[int]) -> int:
        """Decisions are drawn for review."""
        size = len(self.entries)
        data = {"first": 0, "size": size, "root": D, "nonce": "n", "count": len(decisions)}
        return self.person("sample.drawn", PEOPLE[0], {**data, "decisions": decisions})

    def review(self, decision: int, who: str, verdict: str, **refs: int) -> int:
        """A person reviews a decision."""
        refs = {"decision": decision, **refs}
        data = {"refs": refs, "verdict": verdict, "commitments": {"reason": C}}
        return self.person("decision.reviewed", who, data)

    def rows(self, without: int | None = None) -> Iterator[tuple[int, bytes | None, Entry]]:
        """What the report reads, leaving out the entry `without`."""
        for index, entry in enumerate(self.entries):
            if index != without:
                yield index, leaf_hash(encode(entry)), entry

    def checkpoint(self) -> str:
        """The signed note over all entries."""
        root = root_of([leaf_hash(encode(e)) for e in self.entries])
        signer = Ed25519Signer.from_seed("log.example/agents", bytes(32))
        tree = Checkpoint("log.example/agents", len(self.entries), root)
        return sign_checkpoint(tree, signer)

    def parameters(self, **changes: Any) -> Parameters:
        """Parameters of a report over this log."""
        base: dict[str, Any] = {
            "workspace": "Beispiel Versicherung für Äußerstes",
            "period": PERIOD,
            "made_at": MADE,
            "checkpoint": self.checkpoint(),
            "software": "0.1.0",
        }
        return Parameters(**{**base, **changes})


RULES = {
    RELEASE: (
        RuleFact("payments", "default", "anything else", "enforce"),
        RuleFact("payments", "PAY-004", "large payments need two people", "enforce"),
        RuleFact("payments", "PAY-009", "weekend payments", "enforce", "invoice matched by hand"),
    )
}


def _rights(log: Log) -> None:
    """An administrator issues the second person's key and changes roles; the first has their own."""
    first = {"type": "person", "id": PEOPLE[0]}
    for number, holder in enumerate(PEOPLE[:2]):
        held = {"type": "person", "id": holder}
        issued = {"key": f"k-aaaaaaa{number + 2}", "digest": D, "holder": held}
        log.add("key.issued", issued, **first)
    log.add("person.changed", {"person": PEOPLE[1], "roles": ["treasury"]}, **first)


def company(decisions: int = 400, seed: int = 7) -> Log:
    """A month of a company: agents of several kinds, approvals, overrides, a stop and a drill."""
    log, dice = Log(START - timedelta(hours=1)), random.Random(seed)
    started = {"version": "0.1.0", "semantics": "1", "origin": "log.example", "after_size": 0}
    log.add("service.started", started)
    for person in PEOPLE:
        log.add("person.added", {"person": person, "roles": ["treasury", "agent_manager"]})
    files = {"policies/payments.yaml": D}
    note = {"release": RELEASE, "files": files, "lists": {}}
    proposed = log.add("policy.proposed", note, type="person", id=PEOPLE[0])
    release = {
        "refs": {"policy": proposed},
        "release": RELEASE,
        "proposed_by": PEOPLE[0],
        "signed_by": PEOPLE[1],
        "time_zone": "UTC",
        "alone": False,
    }
    agents = {"payments-1": "L3", "refunds-1": "L2", "coding-agent-with-a-long-name": "L4"}
    sessions = {name: log.agent(name, autonomy=level) for name, level in agents.items()}
    sessions["screening-1"] = log.agent("screening-1", **{"class": "high", "annex": "III 4(a)"})
    log.at = START + timedelta(minutes=1)
    log.add("policy.released", release, type="person", id=PEOPLE[1])
    step = 27 * 86_400 / decisions
    for number in range(decisions):
        agent = dice.choice(list(sessions))
        _one(log, dice, agent, sessions[agent], agents.get(agent, "L1"), step)
        if number == decisions // 2:
            _stop(log, sessions, drill=False)
    _stop(log, sessions, drill=True)
    log.add("service.throttled", _throttled(log))
    erased = {"subject": "s-" + "a" * 26, "ground": "gdpr-17", "values": 4}
    log.add("data.erased", erased, type="person", id=PEOPLE[2])
    _rights(log)
    _reviews(log, dice)
    return log


def _reviews(log: Log, dice: random.Random) -> None:
    """A sample is drawn; two people review half of it and some others, and change their minds."""
    decided = [index for index, e in enumerate(log.entries) if e.kind == "decision"]
    drawn = sorted(dice.sample(decided, 12))
    sample = log.draw(drawn)
    for number in [*drawn[::2], *dice.sample(decided, 6)]:
        for who in PEOPLE[: dice.choice([1, 1, 2])]:
            for _ in range(dice.choice([1, 1, 2])):
                word = dice.choice(["right", "right", "too_strict", "too_loose"])
                log.review(number, who, word, **({"sample": sample} if number in drawn else {}))


def _one(log: Log, dice: random.Random, agent: str, session: int, level: str, step: float) -> None:
    """One question of an agent, and everything that follows from it."""
    throw, risk = dice.random(), dice.choice(["low", "low", "medium", "high"])
    common: dict[str, Any] = {"session": session, "seconds": step, "autonomy": level, "risk": risk}
    if throw < 0.70:
        decision = log.decide(agent, "allow", **common)
        if dice.random() < 0.95:
            log.outcome(decision, attested=dice.random() < 0.8)
    elif throw < 0.80:
        log.decide(agent, "deny", rule="PAY-001", **common)
    elif throw < 0.84:
        log.decide(agent, "deny", rule="PAY-002", certain=False, unknown=["args.amount"], **common)
    elif throw < 0.87:
        log.decide(agent, "allow", observed=True, would_be="deny", **common)
    elif throw < 0.90:
        denied = log.decide(agent, "deny", rule="PAY-006", **common)
        lifted = log.override(denied, PEOPLE[0])
        log.override(denied, PEOPLE[1], override=lifted)
        common["seconds"] = 5.0
        done = log.decide(agent, "allow", refs={"override": lifted}, **common)
        log.outcome(done)
        reverse = {"refs": {"decision": done}, "commitments": {"reason": C}, "outcome": "undone"}
        log.person("decision.reversed", PEOPLE[2], reverse)
    else:
        _approval(log, dice, agent, common)


def _approval(log: Log, dice: random.Random, agent: str, common: dict[str, Any]) -> None:
    asked = log.decide(agent, "require_approval", rule="PAY-004", **common)
    approval, fate = log.ask(asked, agent, seats=2), dice.random()
    if fate < 0.1:
        log.add("approval.expired", {"refs": {"approval": approval}}, seconds=3600)
        return
    log.show(approval, PEOPLE[1])
    if fate < 0.25:
        log.answer(approval, PEOPLE[1], "refused", after=dice.expovariate(1 / 90))
        return
    log.answer(approval, PEOPLE[1], "granted", after=dice.expovariate(1 / 90), complete=False)
    log.show(approval, PEOPLE[2])
    log.answer(approval, PEOPLE[2], "granted", after=dice.expovariate(1 / 90))
    common["seconds"] = 5.0
    log.outcome(log.decide(agent, "allow", refs={"approval": approval}, **common))


def _stop(log: Log, sessions: dict[str, int], *, drill: bool) -> None:
    scope = {"type": "agent", "id": "payments-1"}
    data = {"scope": scope, "commitments": {"reason": C}, "drill": drill}
    stop = log.person("stop.raised", PEOPLE[0], data)
    for _ in range(3):
        log.decide("payments-1", "deny", session=sessions["payments-1"], rule="stop")
    if drill:
        drilled = {
            "refs": {"stop": stop},
            "raised_at": as_instant(log.at),
            "last_allowed": None,
            "seconds": "0.84",
        }
        log.add("stop.drilled", drilled)
    log.person("stop.lift_asked", PEOPLE[0], {"refs": {"stop": stop}, "commitments": {"reason": C}})
    lift = {"refs": {"stop": stop}, "commitments": {"reason": C}, "alone": False}
    log.person("stop.lifted", PEOPLE[1], lift)


def _throttled(log: Log) -> dict[str, Any]:
    since = as_instant(log.at - timedelta(minutes=2))
    return {"key": "k-abcdefgh", "refused": 311, "since": since, "until": as_instant(log.at)}
