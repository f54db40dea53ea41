"""What the owner of a server's database makes ready: schemas, tables, guards, and the service's rights.

The law: the service's role may add to the log and read it, no more; only the owner's role, which no
service uses, may change a schema. Triggers stand in the way of whoever forgets, the owner and
replication included (`ENABLE ALWAYS`); whoever owns the tables can drop them, so the proofs are the
control. A server that has no triggers is used without, and that is said.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from governance.store.database import LOG_SCHEMA, VAULT_SCHEMA, resolved
from governance.store.errors import CannotOpen
from governance.store.guards import GUARDED, postgres_guards
from governance.store.migrations import bring_up_to_date
from governance.store.postgres import Server, checked

_ADDED_TO: Final = GUARDED
"""Tables the service adds rows to and never changes."""


class Prepared(NamedTuple):
    """Where a log was made ready: for which role, and whether the server has the guards."""

    log: str
    vault: str
    role: str
    guards: str


def prepare(owner: str, service: str) -> Prepared:
    """Make a database ready for the role of the address `service`, as the role of `owner`.

    May be done again: it brings the schemas up to date and repairs guards and rights. Raises
    `CannotOpen`, saying what to do.
    """
    log = Server(checked(resolved(owner)), LOG_SCHEMA)
    values = Server(checked(resolved(owner)), VAULT_SCHEMA)
    role = _role(service)
    _make_schema(log)
    bring_up_to_date(log, "log")
    guards = _guard(log)
    _grant(log, role, log=True)
    _make_schema(values)
    bring_up_to_date(values, "vault")
    _grant(values, role, log=False)
    return Prepared(str(log), str(values), role, guards)


def _role(address: str) -> str:
    role = Server(checked(resolved(address)), LOG_SCHEMA).user
    if not role:
        raise CannotOpen(
            "the address of the database does not say as which role the service connects; write "
            "`postgresql://role@host/name`"
        )
    return role


def _make_schema(server: Server) -> None:
    with _connect(server) as connection:
        there = connection.execute(
            "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", (server.schema,)
        ).fetchone()
        if there is None:
            _do(server, connection, sql.SQL("CREATE SCHEMA {}").format(_name(server.schema)))


def _guard(server: Server) -> str:
    """Set the triggers up anew; whether the server has them."""
    with _connect(server) as connection:
        connection.execute(sql.SQL("SET search_path TO {}").format(_name(server.schema)))
        try:
            with connection.transaction():
                for statement in postgres_guards():
                    connection.execute(statement)
        except psycopg.errors.FeatureNotSupported as error:
            return f"this server has no triggers ({error.diag.message_primary}); rights alone guard"
        except psycopg.Error as error:
            raise CannotOpen(f"the guards of `{server}` could not be made: {error}") from error
    return "in place"


def _grant(server: Server, role: str, *, log: bool) -> None:
    """Give the service's role what it needs in a schema, and take away what it does not."""
    schema, who = _name(server.schema), _name(role)
    with _connect(server) as connection:
        if connection.execute("SELECT current_user").fetchone() == (role,):
            return  # one role for both: it owns the tables, and nothing can be taken from it
        tables = [
            str(name)
            for (name,) in connection.execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = %s AND table_type = 'BASE TABLE'",
                (server.schema,),
            ).fetchall()
        ]
        with connection.transaction():

            def run(text: LiteralString, **names: sql.Composable) -> None:
                made = sql.SQL(text).format(schema=schema, role=who, **names)
                _do(server, connection, made)

            run("REVOKE ALL ON SCHEMA {schema} FROM PUBLIC")
            run("GRANT USAGE ON SCHEMA {schema} TO {role}")
            for table in tables:
                run("REVOKE ALL ON {schema}.{table} FROM PUBLIC, {role}", table=_name(table))
                rights = sql.SQL(_rights(table, log=log))
                run(
                    "GRANT {rights} ON {schema}.{table} TO {role}",
                    rights=rights,
                    table=_name(table),
                )
            if not log:
                run("GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")


def _rights(table: str, *, log: bool) -> str:
    if table == "alembic_version":
        return "SELECT"
    if log and table in _ADDED_TO:
        return "SELECT, INSERT"
    if log and table == "log_head":
        return "SELECT, INSERT, UPDATE"
    return "SELECT, INSERT, UPDATE, DELETE"


def _connect(server: Server) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(server.url, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        raise CannotOpen(f"the owner cannot connect to `{server}`: {error}") from error


def _do(server: Server, connection: psycopg.Connection[Any], statement: sql.Composed) -> None:
    try:
        connection.execute(statement)
    except psycopg.errors.UndefinedObject as error:
        raise CannotOpen(
            f"`{server}`: {error.diag.message_primary}; make the service's role first, with "
            "`CREATE ROLE … LOGIN PASSWORD …`"
        ) from error
    except psycopg.Error as error:
        raise CannotOpen(f"`{server}` could not be prepared: {error}") from error


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)
