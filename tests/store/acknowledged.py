"""Processes that write under load and say what was acknowledged; the crash tests kill them.

Each acknowledged command appends `<number> <index> <checkpoint, base64>` to a file, in one write,
after its answer came.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkProcess as Process
from pathlib import Path
from typing import Any

from audit.encoding import b64, unb64
from governance.oversight.commands import Answer
from governance.store.lanes import limits
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.faults import Faulty

COMMANDS = 24
CALLERS = 4
FREE = limits(agent_per_second=1e9, queue=100_000)


def command(workspace: Workspace, number: int) -> world.Decide:
    """A decision with charges, a data subject and a value, so that every table is written."""
    subject = workspace.vault.pseudonym("payee", f"IBAN {number % 7}")
    return world.Decide(
        str(number),
        (world.euro("1.50"), ("seen", subject, "1", "")),
        values=(("args.note", f'"value {number}"'.encode(), subject),),
    )


def line(number: int, answer: Answer) -> bytes:
    """What whoever asked remembers: where it was recorded, and the head that was shown."""
    receipt = answer.receipts[0]
    return f"{number} {receipt.index} {b64(receipt.checkpoint.encode())}\n".encode()


def remembered(path: Path) -> tuple[dict[int, int], list[str]]:
    """What was acknowledged: index by number, and every head that was shown."""
    rows = [row.split() for row in path.read_text().splitlines()] if path.exists() else []
    return {int(n): int(i) for n, i, _ in rows}, [unb64(note).decode() for _, _, note in rows]


def one_by_one(workspace: Workspace, acks: int) -> None:
    """A fixed sequence: every write has the same place in every run."""
    for number in range(COMMANDS):
        answer = workspace.ledger.submit(command(workspace, number)).result(30)
        os.write(acks, line(number, answer))
        if number % 4 == 3:
            index = answer.receipts[0].index
            workspace.ledger.submit(world.outcome(index, "failed", released=True)).result(30)


def endless(workspace: Workspace, acks: int, first: int) -> None:
    """Callers that never stop."""

    def call(caller: int) -> None:
        number = first + caller
        while True:
            answer = workspace.ledger.submit(command(workspace, number)).result(30)
            os.write(acks, line(number, answer))
            number += CALLERS

    threads = [threading.Thread(target=call, args=(n,), daemon=True) for n in range(CALLERS)]
    for thread in threads:
        thread.start()
    threads[0].join()


def with_fault(root: Path, path: Path, at: int, mode: str) -> None:
    """The fixed sequence with a fault at its `at`-th write."""
    acks = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    faulty = Faulty(at, mode)
    workspace = world.open_(root, seams=faulty.seams(), limits=FREE)
    faulty.armed = True
    one_by_one(workspace, acks)


def without_end(root: Path, path: Path) -> None:
    """Callers that never stop; numbers go on where an earlier process may have ended."""
    acks = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with world.open_(root, limits=FREE) as workspace:
        endless(workspace, acks, (workspace.ledger.size + 1) * 1_000)


_CHILDREN = get_context("forkserver")
_CHILDREN.set_forkserver_preload([__name__])


def fork(target: Callable[..., None], *arguments: Any) -> Process:
    """Run `target` in a child process that shares nothing.

    Children come from a server without threads: a fork of the test process could inherit a lock that
    one of its many threads holds, and wait for it for ever.
    """
    process: Process = _CHILDREN.Process(target=target, args=arguments, daemon=True)  # type: ignore[assignment]
    process.start()
    return process
