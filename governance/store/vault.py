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

import base64
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from governance.oversight.commands import VaultRow
from governance.store.errors import Busy, Damaged, StoreError, UnknownSubject
from governance.store.recent import Recent
from governance.store.sealing import Randomness, VaultKey, seal, unseal
from governance.store.sqlite import Connection, explain, insert_rows

SECRET = 32
MOVED = 1 << 40
"""A restore moves the values of the old log this many indexes down, out of the new one's way."""

_ROOM = 16_384
"""Subjects and secrets that may wait for the next batch."""

_REMEMBERED = 8_192
_pseudonyms = Randomness(12)
_keys = Randomness(SECRET)


class Opened(NamedTuple):
    """A value and the salt of its commitment."""

    value: bytes
    salt: bytes


class Person(NamedTuple):
    """The name behind a person's pseudonym."""

    name: str
    email: str


class Erasure(NamedTuple):
    """An erasure that was carried out and has no entry yet."""

    id: int
    subject: str
    values: int


class _Waiting(NamedTuple):
    """What was given out and is not yet on disk: look-up -> pseudonym -> key, session -> secret."""

    subjects: dict[bytes, str]
    keys: dict[str, bytes]
    secrets: dict[str, bytes]


class Vault:
    """The vault of one workspace. Any thread may call; writes take turns."""

    def __init__(
        self,
        path: Path,
        writer: Connection,
        reader: Connection,
        key: VaultKey,
        now: Callable[[], int],
    ) -> None:
        """`now` gives microseconds since the epoch, for the time of an erasure."""
        self._path, self._db, self._reader, self._key, self._now = path, writer, reader, key, now
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        self._lock = threading.RLock()
        self._pseudonyms: Recent[bytes, str] = Recent(_REMEMBERED)
        self._keys: Recent[str, AESGCM] = Recent(_REMEMBERED)
        self._secrets: Recent[str, bytes] = Recent(_REMEMBERED)
        self._waiting = _Waiting({}, {}, {})
        self._leaving = _Waiting({}, {}, {})
        self._commits = self._erasures = 0

    # -- pseudonyms and secrets: given at once, kept with the next batch ---------------------------

    def pseudonym(self, kind: str, value: str) -> str:
        """The pseudonym `s-…` of a data subject; a new one if it was never seen.

        The same value gets the same pseudonym, also while the first is still on its way. Raises
        `Busy` when too many new ones wait to be written.
        """
        lookup = self._key.lookup(kind, value)
        known = self._known(lookup)
        while known is None:
            with self._lock:
                commits = self._commits
            known = self._stored_pseudonym(lookup)
            with self._lock:
                if known is None and commits == self._commits:
                    known = self._recent(lookup) or self._new_subject(lookup)
        return known

    def find(self, kind: str, value: str) -> str | None:
        """The pseudonym of a data subject that was seen before, or None."""
        lookup = self._key.lookup(kind, value)
        return self._known(lookup) or self._stored_pseudonym(lookup)

    def session_secret(self, session: str) -> bytes:
        """The secret (32 bytes) from which a session's salts are derived; made when first asked."""
        secret = self._known_secret(session)
        while secret is None:
            with self._lock:
                commits = self._commits
            row = self._one("SELECT wrapped FROM session_secrets WHERE session = ?", session)
            with self._lock:
                if row is not None:
                    secret = self._key.unwrap(row[0], f"session {session}")
                    self._secrets.put(session, secret)
                elif commits == self._commits:
                    secret = self._known_secret(session) or self._new_secret(session)
        return secret

    # -- values ------------------------------------------------------------------------------------

    def check(self, rows: Iterable[VaultRow]) -> None:
        """Raises `UnknownSubject` for a row about a data subject the vault never gave a pseudonym."""
        for row in rows:
            if row.subject is not None and not self._knows(row.subject):
                raise UnknownSubject(f"the vault does not know the data subject `{row.subject}`")

    def commit_with(self, rows: Sequence[VaultRow]) -> None:
        """Commit `rows` and everything that waits. Called by the ledger before its own commit.

        Raises `sqlite3.Error`; then nothing is known about what is on disk.
        """
        with self._writing:
            with self._lock:
                if not rows and not self._waiting.subjects and not self._waiting.secrets:
                    return
                self._leaving, self._waiting = self._waiting, _Waiting({}, {}, {})
                leaving = self._leaving
            try:
                fresh = self._commit(leaving, rows)
            except BaseException:
                self._undo()
                raise
            with self._lock:
                for lookup, pseudonym in leaving.subjects.items():
                    self._pseudonyms.put(lookup, pseudonym)
                for pseudonym, key in fresh.items():
                    self._keys.put(pseudonym, key)
                for name, secret in leaving.secrets.items():
                    self._secrets.put(name, secret)
                self._leaving = _Waiting({}, {}, {})
                self._commits += 1

    def value(self, index: int, field: str) -> Opened | None:
        """What entry `index` commits to under `field`; None if it was erased or never kept."""
        row = self._one(
            "SELECT subject, sealed FROM vault_values WHERE idx = ? AND field = ?", index, field
        )
        return None if row is None else self._open(index, field, row[0], row[1])

    def values(self, index: int) -> dict[str, Opened]:
        """Everything that entry `index` commits to and that was not erased, by field."""
        rows = self._all("SELECT field, subject, sealed FROM vault_values WHERE idx = ?", index)
        opened = {field: self._open(index, field, *rest) for field, *rest in rows}
        return {field: value for field, value in opened.items() if value is not None}

    # -- people ------------------------------------------------------------------------------------

    def put_person(self, person: str, name: str, email: str) -> None:
        """Keep the name and e-mail behind a person's pseudonym."""
        sealed = seal(self._key.own, f"person {person}", orjson.dumps([name, email]))
        self._write(
            [("INSERT OR REPLACE INTO people (person, sealed) VALUES (?,?)", (person, sealed))]
        )

    def person(self, person: str) -> Person | None:
        """The name behind a pseudonym; None if it was erased or never known."""
        row = self._one("SELECT sealed FROM people WHERE person = ?", person)
        if row is None:
            return None
        return Person(*orjson.loads(unseal(self._key.own, f"person {person}", row[0])))

    # -- erasing -----------------------------------------------------------------------------------

    def erase(self, subject: str) -> int:
        """Erase a data subject (`s-…`) or a person (`p-…`); how many values went.

        Deletes keys, values and salts, and folds the write-ahead log back, so that the bytes are
        gone from the files. Remembered as unrecorded until `recorded`. Raises `StoreError` when
        the disk does not do it; then ask again.
        """
        with self._writing:
            self._flush()
            count = self._one("SELECT count(*) FROM vault_values WHERE subject = ?", subject)[0]
            count += self._one("SELECT count(*) FROM people WHERE person = ?", subject)[0]
            account = self._one("SELECT sign_in FROM accounts WHERE person = ?", subject)
            bucket = "" if account is None else f"account:{account[0]}"
            self._write(
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
                    ("INSERT INTO erasures (subject, count) VALUES (?,?)", (subject, count)),
                ]
            )
            with self._lock:
                self._keys.drop(subject)
                self._erasures += 1
            self._fold_back()
            return int(count)

    def unrecorded(self) -> list[Erasure]:
        """Erasures that were carried out but have no entry yet (after a crash in between)."""
        with self._lock:
            rows = self._all(
                "SELECT id, subject, count FROM erasures WHERE idx IS NULL ORDER BY id"
            )
        return [Erasure(*row) for row in rows]

    def recorded(self, subject: str, index: int) -> None:
        """The erasures of `subject` are what entry `index` says."""
        self._write(
            [("UPDATE erasures SET idx = ? WHERE subject = ? AND idx IS NULL", (index, subject))]
        )

    def drop_lookups(self, before: int) -> int:
        """Forget erased subjects altogether, if erased before a time (microseconds); how many.

        Call it with now minus the longest window: from then on a returning person is a new one.
        """
        with self._writing:
            sql = "DELETE FROM subjects WHERE wrapped IS NULL AND erased_at < ?"
            count = self._write([(sql, (before,))])
            with self._lock:
                self._pseudonyms.clear()
            self._fold_back()
        return count

    def forget_session(self, session: str) -> None:
        """Erase a session's secret: its salts cannot be derived again."""
        with self._writing:
            self._flush()
            self._write([("DELETE FROM session_secrets WHERE session = ?", (session,))])
            with self._lock:
                self._secrets.drop(session)
            self._fold_back()

    def sweep(self, size: int) -> int:
        """Delete values of entries that were never committed (index >= `size`); how many."""
        if self._one("SELECT 1 FROM vault_values WHERE idx >= ? LIMIT 1", size) is None:
            return 0
        return self._write([("DELETE FROM vault_values WHERE idx >= ?", (size,))])

    def close(self) -> None:
        """Close the database."""
        with self._writing, self._lock:
            self._db.close()
            self._reader.close()

    # -- inside ------------------------------------------------------------------------------------

    def _commit(self, leaving: _Waiting, rows: Sequence[VaultRow]) -> dict[str, AESGCM]:
        """Write everything in one transaction; the keys of subjects that are new or come again."""
        wrap = self._key.wrap
        fresh = {pseudonym: AESGCM(key) for pseudonym, key in leaving.keys.items()}
        self._db.execute("BEGIN IMMEDIATE")
        if leaving.subjects:
            insert_rows(
                self._db,
                "subjects",
                ("lookup", "pseudonym", "wrapped"),
                [
                    (lookup, pseudonym, wrap(leaving.keys[pseudonym], pseudonym))
                    for lookup, pseudonym in leaving.subjects.items()
                ],
            )
        if leaving.secrets:
            insert_rows(
                self._db,
                "session_secrets",
                ("session", "wrapped"),
                [(name, wrap(s, f"session {name}")) for name, s in leaving.secrets.items()],
            )
        if rows:
            insert_rows(
                self._db,
                "vault_values",
                ("idx", "field", "subject", "sealed"),
                [self._seal(row, fresh) for row in rows],
            )
        self._db.execute("COMMIT")
        return fresh

    def _known(self, lookup: bytes) -> str | None:
        with self._lock:
            return self._recent(lookup)

    def _recent(self, lookup: bytes) -> str | None:
        return (
            self._pseudonyms.get(lookup)
            or self._waiting.subjects.get(lookup)
            or self._leaving.subjects.get(lookup)
        )

    def _stored_pseudonym(self, lookup: bytes) -> str | None:
        row = self._one("SELECT pseudonym FROM subjects WHERE lookup = ?", lookup)
        if row is None:
            return None
        with self._lock:
            self._pseudonyms.put(lookup, row[0])
        return str(row[0])

    def _new_subject(self, lookup: bytes) -> str:
        self._check_room()
        # the first 40 bits are the time in milliseconds: neighbours in time are neighbours on disk
        # (the log shows the order anyway); the other 90 are random
        prefix = (self._now() // 1_000 % (1 << 40)).to_bytes(5, "big")
        pseudonym = "s-" + base64.b32encode(prefix + _pseudonyms.take()).decode().lower()[:26]
        self._waiting.subjects[lookup] = pseudonym
        self._waiting.keys[pseudonym] = _keys.take()
        return pseudonym

    def _known_secret(self, session: str) -> bytes | None:
        with self._lock:
            return (
                self._secrets.get(session)
                or self._waiting.secrets.get(session)
                or self._leaving.secrets.get(session)
            )

    def _new_secret(self, session: str) -> bytes:
        self._check_room()
        secret = self._waiting.secrets[session] = _keys.take()
        return secret

    def _check_room(self) -> None:
        if len(self._waiting.subjects) + len(self._waiting.secrets) >= _ROOM:
            raise Busy("too many new data subjects wait to be written", 1, own_quota=False)

    def _knows(self, subject: str) -> bool:
        with self._lock:
            if (
                self._keys.get(subject) is not None
                or subject in self._waiting.keys
                or subject in self._leaving.keys
            ):
                return True
        return self._one("SELECT 1 FROM subjects WHERE pseudonym = ?", subject) is not None

    def _seal(self, row: VaultRow, fresh: dict[str, AESGCM]) -> tuple[object, ...]:
        key = self._key.own if row.subject is None else self._key_for(row.subject, fresh)
        place = _place(row.index, row.field)
        packed = len(row.salt).to_bytes(1, "big") + row.salt + row.value
        return row.index, row.field, row.subject, seal(key, place, packed)

    def _open(self, index: int, field: str, subject: str | None, sealed: bytes) -> Opened | None:
        key = self._key.own if subject is None else self._stored_key(subject)
        if key is None:
            return None
        packed = unseal(key, _place(index, field), sealed)
        salt = packed[0] + 1
        return Opened(packed[salt:], packed[1:salt])

    def _key_for(self, subject: str, fresh: dict[str, AESGCM]) -> AESGCM:
        """The subject's key; a new one if the old was erased (within the transaction)."""
        key = fresh.get(subject) or self._stored_key(subject)
        if key is None:
            material = _keys.take()
            changed = self._db.execute(
                "UPDATE subjects SET wrapped = ?, erased_at = NULL WHERE pseudonym = ?",
                (self._key.wrap(material, subject), subject),
            )
            if changed.rowcount != 1:
                raise Damaged(f"the vault does not know the data subject `{subject}`")
            key = fresh[subject] = AESGCM(material)
        return key

    def _stored_key(self, subject: str) -> AESGCM | None:
        with self._lock:
            key, erasures = self._keys.get(subject), self._erasures
        if key is None:
            row = self._one("SELECT wrapped FROM subjects WHERE pseudonym = ?", subject)
            if row is None or row[0] is None:
                return None
            key = AESGCM(self._key.unwrap(row[0], subject))
            with self._lock:
                if erasures == self._erasures:
                    self._keys.put(subject, key)
        return key

    def _flush(self) -> None:
        try:
            self.commit_with(())
        except sqlite3.Error as error:
            raise StoreError(explain(error, self._path)) from error

    def _fold_back(self) -> None:
        try:
            self._db.execute("PRAGMA busy_timeout=1000")
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self._db.execute("PRAGMA busy_timeout=10000")
        except sqlite3.Error as error:
            raise StoreError(explain(error, self._path)) from error
        if busy:
            raise StoreError(
                f"`{self._path}` is being read by another program, so erased bytes may still be "
                "in its write-ahead log; end that program and erase again"
            )

    def _write(self, statements: Iterable[tuple[str, Sequence[object]]]) -> int:
        with self._writing:
            count = 0
            try:
                self._db.execute("BEGIN IMMEDIATE")
                for sql, parameters in statements:
                    count = self._db.execute(sql, parameters).rowcount
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                raise StoreError(explain(error, self._path)) from error
            return count

    def _undo(self) -> None:
        try:
            self._db.execute("ROLLBACK")
        except sqlite3.Error:
            return

    def _one(self, sql: str, *parameters: object) -> Any:
        rows = self._all(sql, *parameters)
        return rows[0] if rows else None

    def _all(self, sql: str, *parameters: object) -> list[Any]:
        try:
            with self._reading:
                return self._reader.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise Damaged(explain(error, self._path)) from error


def _place(index: int, field: str) -> str:
    """What a value is bound to; the same before and after a restore moved it below zero."""
    return f"{index % MOVED} {field}"
