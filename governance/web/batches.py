"""Batches of evaluations, in slices: no batch keeps a stop, or another agent, waiting.

Law: what one key may have under way is bounded, whatever it sends. A batch is prepared and handed to
the log in slices of at most `SLICE` decisions, beside the event loop where a first-seen data subject
waits for a server; a key has at most `UNDER_WAY` slices in preparation or in the log's queue.
Between two slices everything else, a stop first of all, gets its turn. Each slice is one command:
its answers are given when all of it is on disk. A slice that cannot be recorded ends the batch, and
what was decided before it stays decided: the caller gets a problem and may ask again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from governance.oversight.commands import Answer, Command
from governance.service import deciding
from governance.service.desk import Caller, Desk
from governance.web.authzen import Batch

T = TypeVar("T")

SLICE: Final = 100
UNDER_WAY: Final = 2
THREADS: Final = 2


class Batches:
    """Runs batches for the hot lane. `submit` waits until a command is on disk."""

    def __init__(self, desk: Desk, submit: Callable[[Command], Awaitable[Answer]]) -> None:
        self._desk = desk
        self._submit = submit
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="batch")
        self._turns: dict[str, tuple[asyncio.Semaphore, int]] = {}

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def beside(self, work: Callable[[], T]) -> T:
        """The result of `work`, done beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def run(
        self, caller: Caller, batch: Batch, *, proof: bool = False
    ) -> list[Mapping[str, Any]]:
        """The answers in the caller's order, ended where the semantics ends them.

        `proof`: each receipt with its proof.
        Raises Busy before anything is prepared when the key's quota does not reach for all of it.
        """
        self._desk.ledger.admit(caller.key, "agent", len(batch.requests))
        answers: list[Mapping[str, Any]] = []
        for start in range(0, len(batch.requests), SLICE):
            part = batch.requests[start : start + SLICE]
            found = await self._slice(caller, part, batch.semantics, proof)
            answers += found
            if len(found) < len(part) or _ended(found[-1], batch.semantics):
                break
        return answers

    async def _slice(
        self, caller: Caller, part: tuple[Any, ...], semantics: str, proof: bool
    ) -> list[Mapping[str, Any]]:
        turn = self._turn(caller.key)
        try:
            async with turn:
                command = await self._prepared(caller, part, semantics)
                answer = deciding.finish(self._desk, await self._submit(command), proof=proof)
        finally:
            self._leave(caller.key)
        found: list[Mapping[str, Any]] = answer["evaluations"]
        return found

    async def _prepared(self, caller: Caller, part: tuple[Any, ...], semantics: str) -> Command:
        def prepare() -> Command:
            return deciding.prepare_many(self._desk, caller, part, semantics=semantics)

        return await self.beside(prepare) if self._desk.workspace.shared else prepare()

    def _turn(self, key: str) -> asyncio.Semaphore:
        turn, waiting = self._turns.get(key, (None, 0))
        turn = turn or asyncio.Semaphore(UNDER_WAY)
        self._turns[key] = (turn, waiting + 1)
        return turn

    def _leave(self, key: str) -> None:
        turn, waiting = self._turns[key]
        if waiting == 1:
            del self._turns[key]
        else:
            self._turns[key] = (turn, waiting - 1)


def _ended(answer: Mapping[str, Any], semantics: str) -> bool:
    """Whether this answer is the one that a short-circuit semantics stops at."""
    decision = bool(answer["decision"])
    return (semantics == "deny_on_first_deny" and not decision) or (
        semantics == "permit_on_first_permit" and decision
    )
