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
