"""The commands of one batch, run: what each of them wants written, checked and planned.

The law: each command sees the state and the facts at its own index, earlier commands of its batch
included; one that raises writes nothing and disturbs no other. Everything about a proposal that can
go wrong goes wrong here, before anything of it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from audit.tree import Edge, Frontier
from governance.oversight.commands import Command, FactRow, Facts, Proposal, VaultRow
from governance.store.clock import to_datetime
from governance.store.database import ERRORS, MISUSE
from governance.store.derive import rows_of
from governance.store.errors import Damaged
from governance.store.facts import FactBook, Planned
from governance.store.fold import Fold, State
from governance.store.lanes import Job, OwnCommand
from governance.store.references import References
from governance.store.sqlite import Connection
from governance.store.vault import Sealed, Vault

Also = Callable[[Connection, int], None]
"""What is written beside the entries; see `OwnCommand`."""

_NO_FACTS: Final = Facts()


class Written:
    """A batch in its open transaction, with the head that will be true once it is committed.

    `note`: that head, once it is signed.
    """

    __slots__ = ("edge", "frontier", "leaves", "note", "root")

    def __init__(self, leaves: list[bytes], frontier: Frontier, root: bytes, edge: Edge) -> None:
        self.leaves, self.frontier, self.root, self.edge = leaves, frontier, root, edge
        self.note: str | None = None


class Staged(NamedTuple):
    """What one command wants written."""

    proposal: Proposal
    encoded: list[bytes]
    state: State
    facts: Planned
    also: Also | None
    confirmed: bool
    erased: dict[str, int]


class Batch:
    """What the commands run so far want written."""

    def __init__(self, state: State, size: int, at: int) -> None:
        self.start = size
        self.at = to_datetime(at)
        self.state = state
        self.encoded: list[bytes] = []
        self.values: list[VaultRow] = []
        self.done: list[tuple[Job, Any, int, int]] = []
        self.confirmed = False
        self.erased: dict[str, int] = {}
        self.sealed: Sealed | None = None
        self.written: Written | None = None

    @property
    def size(self) -> int:
        """The log's size with this batch."""
        return self.start + len(self.encoded)

    def add(self, job: Job, staged: Staged) -> None:
        """What a command wants written, after what the ones before it want."""
        first = self.size
        self.state = staged.state
        self.encoded += staged.encoded
        self.values += staged.proposal.values
        self.confirmed = self.confirmed or staged.confirmed
        self.erased |= staged.erased
        self.done.append((job, staged.proposal.answer, first, first + len(staged.encoded)))


class Runner:
    """Runs commands on the state a batch has come to. The writer's thread only."""

    def __init__(
        self,
        fold: Fold,
        vault: Vault,
        facts: FactBook,
        entries: Callable[[Iterable[int]], dict[int, bytes]],
    ) -> None:
        """`entries` reads entries by index, those of the batch included."""
        self._fold, self._encode = fold, fold.encode
        self._vault, self._facts, self._entries = vault, facts, entries
        self.references = References(entries)

    def run(self, job: Job, batch: Batch, at: int) -> Staged | None:
        """What the job's command wants written at time `at` (microseconds).

        None if nothing; then its answer is noted, or what it did wrong, which is its own. Raises what
        the database does wrong.
        """
        first = batch.size
        try:
            facts, proposal, also = self._proposed(job.command, batch, first)
            if proposal.entries:
                return self._staged(proposal, also, facts, batch, at)
            if proposal.rows or proposal.values:
                raise ValueError("a proposal without entries must not have rows or values")
        except MISUSE as error:
            job.error = ValueError(f"it asks for facts by something that is no name: {error}")
        except (*ERRORS, Damaged):
            raise
        except Exception as error:
            job.error = error
        else:
            batch.done.append((job, proposal.answer, first, first))
        return None

    def _proposed(
        self, command: Command | OwnCommand, batch: Batch, index: int
    ) -> tuple[Facts, Proposal, Also | None]:
        state, when = batch.state, batch.at
        if isinstance(command, OwnCommand):
            return _NO_FACTS, Proposal(command.make(state, when, index), None), command.also
        facts = self._facts.fetch(
            command.needs(state, when),
            self._entries,
            blind=self._fold.blind(state),
            told_from=self._fold.told_from(state),
        )
        return facts, command.run(state, facts, when, index), None

    def _staged(
        self, proposal: Proposal, also: Also | None, facts: Facts, batch: Batch, at: int
    ) -> Staged:
        fold, state, first = self._fold, batch.state, batch.size
        rows: list[FactRow] = []
        confirmed, erased = False, {}
        for entry in proposal.entries:  # by steps: what a step needs stays in the processor's cache
            fold.check(entry.kind, entry.by, entry.data)
        encoded = list(map(self._encode, proposal.entries))
        self.references.check(proposal.entries, first, batch.start, facts.decisions)
        for index, entry in enumerate(proposal.entries, first):
            rows += rows_of(index, entry)
            state = fold.apply(state, index, entry)
            if entry.kind == "service.clock" and entry.data["event"] == "confirmed":
                confirmed = True
            elif entry.kind == "data.erased":
                erased[entry.data["subject"]] = index
        rows += proposal.rows
        if proposal.values:
            self._vault.check(proposal.values)
        plan = self._facts.plan(rows, at)
        return Staged(proposal, encoded, state, plan, also, confirmed, erased)
