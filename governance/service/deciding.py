"""Deciding: an agent asks before it acts, and the answer is an entry before it is an answer.

Law: no durable signed record, no answer.  `prepare` does outside the lock whatever needs the vault
or takes time; the ledger runs the command (`service.command`); `finish` adds the receipts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from governance.oversight.commands import Answer
from governance.service.acting import perform, receipt_json
from governance.service.command import Decide
from governance.service.desk import Caller, Desk
from governance.service.preparing import (
    checked_key,
    digest_of_body,
    prepared,
    readable,
    require_room,
)
from governance.service.problem import Problem
from governance.service.reading import entry_of

T = TypeVar("T")

MOST_IN_BATCH: Final = 256
"""Decisions in one command: a stop never waits for more of them than that."""
SEMANTICS_OF_BATCH: Final = ("execute_all", "deny_on_first_deny", "permit_on_first_permit")


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
    require_room(desk, caller, 1)
    item = prepared(desk, caller, desk.state, readable(desk, caller, request, ask))
    idem = None
    if idempotency_key is not None and not item.asked.advisory:
        idem = (checked_key(idempotency_key), digest_of_body(request))
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
    _require_batch(requests, semantics)
    require_room(desk, caller, len(requests))
    state = desk.state
    asked = _each(lambda request: readable(desk, caller, request, False), requests)
    items = _each(lambda one: prepared(desk, caller, state, one), asked)
    return Decide(desk, caller, items, via=via, semantics=semantics)


def _each(step: Callable[[Any], T], items: Iterable[Any]) -> list[T | Problem]:
    """One step for all of a batch; for a request that cannot be decided, why. Raises what fails them all.

    Step by step, not request by request: what a step needs then stays in the processor's cache, which
    takes a tenth off the whole.
    """
    done: list[T | Problem] = []
    for item in items:
        try:
            done.append(item if isinstance(item, Problem) else step(item))
        except Problem as problem:
            if problem.status >= 500 or problem.type in ("unauthenticated", "too-many"):
                raise
            done.append(problem)
    return done


def _require_batch(requests: Sequence[Any], semantics: str) -> None:
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


def finish(desk: Desk, answer: Answer, *, proof: bool = False) -> dict[str, Any]:
    """The response for a performed command: receipts filled in, with their proofs if asked."""
    receipts = {receipt.index: receipt for receipt in answer.receipts}
    for each in answer.value.get("evaluations", (answer.value,)):
        context = each["context"]
        index = context.get("evaluation_id")
        if index is None:
            continue
        receipt = receipts.get(int(index))
        if receipt is None:  # an earlier answer, given again
            receipt = desk.reader.receipt(int(index))
        context["receipt"] = receipt_json(receipt, proof=proof)
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
    require_room(desk, caller, 1)
    item = prepared(desk, caller, desk.state, readable(desk, caller, request, False))
    return bool(entry_of(desk, decision, "decision").data["digest"] == item.recorded.digest)
