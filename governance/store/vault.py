"""Everything that may have to be erased, in a database of its own.

The law: what the log commits to can be opened only from here, and what is erased here is gone from
the disk. A row that an entry needs is committed before the entry is (`commit_with`), so a crash
leaves a row too many, never one too few; rows too many are swept when the workspace is opened.

A data subject is known by a random pseudonym, found again by a keyed digest of class and value.
Erasing deletes the subject's key, values and salts; the keyed digest stays until no window can
need it (`drop_lookups`), so that nobody resets a limit by asking to be forgotten. If the same
person comes again, the pseudonym is the same and the key a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from governance.oversight.commands import VaultRow
from governance.store.database import ERRORS, Database, as_database
from governance.store.errors import StoreError, UnknownSubject
from governance.store.sealing import VaultKey, seal, unseal
from governance.store.sqlite import Connection, Cursor, insert_rows
from governance.store.subjects import Subjects
from governance.store.vaultfile import VaultFile

MOVED = 1 << 40
"""A restore moves the values of the old log this many indexes down, out of the new one's way."""

MOST = 1 << 62
_NOBODY: Final[frozenset[str | None]] = frozenset()
_KEPT: Final = (
    "SELECT idx, field, subject, sealed FROM vault_values WHERE idx >= ? AND idx < ? "
    "AND field IN ({})"
)
_RECORDED: Final = "UPDATE erasures SET idx = ? WHERE subject = ? AND idx IS NULL"
_AT_ONCE = 500


class Opened(NamedTuple):
    """A value and the salt of its commitment."""

    value: bytes
    salt: bytes


class Kept(NamedTuple):
    """A value as it is kept: the field, whose it is (None: nobody's), the sealed bytes."""

    field: str
    subject: str | None
    sealed: bytes


SealedRow = tuple[int, str, str | None, bytes]


class Sealed(NamedTuple):
    """Values encrypted but not written: None where the subject's key has to be made first.
    `erasures` is how often somebody had been erased when they were sealed; `erased` are the data
    subjects whose erasure an entry of the same batch records, with its index."""

    rows: Sequence[VaultRow]
    done: list[SealedRow | None]
    erasures: int
    erased: Mapping[str, int] = {}


class Person(NamedTuple):
    """The name behind a person's pseudonym."""

    name: str
    email: str


class Erasure(NamedTuple):
    """An erasure that was carried out and has no entry yet."""

    id: int
    subject: str
    values: int


class Vault:
    """The vault of one workspace. Any thread may call; writes take turns."""

    def __init__(
        self,
        place: Path | Database,
        writer: Connection,
        reader: Connection,
        key: VaultKey,
        now: Callable[[], int],
    ) -> None:
        """`now` gives microseconds since the epoch, for the time of an erasure."""
        self._file = VaultFile(as_database(place), writer, reader)
        self._subjects = Subjects(self._file, key, now)
        self._forgotten = 0
        self._erasing = True  # perhaps; found out with the next values
        self._key, self._now = key, now

    @property
    def database(self) -> Database:
        """Where it is."""
        return self._file.database

    # -- pseudonyms and secrets --------------------------------------------------------------------

    def pseudonym(self, kind: str, value: str) -> str:
        """The pseudonym `s-…` of a data subject; a new one if it was never seen.

        The same value gets the same pseudonym, also while the first is still on its way. Raises
        `Busy` when too many new ones wait to be written.
        """
        return self._subjects.pseudonym(kind, value)

    def find(self, kind: str, value: str) -> str | None:
        """The pseudonym of a data subject that was seen before, or None."""
        return self._subjects.find(kind, value)

    def session_secret(self, session: str) -> bytes:
        """The secret (32 bytes) from which a session's salts are derived; made when first asked."""
        return self._subjects.session_secret(session)

    # -- values ------------------------------------------------------------------------------------

    def check(self, rows: Iterable[VaultRow]) -> None:
        """Raises `UnknownSubject` for a row about a data subject the vault never gave a pseudonym."""
        for row in rows:
            if row.subject is not None and not self._subjects.knows(row.subject):
                raise UnknownSubject(f"the vault does not know the data subject `{row.subject}`")

    def seal(self, rows: Sequence[VaultRow], erased: Mapping[str, int] = {}) -> Sealed:
        """Encrypt `rows`, ready to be committed. Computes only; touches no file.

        `erased`: data subject -> the entry of the same batch that records that they were erased.
        """
        subjects = self._subjects
        erasures = subjects.erasures
        own = self._key.own
        done: list[SealedRow | None] = []
        for row in rows:
            key = own if row.subject is None else subjects.known_key(row.subject)
            done.append(None if key is None else _sealed(row, key))
        return Sealed(rows, done, erasures, erased)

    def commit_with(self, rows: Sequence[VaultRow]) -> None:
        """Commit `rows` and everything that waits: `seal` and `commit` in one."""
        self.commit(self.seal(rows))

    def commit(self, values: Sealed) -> None:
        """Commit sealed values and everything that waits. Called before the ledger's own commit.

        What was sealed before somebody was erased is sealed again, under the keys there are now;
        values about those who were erased are not kept as long as their entries come before the one
        that says so: nobody gets a new key between an erasure and its entry.
        Raises what a database raises; then nothing is known about what is on disk.
        """
        file, subjects = self._file, self._subjects
        with file.writing:
            if not values.rows and not values.erased and not subjects.waits:
                return
            leaving = subjects.leave()
            try:
                file.writer.execute(file.database.begin)
                fresh = subjects.insert(leaving)
                self._insert(file.writer, values, fresh)
                file.writer.execute("COMMIT")
            except BaseException:
                file.undo()
                raise
            subjects.landed(leaving, fresh)

    def ask_turn(self, db: Connection) -> Cursor:
        """Ask for the turn to write values, in the log's own transaction; see `insert`."""
        return self._file.ask_turn(db)

    def insert(self, db: Connection, values: Sealed, turn: Cursor) -> None:
        """Write sealed values in the log's own transaction: on a server, where both are one database.

        `turn` is what was asked for before. Raises what `commit` raises.
        """
        forgotten = int(turn.fetchone()[0])
        if forgotten != self._forgotten:  # by another process: begin with nothing remembered
            self._forgotten, self._erasing = forgotten, True
            self._subjects.forget_all()
        self._insert(db, values, {})

    def value(self, index: int, field: str) -> Opened | None:
        """What entry `index` commits to under `field`; None if it was erased or never kept."""
        row = self._file.one(
            "SELECT subject, sealed FROM vault_values WHERE idx = ? AND field = ?", index, field
        )
        return None if row is None else self._open(index, field, row[0], row[1])

    def values(self, index: int) -> dict[str, Opened]:
        """Everything that entry `index` commits to and that was not erased, by field."""
        rows = self._file.all(
            "SELECT field, subject, sealed FROM vault_values WHERE idx = ?", index
        )
        opened = {field: self._open(index, field, *rest) for field, *rest in rows}
        return {field: value for field, value in opened.items() if value is not None}

    def kept(self, start: int, stop: int, fields: Sequence[str]) -> dict[int, list[Kept]]:
        """What is kept for the entries `start` to `stop` under some fields, by entry; to be opened
        one by one with `open`, as far as it is needed."""
        rows = self._file.all(
            _KEPT.format(",".join("?" * len(fields))),
            start,
            stop,
            *fields,
        )
        found: dict[int, list[Kept]] = {}
        for index, field, subject, sealed in rows:
            found.setdefault(index, []).append(Kept(field, subject, sealed))
        return found

    def open(self, index: int, kept: Kept) -> Opened | None:
        """One value of `kept` for entry `index`; None if it was erased meanwhile."""
        return self._open(index, kept.field, kept.subject, kept.sealed)

    # -- people ------------------------------------------------------------------------------------

    def put_person(self, person: str, name: str, email: str) -> None:
        """Keep the name and e-mail behind a person's pseudonym."""
        sealed = seal(self._key.own, f"person {person}", orjson.dumps([name, email]))
        self._file.write(
            [
                (
                    "INSERT INTO people (person, sealed) VALUES (?,?) ON CONFLICT (person) "
                    "DO UPDATE SET sealed = excluded.sealed",
                    (person, sealed),
                )
            ]
        )

    def person(self, person: str) -> Person | None:
        """The name behind a pseudonym; None if it was erased or never known."""
        row = self._file.one("SELECT sealed FROM people WHERE person = ?", person)
        if row is None:
            return None
        return Person(*orjson.loads(unseal(self._key.own, f"person {person}", row[0])))

    # -- erasing -----------------------------------------------------------------------------------

    def erase(self, subject: str) -> int:
        """Erase a data subject (`s-…`) or a person (`p-…`); how many values went.

        Deletes keys, values and salts, the secrets from which salts could be derived again (open
        sessions get new ones; what was recorded keeps opening, its salts are kept), and folds the write-ahead log back, so that the bytes are
        gone from the files. Remembered as unrecorded until `recorded`. Raises `StoreError` when
        the disk does not do it; then ask again.
        """
        with self._file.writing:
            self._flush()
            self._erasing = True
            count = self._file.one("SELECT count(*) FROM vault_values WHERE subject = ?", subject)[
                0
            ]
            count += self._file.one("SELECT count(*) FROM people WHERE person = ?", subject)[0]
            account = self._file.one("SELECT sign_in FROM accounts WHERE person = ?", subject)
            bucket = "" if account is None else f"account:{account[0]}"
            self._file.write(
                [
                    ("DELETE FROM vault_values WHERE subject = ?", (subject,)),
                    (
                        "UPDATE subjects SET wrapped = NULL, erased_at = ? WHERE pseudonym = ?",
                        (self._now(), subject),
                    ),
                    ("DELETE FROM people WHERE person = ?", (subject,)),
                    ("DELETE FROM accounts WHERE person = ?", (subject,)),
                    ("DELETE FROM web_sessions WHERE person = ?", (subject,)),
                    ("DELETE FROM sign_in_failures WHERE bucket = ?", (bucket,)),
                    ("DELETE FROM session_secrets", ()),
                    ("INSERT INTO erasures (subject, count) VALUES (?,?)", (subject, count)),
                ],
                forgets=True,
            )
            self._subjects.forget(subject)
            self._file.fold_back()
            return int(count)

    def unrecorded(self, size: int = MOST) -> list[Erasure]:
        """Erasures that were carried out but have no entry below `size` yet (after a crash)."""
        rows = self._file.all(
            "SELECT id, subject, count FROM erasures WHERE idx IS NULL OR idx >= ? ORDER BY id",
            size,
        )
        return [Erasure(*row) for row in rows]

    def has_erased(self, subject: str, index: int) -> bool:
        """Whether this vault carried out the erasure that entry `index` records (or a later one)."""
        sql = "SELECT 1 FROM erasures WHERE subject = ? AND (idx IS NULL OR idx >= ?)"
        return self._file.one(sql, subject, index) is not None

    def recorded(self, subject: str, index: int) -> None:
        """The erasures of `subject` are what entry `index` says."""
        self._file.write([(_RECORDED, (index, subject))])

    def drop_lookups(self, before: int) -> int:
        """Forget erased subjects altogether, if erased before a time (microseconds); how many.

        Call it with now minus the longest window: from then on a returning person is a new one.
        """
        with self._file.writing:
            sql = "DELETE FROM subjects WHERE wrapped IS NULL AND erased_at < ?"
            count = self._file.write([(sql, (before,))], forgets=True)
            self._subjects.forget(None)
            self._file.fold_back()
        return count

    def forgotten_elsewhere(self, subject: str) -> None:
        """Another process erased `subject` and recorded it: nothing about them is remembered here."""
        self._subjects.forget(subject)

    def sweep(self, size: int) -> int:
        """Delete values of entries that were never committed (index >= `size`); how many.

        An erasure whose entry was never committed has none.
        """
        if self._file.one("SELECT 1 FROM erasures WHERE idx >= ? LIMIT 1", size) is not None:
            self._file.write([("UPDATE erasures SET idx = NULL WHERE idx >= ?", (size,))])
        if self._file.one("SELECT 1 FROM vault_values WHERE idx >= ? LIMIT 1", size) is None:
            return 0
        return self._file.write([("DELETE FROM vault_values WHERE idx >= ?", (size,))])

    def prune(self, minimum: int, in_use: frozenset[int], *, older_logs: bool) -> int:
        """Delete the values of entries below `minimum` but those `in_use`; how many.

        With `older_logs` also those of the logs this one was restored from. The bytes are gone from
        the files when this returns. Raises `StoreError`; then ask again.
        """
        found = (
            "SELECT DISTINCT idx FROM vault_values WHERE idx > ? AND idx < ? ORDER BY idx LIMIT ?"
        )
        gone, after = 0, -MOST if older_logs else -1
        while rows := self._file.all(found, after, minimum, _AT_ONCE):
            after = rows[-1][0]
            old = [index for (index,) in rows if index not in in_use]
            if old:
                places = ",".join("?" * len(old))
                sql = f"DELETE FROM vault_values WHERE idx IN ({places})"  # noqa: S608  marks only
                gone += self._file.write([(sql, old)])
        with self._file.writing:
            self._file.fold_back()
        return gone

    def knows(self, subject: str) -> bool:
        """Whether the vault ever gave out this pseudonym, or knows the person behind it."""
        return self._subjects.knows(subject) or self.person(subject) is not None

    def count_below(self, minimum: int, in_use: frozenset[int]) -> int:
        """How many values of entries below `minimum` there are, but for those `in_use`."""
        sql = "SELECT count(*) FROM vault_values WHERE idx < ?"
        kept = self.count(index for index in in_use if index < minimum)
        return int(self._file.one(sql, minimum)[0]) - kept

    def count(self, entries: Iterable[int]) -> int:
        """How many values there are of some entries."""
        sql = "SELECT count(*) FROM vault_values WHERE idx = ?"
        return sum(int(self._file.one(sql, index)[0]) for index in entries)

    def entries_about(self, subject: str) -> list[int]:
        """The entries about a data subject of which values are kept."""
        sql = "SELECT DISTINCT idx FROM vault_values WHERE subject = ? ORDER BY idx"
        return [index for (index,) in self._file.all(sql, subject)]

    def close(self) -> None:
        """Close the database."""
        self._file.close()

    # -- inside ------------------------------------------------------------------------------------

    def _insert(self, db: Connection, values: Sealed, fresh: dict[str, AESGCM]) -> None:
        stale = self._subjects.erasures != values.erasures
        erasing = self._being_erased(db)
        ready: Iterable[SealedRow | None] = (
            self._seal(row, fresh, again=done is None) if stale or done is None else done
            for row, done in zip(values.rows, values.done, strict=True)
            if row.subject not in erasing
            or row.index > values.erased.get(row.subject or "", row.index)
        )
        insert_rows(
            db,
            "vault_values",
            ("idx", "field", "subject", "sealed"),
            [row for row in ready if row is not None],
        )
        for subject, index in values.erased.items():
            db.execute(_RECORDED, (index, subject))

    def _being_erased(self, db: Connection) -> frozenset[str | None]:
        """Who was erased and has no entry yet that says so, as of the current transaction."""
        if not self._erasing:
            return _NOBODY
        found = db.execute("SELECT DISTINCT subject FROM erasures WHERE idx IS NULL").fetchall()
        self._erasing = bool(found)
        return frozenset(subject for (subject,) in found)

    def _seal(self, row: VaultRow, fresh: dict[str, AESGCM], *, again: bool) -> SealedRow | None:
        """Seal a row within the transaction. `again`: whoever it is about was erased before and comes
        again, under a new key; without it there is nothing to keep if their key is gone."""
        subject = row.subject
        if subject is None:
            return _sealed(row, self._key.own)
        if again:
            return _sealed(row, self._subjects.key_for(subject, fresh))
        key = fresh.get(subject) or self._subjects.stored_key(subject)
        return None if key is None else _sealed(row, key)

    def _open(self, index: int, field: str, subject: str | None, sealed: bytes) -> Opened | None:
        key = self._key.own if subject is None else self._subjects.stored_key(subject)
        if key is None:
            return None
        packed = unseal(key, _place(index, field), sealed)
        salt = packed[0] + 1
        return Opened(packed[salt:], packed[1:salt])

    def _flush(self) -> None:
        try:
            self.commit_with(())
        except ERRORS as error:
            raise StoreError(self._file.database.explain(error)) from error


def _sealed(row: VaultRow, key: AESGCM) -> SealedRow:
    salt = row.salt
    packed = _LENGTHS[len(salt)] + salt + row.value
    return row.index, row.field, row.subject, seal(key, _place(row.index, row.field), packed)


_LENGTHS = tuple(length.to_bytes(1, "big") for length in range(256))


def _place(index: int, field: str) -> str:
    """What a value is bound to; the same before and after a restore moved it below zero."""
    return f"{index % MOVED} {field}"
