"""Random pasts and drafts for backtests, and the slow loop that a backtest must agree with."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from service_world import CATALOGUE, DE, FILES, GB, NL, POLICY, World, payment, request

from governance.engine.compile import Release, compile_release
from governance.engine.decide import charges, confirmed
from governance.engine.model import Effect, FactQuery, Total
from governance.oversight import sessions
from governance.oversight.model import State
from governance.oversight.state import apply
from governance.oversight.times import micros
from governance.service import asking, deciding, judging, outcomes, overriding, recalling
from governance.service.beside import Beside
from governance.service.judging import charges_of
from governance.service.releases import zone_of

GRADUAL = b"""mode: gradual
gradual:
  replaces: payments
  share: 60 %
  of: sessions
  by: risk@corp.example
  from: 2026-11-17
  until: 2026-11-29
  stop_if: {denied: 60 %, out_of: 6, in_last: 8h}"""
RISK = b"""risk: company-risk
title: Points
owner: risk@corp.example
review_by: 2027-05-31
factors:
  - {id: RISK-001, title: Money, points: 20, when: {tool.labels: {contains_any: [moves_money]}}, because: It moves.}
  - {id: RISK-002, title: Much, points: 30, when: {action: payment.create, args.amount: {above: 400 EUR}}, because: Much.}
  - id: RISK-003
    title: Nobody called
    points: 40
    when: {action: payment.create, history: {did_not: payee.verify, same: args.iban, in_last: 12h, by: any_agent}}
    because: Nobody heard the payee.
levels: {medium: 30, high: 60, critical: 85}
matrix:
  L4: {high: require_approval, critical: deny}
approval:
  high: {needs: [1 treasurer], answer_within: 4h}
cases:
  columns: [name, action, agent.autonomy, expect]
  rows:
    - [mail, mail.read, L4, allow]
"""
FR = "FR1420041010050500013M02606"


def live(world: World, seed: int, steps: int = 160) -> None:
    """Some days of two agents who ask for this and that, and of people and a gateway who answer."""
    chance = random.Random(seed)
    own, opened = [0, 0], -(10**18)
    allowed: list[int] = []
    denied: list[int] = []
    for _ in range(steps):
        world.clock.advance(chance.choice([1, 60, 1800, 7200, 30000]))
        if world.clock.now - opened > 43_200_000_000:
            own = [world.session(world.maria, agent) for agent in ("payments-1", "payments-2")]
            opened = world.clock.now
        number = chance.randrange(2)
        by = (world.agent_key, world.agent_2)[number]
        agent = ("payments-1", "payments-2")[number]
        context: dict[str, Any] = {}
        if chance.random() < 0.3:
            context["session"] = str(own[number])
        if chance.random() < 0.2:
            context["cost"] = f"{chance.randrange(1, 4)}.50 EUR"
        action = chance.choice(["pay"] * 6 + ["verify", "verify", "mail", "web"])
        if action == "pay":
            amount = chance.choice(["5", "120", "480", "700", "2500", "6000", "12000"])
            currency = "USD" if chance.random() < 0.05 else "EUR"
            asked = payment(f"{amount} {currency}", chance.choice([DE, DE, NL, GB, FR]), agent,
                            {"note": "rush"} if chance.random() < 0.2 else None, **context)  # fmt: skip
            if chance.random() < 0.05:
                asked["action"]["properties"]["arguments"]["bcc"] = "x@corp.example"
        elif action == "verify":
            asked = request("payee.verify", agent=agent, arguments={"iban": chance.choice([DE, NL])},
                            **context)  # fmt: skip
        else:
            asked = request(
                {"mail": "mail.read", "web": "web.post"}[action], agent=agent, **context
            )
        answer = deciding.decide(world.desk, by, asked, ask=chance.random() < 0.5)
        index = int(answer["context"]["evaluation_id"])
        if answer["decision"] and number == 0:
            allowed.append(index)
        if answer["context"]["effect"] == "deny":
            denied.append(index)
        approval = answer["context"].get("access_request", {}).get("approval")
        if approval and chance.random() < 0.7:
            _answer(world, chance, approval)
            if chance.random() < 0.7:
                deciding.decide(world.desk, by, asked)
        if denied and chance.random() < 0.05:
            _override(world, denied.pop())
            deciding.decide(world.desk, by, asked)
        if allowed and chance.random() < 0.5:
            status = chance.choice(["executed", "executed", "failed"])
            outcomes.report(
                world.desk, world.gateway, {"decision": allowed.pop(0), "status": status}
            )


def _answer(world: World, chance: random.Random, approval: str) -> None:
    world.clock.advance(45)
    for person in (world.anna, world.carl):
        try:
            shown = asking.show(world.desk, person, approval)
            world.clock.advance(chance.choice([31, 90]))
            asking.grant(world.desk, person, approval, digest=shown["digest"],
                         evidence=shown["evidence"], reason="ok",
                         **({"confirmed": shown["checklist"]} if shown.get("checklist") else {}))  # fmt: skip
        except Exception:
            continue


def _override(world: World, decision: int) -> None:
    with contextlib.suppress(Exception):
        overriding.override(world.desk, world.carl, decision, reason="agreed")


def drafts() -> dict[str, dict[str, bytes]]:
    """What a risk team might try, by name."""

    def policy(*pairs: bytes) -> dict[str, bytes]:
        changed = POLICY
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in changed, old
            changed = changed.replace(old, new)
        return {**FILES, "policies/payments.yaml": changed}

    def catalogue(old: bytes, new: bytes) -> dict[str, bytes]:
        changed = CATALOGUE.replace(old, new)
        assert changed != CATALOGUE, old
        return {**FILES, "policies/actions/payments.yaml": changed}

    return {
        "nothing": dict(FILES),
        "a title": policy(b"title: Never pay this account", b"title: Not to this account"),
        "smaller payments": policy(b"at_most: 500 EUR}}", b"at_most: 100 EUR}}"),
        "a smaller limit": policy(b"at_most: 1000 EUR\n", b"at_most: 300 EUR\n"),
        "a larger limit": policy(b"at_most: 1000 EUR\n", b"at_most: 9000 EUR\n"),
        "a stricter limit": policy(
            b"otherwise: require_approval\n    approval: {needs: [1 treasurer], answer_within: 4h, "
            b"reason: required}\n    because: It caps",
            b"otherwise: deny\n    because: It caps",
        ),
        "a limit of another name": policy(b"LIM-1", b"LIM-9"),
        "a longer window": policy(b"per: [args.iban]\n    in_last: 24h", b"per: [args.iban]\n    in_last: 72h"),
        "a calendar day": policy(
            b"per: [args.iban]\n    in_last: 24h", b"per: [agent.id]\n    calendar_day: Europe/Berlin"
        ),
        "a shorter memory": policy(b"in_last: 24h, by: any_agent", b"in_last: 1h, by: any_agent"),
        "another list": policy(b"NL91ABNA0417164300, ", b""),
        "one more rule": policy(
            b"limits:\n",
            b"  - id: VER-3\n    title: Two call-backs a day\n    effect: deny\n    when:\n"
            b"      action: payee.verify\n      history: {did: payee.verify, same: args.iban, "
            b"in_last: 6h, by: this_agent}\n    because: It wears on payees.\n    severity: low\n"
            b"limits:\n",
        ),
        "an exception": policy(
            b"cases:\n",
            b"exceptions:\n  - id: EXC-1\n    title: The second agent may for a while\n"
            b"    lifts: PAY-4\n    for: {agent.id: {is: payments-2}, args.amount: {at_most: 200 EUR}}\n"
            b"    instead: allow\n    reason: Month end.\n    ticket: TRE-1\n    from: 2026-11-18\n"
            b"    expires: 2026-11-30\ncases:\n",
            b"    may_be_waived_by: [cfo]\n  - id: VER-1", b"    may_be_waived_by: [cfo, exception]\n  - id: VER-1",
        ),
        "risk points": {
            **FILES,
            "policies/risk.yaml": RISK,
        },
        "another file for a share": {
            **FILES,
            "policies/next.yaml": POLICY.replace(b"policy: payments", b"policy: payments-next")
            .replace(b"mode: enforce", GRADUAL)
            .replace(b"at_most: 500 EUR}}", b"at_most: 100 EUR}}")
            .replace(b"PAY-", b"NEX-").replace(b"VER-", b"NEV-").replace(b"WEB-", b"NEW-").replace(b"LIM-", b"NEL-"),
        },
        "a forgiven fraud": policy(
            b"args.iban: {one_of: [GB82WEST12345698765432]}}",
            b"args.iban: {one_of: [FR1420041010050500013M02606]}}",
        ),
        "mail that taints": catalogue(b"attaches: [private]", b"attaches: [private, secret]"),
        "callbacks that taint": catalogue(
            b"  payee.verify:\n    title: Call the payee back\n    labels: []",
            b"  payee.verify:\n    title: Call the payee back\n    attaches: [private]\n    labels: []",
        ),
    }  # fmt: skip


class Slow:
    """Windows as plain lists: a total is counted one by one."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, Any]] = []

    def total(self, query: FactQuery) -> Total:
        found = [
            charge for at, _, charge in self.rows
            if (charge.series, charge.key) == (query.series, query.key)
            and (query.since is None or at >= query.since)
        ]  # fmt: skip
        amount = sum((charge.amount for charge in found), Decimal(0))
        return Total(amount, len(found), any(charge.unit != query.unit for charge in found))


def slowly(
    here: Beside, files: Mapping[str, bytes], start: int = 0
) -> dict[int, tuple[str, str, str]]:
    """decision -> (recorded effect, effect in the draft's world, effect after what really happened).

    Decides everything, opens everything, counts every window one by one, in two separate worlds.
    """
    draft = compile_release(dict(files))
    state, was, would = here.first, Slow(), Slow()
    found: dict[int, tuple[str, str, str]] = {}
    for index, entry in enumerate(here.entries(), here.minimum):
        at = micros(entry.at)
        if entry.kind == "decision":
            made = _slow_decision(here, draft, state, index, entry, at, start, was, would)
            if made is not None:
                found[index] = made
        elif entry.kind == "outcome":
            decision = entry.data["refs"]["decision"]
            for rows in (was, would):
                if entry.data["released"]:
                    rows.rows = [row for row in rows.rows if row[1] != decision]
                elif entry.data["attested"] and entry.data["status"] == "executed":
                    own = [charge for _, made_by, charge in rows.rows if made_by == decision]
                    rows.rows += [(at, index, charge) for charge in confirmed(own)]
        state = apply(state, index, entry)
        state = _labelled(state, draft, entry, index)
    return found


def _slow_decision(
    here: Beside, draft: Release, state: State, index: int, entry: Any, at: int, start: int,
    was: Slow, would: Slow,
) -> tuple[str, str, str] | None:  # fmt: skip
    data = entry.data
    agent, session = recalling.standing(state, data) or (None, None)
    assert agent is not None
    assert session is not None
    early = at < start
    values = {} if early else here.opened(index)
    request = judging.complete(
        recalling.recall(draft, data, values, recalling.place_of(state, data)).request,
        state, agent, session, zone_of(state.time_zone), entry.at,
    )  # fmt: skip
    really = data["effect"] == "allow"
    budget = [charge for charge in charges_of(data) if charge.series == "budget"]
    if early:
        if really:
            recorded = here.release(data["release"])
            assert recorded is not None
            kept = [c for c in charges_of(data) if c.series in draft.series]
            new = [c for c in charges(draft, request, entry.at) if c.series not in recorded.series]
            for rows in (was, would):
                rows.rows += [(at, index, charge) for charge in (*kept, *new, *budget)]
        return None
    queries = judging.wanted(draft, request, agent, entry.at)

    def judged(rows: Slow) -> Any:
        facts = {query: rows.total(query) for query in queries}
        return judging.judge(draft, request, state, agent, session, facts, data["digest"], entry.at)

    once, now = judged(was), judged(would)
    own = [*charges(draft, request, entry.at)]
    if really:
        own += budget
    elif request.fields.get("context.cost") is not None:
        own += [c for c in now.verdict.charges if c.series == "budget"]
    effect = now.verdict.effect
    for rows, verdict in ((was, once.verdict), (would, now.verdict)):
        rows.rows += [(at, index, c) for c in verdict.charges if c.series.startswith("gradual:")]
    if really:
        was.rows += [(at, index, charge) for charge in own]
    if effect is Effect.ALLOW or (effect is Effect.REQUIRE_APPROVAL and really):
        would.rows += [(at, index, charge) for charge in own]
    return data["effect"], effect.word, once.verdict.effect.word


def _labelled(state: State, draft: Release, entry: Any, index: int) -> State:
    """What the draft's catalogue says that an allowed action has seen."""
    data = entry.data
    if entry.kind == "decision" and data["effect"] == "allow" and data["action"] in draft.plans:
        labels = draft.plans[data["action"]].action.attaches
        if labels:
            state = sessions.attach(state, data["refs"]["session"], labels)
    if entry.kind == "session.opened" and data["opened_by"] == "agent":
        residue = state.agents[data["agent"]].residue
        if residue:
            state = sessions.attach(state, index, residue)
    return state


Live = Callable[[World, int], None]
