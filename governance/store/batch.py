"""One batch: commands in order, one transaction, one signature.

The law: run → vault committed, the rest written and signed meanwhile → log, tree, facts and checkpoint committed
together → head file on disk → answers. What is written is what `running` made of the commands. Before the signature the rows
are read back from the database, hashed again, and must extend the last head that was signed.

An error while writing means that nobody knows what is on disk. With a file `WriteFailed` then ends
the writer: it never signs again, and the next process finds out by reading. With a server it finds
out itself, under the lock that the failed transaction must have let go of; and what it had signed
in vain stays the only tree of that size that it ever signed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.entry import Entry
from audit.tree import Edge, Frontier, leaf_hash
from governance.engine.mould import mould
from governance.oversight.commands import Answer, Receipt
from governance.store.clock import to_microseconds
from governance.store.database import ERRORS, Database, meanwhile
from governance.store.errors import Damaged, ServerError
from governance.store.facts import FactBook
from governance.store.fold import Fold
from governance.store.keyring import KeyRing
from governance.store.lanes import Job
from governance.store.position import Head, Position, WriteFailed
from governance.store.running import Batch, Runner, Written
from governance.store.sqlite import Connection, insert_rows, read_entries
from governance.store.tail import Tail
from governance.store.turns import Turns
from governance.store.vault import Vault

_READ = "SELECT entry FROM log_entries WHERE idx = ?"
_CHECKPOINT = "INSERT INTO checkpoints (size, at, note) VALUES (?,?,?)"
_TRIES = 5


class Writer:
    """Turns jobs into committed entries. One thread only."""

    def __init__(
        self,
        connection: Connection,
        vault: Vault,
        head: Head,
        fold: Fold,
        ring: KeyRing,
        position: Position,
        database: Database,
        turns: Turns | None = None,
    ) -> None:
        """`database` is where the log lies; `turns` if other processes write it, too."""
        self._database, self._turns = database, turns
        self._signing: int | None = None
        self._vain: set[int] = set()
        self._db, self._vault, self._head = connection, vault, head
        self._fold, self.ring = fold, ring
        self.facts = FactBook(connection)
        self._runner = Runner(fold, vault, self.facts, self.pending)
        self.position = position
        self.tail = Tail() if turns is None else turns.tail
        self._open = False
        self._remembered = ""
        """The head that is in the head file, if it was put there by this process."""
        self._batch: Batch | None = None

    def run(self, jobs: Sequence[Job], at: int) -> Batch | None:
        """Run a batch at time `at` (microseconds); then `keep` and `write` it, then `commit` it.

        Returns None when there is nothing to commit: then each job's result is filled in. Waits
        for no disk. Raises `WriteFailed`.
        """
        position = self.position
        batch = self._batch = Batch(position.state, position.size, at)
        try:
            for job in jobs:
                self._run_one(job, batch, at)
            if batch.encoded:
                if self._vain:
                    self._fill(batch, at)
                if self._turns is None:
                    self._seal(batch)
                return batch
            if self._turns is not None:
                self.undo()
        except WriteFailed:
            raise
        except Exception as error:
            raise self._failed(error) from error
        for job, value, _, _ in batch.done:
            job.value = Answer(value, ())
        self._batch = None
        return None

    def keep(self, batch: Batch) -> None:
        """Put a batch's values on disk, in the vault; any thread, also beside `write`.

        Should the batch never be committed, they are rows too many, swept at the next start. On a
        server they are written with the log, in one transaction. Raises `WriteFailed`.
        """
        if self._turns is not None:
            return
        assert batch.sealed is not None
        try:
            self._vault.commit(batch.sealed)
        except Exception as error:
            raise self._failed(error, self._vault.database) from error

    def write(self, batch: Batch) -> None:
        """Write a batch in the open transaction and sign its head, if that is quick. Waits for no disk.

        Raises `WriteFailed`.
        """
        try:
            batch.written = self._written(batch)
        except WriteFailed:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def commit(self, batch: Batch) -> None:
        """Put a kept and written batch on disk: log, then head; sign it, if that takes time.

        Any thread. Raises `WriteFailed`.
        """
        written = batch.written
        assert written is not None
        try:
            note = written.note or self._signed(batch, written)
            self._db.execute("COMMIT")
            self._open = False
            self._remember(note)
        except Exception as error:
            raise self._failed(error) from error

    @property
    def shared(self) -> bool:
        """Whether other processes write this log, too."""
        return self._turns is not None

    @property
    def misreferred(self) -> int:
        """How many commands were refused for a reference that no verifier would accept."""
        return self._runner.references.refused

    @property
    def lacking(self) -> str | None:
        """Which key another process put in force that does not sign here (a sentence), or None."""
        return None if self._turns is None else self._turns.lacking

    def on_news(self, tell: Callable[[int, Entry], None]) -> None:
        """Have `tell` called with what other processes record; never for a log of one process."""
        if self._turns is not None:
            self._turns.news.append(tell)

    def turn(self) -> None:
        """Take the turn, before a batch is run: alone until the commit, everything read.

        A transaction that loses against another one before it did anything is begun again. Raises
        `WriteFailed`.
        """
        turns = self._turns
        assert turns is not None
        for left in reversed(range(_TRIES)):
            try:
                self.position = turns.take(self._db, self._begin, self.position, self.facts)
                self._vain = {size for size in self._vain if size > self.position.size}
                return
            except ServerError as error:
                self.undo()
                if not error.again or not left:
                    raise self._failed(error) from error
            except Exception as error:
                self.undo()
                raise self._failed(error) from error

    def follow(self) -> None:
        """Read on what others wrote, and keep its head."""
        turns = self._turns
        assert turns is not None
        try:
            self.position = turns.look(self._db, self.position, self.facts)
        except Exception as error:
            raise self._failed(error) from error
        self.keep_head()

    def keep_head(self) -> None:
        """Put the head of what others wrote into the head file, if it is not there yet.

        Raises `WriteFailed`.
        """
        if self._turns is not None and self._turns.note != self._remembered:
            try:
                self._remember(self._turns.note)
            except OSError as error:
                raise self._failed(error) from error

    def recover(self) -> None:
        """After an outage: what is there? The lock says that nothing is under way any more.

        Raises `WriteFailed`.
        """
        if self._signing is not None:
            self._vain.add(self._signing)
        self._batch = self._signing = None
        self.undo()
        self.facts.reset()
        self.turn()
        self.undo()
        self.keep_head()

    def land(self, batch: Batch) -> bool:
        """The batch is on disk: it is the log's newest position, and every job has its result.

        Returns whether the batch says that people confirmed the clock.
        """
        written = batch.written
        assert written is not None
        leaves, size, note = written.leaves, written.frontier.size, written.note
        assert note is not None
        self._signing = None
        if self._turns is not None:
            self._turns.note = note
        self.position = Position(written.frontier, written.root, batch.state)
        self._batch = None
        start = batch.start
        self.tail.add(start, batch.encoded)
        self._runner.references.committed(start, batch.encoded)
        for job, value, first, stop in batch.done:
            receipts = [
                _receipt(index, leaves[index - start], size, note, written.edge)
                for index in range(first, stop)
            ]
            job.value = _answer(value, tuple(receipts))
        return batch.confirmed

    def chore(self, work: Callable[[Connection], Any]) -> Any:
        """Do the store's own work in a transaction of its own. Raises `WriteFailed`."""
        try:
            if self._turns is not None:
                self.turn()
            self._begin()
            result = work(self._db)
            self._db.execute("COMMIT")
            self._open = False
        except WriteFailed:
            raise
        except Exception as error:
            raise self._failed(error) from error
        return result

    def pending(self, indexes: Iterable[int]) -> dict[int, bytes]:
        """Entries by index, those of the batch included; what does not exist is left out."""
        found, batch = {}, self._batch
        size = self.position.size
        for index in indexes:
            if index >= size:
                offset = index - size
                if batch is not None and offset < len(batch.encoded):
                    found[index] = batch.encoded[offset]
                continue
            row = self._db.execute(_READ, (index,)).fetchone()
            if row is not None:
                found[index] = row[0]
        return found

    def undo(self) -> None:
        """Try to leave no transaction open; nothing depends on it."""
        if self._open:
            self._open = False
            with contextlib.suppress(Exception):  # the database decides at the next start
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Close the database and the head file."""
        with contextlib.suppress(Exception):
            self._db.close()
        self._head.close()

    def _failed(self, error: Exception, where: Database | None = None) -> WriteFailed:
        where = where or self._database
        sentence = where.explain(error) if isinstance(error, ERRORS) else str(error)
        outage = isinstance(error, ServerError) and not error.refused
        return WriteFailed(sentence, outage=self.shared and outage)

    def _remember(self, note: str) -> None:
        self._head.write(note)
        self._remembered = note

    # -- running -----------------------------------------------------------------------------------

    def _run_one(self, job: Job, batch: Batch, at: int) -> None:
        try:
            staged = self._runner.run(job, batch, at)
        except (*ERRORS, Damaged) as error:
            raise self._failed(error) from error
        if staged is None:
            return
        self._begin()
        self.facts.write(staged.facts)
        if staged.also is not None:
            staged.also(self._db, batch.size)
        batch.add(job, staged)

    def _fill(self, batch: Batch, at: int) -> None:
        """One entry more, should this batch make the size of a tree that was signed in vain."""
        turns = self._turns
        while turns is not None and batch.size in self._vain:
            job = turns.filling()
            self._run_one(job, batch, at)
            if job.error is not None:
                raise WriteFailed(f"a head was signed in vain, and cannot be passed: {job.error}")

    # -- writing -----------------------------------------------------------------------------------

    def _seal(self, batch: Batch) -> None:
        batch.sealed = self._vault.seal(batch.values, batch.erased)

    def _begin(self) -> None:
        if not self._open:
            self._db.execute(self._database.begin)
            self._open = True

    def _written(self, batch: Batch) -> Written:
        """Everything of the batch, in an open transaction; the new head, signed."""
        old, start = self.position, batch.start
        leaves = [leaf_hash(data) for data in batch.encoded]
        frontier = old.frontier.copy()
        nodes = frontier.extend(leaves)
        insert_rows(
            self._db,
            "log_entries",
            ("idx", "entry", "leaf"),
            [(start + i, data, leaves[i]) for i, data in enumerate(batch.encoded)],
        )
        self.facts.flush()
        insert_rows(self._db, "tree_nodes", ("level", "idx", "hash"), [n for n in nodes if n[0]])
        if self._turns is None:
            root = self._check_written(old, leaves, frontier)
        else:
            # in one journey, and while the server does it the values are sealed
            turn = self._vault.ask_turn(self._db) if batch.values or batch.erased else None
            meanwhile(self._db, lambda: self._seal(batch))
            root = self._check_written(old, leaves, frontier)
            if turn is not None and batch.sealed is not None:
                self._vault.insert(self._db, batch.sealed, turn)
        written = Written(leaves, frontier, root, Edge(old.frontier, nodes))
        if self.ring.quick:
            self._signed(batch, written)
        return written

    def _signed(self, batch: Batch, written: Written) -> str:
        """Sign the head of a batch that is written; the checkpoint is written, too.

        By those who signed before it: what announces a key is signed by the old ones. A signature
        that takes longer, by a key elsewhere or a large one, waits until the commit, so that it
        holds up nobody but this batch.
        """
        signers = self.ring.signers(self._fold.log_keys(self.position.state))
        checkpoint = Checkpoint(self.ring.origin, written.frontier.size, written.root)
        self._signing = checkpoint.size
        note = written.note = sign_checkpoint(checkpoint, *signers)
        row = (checkpoint.size, to_microseconds(batch.at), note)
        self._db.execute(_CHECKPOINT, row)
        if self._turns is not None:
            self._turns.give(self._db, checkpoint.size, note)
        return note

    def _check_written(self, old: Position, leaves: list[bytes], new: Frontier) -> bytes:
        """The root over what the database now holds; it must extend the head last signed."""
        if old.frontier.root() != old.root:
            raise WriteFailed("the tree in memory is not the one last signed; nothing was signed")
        stored = list(map(leaf_hash, read_entries(self._db, old.size, new.size)))
        again = old.frontier.copy()
        again.extend(stored)
        root = new.root()
        if stored != leaves or again.root() != root:
            raise WriteFailed(
                "the entries in the database are not those that were written; nothing was signed"
            )
        return root


_receipt = mould(Receipt)
_answer = mould(Answer)
