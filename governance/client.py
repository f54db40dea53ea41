"""The SDK: ask before acting, in one copyable file that needs only the standard library.

Its law: **anything but a complete, well-formed yes is a no.**  A service that is unreachable, slow,
confused or older than what this process has already seen yields a `Decision` that is not allowed
and says why; it never raises on its way to a verdict and never returns a yes by default.

    client = Client("http://127.0.0.1:8080", key=os.environ["GOVERNANCE_KEY"], agent="payments-1")

    @client.governed("payment.create")
    def pay(*, iban: str, amount: str, country: str) -> str:
        return bank.transfer(iban, amount)

    pay(iban="DE89370400440532013000", amount="120 EUR", country="DE")   # asks, redeems, runs, reports

The wire format is OpenID AuthZEN Authorization API 1.0 with its Access Request & Approval profile.
Times are seconds; amounts travel as strings or integers, never as floats.
"""

from __future__ import annotations

import functools
import http.client
import inspect
import json
import math
import re
import secrets
import socket
import ssl
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar
from urllib.parse import urlsplit

__all__ = ["ApprovalRequired", "Client", "Decision", "Denied", "Reason", "redacted"]

P = ParamSpec("P")
R = TypeVar("R")
Status = Literal["executed", "failed", "not_executed"]

MAX_ANSWER_BYTES = 4 * 1024 * 1024
_OBLIGATION_TYPES = ("redact", "notify", "log", "tell_user")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the rule that spoke, its title, its stated ground, and fields it could not read.

    `missing` names those fields, `doubts` says of each why ("args.amount: its currency is missing").
    """

    rule: str
    title: str
    because: str = ""
    missing: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        unsure = self.doubts or self.missing
        tail = f" (cannot tell: {'; '.join(unsure)})" if unsure else ""
        return f"{self.rule}: {self.title}{tail}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the service answered about one action; truthy only for a complete yes.

    `effect` is "allow", "require_approval" or "deny"; `failure` is set when the answer did not come
    from a rule but from something going wrong on the way (then `effect` is "deny").
    `id` is the entry that records the decision, `approval` the request opened for it.
    """

    action: str
    arguments: Mapping[str, Any]
    effect: str = "deny"
    id: str | None = None
    reasons: tuple[Reason, ...] = ()
    failure: str | None = None
    approval: str | None = None
    permit: str | None = None
    valid_until: str | None = None
    obligations: tuple[Mapping[str, Any], ...] = ()
    receipt: Mapping[str, Any] | None = None
    access_request: Mapping[str, Any] | None = None
    resource: Mapping[str, Any] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def proof(self) -> str | None:
        """The proof that this decision is in the log (C2SP tlog-proof), if the client asked for it.

        Keep it in a file: `python -m audit proof FILE --leaf HASH --key KEY` checks it, with the
        receipt's `leaf_hash`. Nothing here has looked whether it holds.
        """
        found = (self.receipt or {}).get("proof")
        return found if isinstance(found, str) else None

    @property
    def redacted(self) -> dict[str, Any]:
        """The arguments to act with: what the `redact` obligations name is blacked out."""
        return redacted(self.arguments, self.obligations)

    @property
    def allowed(self) -> bool:
        """True only for a complete yes: verdict, permit and receipt."""
        return self.effect == "allow" and self.failure is None and self.permit is not None

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def why(self) -> str:
        """One line for a log or a model: the failure, or the reasons in order."""
        return self.failure or "; ".join(map(str, self.reasons)) or self.effect


class Denied(Exception):
    """The action must not run; `decision` says why."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"`{decision.action}` was not allowed: {decision.why}")
        self.decision = decision


class ApprovalRequired(Denied):
    """A person has to agree first; `decision.approval` is the open request."""


class _Unusable(Exception):
    """The service gave no answer that could be used; the text says why."""


class Client:
    """A connection to the policy decision point for one agent.

    `url`: base URL, or "unix:/path/to/governance.sock". `key`: the agent's or gateway's API key.
    `agent`: the agent's id (a gateway names the agent it speaks for). `session`: a session number
    minted by the service; without one the agent's standing session is used. `timeout`: seconds for
    one exchange. `memory`: a file that keeps the largest log size seen across restarts.
    `fulfils`: the obligation ids this runtime really carries out; others turn a yes into a no.
    What `redact` names is blacked out by `governed` itself, and by `Decision.redacted`.
    `receipt`: "proof" asks for a proof in each receipt, to keep (`Decision.proof`).
    Thread-safe: each thread keeps its own connection.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        agent: str,
        session: str | int | None = None,
        timeout: float = 5.0,
        memory: str | Path | None = None,
        fulfils: Sequence[str] = (),
        receipt: Literal["proof"] | None = None,
    ) -> None:
        if receipt not in (None, "proof"):
            raise ValueError('`receipt` must be "proof", or be left out')
        if not (timeout > 0 and math.isfinite(timeout)):
            raise ValueError("`timeout` must be a positive number of seconds")
        self._address = _address(url)
        self._key, self.agent, self._timeout = key, agent, timeout
        self._session = str(session) if session is not None else None
        self._fulfils = tuple(fulfils)
        self._prefer = {"Prefer": f"receipt={receipt}"} if receipt else {}
        self._memory = Path(memory) if memory is not None else None
        self._local = threading.local()
        self._lock = threading.Lock()
        self._largest = _remembered(self._memory)
        self._current: ContextVar[Decision | None] = ContextVar("decision", default=None)

    # -- asking ---------------------------------------------------------------------------------

    def check(
        self,
        action: str,
        arguments: Mapping[str, Any],
        *,
        resource: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        request_approval: bool = False,
    ) -> Decision:
        """Ask whether `action` with exactly these `arguments` may run now.

        Never raises on the way: what goes wrong is a `Decision` with `failure`.
        With `request_approval` a verdict *require approval* opens the request in the same step.
        Source: AuthZEN Authorization API 1.0, access evaluation.
        """
        asked = Decision(action, dict(arguments), resource=resource, context=dict(context or {}))
        try:
            body = self._question(asked, request_approval)
            # The same key on a retry makes the service answer once, however often it is asked.
            headers = {"Idempotency-Key": secrets.token_urlsafe(18), **self._prefer}
            status, answer = self._exchange("POST", "/access/v1/evaluation", body, headers)
            if status != 200:
                raise _Unusable(_problem(status, answer))
            return self._read(asked, answer)
        except _Unusable as failure:
            return replace(asked, failure=str(failure))

    def wait(self, decision: Decision, *, seconds: float, poll: float = 2.0) -> Decision:
        """Wait until people have answered, then ask again with what they granted.

        `seconds` bounds the wait, `poll` is the pause between looks. Returns a fresh decision: a
        yes if the grant covers the very same action under the rules now in force, else a no that
        says what happened (refused, expired, still open).
        """
        if decision.allowed or decision.effect != "require_approval":
            return decision
        end = time.monotonic() + seconds
        try:
            approval = decision.approval or self._open(decision)
            while (state := self._state(approval)) in ("pending", "open"):
                if time.monotonic() + poll > end:
                    return replace(
                        decision, approval=approval, failure=f"approval {approval} is still open"
                    )
                time.sleep(poll)
        except _Unusable as failure:
            return replace(decision, failure=str(failure))
        if state != "approved":
            said = "refused" if state == "denied" else state
            return replace(decision, approval=approval, failure=f"approval {approval} was {said}")
        # The service finds the grant by the action's digest: the very same action, or none.
        return self.check(
            decision.action,
            decision.arguments,
            resource=decision.resource,
            context=decision.context,
        )

    def redeem(self, decision: Decision) -> Decision:
        """Use the permit up: the last look before acting, which sees a stop raised since.

        Returns the same decision if it may run, once; otherwise a no.
        """
        if not decision.allowed:
            return decision
        try:
            path = f"/v1/permits/{decision.permit}/redeem"
            status, answer = self._exchange("POST", path, {}, {})
            if status != 200 or not _redeemed(answer, decision.permit):
                raise _Unusable(_problem(status, answer))
        except _Unusable as failure:
            return replace(decision, effect="deny", failure=f"permit not redeemed: {failure}")
        return decision

    def report(self, decision: Decision, status: Status, *, note: str | None = None) -> bool:
        """Report what became of an allowed action; True when it was recorded.

        An agent's own report is recorded as its claim; it frees no limit and proves no history.
        """
        if decision.id is None or not decision.id.isdigit():
            return False
        body: dict[str, Any] = {"decision": int(decision.id), "status": status}
        if note:
            body["note"] = note
        try:
            code, _ = self._exchange("POST", "/v1/outcomes", body, {})
        except _Unusable:
            return False
        return code in (200, 201)

    # -- wrapping -------------------------------------------------------------------------------

    def governed(
        self,
        action: str,
        *,
        wait: float = 0.0,
        resource: Callable[..., Mapping[str, Any]] | None = None,
        only: Sequence[str] | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate a function so that it runs only after a yes, once, and its outcome is reported.

        The function's arguments, by name, are the action's arguments (defaults included; `self` is
        left out; None means not given); `only` names the ones that are sent. `resource` makes the
        AuthZEN resource from the same arguments. `wait`: seconds to wait for people.
        What a `redact` obligation names is blacked out before the function sees it.
        Raises `Denied`, or `ApprovalRequired` when people must answer first.
        """

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            signature = inspect.signature(function)
            if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
                # A coroutine would be reported as executed before it ran.
                raise TypeError(f"`{function.__name__}` is async: use check, redeem and report")

            @functools.wraps(function)
            def run(*args: P.args, **kwargs: P.kwargs) -> R:
                given = _by_name(signature, args, kwargs, only)
                decision = self._admit(action, given, resource(**given) if resource else None, wait)
                with self._running(decision):
                    bound = _with_redactions(signature.bind(*args, **kwargs), decision)
                    return function(*bound.args, **bound.kwargs)

            return run

        return decorate

    @property
    def current(self) -> Decision | None:
        """Inside a governed function: the decision it runs under."""
        return self._current.get()

    def _admit(
        self,
        action: str,
        arguments: Mapping[str, Any],
        resource: Mapping[str, Any] | None,
        wait: float,
    ) -> Decision:
        decision = self.check(action, arguments, resource=resource, request_approval=True)
        if not decision.allowed and decision.effect == "require_approval" and wait > 0:
            decision = self.wait(decision, seconds=wait)
        if decision.allowed:
            decision = self.redeem(decision)
        if decision.allowed:
            return decision
        asked = decision.effect == "require_approval"
        raise (ApprovalRequired if asked else Denied)(decision)

    @contextmanager
    def _running(self, decision: Decision) -> Iterator[None]:
        token = self._current.set(decision)
        try:
            yield
        except BaseException as error:
            self.report(decision, "failed", note=type(error).__name__)
            raise
        else:
            self.report(decision, "executed")
        finally:
            self._current.reset(token)

    # -- the wire -------------------------------------------------------------------------------

    def _question(self, asked: Decision, request_approval: bool) -> dict[str, Any]:
        context: dict[str, Any] = dict(asked.context)
        context.setdefault("intent", "act")
        if self._session is not None:
            context.setdefault("session", self._session)
        if self._fulfils:
            context["obligations_supported"] = list(self._fulfils)
        if request_approval:
            context["request_approval"] = True
        return {
            "subject": {"type": "agent", "id": self.agent},
            "action": {"name": asked.action, "properties": {"arguments": dict(asked.arguments)}},
            "resource": dict(asked.resource or {"type": "action", "id": asked.action}),
            "context": context,
        }

    def _read(self, asked: Decision, answer: object) -> Decision:
        """Turn an evaluation response into a decision; anything odd is unusable."""
        if not isinstance(answer, dict) or not isinstance(answer.get("decision"), bool):
            raise _Unusable("the service's answer is not an AuthZEN decision")
        context = answer.get("context")
        if not isinstance(context, dict):
            raise _Unusable("the service's answer has no `context`")
        effect = context.get("effect")
        if effect not in ("allow", "require_approval", "deny"):
            raise _Unusable(f"the service's answer has the unknown effect `{effect}`")
        if answer["decision"] is not (effect == "allow"):
            raise _Unusable("the service's answer contradicts itself")
        request = context.get("access_request")
        decision = replace(
            asked,
            effect=effect,
            id=_text(context.get("evaluation_id")),
            reasons=_reasons(context.get("reasons")),
            obligations=_objects(context.get("obligations")),
            access_request=request if isinstance(request, dict) else None,
            approval=_text(request.get("approval")) if isinstance(request, dict) else None,
        )
        decision = replace(decision, receipt=self._receipt(context.get("receipt")))
        return self._yes(decision, context) if effect == "allow" else decision

    def _yes(self, decision: Decision, context: dict[str, Any]) -> Decision:
        if decision.receipt is None:
            raise _Unusable("the service allowed without a receipt")
        permit = context.get("permit")
        if not isinstance(permit, dict) or _text(permit.get("id")) is None:
            raise _Unusable("the service allowed without a permit")
        for obligation in decision.obligations:
            name = str(obligation.get("id"))
            if obligation.get("type") not in _OBLIGATION_TYPES or name not in self._fulfils:
                raise _Unusable(f"the obligation `{name}` is not known to this runtime")
        return replace(
            decision,
            permit=_text(permit.get("id")),
            valid_until=_text(permit.get("valid_until")),
        )

    def _receipt(self, given: object) -> dict[str, Any] | None:
        """Check a receipt against what was seen before: the log may only grow."""
        if given is None:
            return None
        if not isinstance(given, dict):
            raise _Unusable("the service's receipt is malformed")
        index, size = given.get("index"), given.get("tree_size")
        if type(index) is not int or type(size) is not int or not 0 <= index < size:
            raise _Unusable("the service's receipt is malformed")
        if not isinstance(given.get("proof", ""), str):
            raise _Unusable("the service's receipt is malformed")
        with self._lock:
            # Answers of one batch may arrive in any order; an entry below a size already seen is
            # fine only if it is below because it was asked earlier, so compare sizes, with the
            # answers that were under way when the larger one came allowed for by `_exchange`.
            if size < getattr(self._local, "floor", 0):
                raise _Unusable(
                    f"the service's log shrank: size {size} after {self._local.floor}; "
                    "ask the operator before acting"
                )
            if size > self._largest:
                self._largest = size
                _remember(self._memory, size)
        return given

    def _open(self, decision: Decision) -> str:
        """Open the access request that a denial offers; its id."""
        if decision.id is None:
            raise _Unusable("this decision offers no approval")
        body = {
            **self._question(decision, request_approval=False),
            "denial": {"evaluation_id": decision.id},
            "client": {"actor": {"type": "ai_agent", "id": self.agent}},
        }
        headers = {"Idempotency-Key": f"ask-{decision.id}"}
        status, answer = self._exchange("POST", "/access/v1/access-requests", body, headers)
        task = answer.get("task") if isinstance(answer, dict) else None
        if status not in (200, 201, 202) or not isinstance(task, dict):
            raise _Unusable(_problem(status, answer))
        name = _text(task.get("id"))
        if name is None:
            raise _Unusable("the service opened a request without an id")
        return name

    def _state(self, approval: str) -> str:
        status, answer = self._exchange("GET", f"/access/v1/access-requests/{approval}", None, {})
        task = answer.get("task") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(task, dict) or not isinstance(task.get("status"), str):
            raise _Unusable(_problem(status, answer))
        return str(task["status"])

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        """One request and its JSON answer; a kept connection that went stale is opened again."""
        self._local.floor = self._largest
        sent = {"Authorization": f"Bearer {self._key}", "Accept": "application/json", **headers}
        data: bytes | None = None
        if body is not None:
            data = _encoded(body)
            sent["Content-Type"] = "application/json"
        reused = getattr(self._local, "connection", None) is not None
        try:
            return self._once(method, path, data, sent)
        except (ConnectionError, http.client.BadStatusLine) as error:
            # Every request here is safe to repeat: it carries an Idempotency-Key, changes nothing,
            # or is refused the second time.
            if not reused:
                raise _Unusable(f"the policy service is unreachable ({_said(error)})") from error
        except (OSError, http.client.HTTPException) as error:
            raise _Unusable(f"the policy service is unreachable ({_said(error)})") from error
        try:
            return self._once(method, path, data, sent)
        except (OSError, http.client.HTTPException) as error:
            raise _Unusable(f"the policy service is unreachable ({_said(error)})") from error

    def _once(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        connection = getattr(self._local, "connection", None) or self._connect()
        self._local.connection = None
        end = time.monotonic() + self._timeout
        try:
            connection.request(method, path, body=data, headers=dict(headers))
            response = connection.getresponse()
            raw = _whole(response, end)
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._local.connection = connection
        return response.status, _decoded(raw)

    def _connect(self) -> http.client.HTTPConnection:
        scheme, host, port = self._address
        if scheme == "unix":
            return _UnixConnection(host, self._timeout)
        if scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout, context=ssl.create_default_context()
            )
        connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        connection.connect()
        # Head and body go out in two segments; without this the second waits for an ACK.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix domain socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _address(url: str) -> tuple[str, str, int | None]:
    if url.startswith("unix:"):
        return "unix", url.removeprefix("unix:"), None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"`{url}`: expected http://host:port, https://host or unix:/path")
    local = parts.hostname in ("localhost", "::1") or parts.hostname.startswith("127.")
    if parts.scheme == "http" and not local:
        raise ValueError(f"`{url}`: a key may travel unencrypted to this machine only; use https")
    return parts.scheme, parts.hostname, parts.port


def _whole(response: http.client.HTTPResponse, end: float) -> bytes:
    """Read the body within the time limit; a slow trickle must not outlast it."""
    parts, size = [], 0
    while piece := response.read1(65536):
        parts.append(piece)
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise _Unusable("the service's answer is too large")
        if time.monotonic() > end:
            raise TimeoutError("timed out while reading the answer")
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    response.close()  # gives the connection back; it stays open
    return b"".join(parts)


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, default=_plain).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise _Unusable(f"the arguments cannot be sent: {error}") from error


def _plain(value: object) -> object:
    """Amounts and dates travel as text; anything else is refused rather than guessed."""
    if type(value).__name__ in ("Decimal", "date", "datetime", "PosixPath", "PurePosixPath"):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"a value of type `{type(value).__name__}` has no form in JSON")


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return {"title": f"an answer that is not JSON ({error})"}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"`{name}` is not JSON")


def _problem(status: int, answer: object) -> str:
    """The sentence of an RFC 9457 problem, or what little there is."""
    if isinstance(answer, dict):
        said = answer.get("detail") or answer.get("title")
        if isinstance(said, str):
            return f"the policy service answered {status}: {said}"
    return f"the policy service answered {status}"


def _redeemed(answer: object, permit: str | None) -> bool:
    """Whether the service recorded, as an entry, that this very permit is used up."""
    return (
        isinstance(answer, dict)
        and type(answer.get("redeemed")) is int
        and _text(answer.get("permit")) == permit
    )


def _reasons(given: object) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            str(item.get("rule", "?")),
            str(item.get("title", "")),
            str(item.get("because") or ""),
            tuple(map(str, item.get("missing") or ())),
            tuple(map(str, item.get("doubts") or ())),
        )
        for item in _objects(given)
    )


def _objects(given: object) -> tuple[dict[str, Any], ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise _Unusable("the service's answer is malformed")
    return tuple(given)


def _text(value: object) -> str | None:
    if isinstance(value, str) and value:
        return value
    return str(value) if type(value) is int else None


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _by_name(
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    only: Sequence[str] | None,
) -> dict[str, Any]:
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    given: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            given.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            if value:
                raise TypeError(f"`*{name}` has no names to check; pass arguments by name")
        else:
            given[name] = value
    given.pop("self", None)
    return {
        name: value
        for name, value in given.items()
        if value is not None and (only is None or name in only)
    }


# -- redaction ----------------------------------------------------------------------------------
# It looks for too much rather than for too little: what is blacked out can be asked for again.

BLACKED_OUT = "[redacted]"
_GAP = r"[\W_]{0,4}"
_PHONE_GAP = r"[ \-./()\[\]+*,;|\u2022]{0,4}"
_AT = r"\s{0,4}(?:@|[(\[{<]\s*at\s*[)\]}>]|\bat\b)\s{0,4}"
_DOT = r"\s{0,4}(?:\.|[(\[{<]\s*(?:dot|punkt)\s*[)\]}>]|\bdot\b)\s{0,4}"
_LOOKS_LIKE = {
    "email": re.compile(
        rf"[^\s@<>()\[\]{{}},;:\"']{{1,64}}{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,9}}", re.I
    ),
    "phone": re.compile(rf"[+(]?{_PHONE_GAP}\d(?:{_PHONE_GAP}\d){{6,}}"),
    "card_number": re.compile(rf"\d(?:{_GAP}\d){{12,}}"),
    "iban": re.compile(rf"(?=[^\W\d_]{_GAP}[^\W\d_]{_GAP}\d{_GAP}\d)"),
}
_TIMES = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)?"
    r"|[0-3]?\d[./][01]?\d[./](?:19|20)\d\d)(?!\d)"
)
_AMOUNTS = re.compile(
    r"(?<![\d+])\d{1,3}(?:[ .,]\d{3})+(?:[.,]\d{2})?(?=\s*(?:[A-Z]{3}\b|[\u20ac$\u00a3]))"
)
_ESCAPED = re.compile(r"%[0-7][0-9A-Fa-f]|&#(?:\d{1,3}|[xX][0-9A-Fa-f]{1,2});|&nbsp;")


_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
_IBANS = {code[:2]: int(code[2:]) for code in _LENGTHS.split()}
"""Lengths of account numbers by country (SWIFT IBAN registry)."""


def redacted(
    arguments: Mapping[str, Any], obligations: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """`arguments` with everything blacked out that the `redact` obligations name.

    With `patterns` (`iban`, `card_number`, `email`, `phone`) only what looks like one is, wherever
    it stands in the value and however it is spaced; without them, or with one that is not known
    here, the whole value is. An obligation that names no field blacks out every argument.
    """
    out = dict(arguments)
    for obligation in obligations:
        if obligation.get("type") != "redact":
            continue
        properties = obligation.get("properties")
        given = properties if isinstance(properties, Mapping) else {}
        fields, patterns = given.get("fields"), given.get("patterns")
        named = fields if isinstance(fields, (list, tuple)) and fields else list(out)
        looked_for: Sequence[str] = ()
        if isinstance(patterns, (list, tuple)) and set(patterns) <= _LOOKS_LIKE.keys():
            looked_for = patterns
        for field_name in map(str, named):
            name = field_name.removeprefix("args.")
            if name in out:
                out[name] = _blacked_out(out[name], looked_for)
    return out


def _blacked_out(value: Any, patterns: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            _blacked_out(key, patterns) if patterns else key: _blacked_out(item, patterns)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_blacked_out(item, patterns) for item in value]
        whole = " ".join(item for item in map(str, items) if item != BLACKED_OUT)
        spread = bool(patterns) and _redact(whole, patterns) != whole  # over several items
        return [BLACKED_OUT] * len(items) if spread else items
    if not patterns:
        return value if value is None else BLACKED_OUT
    if value is None or isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else str(value)
    found = _redact(text, patterns)
    return value if found == text else found


def _redact(text: str, patterns: Sequence[str]) -> str:
    for _ in range(8):  # until nothing is found any more
        plain, places = _plainly(text)
        spans = sorted(span for name in patterns for span in _found(name, plain))
        if not spans:
            return text
        out, done = [], 0
        for start, end in spans:
            first, last = places[start][0], places[end - 1][1]
            if last <= done:
                continue
            if first >= done:
                out += [text[done:first], BLACKED_OUT]
            done = last
        text = "".join(out) + text[done:]
    return BLACKED_OUT


def _plainly(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text as a reader sees it: escapes read, widths and digits of any script made plain,
    signs without width left out; and where each character of it stands in `text`."""
    plain: list[str] = []
    places: list[tuple[int, int]] = []
    at = 0
    while at < len(text):
        escaped = _ESCAPED.match(text, at) if text[at] in "%&" else None
        if escaped is None and text[at].isascii():
            plain.append(text[at])
            places.append((at, at + 1))
            at += 1
            continue
        end = escaped.end() if escaped is not None else at + 1
        for char in unicodedata.normalize("NFKC", _read(escaped[0]) if escaped else text[at]):
            kind = unicodedata.category(char)
            if kind in ("Cf", "Mn", "Me", "Cc") and char not in "\t\n\r":
                continue
            digit = unicodedata.digit(char, None)
            plain.append(str(digit) if digit is not None else "-" if kind == "Pd" else char)
            places.append((at, end))
        at = end
    return "".join(plain), places


def _read(escape: str) -> str:
    if escape[0] == "%":
        return chr(int(escape[1:], 16))
    if escape == "&nbsp;":
        return " "
    number = escape[2:-1]
    return chr(int(number[1:], 16) if number[0] in "xX" else int(number))


def _found(pattern: str, plain: str) -> Iterator[tuple[int, int]]:
    """Where something stands that looks like an instance of a pattern."""
    if pattern == "iban":
        last = 0
        for start in (match.start() for match in _LOOKS_LIKE["iban"].finditer(plain)):
            end = _iban(plain, start) if start >= last else None
            if end is not None:
                last = end
                yield start, end
        return
    if pattern in ("card_number", "phone"):  # a time or an amount is neither
        plain = _TIMES.sub(lambda match: "x" * len(match[0]), plain)
        plain = _AMOUNTS.sub(lambda match: "x" * len(match[0]), plain)
    for match in _LOOKS_LIKE[pattern].finditer(plain):
        yield match.span()


def _iban(plain: str, start: int) -> int | None:
    """Where the account number ends that begins here: two letters, two digits, 11 to 30 more
    (ISO 13616). Its checksum holds, or it is made of digits but for the bank's name."""
    marks, ends, gap = [], [], 0
    for at in range(start, min(len(plain), start + 34 * 5)):
        if plain[at].isalnum():
            marks.append(plain[at].upper())
            ends.append(at + 1)
            gap = 0
        else:
            gap += 1
        if gap > 4 or len(marks) == 34:
            break
    long = _IBANS.get("".join(marks[:2]), 99)
    text = "".join(marks[:long])
    if len(text) == long and text.isascii() and _checked(text):
        return ends[long - 1]
    after = next((i for i in range(8, len(marks)) if not marks[i].isdigit()), len(marks))
    if ends[1] - start == 2 and after >= 15 and sum(char.isdigit() for char in marks[:after]) >= 9:
        return ends[after - 1]
    return None


def _checked(text: str) -> bool:
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def _with_redactions(bound: inspect.BoundArguments, decision: Decision) -> inspect.BoundArguments:
    """The arguments of a call, with what the decision's obligations black out."""
    if any(one.get("type") == "redact" for one in decision.obligations):
        bound.apply_defaults()
        clean = decision.redacted
        for name, value in bound.arguments.items():
            if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                bound.arguments[name] = {
                    **value,
                    **{key: clean[key] for key in value if key in clean},
                }
            elif name in clean:
                bound.arguments[name] = clean[name]
    return bound


def _remembered(path: Path | None) -> int:
    if path is None or not path.exists():
        return 0
    text = path.read_text(encoding="ascii").strip()
    if not text.isdigit():
        raise ValueError(f"`{path}` does not hold a log size; restore it or ask the operator")
    return int(text)


def _remember(path: Path | None, size: int) -> None:
    if path is None:
        return
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.write_text(f"{size}\n", encoding="ascii")
    fresh.replace(path)
