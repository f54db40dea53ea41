"""What is checked before a log may be continued.

The law: a log is continued only from where its own signed head says it is. The database must end
in a checkpoint signed by our key over exactly what it holds, and must contain the tree that the
head file remembers; it may have more (the process died between commit and head file), never less.
Everything since the newest snapshot is hashed again. Whatever does not fit is refused with a
sentence that says what to do; nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit.checkpoint import Checkpoint, open_checkpoint, parse
from audit.errors import BadProof, LogError
from audit.keys import Verifier
from audit.note import split
from audit.tree import frontier_at
from governance.store.database import ERRORS, Database, as_database
from governance.store.errors import CannotOpen, Damaged
from governance.store.fold import Fold, State
from governance.store.reader import read_node
from governance.store.snapshots import Folded, fold_log
from governance.store.sqlite import Connection

_RESTORE = "restore the newest backup with `governance restore --acknowledge`"


def read_log(
    place: Path | Database, db: Connection, fold: Fold, verifiers: Sequence[Verifier]
) -> tuple[Folded, str]:
    """The folded log and its newest checkpoint. Raises `CannotOpen`.

    Without a verifier (every key is lost) only the tree is checked, not who signed it.
    """
    where = as_database(place)
    try:
        size = db.execute("SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries").fetchone()[0]
        row = db.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
        if row is None:
            raise CannotOpen(
                f"`{where}` has no checkpoint; it is not a log. {_RESTORE.capitalize()}"
            )
        checkpoint = _signed(row[0], verifiers, f"the newest checkpoint in `{where}`")
        if checkpoint.size != size:
            raise CannotOpen(
                f"`{where}` has {size} entries, but its newest checkpoint signs {checkpoint.size}: "
                f"rows were added or removed by another program. Keep a copy, then {_RESTORE}"
            )
        folded = fold_log(db, size, fold, *carried(db, fold))
    except ERRORS as error:
        raise CannotOpen(where.explain(error)) from error
    except CannotOpen:
        raise
    except (Damaged, BadProof) as error:
        raise CannotOpen(f"`{where}`: {error}. Keep a copy of the file, then {_RESTORE}") from error
    except Exception as error:
        raise CannotOpen(
            f"`{where}` holds something that is no entry ({error}): it was altered. Keep a copy of "
            f"the file, then {_RESTORE}"
        ) from error
    if folded.frontier.root() != checkpoint.root:
        raise CannotOpen(
            f"the entries in `{where}` are not those its newest checkpoint signs: something was "
            f"altered. Keep a copy of the file, then {_RESTORE}"
        )
    return folded, row[0]


def check_head(
    place: Path | Database, db: Connection, size: int, note: str, verifiers: Sequence[Verifier]
) -> None:
    """The log must contain the tree that the head file (`note`) remembers. Raises `CannotOpen`."""
    where = as_database(place)
    head = _signed(note, verifiers, "the head file")
    if head.size > size:
        raise CannotOpen(
            f"`{where}` has {size} entries, but the head file remembers {head.size}: this is an "
            f"older copy, or {head.size - size} entries were cut off. Put the newer database "
            f"back; if it is lost, {_RESTORE}"
        )
    try:
        root = frontier_at(head.size, lambda level, index: read_node(db, level, index)).root()
    except ERRORS as error:
        raise CannotOpen(where.explain(error)) from error
    except Damaged as error:
        raise CannotOpen(f"`{where}`: {error}. Keep a copy of the file, then {_RESTORE}") from error
    if root != head.root:
        raise CannotOpen(
            f"`{where}` is not the log that the head file remembers: its first {head.size} entries "
            f"are others (a fork). Put the right database back; if it is lost, {_RESTORE}"
        )


def carried(db: Connection, fold: Fold) -> tuple[State | None, int]:
    """The state a restored log began with and the time it was of; (None, 0) for any other log."""
    row = db.execute("SELECT value FROM meta WHERE name = 'carried'").fetchone()
    if row is None:
        return None, 0
    at = db.execute("SELECT value FROM meta WHERE name = 'carried_at'").fetchone()
    return fold.load(row[0]), int(at[0])


def _signed(note: str, verifiers: Sequence[Verifier], what: str) -> Checkpoint:
    try:
        if not verifiers:
            return parse(split(note)[0])
        return open_checkpoint(note, verifiers, verifiers[0].name)
    except LogError as error:
        key = f" (`{verifiers[0].name}`)" if verifiers else ""
        raise CannotOpen(
            f"{what} is not signed by this workspace's log key{key}: {error}. Put "
            f"the key or the file back that belongs here; if it is lost, {_RESTORE}"
        ) from error
