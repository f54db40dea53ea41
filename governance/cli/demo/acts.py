"""What happens in the demo: agents act, people answer, override, reverse, review, stop and erase.

Law: an act does what a person or an agent would do and looks at the answer; where an answer is not the
one the story needs, the demo fails instead of going on.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from governance.cli.demo import cast, traffic
from governance.cli.demo.stage import Stage
from governance.cli.runtimes import ask_hook
from governance.cli.transport import Failed
from governance.client import Client, Decision

DECISIONS_EACH = 220
DRILL_DECISIONS = 60
DRAWN = 12


def work(stage: Stage) -> Counter[str]:
    """All five agents at once; how often each answer came."""
    names = [part.agent for part in cast.AGENTS]
    with ThreadPoolExecutor(len(names)) as pool:
        counted = list(pool.map(lambda name: _work_of(stage, name), names))
    return sum(counted, Counter())


def _work_of(stage: Stage, agent: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    if agent == "coder-1":
        for deed in traffic.deeds(agent, DECISIONS_EACH):
            counted[_hook(stage, deed)] += 1
        return counted
    client = stage.client(agent)
    for number, (action, arguments, claims) in enumerate(traffic.deeds(agent, DECISIONS_EACH)):
        decision = try_it(client, action, arguments, claims, ask=number % 3 == 0)
        counted[decision.effect] += 1
        if decision.allowed and number % 2 == 0:
            client.report(client.redeem(decision), "executed")
    return counted


def _hook(stage: Stage, deed: traffic.Deed) -> str:
    tool, tool_input, _ = deed
    call = {
        "session_id": "demo-session", "hook_event_name": "PreToolUse", "cwd": "/srv/shop",
        "tool_name": tool, "tool_input": tool_input,
    }  # fmt: skip
    answer = ask_hook(stage.url, stage.keys["coder-1"], json.dumps(call).encode())
    return str(answer["hookSpecificOutput"]["permissionDecision"])


def try_it(
    client: Client,
    action: str,
    arguments: dict[str, Any],
    claims: dict[str, Any] | None = None,
    *,
    ask: bool = False,
) -> Decision:
    """One action through the SDK; a failure of the service ends the demo."""
    resource = {"type": "action", "id": action, "properties": claims} if claims else None
    decision = client.check(action, arguments, resource=resource, request_approval=ask)
    if decision.failure:
        raise Failed(f"the service did not answer `{action}` of `{client.agent}`: {decision.why}")
    return decision


ANSWERS = (
    (cast.TREASURER, "payments-1"),
    (cast.CFO, "payments-1"),
    (cast.SUPPORT, "refunds-1"),
    (cast.MANAGER, "tickets-1"),
    (cast.SECOND, "coder-1"),
)


def answer(stage: Stage) -> Counter[str]:
    """People answer most of what is open: two of three are granted; a few stay for the browser."""
    counted: Counter[str] = Counter()
    for who, agent in ANSWERS:
        api = stage.api(who)
        waiting = [
            item
            for item in api.get("/v1/approvals", state="open")["approvals"]
            if item["agent"] == agent and item["yours"] and item["action"] != "status.post"
        ]
        for number, item in enumerate(waiting[:-1]):
            shown = api.get(f"/v1/approvals/{item['approval']}")
            verb = "refuse" if number % 3 == 2 else "grant"
            reason = "matches the contract" if verb == "grant" else "the order was cancelled"
            body: dict[str, Any] = {"digest": shown["digest"], "evidence": shown["evidence"]}
            checklist = [line for clause in shown["clauses"] for line in clause["checklist"]]
            if checklist and verb == "grant":
                body["checklist"] = checklist
            api.post(f"/v1/approvals/{item['approval']}/{verb}", reason=reason, **body)
            counted[verb] += 1
    return counted


def use_grants(stage: Stage) -> int:
    """Agents repeat exactly what they had asked for; how many now go through."""
    used = 0
    for part in cast.AGENTS:
        if part.agent == "coder-1":
            continue
        client = stage.client(part.agent)
        deeds = list(traffic.deeds(part.agent, DECISIONS_EACH))
        for action, arguments, claims in deeds[::3]:
            if action not in ("payment.create", "refund.create", "mcp.jira.add_comment"):
                continue
            decision = try_it(client, action, arguments, claims)
            if decision.allowed and decision.approval is None:
                used += _was_granted(stage, decision)
                client.report(client.redeem(decision), "executed")
    return used


def _was_granted(stage: Stage, decision: Decision) -> int:
    refs = stage.api(cast.MANAGER).get(f"/v1/decisions/{decision.id}")
    return int(refs.get("approval") is not None)


def let_expire(stage: Stage) -> int:
    """A request that nobody answers in time is a no."""
    client = stage.client("tickets-1")
    asked = try_it(client, "status.post", {"text": "Payments are slow today"}, ask=True)
    after = client.wait(asked, seconds=8, poll=0.5)
    if after.allowed or "expired" not in after.why:
        raise Failed(f"the request should have expired: {after.why}")
    return int(asked.approval or 0)


def override(stage: Stage) -> dict[str, Any]:
    """A team lead lets one refused refund through, once, with a reason."""
    client = stage.client("refunds-1")
    who = {"customer": "C-1007", "channel": "app"}
    verified = client.redeem(try_it(client, "identity.verify", who))
    client.report(verified, "executed")
    deed = {"customer": "C-1007", "order": "O-4711", "amount": "39.90 EUR"}
    deed |= {"method": "original_payment", "note": "parcel was lost by us"}
    claims = {"order_age": "45d", "already_refunded": False}
    denied = try_it(client, "refund.create", deed, claims)
    if denied.effect != "deny":
        raise Failed(f"the refund should have been denied: {denied.why}")
    made = stage.api(cast.SUPPORT).post(
        f"/v1/decisions/{denied.id}/override", reason="Our carrier lost the parcel; ticket S-88"
    )
    allowed = client.redeem(try_it(client, "refund.create", deed, claims))
    if not allowed.allowed:
        raise Failed(f"the overridden refund should go through: {allowed.why}")
    client.report(allowed, "executed")
    return {"denied": denied.id, "override": made, "allowed": allowed.id}


def reverse(stage: Stage, decision: str) -> Any:
    """A manager takes an executed refund back."""
    path = f"/v1/decisions/{decision}/reverse"
    reason = "The parcel turned up; the customer agreed"
    return stage.api(cast.MANAGER).post(path, reason=reason, outcome="undone")


def review(stage: Stage) -> dict[str, int]:
    """Decisions are drawn; two people who answer for no agent look at some, and differ about one."""
    risk, compliance = stage.api(cast.RISK), stage.api(cast.COMPLIANCE)
    drawn = compliance.post("/v1/samples", count=DRAWN)["decisions"]
    for row in drawn[:-2]:
        asked = row["effect"] == "require_approval"
        said = {"verdict": "too_strict", "should_be": "allow"} if asked else {"verdict": "right"}
        path = f"/v1/decisions/{row['decision']}/review"
        risk.post(path, reason="Compared with the ticket and the order", **said)
    allowed = next(row["decision"] for row in drawn if row["effect"] == "allow")
    compliance.post(
        f"/v1/decisions/{allowed}/review", verdict="too_loose", should_be="require_approval",
        reason="Somebody should have looked at this one first",
    )  # fmt: skip
    if not compliance.get(f"/v1/decisions/{allowed}")["reviews"]["disputed"]:
        raise Failed(f"two people should disagree about decision {allowed}")
    waiting = risk.get("/v1/samples")["waiting"]
    return {"drawn": len(drawn), "waiting": waiting, "disputed": allowed}


def drill(stage: Stage) -> Any:
    """A real stop, as an exercise, while the agent is at work; two people lift it.

    The agent asks a fixed number of times, whenever the stop comes, so that every demo counts alike.
    """
    client, begun = stage.client("payments-1"), threading.Event()
    answers: list[bool] = []

    def keep_reading() -> None:
        for number in range(DRILL_DECISIONS):
            answers.append(client.check("balance.read", {"account": "operating"}).allowed)
            if number == DRILL_DECISIONS // 3:
                begun.set()
            time.sleep(0.005)

    thread = threading.Thread(target=keep_reading)
    thread.start()
    begun.wait(30)
    try:
        made = stage.api(cast.MANAGER).post(
            "/v1/stops/drill", scope="agent", id="payments-1", reason="Monthly drill"
        )
    finally:
        thread.join()
    if not any(answers) or answers[-1]:
        raise Failed("the agent did not act before the stop, or still acted after it")
    for who in (cast.MANAGER, cast.SECOND):
        stage.api(who).post(f"/v1/stops/{made['stop']}/lift", reason="Drill is over, all well")
    if not try_it(client, "balance.read", {"account": "operating"}).allowed:
        raise Failed("the stop was not lifted")
    return made


def erase(stage: Stage) -> Any:
    """A customer asks to be forgotten; counts and proofs stay."""
    return stage.api(cast.COMPLIANCE).post(
        "/v1/erasures", subject_type="customer", value="C-1007",
        ground="gdpr-17-1-a", note="Request 2026-88",
    )  # fmt: skip
