"""The SDK: anything but a complete, well-formed yes is a no."""

from __future__ import annotations

import ast
import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from governance import client as sdk
from governance.client import ApprovalRequired, Client, Decision, Denied
from governance.testing import FakeService

ARGS = {"iban": "DE89370400440532013000", "amount": "120 EUR"}


@pytest.fixture
def service() -> Iterator[FakeService]:
    """A fake service that allows, asks and denies by action."""
    verdicts = {"a.allow": "allow", "a.ask": "require_approval", "a.deny": "deny"}
    with FakeService(verdicts) as running:
        yield running


def client_of(service: FakeService, **options: Any) -> Client:
    return Client(service.url, "gov_k_x", agent="payments-1", timeout=1.0, **options)


def good(**changes: Any) -> dict[str, Any]:
    """A complete yes, with changes to its context."""
    context: dict[str, Any] = {
        "evaluation_id": "3",
        "effect": "allow",
        "reasons": [{"rule": "p/R", "title": "fine"}],
        "receipt": {"index": 3, "leaf_hash": "00", "tree_size": 4, "checkpoint": "x"},
        "permit": {"id": "3", "valid_until": "2999-01-01T00:00:00Z"},
    }
    for name, value in changes.items():
        if value is None:
            context.pop(name)
        else:
            context[name] = value
    return {"decision": True, "context": context}


def test_a_complete_yes_is_a_yes(service: FakeService) -> None:
    """An agent could never act if a correct yes were not understood."""
    decision = client_of(service).check("a.allow", ARGS)
    assert decision.allowed
    assert decision
    assert decision.permit == decision.id == "0"


def test_a_deny_says_why(service: FakeService) -> None:
    """A developer could not tell a rule's deny from an outage."""
    decision = client_of(service).check("a.deny", ARGS)
    assert not decision.allowed
    assert decision.failure is None
    assert decision.why == "fake/deny: the fake says deny"


CUT = b'{"decision": true'

UNUSABLE: dict[str, tuple[int, Any]] = {
    "error status with a yes inside": (500, good()),
    "redirect": (302, good()),
    "created instead of ok": (201, good()),
    "not json": (200, b"<html>yes</html>"),
    "empty": (200, b""),
    "a list": (200, [good()]),
    "null": (200, b"null"),
    "decision as text": (200, {**good(), "decision": "true"}),
    "decision as number": (200, {**good(), "decision": 1}),
    "no decision": (200, {"context": good()["context"]}),
    "no context": (200, {"decision": True}),
    "context as text": (200, {"decision": True, "context": "allow"}),
    "contradiction: yes but deny": (200, good(effect="deny")),
    "contradiction: no but allow": (200, {**good(), "decision": False}),
    "unknown effect": (200, good(effect="maybe")),
    "no effect": (200, good(effect=None)),
    "no permit": (200, good(permit=None)),
    "permit without id": (200, good(permit={"valid_until": "2999-01-01T00:00:00Z"})),
    "no receipt": (200, good(receipt=None)),
    "a proof that is no text": (
        200,
        good(receipt={"index": 3, "tree_size": 4, "checkpoint": "x", "proof": ["00"]}),
    ),
    "receipt beyond the log": (200, good(receipt={"index": 4, "tree_size": 4})),
    "receipt with true for a number": (200, good(receipt={"index": True, "tree_size": 4})),
    "receipt as text": (200, good(receipt="4")),
    "an obligation nobody fulfils": (200, good(obligations=[{"id": "x", "type": "redact"}])),
    "an obligation of unknown type": (200, good(obligations=[{"id": "mine", "type": "pray"}])),
    "obligations as text": (200, good(obligations="none")),
    "a field twice": (
        200,
        b'{"decision": false, "decision": true, "context": {"effect": "allow"}}',
    ),
    "NaN": (200, b'{"decision": true, "context": {"effect": "allow", "risk": NaN}}'),
    "too large": (200, b'"' + b"x" * (sdk.MAX_ANSWER_BYTES + 10) + b'"'),
    "too deep": (200, b"[" * 200_000),
    "cut short": (200, CUT),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_odd_answer_is_a_no(name: str) -> None:
    """A confused or half-broken service would let agents act."""

    class Odd(FakeService):
        def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
            return UNUSABLE[name]

    with Odd({}) as service:
        decision = client_of(service, fulfils=["mine"]).check("a.allow", ARGS)
    assert not decision.allowed
    assert decision.failure


def test_every_answer_keeps_its_receipt_and_the_proof_that_was_asked_for(
    service: FakeService,
) -> None:
    """An agent that was told no, or yes, could not prove later what it was told."""
    plain = client_of(service).check("a.allow", ARGS)
    assert plain.receipt is not None
    assert plain.proof is None
    client = client_of(service, receipt="proof")
    for action in ("a.allow", "a.ask", "a.deny"):
        decision = client.check(action, ARGS)
        assert decision.receipt is not None
        assert decision.proof is not None
        assert decision.proof.startswith(f"c2sp.org/tlog-proof@v1\nindex {decision.id}\n")
    with pytest.raises(ValueError, match="proof"):
        client_of(service, receipt="full")


def test_an_obligation_that_is_fulfilled_is_fine() -> None:
    """Rules with obligations could never be used."""
    obligations = [{"id": "mask", "type": "redact", "properties": {}}]

    class Obliging(FakeService):
        def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
            return 200, good(obligations=obligations)

    with Obliging({}) as service:
        decision = client_of(service, fulfils=["mask"]).check("a.allow", ARGS)
    assert decision.allowed
    assert list(decision.obligations) == obligations


def test_nobody_there_is_a_no() -> None:
    """An outage would look like a yes, or crash the agent."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        decision = Client(url, "k", agent="a", timeout=0.5).check("a.allow", ARGS)
    assert not decision.allowed
    assert "unreachable" in decision.why


@pytest.mark.parametrize("trickle", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"])
def test_a_slow_service_is_a_no(trickle: bytes) -> None:
    """An agent would hang for ever on a service that never finishes its answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        end = threading.Event()

        def dribble() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(trickle)
                while not end.wait(0.1):
                    try:
                        peer.sendall(b" " if trickle else b"")
                    except OSError:
                        return

        thread = threading.Thread(target=dribble, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        decision = Client(url, "k", agent="a", timeout=0.4).check("a.allow", ARGS)
        end.set()
        thread.join()
    assert not decision.allowed
    assert "timed out" in decision.why


def test_a_log_that_shrank_is_a_no(tmp_path: Path) -> None:
    """A service rolled back to an old backup would go on answering as if nothing had happened."""
    sizes = iter([9, 4, 12])

    class Shrinking(FakeService):
        def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
            size = next(sizes)
            return 200, good(
                receipt={"index": 3, "tree_size": size, "leaf_hash": "", "checkpoint": ""}
            )

    memory = tmp_path / "seen"
    with Shrinking({}) as service:
        assert client_of(service, memory=memory).check("a.allow", ARGS).allowed
        # A new process remembers what the old one had seen.
        again = client_of(service, memory=memory)
        decision = again.check("a.allow", ARGS)
        assert not decision.allowed
        assert "shrank" in decision.why
        assert again.check("a.allow", ARGS).allowed
    assert memory.read_text() == "12\n"


@pytest.mark.parametrize("value", [object(), float("nan"), {1: object()}, b"bytes"])
def test_arguments_that_cannot_be_sent_are_a_no(service: FakeService, value: object) -> None:
    """An argument would be guessed, or an exception would skip the check."""
    decision = client_of(service).check("a.allow", {"x": value})
    assert not decision.allowed
    assert "cannot be sent" in decision.why
    assert service.requests == []


def test_amounts_travel_as_text(service: FakeService) -> None:
    """A float would round money on its way to the rules."""
    client_of(service).check("a.allow", {"amount": Decimal("120.10")})
    body = service.requests[0][1]
    assert body["action"]["properties"]["arguments"] == {"amount": "120.10"}


def test_a_kept_connection_that_went_stale_is_opened_again(service: FakeService) -> None:
    """Each idle minute would cost one spurious deny."""
    client = client_of(service)
    assert client.check("a.allow", ARGS).allowed
    client._local.connection.sock.shutdown(socket.SHUT_RDWR)
    assert client.check("a.allow", ARGS).allowed


def test_the_key_never_leaves_this_machine_unencrypted() -> None:
    """A key could be read on the network."""
    with pytest.raises(ValueError, match="use https"):
        Client("http://governance.corp.example", "k", agent="a")


# -- the decorator ---------------------------------------------------------------------------------


def test_a_governed_function_runs_after_a_yes_and_reports(service: FakeService) -> None:
    """An allowed action would not run, or its outcome would be unknown."""
    client = client_of(service)
    seen: list[str | None] = []

    @client.governed("a.allow")
    def pay(iban: str, amount: str = "1 EUR", note: str | None = None) -> str:
        seen.append(client.current.id if client.current else None)
        return f"{amount} to {iban}"

    assert pay("DE89") == "1 EUR to DE89"
    assert seen == ["0"]
    assert service.requests[0][1]["action"]["properties"]["arguments"] == {
        "iban": "DE89",
        "amount": "1 EUR",
    }
    assert [path for path, _ in service.requests] == [
        "/access/v1/evaluation",
        "/v1/permits/0/redeem",
        "/v1/outcomes",
    ]
    assert service.outcomes == [{"decision": 0, "status": "executed"}]
    assert client.current is None


@pytest.mark.parametrize(("action", "error"), [("a.deny", Denied), ("a.ask", ApprovalRequired)])
def test_a_governed_function_does_not_run_after_a_no(
    service: FakeService, action: str, error: type[Denied]
) -> None:
    """A denied action would be executed."""
    ran: list[int] = []
    run = client_of(service).governed(action)(lambda: ran.append(1))
    with pytest.raises(error) as caught:
        run()
    assert type(caught.value) is error
    assert ran == []
    assert service.outcomes == []


def test_a_stop_between_yes_and_act_holds(service: FakeService) -> None:
    """A stop raised after the verdict would come too late."""
    service.stopped = True
    ran: list[int] = []
    with pytest.raises(Denied, match="a stop is in force"):
        client_of(service).governed("a.allow")(lambda: ran.append(1))()
    assert ran == []


def test_an_action_that_fails_is_reported_as_failed(service: FakeService) -> None:
    """The log would say executed for something that raised."""

    def fail() -> None:
        raise OSError("bank is closed")

    with pytest.raises(OSError, match="bank is closed"):
        client_of(service).governed("a.allow")(fail)()
    assert service.outcomes == [{"decision": 0, "status": "failed", "note": "OSError"}]


def test_waiting_for_people_then_acting(service: FakeService) -> None:
    """An approved action could not be carried out by the SDK."""
    client = client_of(service)
    asked = client.check("a.ask", ARGS, request_approval=True)
    decision = client.wait(asked, seconds=5, poll=0.01)
    assert decision.allowed
    assert service.requests[0][1]["context"]["request_approval"] is True


@pytest.mark.parametrize("answer", ["denied", "expired", "cancelled", "pending", "nonsense"])
def test_anything_but_approved_stays_a_no(answer: str) -> None:
    """No answer, or a no, would be taken for a yes."""
    with FakeService({"a.ask": "require_approval"}, approvals=answer) as service:
        client = client_of(service)
        decision = client.wait(client.check("a.ask", ARGS), seconds=0.05, poll=0.02)
    assert not decision.allowed
    assert decision.failure


def test_an_async_function_is_refused(service: FakeService) -> None:
    """A coroutine would be reported as executed before it ran."""

    async def pay() -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="is async"):
        client_of(service).governed("a.allow")(pay)


def test_arguments_without_names_are_refused(service: FakeService) -> None:
    """Rules would see some arguments of the action and not others."""
    ran: list[object] = []
    run = client_of(service).governed("a.allow")(lambda *rest: ran.append(rest))
    with pytest.raises(TypeError, match="no names"):
        run(1, 2)
    assert ran == []


def test_the_file_needs_only_the_standard_library() -> None:
    """An agent author could not copy one file and be done."""
    tree = ast.parse(Path(sdk.__file__).read_text(encoding="utf-8"))
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]  # type: ignore[union-attr]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names <= set(sys.stdlib_module_names)


def test_a_retry_carries_the_same_idempotency_key(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One action asked twice because a connection broke would charge its limit twice."""
    keys: list[str] = []
    once = Client._once

    def breaking(self: Client, method: str, path: str, data: bytes, headers: dict[str, str]) -> Any:
        keys.append(headers["Idempotency-Key"])
        if len(keys) == 2:
            raise ConnectionResetError("connection reset")
        return once(self, method, path, data, headers)

    monkeypatch.setattr(Client, "_once", breaking)
    client = client_of(service)
    assert client.check("a.allow", ARGS).allowed
    assert client.check("a.allow", ARGS).allowed
    first, second, retry = keys
    assert first != second == retry


def test_a_yes_without_a_permit_or_with_a_failure_is_no_yes() -> None:
    """A decision that was put together on the way would let somebody act on half a yes."""
    yes = Decision("pay", {}, effect="allow", permit="7")
    assert yes
    assert not replace(yes, permit=None)
    assert not replace(yes, failure="permit not redeemed")
    assert not replace(yes, effect="require_approval")
