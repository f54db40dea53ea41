"""A child process that writes under load and says what was acknowledged; run by the crash tests.

    python -m tests.store.acknowledged ROOT ACKS [AT MODE]

Each acknowledged command appends `<number> <index>` to ACKS, in one write, after its answer came.
Without AT it writes until it is killed; with AT and MODE the chosen fault strikes.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from governance.store.errors import StoreError
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
        values=(("args.note", f"value {number}".encode(), subject),),
    )


def one_by_one(workspace: Workspace, acks: int) -> None:
    """A fixed sequence: every write has the same place in every run."""
    for number in range(COMMANDS):
        answer = workspace.ledger.submit(command(workspace, number)).result(30)
        os.write(acks, f"{number} {answer.receipts[0].index}\n".encode())
        if number % 4 == 3:
            index = answer.receipts[0].index
            workspace.ledger.submit(world.outcome(index, "failed", released=True)).result(30)


def endless(workspace: Workspace, acks: int, first: int) -> None:
    """Callers that never stop."""

    def call(caller: int) -> None:
        number = first + caller
        while True:
            answer = workspace.ledger.submit(command(workspace, number)).result(30)
            os.write(acks, f"{number} {answer.receipts[0].index}\n".encode())
            number += CALLERS

    threads = [threading.Thread(target=call, args=(n,), daemon=True) for n in range(CALLERS)]
    for thread in threads:
        thread.start()
    threads[0].join()


def main() -> None:
    """See the module's docstring."""
    root, path = Path(sys.argv[1]), Path(sys.argv[2])
    acks = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if len(sys.argv) == 3:
        first = len(path.read_text().splitlines()) * 1_000
        endless(world.open_(root, limits=FREE), acks, first)
        return
    faulty = Faulty(int(sys.argv[3]), sys.argv[4])
    workspace = world.open_(root, seams=faulty.seams(), limits=FREE)
    faulty.armed = True
    try:
        one_by_one(workspace, acks)
    except StoreError as error:
        print(error, file=sys.stderr)
        os._exit(3)
    os._exit(0)


if __name__ == "__main__":
    main()
