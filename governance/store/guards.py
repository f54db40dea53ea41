"""Triggers that keep the log append-only for whoever forgets.

The law: a row of the log is added at the end or not at all. UPDATE and DELETE are refused;
INSERT OR REPLACE, which deletes without firing a DELETE trigger, is refused because the next index
is the only one that can be inserted. Whoever owns the file can drop a trigger: these are speed
bumps, the proofs are the control.

The one exception is the cut: the bytes of an entry below a minimum that a `retention.pruned` of the
log announced may be emptied. Its index and its leaf hash stay, and an announced minimum only rises.
"""

from __future__ import annotations

GUARDED = frozenset({"log_entries", "tree_nodes", "checkpoints"})

EMPTIED = frozenset({("log_entries", "entry")})
"""Columns of guarded tables that the owner's connection may update, as far as the triggers let it."""

BUNDLE = 256
"""Entries in a full bundle of tlog-tiles; a minimum is a multiple of it."""


def sqlite_guards() -> tuple[str, ...]:
    """The data definition of the triggers, for SQLite."""
    unchanging = [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in sorted(GUARDED)
        for verb in ("UPDATE", "DELETE")
    ]
    in_order = (
        "CREATE TRIGGER log_entries_in_order BEFORE INSERT ON log_entries "
        "WHEN NEW.idx IS NOT (SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries) "
        "BEGIN SELECT RAISE(ABORT, 'log_entries is append-only: not the next index'); END",
        "CREATE TRIGGER tree_nodes_once BEFORE INSERT ON tree_nodes "
        "WHEN EXISTS (SELECT 1 FROM tree_nodes WHERE level = NEW.level AND idx = NEW.idx) "
        "BEGIN SELECT RAISE(ABORT, 'tree_nodes is append-only: the node is there'); END",
        "CREATE TRIGGER checkpoints_in_order BEFORE INSERT ON checkpoints "
        "WHEN NEW.size <= (SELECT COALESCE(MAX(size), -1) FROM checkpoints) "
        "OR NEW.size IS NOT (SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries) "
        "BEGIN SELECT RAISE(ABORT, 'checkpoints is append-only: not the size of the log'); END",
    )
    return (*unchanging, *in_order)


def sqlite_cut_guards() -> tuple[str, ...]:
    """What lets pruned entries be emptied, for SQLite; replaces the guard against any update."""
    announced = (
        "(SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries) < NEW.minimum "
        "OR NEW.minimum % 256 <> 0 OR NEW.reached <> 0 "
        "OR NEW.minimum <= (SELECT COALESCE(MAX(minimum), 0) FROM cuts) "
        "OR NOT EXISTS (SELECT 1 FROM log_entries WHERE idx = NEW.entry AND idx >= NEW.minimum "
        """AND instr(entry, CAST('"kind":"retention.pruned"' AS BLOB)) > 0 """
        """AND instr(entry, CAST('"minimum":' || NEW.minimum || ',' AS BLOB)) > 0)"""
    )
    return (
        "DROP TRIGGER log_entries_no_update",
        "CREATE TRIGGER log_entries_no_update BEFORE UPDATE ON log_entries "
        "WHEN NEW.idx IS NOT OLD.idx OR NEW.leaf IS NOT OLD.leaf OR NEW.entry IS NOT x'' "
        "OR OLD.idx >= (SELECT COALESCE(MAX(minimum), 0) FROM cuts) "
        "BEGIN SELECT RAISE(ABORT, 'log_entries is append-only: nothing but what was pruned "
        "may be emptied'); END",
        f"CREATE TRIGGER cuts_announced BEFORE INSERT ON cuts WHEN {announced} "
        "BEGIN SELECT RAISE(ABORT, 'cuts: no entry of the log announces this minimum'); END",
        "CREATE TRIGGER cuts_go_on BEFORE UPDATE ON cuts "
        "WHEN NEW.minimum IS NOT OLD.minimum OR NEW.entry IS NOT OLD.entry "
        "OR NEW.snapshot IS NOT OLD.snapshot OR NEW.last_at IS NOT OLD.last_at "
        "OR NEW.reached <= OLD.reached OR NEW.reached > NEW.minimum "
        "BEGIN SELECT RAISE(ABORT, 'cuts: a cut can only go on'); END",
        "CREATE TRIGGER cuts_no_delete BEFORE DELETE ON cuts "
        "BEGIN SELECT RAISE(ABORT, 'cuts: a cut is for ever'); END",
    )


def postgres_guards() -> tuple[str, ...]:
    """The data definition of the triggers, for PostgreSQL; may be done again.

    `ENABLE ALWAYS`: they also fire for whoever sets `session_replication_role`. TRUNCATE fires no
    trigger for rows, so it has one of its own. Contents may be emptied below an announced cut, as in
    SQLite.
    """
    made: list[str] = []
    for name, body in server_guard_functions().items():
        made.append(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$guard${body}$guard$"
        )
    for table in sorted(GUARDED | {"cuts"}):
        update = {"log_entries": "log_entries_emptied", "cuts": "cuts_go_on"}.get(table, "refuse")
        row = {"UPDATE": update, "DELETE": "refuse"}
        if table in _INSERTED:
            row["INSERT"] = _INSERTED[table]
        for verb, function in row.items():
            made += _trigger(table, verb, function, "ROW")
        made += _trigger(table, "TRUNCATE", "refuse", "STATEMENT")
    made += _trigger("log_head", "UPDATE", "log_head_grows", "ROW")
    made += _trigger("log_head", "DELETE", "refuse", "ROW")
    made += _trigger("log_head", "TRUNCATE", "refuse", "STATEMENT")
    return tuple(made)


def server_guard_functions() -> dict[str, str]:
    """What those triggers call, by name: the text of each function."""
    return {name: f" BEGIN {body} END " for name, body in _FUNCTIONS.items()}


def server_guard_names() -> tuple[str, ...]:
    """The names of those triggers."""
    return tuple(
        statement.split()[2] for statement in postgres_guards() if "CREATE TRIGGER" in statement
    )


_INSERTED = {
    "checkpoints": "checkpoints_in_order",
    "cuts": "cuts_announced",
}

_FUNCTIONS = {
    "refuse": "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;",
    "log_entries_emptied": (
        "IF NEW.idx <> OLD.idx OR NEW.leaf <> OLD.leaf OR NEW.entry <> ''::bytea "
        "OR OLD.idx >= (SELECT COALESCE(MAX(minimum), 0) FROM cuts) "
        "THEN RAISE EXCEPTION 'log_entries is append-only: nothing but what was pruned may be "
        "emptied'; END IF; RETURN NEW;"
    ),
    # Once for a batch: indexes are unique, so as many as there are new ones means that none lacks.
    # Both bounds and the order make the server count by the index: it would take what it does not know,
    # how far back the last checkpoint is, for a third of the table, and read that for every batch.
    "checkpoints_in_order": (
        "IF NEW.size <= (SELECT COALESCE(MAX(size), -1) FROM checkpoints) "
        "OR NEW.size <> (SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries) "
        "OR NEW.size - (SELECT COALESCE(MAX(size), 0) FROM checkpoints) <> (SELECT count(*) FROM "
        "(SELECT 1 FROM log_entries WHERE idx >= (SELECT COALESCE(MAX(size), 0) FROM checkpoints) "
        "AND idx < NEW.size ORDER BY idx LIMIT NEW.size) AS new) "
        "THEN RAISE EXCEPTION 'checkpoints is append-only: not the size of the log'; END IF; "
        "RETURN NEW;"
    ),
    "cuts_announced": (
        "IF (SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries) < NEW.minimum "
        "OR NEW.minimum % 256 <> 0 OR NEW.reached <> 0 "
        "OR NEW.minimum <= (SELECT COALESCE(MAX(minimum), 0) FROM cuts) "
        "OR NOT EXISTS (SELECT 1 FROM log_entries WHERE idx = NEW.entry AND idx >= NEW.minimum "
        """AND position('"kind":"retention.pruned"'::bytea in entry) > 0 """
        """AND position(convert_to('"minimum":' || NEW.minimum || ',', 'UTF8') in entry) > 0) """
        "THEN RAISE EXCEPTION 'cuts: no entry of the log announces this minimum'; END IF; "
        "RETURN NEW;"
    ),
    "cuts_go_on": (
        "IF NEW.minimum <> OLD.minimum OR NEW.entry <> OLD.entry OR NEW.snapshot <> OLD.snapshot "
        "OR NEW.last_at <> OLD.last_at OR NEW.reached <= OLD.reached OR NEW.reached > NEW.minimum "
        "THEN RAISE EXCEPTION 'cuts: a cut can only go on'; END IF; RETURN NEW;"
    ),
    "log_head_grows": (
        "IF NEW.id <> OLD.id OR NEW.size <= OLD.size "
        "THEN RAISE EXCEPTION 'log_head: a log only grows'; END IF; RETURN NEW;"
    ),
}


def _trigger(table: str, verb: str, function: str, each: str) -> list[str]:
    name = f"{table}_{verb.lower()}"
    return [
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
        f"FOR EACH {each} EXECUTE FUNCTION {function}()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
    ]
