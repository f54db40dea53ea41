"""The hot lane: decisions, hooks, outcomes and permits, answered on the event loop.

Law: an answer leaves only after its entry is on disk, and whatever goes wrong here becomes a
problem without a `decision`, never an allow. The lane authenticates, reads strictly, submits one
command to the ledger and waits for it; it decides nothing. Everything it does not serve it hands
to `rest`, which may be slow without making a decision wait.

Why not Flask: threads that wait for a commit cost some 3.5 times what waiting futures cost, and
the framework is most of the work of so small a request.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from governance.config import Config
from governance.oversight.commands import Answer, Command
from governance.oversight.errors import Refused
from governance.service import deciding, outcomes
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.web import auth, authzen, http, parsing, problems, routes
from governance.web.batches import Batches
from governance.web.errors import problem_of
from governance.web.hooks import claude_code
from governance.web.hooks.sessions import HostSessions
from governance.web.http import App, Headers, Receive, Scope, Send
from governance.web.log import defect
from governance.web.metrics import Meters
from governance.web.openapi import body_checks
from governance.web.quota import Quotas
from governance.web.routes import Route

PROVEN = frozenset({"evaluate", "evaluateMany", "reportOutcomes", "redeemPermit"})
"""Operations whose receipts come with a proof when the caller prefers it."""
_APPLIED = ((b"preference-applied", b"receipt=proof"),)

LONG = 64 * 1024
"""Bytes of a body beyond which reading it would keep other requests waiting."""


@dataclass(slots=True)
class Asked:
    """One authenticated request of the hot lane."""

    caller: Caller
    headers: Headers
    body: dict[str, Any]
    parameters: Mapping[str, str]
    proof: bool = False


Handler = Callable[[Asked], Awaitable[Mapping[str, Any]]]


class Lane:
    """The ASGI application: hot routes itself, everything else to `rest`."""

    def __init__(self, desk: Desk, config: Config, rest: App, meters: Meters) -> None:
        self.desk = desk
        self.config = config
        self.rest = rest
        self.meters = meters
        self.host_sessions = HostSessions(desk)
        per_hour = config.limits.agent_per_hour
        self.hourly = Quotas(per_hour, per_hour, per=3600)
        self.batches = Batches(desk, lambda command: self.submit(command))
        self._url = config.url
        self._handlers: dict[str, Handler] = {
            "evaluate": self.evaluate,
            "evaluateMany": self.evaluate_many,
            "hookClaudeCode": self.hook_claude_code,
            "reportOutcomes": self.report_outcomes,
            "redeemPermit": self.redeem,
        }
        hot = [route for route in routes.ROUTES if route.lane == "hot"]
        self._fixed = {route.path: route for route in hot if "{" not in route.path}
        self._others = [route for route in hot if "{" in route.path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.rest(scope, receive, send)
            return
        route, parameters = self._find(scope["method"], scope["path"])
        if route is None:
            await self.rest(scope, receive, send)
            return
        headers = http.headers_of(scope)
        proof = route.name in PROVEN and http.prefers_proof(headers)
        try:
            answer = await self._serve(route, parameters, headers, receive, proof)
        except http.Disconnected:
            return
        except Exception as error:
            await self._refuse(send, route, headers, error)
            return
        await http.send_answer(
            send,
            200,
            orjson.dumps(answer),
            request_id=headers.request_id,
            extra=_APPLIED if proof and not _advisory(answer) else (),
        )

    def _find(self, method: str, path: str) -> tuple[Route | None, Mapping[str, str]]:
        if method != "POST":
            return None, {}
        route = self._fixed.get(path)
        if route is not None:
            return route, {}
        for route in self._others:
            match = route.pattern.match(path)
            if match:
                return route, match.groupdict()
        return None, {}

    async def _serve(
        self,
        route: Route,
        parameters: Mapping[str, str],
        headers: Headers,
        receive: Receive,
        proof: bool,
    ) -> Mapping[str, Any]:
        caller = auth.authenticate(self.desk, headers.authorization)
        auth.authorize(self.desk, caller, route)
        limits = self.config.limits
        limit = limits.batch_bytes if route.size == "batch" else limits.single_bytes
        raw = await http.read_body(headers, receive, limit)
        started = time.perf_counter()
        if raw or route.name != "redeemPermit":
            http.check_json(headers)
            body = await self._read(raw)
        else:
            body = {}
        asked = Asked(caller, headers, body, parameters, proof)
        answer = await self._handlers[route.name](asked)
        self.meters.duration.observe(time.perf_counter() - started)
        return answer

    async def _read(self, raw: bytes) -> dict[str, Any]:
        """The body; a long one is read beside the event loop."""
        depth = self.config.limits.depth
        if len(raw) <= LONG:
            return parsing.parse_object(raw, depth=depth)
        return await self.batches.beside(lambda: parsing.parse_object(raw, depth=depth))

    async def _refuse(self, send: Send, route: Route, headers: Headers, error: Exception) -> None:
        problem = problem_of(error)
        request_id = headers.request_id
        if problem is None:
            problem = problems.defect()
            request_id = request_id or http.new_request_id()
            defect("defect", error, operation=route.name, request_id=request_id)
        self.meters.decided("error")
        await http.send_problem(send, problem, request_id=request_id)

    async def submit(self, command: Command) -> Answer:
        """Wait until a command's entries are on disk. Raises what the command or the ledger says."""
        answer: Answer = await self.desk.ledger.submit_async(command)
        return answer

    async def evaluate(self, asked: Asked) -> Mapping[str, Any]:
        """One evaluation (AuthZEN §6)."""
        authzen.check_evaluation(asked.body)
        return await self._decide(asked, asked.body)

    async def _decide(
        self, asked: Asked, request: Mapping[str, Any], *, via: str = "api", ask: bool = False
    ) -> dict[str, Any]:
        self.hourly.take(asked.caller)
        command = deciding.prepare(
            self.desk,
            asked.caller,
            request,
            idempotency_key=http.idempotency_key(asked.headers),
            via=via,
            ask=ask,
        )
        answer = deciding.finish(self.desk, await self.submit(command), proof=asked.proof)
        self._count(authzen.absolute(answer, self._url))
        return answer

    async def evaluate_many(self, asked: Asked) -> Mapping[str, Any]:
        """A batch (AuthZEN §7), in slices; the answers in the caller's order."""
        most = self.config.limits.batch_items
        batch = await self.batches.beside(lambda: authzen.batch(asked.body, most=most))
        if batch is None:
            authzen.check_evaluation(asked.body)
            return await self._decide(asked, asked.body)
        if asked.headers.idempotency_key is not None:
            raise Problem(
                "bad-field",
                "an `Idempotency-Key` stands for one evaluation; leave it out for a batch",
                field="Idempotency-Key",
            )
        self.hourly.take(asked.caller, len(batch.requests))
        answers = await self.batches.run(asked.caller, batch, proof=asked.proof)
        for one in answers:
            self._count(authzen.absolute(one, self._url))
        return {"evaluations": answers}

    async def hook_claude_code(self, asked: Asked) -> Mapping[str, Any]:
        """Claude Code's PreToolUse: translated, decided, answered in the host's own JSON."""
        check, _ = body_checks()["hookClaudeCode"]
        check(asked.body, "")
        if asked.caller.type != "agent":
            raise Problem(
                "wrong-subject",
                "a hook speaks for one agent; call it with that agent's own key, not a gateway's",
            )
        host = asked.body["session_id"]
        session = await self.host_sessions.session_of(asked.caller, host)
        try:
            return await self._hooked(asked, session)
        except Refused as refused:
            if not self.host_sessions.ended(refused):
                raise
        session = await self.host_sessions.renewed(asked.caller, host, session)
        return await self._hooked(asked, session)

    async def _hooked(self, asked: Asked, session: int) -> Mapping[str, Any]:
        agent = self.desk.state.agents.get(asked.caller.id)
        request = claude_code.request_of(
            asked.body,
            agent=asked.caller.id,
            session=session,
            home=None if agent is None else agent.workspace,
        )
        decision = await self._decide(asked, request, via="hook", ask=True)
        return claude_code.answer_of(decision)

    async def report_outcomes(self, asked: Asked) -> Mapping[str, Any]:
        """One outcome, or `{"outcomes": [...]}` in one command."""
        check, _ = body_checks()["reportOutcomes"]
        check(asked.body, "")
        items = asked.body.get("outcomes")
        if items is None:
            command = outcomes.prepare(
                self.desk,
                asked.caller,
                decision=asked.body["decision"],
                status=asked.body["status"],
                note=asked.body.get("note"),
            )
        else:
            command = outcomes.prepare_many(self.desk, asked.caller, items)
        return outcomes.finish(self.desk, await self.submit(command), proof=asked.proof)

    async def redeem(self, asked: Asked) -> Mapping[str, Any]:
        """Use a permit once; stops are checked again inside the log's lock."""
        check, _ = body_checks()["redeemPermit"]
        check(asked.body, "")
        decision = index_of(asked.parameters["decision"], "decision")
        command = outcomes.prepare_redeem(self.desk, asked.caller, decision)
        return outcomes.finish(self.desk, await self.submit(command), proof=asked.proof)

    def _count(self, decision: Mapping[str, Any]) -> None:
        context = decision.get("context") or {}
        effect = context.get("effect")
        self.meters.decided(effect if isinstance(effect, str) else "error")


def _advisory(answer: Mapping[str, Any]) -> bool:
    """Whether the answer is advice only: nothing was recorded, so there is no receipt."""
    return bool(answer.get("context", {}).get("advisory"))


def index_of(text: str, name: str) -> int:
    """An entry's number from a path. Raises Problem (400)."""
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise Problem(
            "bad-field",
            f"`{name}` is `{parsing.printable(text)}`; the number of an entry, such as `1042`, was"
            " expected",
            field=name,
        )
    return int(text)
