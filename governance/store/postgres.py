"""A database on a PostgreSQL server: how it is connected to, and what its errors mean to people.

The law: a commit that returned is on the server's disk (`synchronous_commit` is at least `on`, `fsync`
is not off), or an error was raised. A connection that was lost is made anew only between two
transactions, never within one: what was under way then has failed, and is found out by reading.
Nothing is asked of the server but tables, transactions and row locks; where it can also end the
session of a process that hangs with the log's lock, whoever waits for the lock has it do so.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Final

import psycopg
from psycopg import RawCursor
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, create_engine

from governance.store.arrays import Packed, PackedDumper, packed
from governance.store.columns import arrays_of
from governance.store.database import LOG_SCHEMA, VAULT_SCHEMA
from governance.store.errors import BadParameter, CannotOpen, ServerError

CONNECT_SECONDS: Final = 10
LOCK_MS: Final = 30_000
"""How long a statement waits for a lock, and how long a transaction may do nothing: a process that
hangs while it holds the log's lock is thrown out by who waits, and finds that out itself."""

LOCKED: Final = "55P03"
_END_WHO_HANGS: Final = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND usename = current_user "
    "AND application_name = 'governance' AND backend_xid IS NOT NULL AND wait_event_type = 'Client' "
    "AND state_change < clock_timestamp() - %s * interval '1 millisecond'"
)
"""End the sessions that have written, or locked, and from which the server has heard nothing since.

The server's own `idle_in_transaction_session_timeout` does not see all of them: it is switched off by
any message after the last one that ends a journey (psycopg's pipelines send one: Flush), and does not
count while a journey is only half sent.
"""

log = logging.getLogger(__name__)

_LOCAL: Final = ("", "localhost", "127.0.0.1", "::1")
_KEEP_ALIVE: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_WEAK: Final = ("off", "local", "remote_write")
_DEFERRED: Final = (
    "INSERT INTO",
    "UPDATE decisions",
    "UPDATE log_head",
    "SELECT size, note FROM log_head WHERE id = 1 FOR UPDATE",
    "SELECT forgotten FROM vault_turn",
)
"""Statements in a transaction whose result nobody looks at, or not before the next one."""

_MOST_DEFERRED: Final = 64
_SETTINGS: Final = (
    "SELECT current_setting('synchronous_commit', true), current_setting('fsync', true)"
)


def checked(url: str) -> str:
    """An address that may be used. Raises `CannotOpen` for one that cannot be read or is unsafe."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise CannotOpen(f"the database's address cannot be read: {_first_line(error)}") from error
    host = str(parts.get("host") or parts.get("hostaddr") or "")
    remote = any(name not in _LOCAL and name[:1] not in "/@" for name in host.split(","))
    if remote and "sslmode" not in parts:
        raise CannotOpen(
            f"the database is on another machine (`{host}`), and its address does not say how the "
            "connection is protected; add `?sslmode=verify-full` (and `sslrootcert=`, or another "
            "`sslmode` if you mean it)"
        )
    return url


@dataclass(frozen=True, slots=True)
class Server:
    """A schema of a database on a server; see `governance.store.database.Database`."""

    url: str = field(repr=False)
    schema: str
    begin: str = "BEGIN ISOLATION LEVEL READ COMMITTED"
    shared: ClassVar[bool] = True

    def __str__(self) -> str:
        parts = conninfo_to_dict(self.url)
        host = parts.get("host") or parts.get("hostaddr") or "localhost"
        port = f":{parts['port']}" if parts.get("port") else ""
        return f"postgresql://{host}{port}/{parts.get('dbname') or ''} ({self.schema})"

    @property
    def path(self) -> str:
        """Where tables are looked for: a batch writes the log and, in the same transaction, values."""
        return LOG_SCHEMA + ", " + VAULT_SCHEMA if self.schema == LOG_SCHEMA else self.schema

    @property
    def user(self) -> str:
        """The role that connects, as the address names it."""
        return str(conninfo_to_dict(self.url).get("user") or "")

    def exists(self) -> bool:
        """Always: a server that cannot be reached says so when it is connected to."""
        return True

    def size(self) -> int:
        """Bytes of the schema's tables and indexes."""
        connection = self.reader()
        try:
            found = connection.execute(
                "SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname = ? AND c.relkind = 'r'",
                (self.schema,),
            ).fetchone()
        finally:
            connection.close()
        return int(found[0])

    def writer(
        self, *, guarded: frozenset[str] = frozenset(), overwrite: bool = False
    ) -> ServerConnection:
        """A connection that may write; the server's rights and triggers guard the tables."""
        return ServerConnection(self, writing=True)

    def reader(self) -> ServerConnection:
        """A connection whose transactions are read-only."""
        return ServerConnection(self, writing=False)

    def end_who_hangs(self) -> bool:
        """Whether sessions were ended that hang with a lock; False where a server knows no such thing."""
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(
                self.url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                **_KEEP_ALIVE,  # type: ignore[arg-type]
            ) as raw,
        ):
            found = raw.execute(_END_WHO_HANGS, (LOCK_MS,)).fetchone()
            if found is not None and found[0]:
                log.warning("a service hung with the lock of `%s`; its session was ended", self)
                return True
        return False

    def explain(self, error: Exception) -> str:
        """What an error means, and what to do."""
        if not isinstance(error, ServerError):
            return str(error)
        state = error.sqlstate
        if error.lost or state[:2] in ("08", "57"):
            return (
                f"the database `{self}` cannot be reached ({error}); check that the server runs "
                "and can be reached from here"
            )
        if state == "42501":
            return (
                f"the role `{self.user}` may not do that in `{self}` ({error}); have the owner run "
                "`governance database prepare`"
            )
        if state in ("3D000", "3F000", "42P01"):
            return (
                f"`{self}` is not prepared ({error}); have the owner run "
                "`governance database prepare`"
            )
        if state[:2] == "28":
            return f"the database `{self}` refuses this role: {error}"
        if state[:2] == "53":
            return f"the database `{self}` has no room left ({error}); free some and try again"
        if state == LOCKED:
            return f"another service has held the lock of `{self}` for {LOCK_MS // 1000} s"
        if state[:2] in ("23", "P0"):
            return (
                f"`{self}` is not as this service left it ({error}): another program has written to "
                "it. Keep a copy, and look with `governance audit fsck`"
            )
        if error.again:
            return f"another transaction in `{self}` came first ({error}); ask again"
        return f"`{self}`: {error}"


class _Later:
    """A statement that was put off. Who looks at its rows has it sent."""

    rowcount: ClassVar[int] = -1

    def __init__(self, sql: str, values: Sequence[Any], send: Callable[[], None]) -> None:
        self.sql, self.values, self._send = sql, values, send
        self.cursor: RawCursor[Any] | None = None

    def fetchone(self) -> Any:
        """The next row, or None. Raises `ServerError`."""
        if self.cursor is None:
            self._send()
        assert self.cursor is not None
        return self.cursor.fetchone()


def engine_of(server: Server) -> Engine:
    """An SQLAlchemy engine on the schema, for migrations and the rows of local accounts."""

    def connect() -> psycopg.Connection[Any]:
        raw = psycopg.connect(server.url, connect_timeout=CONNECT_SECONDS, **_KEEP_ALIVE)  # type: ignore[arg-type]
        raw.execute(f"SET search_path TO {server.schema}")
        raw.commit()
        return raw

    return create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True)


class ServerConnection:
    """A connection as the store uses one: `?` for values, transactions begun in so many words."""

    dialect: ClassVar[str] = "postgresql"

    def __init__(self, server: Server, *, writing: bool) -> None:
        """Raises `CannotOpen` if the server cannot be reached or keeps no promises."""
        self._server, self._writing = server, writing
        self._inside = self._sent = False
        self._deferred: list[_Later] = []
        self._meanwhile: Callable[[], None] | None = None
        try:
            self._raw = self._connect()
        except ServerError as error:
            raise CannotOpen(server.explain(error)) from error

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        """Do one statement. Raises `ServerError`, or `BadParameter` for a value it cannot take.

        What nobody waits for (see `_DEFERRED`) is sent with the next statement, in one journey to
        the server; what is wrong with it is raised then, at the latest by COMMIT.
        """
        numbered = _numbered(sql)
        if sql.startswith("BEGIN"):
            return self._begin(numbered)
        if sql == "ROLLBACK":
            return self._roll_back()
        if self._inside and self._writing and sql.startswith(_DEFERRED):
            return self._defer(numbered, parameters)
        if not self._inside:
            if sql == "COMMIT":  # the server would say yes to it, and commit nothing
                raise ServerError("no transaction is under way", "25P01")
            return self._between(numbered, parameters)
        cursor = self._with_deferred(numbered, parameters)
        if sql == "COMMIT":
            self._inside = False
            if cursor.statusmessage != "COMMIT":  # it had failed before, and says so only here
                raise ServerError("the transaction had failed and was rolled back", "25P02")
        return cursor

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Do one statement for each row of values."""
        self._send_deferred()
        cursor = self._cursor()
        try:
            cursor.executemany(_numbered(sql), list(parameters))
        except psycopg.Error as error:
            raise self._translated(error) from error
        return cursor

    def insert_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Insert rows column by column: one statement for any number of them."""
        if rows:
            sql, kinds = _inserting(table, tuple(columns))
            try:
                values = list(map(packed, kinds, zip(*rows, strict=True)))
            except ValueError as error:
                raise BadParameter(str(error)) from error
            if self._inside:
                self._defer(sql, values)
            else:
                self._once(sql, values)

    def meanwhile(self, work: Callable[[], None]) -> None:
        """Have `work` done while the server does what it is sent next: before that has returned."""
        self._meanwhile = work

    def close(self) -> None:
        """Close it; a transaction under way is rolled back."""
        with contextlib.suppress(psycopg.Error):
            self._raw.close()

    # -- inside ------------------------------------------------------------------------------------

    def _begin(self, numbered: str) -> _Later:
        if self._inside:  # whoever began the last one has given it up
            with contextlib.suppress(ServerError):
                self._roll_back()
        if self._raw.closed:
            self._raw = self._connect()
        self._inside, self._sent, self._deferred = True, False, []
        return self._defer(numbered, ())

    def _roll_back(self) -> Any:
        begun, self._deferred, self._meanwhile = len(self._deferred), [], None
        inside, self._inside = self._inside, False
        if self._raw.closed or (inside and begun and not self._sent):
            return None  # nothing of it ever reached the server
        return self._once("ROLLBACK", ())

    def _defer(self, numbered: str, parameters: Sequence[Any]) -> _Later:
        later = _Later(numbered, parameters, self._send_deferred)
        self._deferred.append(later)
        if len(self._deferred) > _MOST_DEFERRED:
            self._send_deferred()
        return later

    def _send_deferred(self) -> None:
        if self._deferred:
            *self._deferred, last = self._deferred
            last.cursor = self._with_deferred(last.sql, last.values)

    def _with_deferred(self, numbered: str, parameters: Sequence[Any]) -> Any:
        """A statement and before it what was put off, in one journey.

        If that is no more than the beginning and questions, it may be made twice: if the connection
        was lost, or who held the lock hung.
        """
        deferred, self._deferred = self._deferred, []
        if not deferred:
            return self._once(numbered, parameters)
        first, *others = deferred
        asked = (numbered, *(each.sql for each in others))
        asking = not self._sent and first.sql.startswith("BEGIN")
        asking = asking and all(sql.startswith("SELECT") for sql in asked)
        try:
            return self._together(deferred, numbered, parameters)
        except ServerError as error:
            if not (asking and (error.lost or self._freed(error))):
                raise
        self._raw = self._connect()
        self._inside = True
        return self._together(deferred, numbered, parameters)

    def _freed(self, error: ServerError) -> bool:
        """Whether the lock that was waited for in vain was held by a process that hangs."""
        return self._writing and error.sqlstate == LOCKED and self._server.end_who_hangs()

    def _together(
        self, deferred: list[_Later], numbered: str, parameters: Sequence[Any]
    ) -> RawCursor[Any]:
        self._sent = True
        try:
            with self._raw.pipeline():
                for each in deferred:
                    each.cursor = self._cursor()
                    each.cursor.execute(each.sql, each.values, binary=True)
                cursor = self._cursor()
                cursor.execute(numbered, parameters, binary=True)
                self._use_the_time()
        except psycopg.Error as error:
            wrong = self._translated(error)
            # what came after the error was skipped, prepared statements as well, which psycopg takes
            # for made: a connection that knows what it has is quicker made than found out
            if isinstance(wrong, ServerError):
                with contextlib.suppress(psycopg.Error):
                    self._raw.close()
            raise wrong from error
        except OverflowError as error:
            raise BadParameter(str(error)) from error
        return cursor

    def _between(self, numbered: str, parameters: Sequence[Any]) -> Any:
        """A statement that is in no transaction: once more on a new connection, if that was lost.

        Only what changes nothing by itself is tried twice.
        """
        repeatable = numbered.startswith("SELECT")
        if self._raw.closed:
            self._raw = self._connect()
        try:
            return self._once(numbered, parameters)
        except ServerError as error:
            if not (error.lost and repeatable):
                raise
        self._raw = self._connect()
        return self._once(numbered, parameters)

    def _use_the_time(self) -> None:
        work, self._meanwhile = self._meanwhile, None
        if work is not None:
            work()

    def _once(self, numbered: str, parameters: Sequence[Any]) -> Any:
        self._use_the_time()  # there is none: what a single statement waits for is its answer
        cursor = self._cursor()
        try:
            cursor.execute(numbered, parameters, binary=True)
        except psycopg.Error as error:
            raise self._translated(error) from error
        except OverflowError as error:
            raise BadParameter(str(error)) from error
        return cursor

    def _cursor(self) -> RawCursor[Any]:
        return RawCursor(self._raw)

    def _connect(self) -> psycopg.Connection[Any]:
        self._inside = self._sent = False
        try:
            raw = psycopg.connect(
                self._server.url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name="governance",
                **_KEEP_ALIVE,  # type: ignore[arg-type]
            )
        except psycopg.Error as error:
            raise _error(error, lost=True) from error
        try:
            self._prepare(raw)
        except psycopg.Error as error:
            raw.close()
            raise _error(error, lost=raw.broken) from error
        except BaseException:
            raw.close()
            raise
        return raw

    def _prepare(self, raw: psycopg.Connection[Any]) -> None:
        """What holds for the whole session. What a server does not know it need not promise."""
        raw.prepare_threshold = 2
        raw.adapters.register_dumper(Packed, PackedDumper)
        settings = [
            f"SET search_path TO {self._server.path}",
            f"SET lock_timeout TO {LOCK_MS}",
            f"SET idle_in_transaction_session_timeout TO {LOCK_MS}",
        ]
        if not self._writing:
            settings.append("SET default_transaction_read_only TO on")
            raw.execute("; ".join(settings))
            return
        found = raw.execute(_SETTINGS).fetchone()
        commit, sync = found if found is not None else (None, None)
        if sync == "off":
            raise CannotOpen(
                f"the server of `{self._server}` has `fsync` off: what it says is committed would "
                "not survive a power failure; switch it on"
            )
        if commit in _WEAK:
            settings.append("SET synchronous_commit TO on")
        raw.execute("; ".join(settings))

    def _translated(self, error: psycopg.Error) -> Exception:
        if isinstance(error, psycopg.DataError) and error.sqlstate is None:
            return BadParameter(_first_line(error))
        lost = self._raw.closed or self._raw.broken
        if lost:
            with contextlib.suppress(psycopg.Error):
                self._raw.close()
        return _error(error, lost=lost)


def _error(error: psycopg.Error, *, lost: bool) -> ServerError:
    return ServerError(_first_line(error), error.sqlstate or "", lost=lost)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@cache
def _numbered(sql: str) -> str:
    """`?` as the server writes it: `$1`, `$2`, … The store's texts hold no question marks in quotes."""
    parts = sql.split("?")
    return "".join(
        part if number == len(parts) - 1 else f"{part}${number + 1}"
        for number, part in enumerate(parts)
    )


@cache
def _inserting(table: str, columns: tuple[str, ...]) -> tuple[str, list[str]]:
    """The statement that takes a column of values for each of some columns, and their types."""
    arrays = arrays_of(table)
    kinds = [arrays[name] for name in columns]
    values = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(kinds, 1))
    names = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({values})", kinds  # noqa: S608
