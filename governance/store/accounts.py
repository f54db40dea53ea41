"""Local accounts, web sessions and failed sign-ins: the rows, nothing that judges them.

Law: this module keeps what `governance.web.accounts` decides. It holds no secret that could be
used as found: passwords are Argon2id strings, session tokens are SHA-256 digests of the cookie.

The rows live in the vault's database, never in the log, because a sign-in name is personal data
and must be erasable (`forget`). Who can write this database can sign in as anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text


@dataclass(frozen=True, slots=True)
class Account:
    """One local account: `sign_in` is the name as compared, `password` an Argon2id string."""

    person: str
    sign_in: str
    password: str
    changed_at: int


@dataclass(frozen=True, slots=True)
class WebSession:
    """One browser's session: `token` is the SHA-256 of the cookie's secret."""

    token: bytes
    person: str
    opened_at: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed sign-ins of one bucket (an account or an address) since `first_at`."""

    failures: int
    first_at: int
    last_at: int


class AccountStore:
    """The three tables behind local sign-in, in the vault's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # -- accounts ------------------------------------------------------------------------------

    def put(self, account: Account) -> None:
        """Write a person's account, replacing the one that person had.

        Raises `ValueError` when the sign-in name belongs to somebody else.
        """
        with self._engine.begin() as connection:
            owner = _one(
                connection, "SELECT person FROM accounts WHERE sign_in = :s", s=account.sign_in
            )
            if owner is not None and owner[0] != account.person:
                raise ValueError(f"`{account.sign_in}` is another person's sign-in name")
            connection.execute(
                text(
                    "INSERT INTO accounts (person, sign_in, password, changed_at)"
                    " VALUES (:person, :sign_in, :password, :changed_at)"
                    " ON CONFLICT (person) DO UPDATE SET sign_in = excluded.sign_in,"
                    " password = excluded.password, changed_at = excluded.changed_at"
                ),
                {
                    "person": account.person,
                    "sign_in": account.sign_in,
                    "password": account.password,
                    "changed_at": account.changed_at,
                },
            )

    def by_sign_in(self, sign_in: str) -> Account | None:
        """The account with this sign-in name, or None."""
        return self._account(
            "SELECT person, sign_in, password, changed_at FROM accounts WHERE sign_in = :v", sign_in
        )

    def by_person(self, person: str) -> Account | None:
        """The account of this person, or None."""
        return self._account(
            "SELECT person, sign_in, password, changed_at FROM accounts WHERE person = :v", person
        )

    def rehash(self, person: str, password: str) -> None:
        """Keep the same password under a newer hash; sessions stay open."""
        with self._engine.begin() as connection:
            connection.execute(
                text("UPDATE accounts SET password = :password WHERE person = :person"),
                {"password": password, "person": person},
            )

    def forget(self, person: str) -> None:
        """Delete everything kept about a person here: account, sessions, failed sign-ins."""
        with self._engine.begin() as connection:
            for statement in (
                "DELETE FROM sign_in_failures WHERE bucket IN"
                " (SELECT 'account:' || sign_in FROM accounts WHERE person = :person)",
                "DELETE FROM web_sessions WHERE person = :person",
                "DELETE FROM accounts WHERE person = :person",
            ):
                connection.execute(text(statement), {"person": person})

    def _account(self, statement: str, value: str) -> Account | None:
        with self._engine.connect() as connection:
            row = _one(connection, statement, v=value)
        return None if row is None else Account(row[0], row[1], row[2], row[3])

    # -- sessions ------------------------------------------------------------------------------

    def open_session(self, session: WebSession, *, keep: int) -> None:
        """Add a session; of this person only the `keep` last used sessions stay."""
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO web_sessions (token, person, opened_at, seen_at)"
                    " VALUES (:token, :person, :opened_at, :seen_at)"
                ),
                {
                    "token": session.token,
                    "person": session.person,
                    "opened_at": session.opened_at,
                    "seen_at": session.seen_at,
                },
            )
            connection.execute(
                text(
                    "DELETE FROM web_sessions WHERE person = :person AND token NOT IN"
                    " (SELECT token FROM web_sessions WHERE person = :person"
                    " ORDER BY seen_at DESC LIMIT :keep)"
                ),
                {"person": session.person, "keep": keep},
            )

    def session(self, token: bytes) -> WebSession | None:
        """The session with this digest, or None; whether it is still good is not judged here."""
        with self._engine.connect() as connection:
            row = _one(
                connection,
                "SELECT token, person, opened_at, seen_at FROM web_sessions WHERE token = :t",
                t=token,
            )
        return None if row is None else WebSession(bytes(row[0]), row[1], row[2], row[3])

    def sessions_of(self, person: str) -> tuple[WebSession, ...]:
        """All sessions of a person, last used first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT token, person, opened_at, seen_at FROM web_sessions"
                    " WHERE person = :person ORDER BY seen_at DESC"
                ),
                {"person": person},
            ).all()
        return tuple(WebSession(bytes(r[0]), r[1], r[2], r[3]) for r in rows)

    def seen(self, token: bytes, at: int) -> None:
        """Note that a session was used at `at`."""
        with self._engine.begin() as connection:
            connection.execute(
                text("UPDATE web_sessions SET seen_at = :at WHERE token = :token"),
                {"at": at, "token": token},
            )

    def close_session(self, token: bytes) -> None:
        """Delete one session; nothing happens when it is gone already."""
        with self._engine.begin() as connection:
            connection.execute(
                text("DELETE FROM web_sessions WHERE token = :token"), {"token": token}
            )

    def close_sessions_of(self, person: str, *, but: bytes = b"") -> None:
        """Delete all sessions of a person except the one with the digest `but`."""
        with self._engine.begin() as connection:
            connection.execute(
                text("DELETE FROM web_sessions WHERE person = :person AND token <> :but"),
                {"person": person, "but": but},
            )

    def prune(self, *, opened_before: int, seen_before: int, failed_before: int) -> None:
        """Delete sessions and failures that can no longer matter (times in microseconds)."""
        with self._engine.begin() as connection:
            connection.execute(
                text("DELETE FROM web_sessions WHERE opened_at < :opened OR seen_at < :seen"),
                {"opened": opened_before, "seen": seen_before},
            )
            connection.execute(
                text("DELETE FROM sign_in_failures WHERE last_at < :failed"),
                {"failed": failed_before},
            )

    # -- failed sign-ins -----------------------------------------------------------------------

    def failures(self, bucket: str) -> Failures | None:
        """Failed sign-ins counted for a bucket, or None when there are none."""
        with self._engine.connect() as connection:
            row = _one(
                connection,
                "SELECT failures, first_at, last_at FROM sign_in_failures WHERE bucket = :b",
                b=bucket,
            )
        return None if row is None else Failures(row[0], row[1], row[2])

    def count_failure(self, bucket: str, at: int, *, fresh_after: int) -> None:
        """Count one failure; a count whose last failure is older than `fresh_after` restarts."""
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO sign_in_failures (bucket, failures, first_at, last_at)"
                    " VALUES (:bucket, 1, :at, :at)"
                    " ON CONFLICT (bucket) DO UPDATE SET"
                    " failures = CASE WHEN sign_in_failures.last_at < :fresh THEN 1"
                    " ELSE sign_in_failures.failures + 1 END,"
                    " first_at = CASE WHEN sign_in_failures.last_at < :fresh THEN :at"
                    " ELSE sign_in_failures.first_at END,"
                    " last_at = :at"
                ),
                {"bucket": bucket, "at": at, "fresh": fresh_after},
            )

    def clear_failures(self, bucket: str) -> None:
        """Forget the failures of a bucket, after a success."""
        with self._engine.begin() as connection:
            connection.execute(
                text("DELETE FROM sign_in_failures WHERE bucket = :bucket"), {"bucket": bucket}
            )


def _one(connection: Connection, statement: str, **values: Any) -> Any:
    return connection.execute(text(statement), values).first()
