"""After the decision: permits are redeemed, outcomes are reported, reservations given back.

Law: an agent's own word gives nothing back and proves nothing.  Only a gateway (or whoever owns the
resource, under a gateway key) attests what happened: its `not_executed` or `failed` releases what
the decision reserved, its `executed` confirms history.  A permit is redeemed once, in time, and
only if nothing was stopped, suspended or revoked since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from audit.entry import Entry, decode
from governance.engine.decide import confirmed
from governance.engine.model import Charge
from governance.oversight import stops
from governance.oversight.commands import (
    Answer,
    DecisionFact,
    Facts,
    Lane,
    Needs,
    Proposal,
    VaultRow,
)
from governance.oversight.entries import STATUSES
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.oversight.times import write
from governance.service.acting import Act, Texts, do, lane_of, perform, receipt_json
from governance.service.asked import number
from governance.service.desk import Caller, Desk
from governance.service.judging import charges_of
from governance.service.problem import Problem
from governance.service.sessions import require_speaks_for

MOST_IN_BATCH: Final = 1_000


def prepare(
    desk: Desk, caller: Caller, *, decision: Any, status: Any, note: str | None = None
) -> Act:
    """The command that reports one outcome: executed, failed or not_executed."""
    return prepare_many(desk, caller, [{"decision": decision, "status": status, "note": note}])


def prepare_many(desk: Desk, caller: Caller, items: Sequence[Mapping[str, Any]]) -> Act:
    """The command that reports several outcomes at once; answers one by one, refuses all or none."""
    if not 0 < len(items) <= MOST_IN_BATCH:
        raise Problem("too-large", f"a batch has 1 to {MOST_IN_BATCH} outcomes, not {len(items)}")
    read = [_item(item) for item in items]

    def wants(state: State, at: datetime) -> Needs:
        numbers = tuple(dict.fromkeys(decision for decision, _, _ in read))
        return Needs(decisions=numbers, entries=numbers)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        entries: list[Entry] = []
        values: list[VaultRow] = []
        answers = []
        seen: set[int] = set()
        for decision, status, texts in read:
            if decision in seen:
                raise Refused(
                    "conflict", f"decision `{decision}` is reported twice", field="decision"
                )
            seen.add(decision)
            here = index + len(entries)
            made, answer = _report(state, caller, facts, decision, status, texts, at)
            if made is not None:
                entries.append(made)
                values.extend(texts.rows(here))
                answer["outcome"] = here
            answers.append(answer)
        return Proposal(tuple(entries), {"outcomes": answers}, values=tuple(values))

    bucket, lane = lane_of(caller)
    return Act(bucket, run, lane, wants)


def _item(item: Mapping[str, Any]) -> tuple[int, str, Texts]:
    if not isinstance(item, Mapping):
        raise Problem("bad-request", "an outcome is an object with decision and status")
    decision = number(item.get("decision"), "decision")
    if decision is None:
        raise Problem("bad-field", "say which decision this is about", field="decision")
    status = item.get("status")
    if status not in STATUSES:
        raise Problem(
            "bad-field", f"`{status}` is unknown; expected {', '.join(STATUSES)}", field="status"
        )
    return decision, str(status), Texts.of(note=item.get("note"))


def _report(
    state: State,
    caller: Caller,
    facts: Facts,
    decision: int,
    status: str,
    texts: Texts,
    at: datetime,
) -> tuple[Entry | None, dict[str, Any]]:
    fact = facts.decisions.get(decision)
    if fact is None:
        raise Refused("unknown", f"there is no decision `{decision}`", field="decision")
    if caller.type == "person":
        raise Refused("not-allowed", "outcomes are reported by agents and gateways")
    require_speaks_for(state, caller, fact.agent)
    attested = caller.type == "gateway"
    answer: dict[str, Any] = {"decision": decision, "status": status, "attested": attested}
    if fact.outcome is not None and (fact.attested or not attested):
        if fact.outcome == status:
            return None, {**answer, "outcome": fact.outcome_index, "released": fact.released}
        raise Refused(
            "conflict",
            f"decision `{decision}` was reported as {fact.outcome} by entry `{fact.outcome_index}`",
            field="status",
        )
    if fact.effect != "allow" and status == "executed" and attested:
        answer["unauthorised"] = True  # it happened although it was not allowed: record it
    released = attested and status != "executed" and fact.effect == "allow" and not fact.released
    data: dict[str, Any] = {
        "refs": {"decision": decision},
        "status": status,
        "attested": attested,
        "released": released,
    }
    if attested and status == "executed":
        charges = _confirmed(facts.entries[decision])
        if charges:
            data["charges"] = charges
    answer["released"] = released
    return Entry("outcome", at, caller.by(fact.agent), texts.into(data)), answer


def _confirmed(recorded: bytes) -> list[list[str]]:
    """What an attested execution adds to the series of confirmed history."""
    charges: Iterable[Charge] = confirmed(charges_of(decode(recorded).data))
    return [[c.series, c.key, format(c.amount, "f"), c.unit] for c in charges]


def report(
    desk: Desk, caller: Caller, items: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Report one outcome or several: `{outcomes: [{decision, status, attested, released}]}`."""
    several = [items] if isinstance(items, Mapping) else list(items)
    return finish(desk, perform(desk, prepare_many(desk, caller, several)))


def finish(desk: Desk, answer: Answer, *, proof: bool = False) -> dict[str, Any]:
    """The response for performed reports, each with its receipt, with its proof if asked."""
    receipts = {receipt.index: receipt for receipt in answer.receipts}
    for each in answer.value.get("outcomes", ()):
        receipt = receipts.get(each.get("outcome"))
        if receipt is not None:
            each["receipt"] = receipt_json(receipt, proof=proof)
    value: dict[str, Any] = dict(answer.value)
    if "outcomes" not in value and answer.receipts:
        value["receipt"] = receipt_json(answer.receipts[-1], proof=proof)
    return value


def prepare_redeem(desk: Desk, caller: Caller, decision: int) -> Act:
    """The command that redeems a permit just before the action is carried out."""

    def wants(state: State, at: datetime) -> Needs:
        return Needs(decisions=(decision,), entries=(decision,))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        fact = facts.decisions.get(decision)
        if fact is None or fact.effect != "allow" or fact.valid_until is None:
            raise Refused("unknown", f"decision `{decision}` gave no permit")
        require_speaks_for(state, caller, fact.agent)
        action = decode(facts.entries[decision]).data["action"]
        _require_good(state, fact, action, at)
        made = Entry("permit.redeemed", at, caller.by(fact.agent), {"refs": {"decision": decision}})
        answer = {
            "permit": str(decision),
            "action_digest": fact.digest,
            "redeemed": index,
            "valid_until": write(fact.valid_until),
        }
        return Proposal((made,), answer)

    lane: Lane = "agent"
    return Act(lane_of(caller)[0], run, lane, wants)


def _require_good(state: State, fact: DecisionFact, action: str, at: datetime) -> None:
    """Refuse a permit that is used, late, or covered by a stop that came after it."""
    if fact.redeemed is not None:
        raise Refused(
            "used", f"the permit of decision `{fact.index}` was redeemed by entry `{fact.redeemed}`"
        )
    if fact.valid_until is None or at >= fact.valid_until:
        raise Refused("expired", f"the permit of decision `{fact.index}` has run out; ask again")
    if fact.outcome is not None:
        raise Refused("used", f"decision `{fact.index}` was already reported as {fact.outcome}")
    agent = state.agents.get(fact.agent)
    session = state.sessions.get(-1 if fact.session is None else fact.session)
    stop = stops.since(state, fact.index, agent, session, action)
    if stop is not None:
        raise Refused(
            "stopped",
            f"entry `{stop.index}` stopped this after it was allowed; the permit is worth nothing",
        )
    if agent is None or agent.state != "active":
        raise Refused("stopped", f"agent `{fact.agent}` is not active any more")
    if session is None:
        raise Refused("conflict", "the session of this decision has ended; ask again")


def redeem(desk: Desk, caller: Caller, decision: int) -> dict[str, Any]:
    """Redeem a permit: `{permit, action_digest, redeemed, receipt}`; once, and only in time."""
    return do(desk, prepare_redeem(desk, caller, decision))
