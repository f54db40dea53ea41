"""Triggers that keep the log append-only for whoever forgets.

The law: a row of the log is added at the end or not at all. UPDATE and DELETE are refused;
INSERT OR REPLACE, which deletes without firing a DELETE trigger, is refused because the next index
is the only one that can be inserted. Whoever owns the file can drop a trigger: these are speed
bumps, the proofs are the control.
"""

from __future__ import annotations

GUARDED = frozenset({"log_entries", "tree_nodes", "checkpoints"})


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
