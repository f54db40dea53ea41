"""Pseudonyms, keys of data subjects, and secrets of sessions.

The law: given out at once, on disk with the next batch, never given out twice for the same value.
Nothing here needs a commit of its own: what was given out waits in memory, and an entry that uses
it is committed after it. What never was used is lost with the process, which harms nobody. Where
several processes give out, it is on the server before it is given: whoever comes second is given
what the first one got.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from governance.store.errors import Busy, Damaged
from governance.store.recent import Recent
from governance.store.sealing import Randomness, VaultKey
from governance.store.sqlite import insert_rows
from governance.store.vaultfile import VaultFile

SECRET = 32
_ROOM = 16_384
"""Subjects and secrets that may wait for the next batch."""

_REMEMBERED = 8_192
_pseudonyms = Randomness(12)
_keys = Randomness(SECRET)


class Waiting(NamedTuple):
    """What was given out and is not yet on disk: look-up -> pseudonym -> key, session -> secret."""

    subjects: dict[bytes, str]
    keys: dict[str, bytes]
    secrets: dict[str, bytes]


class Subjects:
    """Who is who, for one vault. Any thread may ask; the ledger's thread writes."""

    def __init__(self, file: VaultFile, key: VaultKey, now: Callable[[], int]) -> None:
        """`now` gives microseconds since the epoch."""
        self._file, self._key, self._now = file, key, now
        self._lock = threading.RLock()
        self._pseudonyms: Recent[bytes, str] = Recent(_REMEMBERED)
        self._keys: Recent[str, AESGCM] = Recent(_REMEMBERED)
        self._secrets: Recent[str, bytes] = Recent(_REMEMBERED)
        self._waiting = Waiting({}, {}, {})
        self._leaving = Waiting({}, {}, {})
        self._commits = self._erasures = 0
        self._shared = file.database.shared

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
            if known is None and self._shared:
                self._claim_subject(lookup)
                continue
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
                commits, erasures = self._commits, self._erasures
            row = self._file.one("SELECT wrapped FROM session_secrets WHERE session = ?", session)
            if row is None and self._shared:
                self._claim_secret(session)
                continue
            with self._lock:
                if erasures != self._erasures:
                    continue
                if row is not None:
                    secret = self._key.unwrap(row[0], f"session {session}")
                    self._secrets.put(session, secret)
                elif commits == self._commits:
                    secret = self._known_secret(session) or self._new_secret(session)
        return secret

    # -- being written -----------------------------------------------------------------------------

    def leave(self) -> Waiting:
        """What waits, to be written now; until `landed` it is known as before."""
        with self._lock:
            self._leaving, self._waiting = self._waiting, Waiting({}, {}, {})
            return self._leaving

    def insert(self, leaving: Waiting) -> dict[str, AESGCM]:
        """Write what leaves, in the current transaction; the new subjects' keys."""
        wrap, writer = self._key.wrap, self._file.writer
        if leaving.subjects:
            insert_rows(
                writer,
                "subjects",
                ("lookup", "pseudonym", "wrapped"),
                [
                    (lookup, pseudonym, wrap(leaving.keys[pseudonym], pseudonym))
                    for lookup, pseudonym in leaving.subjects.items()
                ],
            )
        if leaving.secrets:
            insert_rows(
                writer,
                "session_secrets",
                ("session", "wrapped"),
                [(name, wrap(s, f"session {name}")) for name, s in leaving.secrets.items()],
            )
        return {pseudonym: AESGCM(key) for pseudonym, key in leaving.keys.items()}

    def landed(self, leaving: Waiting, fresh: dict[str, AESGCM]) -> None:
        """It is on disk, and so are the `fresh` keys."""
        with self._lock:
            for lookup, pseudonym in leaving.subjects.items():
                self._pseudonyms.put(lookup, pseudonym)
            for pseudonym, key in fresh.items():
                self._keys.put(pseudonym, key)
            for name, secret in leaving.secrets.items():
                self._secrets.put(name, secret)
            self._leaving = Waiting({}, {}, {})
            self._commits += 1

    @property
    def waits(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._waiting.subjects or self._waiting.secrets)

    # -- keys --------------------------------------------------------------------------------------

    def key_for(self, subject: str, fresh: dict[str, AESGCM]) -> AESGCM:
        """The subject's key; a new one if the old was erased (within the transaction)."""
        key = fresh.get(subject) or self.stored_key(subject)
        if key is None and self._shared:
            key = fresh[subject] = self._claim_key(subject)
        elif key is None:
            material = _keys.take()
            changed = self._file.writer.execute(
                "UPDATE subjects SET wrapped = ?, erased_at = NULL WHERE pseudonym = ?",
                (self._key.wrap(material, subject), subject),
            )
            if changed.rowcount != 1:
                raise Damaged(f"the vault does not know the data subject `{subject}`")
            key = fresh[subject] = AESGCM(material)
        return key

    @property
    def erasures(self) -> int:
        """How often something was forgotten since the vault was opened."""
        return self._erasures

    def known_key(self, subject: str) -> AESGCM | None:
        """The subject's key if it is at hand or on disk; None if it has to be made anew."""
        with self._lock:
            key = self._keys.get(subject)
            waiting = self._waiting.keys.get(subject) or self._leaving.keys.get(subject)
        if key is not None:
            return key
        return AESGCM(waiting) if waiting is not None else self.stored_key(subject)

    def stored_key(self, subject: str) -> AESGCM | None:
        """The subject's key, or None if it was erased or there is no such subject."""
        with self._lock:
            key, erasures = self._keys.get(subject), self._erasures
        if key is None:
            row = self._file.one("SELECT wrapped FROM subjects WHERE pseudonym = ?", subject)
            if row is None or row[0] is None:
                return None
            key = AESGCM(self._key.unwrap(row[0], subject))
            with self._lock:
                if erasures == self._erasures:
                    self._keys.put(subject, key)
        return key

    def forget(self, subject: str | None) -> None:
        """Forget the key of an erased subject and every session's secret; with None, also who is who.

        Salts are derived from the secrets: while one is there, a guessed value can be tried.
        """
        with self._lock:
            self._secrets.clear()
            self._erasures += 1
            if subject is None:
                self._pseudonyms.clear()
            else:
                self._keys.drop(subject)

    def forget_all(self) -> None:
        """Forget everything that is remembered; it is read again when it is asked for."""
        with self._lock:
            self._erasures += 1
            self._secrets.clear()
            self._pseudonyms.clear()
            self._keys.clear()

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
        row = self._file.one("SELECT pseudonym FROM subjects WHERE lookup = ?", lookup)
        if row is None:
            return None
        with self._lock:
            self._pseudonyms.put(lookup, row[0])
        return str(row[0])

    def _claim_subject(self, lookup: bytes) -> None:
        """Make a data subject known to all processes, unless one of them just did."""
        pseudonym = self._new_pseudonym()
        self._file.claim(
            "INSERT INTO subjects (lookup, pseudonym, wrapped) VALUES (?, ?, ?) "
            "ON CONFLICT (lookup) DO NOTHING",
            (lookup, pseudonym, self._key.wrap(_keys.take(), pseudonym)),
        )

    def _claim_key(self, subject: str) -> AESGCM:
        """A key for somebody who was erased and comes again, unless another process made one."""
        self._file.claim(
            "UPDATE subjects SET wrapped = ?, erased_at = NULL "
            "WHERE pseudonym = ? AND wrapped IS NULL",
            (self._key.wrap(_keys.take(), subject), subject),
        )
        key = self.stored_key(subject)
        if key is None:
            raise Damaged(f"the vault does not know the data subject `{subject}`")
        return key

    def _claim_secret(self, session: str) -> None:
        """Make a session's secret known to all processes, unless one of them just did."""
        self._file.claim(
            "INSERT INTO session_secrets (session, wrapped) VALUES (?, ?) "
            "ON CONFLICT (session) DO NOTHING",
            (session, self._key.wrap(_keys.take(), f"session {session}")),
        )

    def _new_subject(self, lookup: bytes) -> str:
        self._check_room()
        pseudonym = self._new_pseudonym()
        self._waiting.subjects[lookup] = pseudonym
        self._waiting.keys[pseudonym] = _keys.take()
        return pseudonym

    def _new_pseudonym(self) -> str:
        # the first 40 bits are the time in milliseconds: neighbours in time are neighbours on disk
        # (the log shows the order anyway); the other 90 are random
        prefix = (self._now() // 1_000 % (1 << 40)).to_bytes(5, "big")
        return "s-" + base64.b32encode(prefix + _pseudonyms.take()).decode().lower()[:26]

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

    def knows(self, subject: str) -> bool:
        """Whether the vault ever gave out this pseudonym."""
        with self._lock:
            if (
                self._keys.get(subject) is not None
                or subject in self._waiting.keys
                or subject in self._leaving.keys
            ):
                return True
        return self._file.one("SELECT 1 FROM subjects WHERE pseudonym = ?", subject) is not None
