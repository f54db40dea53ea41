"""What differs between a file and a server when a log is checked and repaired: guards, the head's row, turns.

The law: the guards are triggers on both, are lifted only within the transaction that puts right what
they guard, and are set again in it as they were made. On a server a repair is alone: it holds the
head's row, and no service is connected that could remember what was there before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from audit.checkpoint import open_checkpoint
from audit.errors import LogError
from audit.keys import Verifier
from governance.store.database import ERRORS, Database, dialect_of
from governance.store.errors import NotOwner, StoreError
from governance.store.findings import Finding, Part
from governance.store.fsck_log import Log
from governance.store.guards import (
    GUARDED,
    postgres_guards,
    server_guard_functions,
    server_guard_names,
    sqlite_cut_guards,
    sqlite_guards,
)
from governance.store.paths import Paths
from governance.store.sqlite import Connection

_NAME = re.compile(r"CREATE TRIGGER (\w+)")
_TRIGGERS = (
    "SELECT t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND NOT t.tgisinternal"
)
_FUNCTIONS = (
    "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
    "WHERE n.nspname = current_schema()"
)
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name = 'governance' AND pid <> pg_backend_pid()"
)
_ROW = "SELECT size, note FROM log_head WHERE id = 1"
_LIFTED = sorted(GUARDED | {"log_head"})


def check_apart(
    paths: Paths, copy: Connection, verifiers: Sequence[Verifier], log: Log
) -> tuple[str | None, list[Finding]]:
    """Guards, and on a server the row of the head: what it must be if it is not, and the findings.

    `copy` is the copy of the log that was checked.
    """
    database = paths.log_database
    if not database.shared:
        return None, list(_file_guards(copy))
    try:
        with closing(database.reader()) as db:
            found = list(_server_guards(db))
            row = db.execute(_ROW).fetchone()
    except ERRORS as error:
        raise StoreError(database.explain(error)) from error
    what = _row(row, verifiers, log)
    if what:
        found.append(Finding("the row of the head", what, Part.CHECKPOINT))
    return (log.signed if what else None), found


def _row(row: Any, verifiers: Sequence[Verifier], log: Log) -> str:
    """What is wrong with the row of the head, if the log itself is sound."""
    if log.signed is None:
        return ""
    if row is None:
        return "it is missing"
    size, note = int(row[0]), str(row[1])
    if size > log.size:  # somebody wrote while this was being looked at
        return ""
    try:
        head = open_checkpoint(note, verifiers, verifiers[0].name)
    except LogError as error:
        return str(error)
    signed = open_checkpoint(log.signed, verifiers)
    same = (size, head.size, head.root) == (log.size, signed.size, signed.root)
    return "" if same else f"it is not the head of the {log.size} entries there are"


def guards() -> dict[str, str]:
    """The triggers a file must have, by name."""
    made = [_NAME.match(sql) for sql in (*sqlite_guards(), *sqlite_cut_guards())]
    return {found[1]: found.string for found in made if found is not None}


def _file_guards(db: Connection) -> Iterator[Finding]:
    """The triggers that refuse changes must be there, as they were made."""
    there = dict(
        db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    )
    wrong = [name for name, sql in guards().items() if there.get(name) != sql]
    if wrong:
        yield _unguarded(wrong, "missing, or not as it was made")


def _server_guards(db: Connection) -> Iterator[Finding]:
    """The triggers of a server must be there, and fire for everybody."""
    missing = sorted(set(server_guard_names()) - _always(db))
    if missing:
        yield _unguarded(missing, "missing, or not `ENABLE ALWAYS`")
    elif others := other_functions(db):
        yield _unguarded(others, "not as this version makes it", "function")


def other_functions(db: Connection) -> list[str]:
    """Which functions of a server's guards are not those of this version: older ones, or altered."""
    there = {str(name): str(text) for name, text in db.execute(_FUNCTIONS).fetchall()}
    made = server_guard_functions()
    return sorted(name for name, text in made.items() if there.get(name, text) != text)


def _always(db: Connection) -> set[str]:
    rows = db.execute(_TRIGGERS).fetchall()
    return {str(name) for name, enabled in rows if enabled in ("A", b"A")}


def _unguarded(names: list[str], what: str, kind: str = "trigger") -> Finding:
    shown = ", ".join(f"`{name}`" for name in names)
    return Finding(f"the {kind}{'s' * (len(names) > 1)} {shown}", what, Part.GUARD)


# -- for a repair ------------------------------------------------------------------------------------


def alone(db: Connection, database: Database, size: int) -> None:
    """Begin a transaction as the only one who writes. Raises `NotOwner` beside a service."""
    db.execute(database.begin)
    if not database.shared:
        return
    db.execute(_ROW + " FOR UPDATE")
    others = int(db.execute(_OTHERS).fetchone()[0])
    now = int(db.execute("SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries").fetchone()[0])
    if others or now != size:
        raise NotOwner(
            f"`{database}` is in use ({others} other connections of services); stop every service "
            "on it, they would go on with what they remember"
        )


def lift_guards(db: Connection) -> set[str]:
    """Drop the triggers that keep the log append-only, in this transaction only; which were sound."""
    if dialect_of(db) == "sqlite":
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name in {name for name, _ in rows} & guards().keys():
            db.execute(f'DROP TRIGGER "{name}"')
        return {name for name, sql in rows if guards().get(name) == sql}
    sound = _always(db) & set(server_guard_names())
    for table in _LIFTED:
        db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    return sound


def set_guards(db: Connection, sound: set[str]) -> int:
    """Put the triggers back as they are made; how many had been missing or others."""
    sqlite = dialect_of(db) == "sqlite"
    for statement in guards().values() if sqlite else postgres_guards():
        db.execute(statement)
    return len(guards() if sqlite else server_guard_names()) - len(sound)


def put_head_row(db: Connection, size: int, note: str) -> None:
    """Make the row of a server's head what the newest checkpoint says."""
    db.execute("DELETE FROM log_head WHERE id = 1")
    db.execute("INSERT INTO log_head (id, size, note) VALUES (1, ?, ?)", (size, note))
