"""Bringing a log from a file to a server: the same log, not a new one.

The law: origin, entries, checkpoints, vault, facts and blobs arrive in one transaction, are read back
there and make the root that the head signs, or nothing arrives. Before that transaction is committed
the workspace is marked, so that it can be served from neither place by mistake; whoever runs the move
again after a crash is told by the server how far it came.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from audit.checkpoint import parse
from audit.disk import sync_directory, write_draft
from audit.note import split
from audit.tree import Frontier, leaf_hash
from governance.store.backup import STAMP
from governance.store.blobs import Blobs
from governance.store.copies import copy_tables, pages
from governance.store.database import ERRORS, Database
from governance.store.errors import CannotOpen, Damaged
from governance.store.fold import Fold
from governance.store.founding import require_empty
from governance.store.headfile import read_note
from governance.store.keyring import public_keys
from governance.store.migrations import bring_up_to_date
from governance.store.opening import check_head, read_log
from governance.store.ownership import OwnerLock
from governance.store.paths import Paths
from governance.store.sqlite import Connection, insert_rows
from governance.store.tables import LogTable, VaultTable

_CHUNK: Final = 1_000
_IN_ORDER: Final = frozenset({"log_entries", "checkpoints", "cuts"})
"""Tables whose guards want to see them grow as they grew."""


class Moved(NamedTuple):
    """Where the log is now, how many entries and rows came along, where the files were put."""

    database: str
    size: int
    rows: int
    archive: Path


def move(root: Path, address: str, fold: Fold, at: datetime, *, head: Path | None = None) -> Moved:
    """Bring the log of the workspace in `root` to the prepared, empty database at `address`.

    Nobody may serve the workspace meanwhile. Raises `NotOwner`, `CannotOpen` with what to do; then the
    files are as they were.
    """
    files, there = Paths(root, head, ""), Paths(root, head, address)
    database = there.log_database
    if not files.log.exists() and not _marker(files).exists():
        raise CannotOpen(_nothing_to_move(Paths(root, head)))
    lock = OwnerLock(files.lock)
    try:
        aside = _begun(files, database) or f"{at.strftime(STAMP)}-moved"
        rows = 0
        if files.log.exists():
            bring_up_to_date(files.log, "log")
            bring_up_to_date(files.vault, "vault")
            size, note = _source(files, fold)
            if not _arrived(files, database, note):
                require_empty(there)
                rows = _carry(files, database, note, aside)
        else:  # an earlier attempt was committed and put the log aside; the rest follows it
            size = _held(files, database)
        return Moved(str(database), size, rows, _leave(files, address, aside))
    except ERRORS as error:
        raise CannotOpen(database.explain(error)) from error
    finally:
        lock.release()


def require_not_moving(paths: Paths) -> None:
    """Refuse a workspace whose move was begun and not finished. Raises `CannotOpen`."""
    marker = _marker(paths)
    if marker.exists():
        raise CannotOpen(
            f"the log of `{paths.root}` was being moved to "
            f"`{json.loads(marker.read_bytes())['database']}`; run `governance move` again, which "
            "finds out how far it came"
        )


def _nothing_to_move(paths: Paths) -> str:
    if not paths.address:
        return f"there is no log in a file in `{paths.root}` that could be moved"
    aside = sorted(paths.archive.glob("*-moved"))
    if not aside:  # it began there, or somebody deleted the files since
        return f"the log of `{paths.root}` is on `{paths.log_database}` already"
    return (
        f"the log of `{paths.root}` was moved to `{paths.log_database}` already; its files are in "
        f"`{aside[-1]}`"
    )


def _marker(paths: Paths) -> Path:
    return paths.root / "moving.json"


def _begun(files: Paths, database: Database) -> str | None:
    """Where an earlier attempt puts the files, None if there was none. Raises `CannotOpen` if it was
    to another place: that one may have the log."""
    marker = _marker(files)
    if not marker.exists():
        return None
    known = json.loads(marker.read_bytes())
    if known["database"] != str(database):
        raise CannotOpen(
            f"the log of `{files.root}` was being moved to `{known['database']}`, which may have it by "
            "now; give that address again, and `governance move` finds out. Only if that database is "
            f"gone for good, delete `{marker}` and move the log elsewhere"
        )
    return str(known["aside"])


def _source(files: Paths, fold: Fold) -> tuple[int, str]:
    """The log in the files, proven against its head: its size and checkpoint."""
    verifiers = public_keys(files)
    with closing(files.log_database.reader()) as db:
        folded, note = read_log(files.log, db, fold, verifiers)
        known = read_note(files.head)
        if known is None:
            raise CannotOpen(f"the head file `{files.head}` is missing; put it back")
        check_head(files.log, db, folded.frontier.size, known, verifiers)
    return folded.frontier.size, note


def _arrived(files: Paths, database: Database, note: str) -> bool:
    """Whether an earlier attempt was committed: the server then holds exactly this head."""
    if not _marker(files).exists():
        return False
    with closing(database.reader()) as db:
        row = db.execute("SELECT note FROM log_head WHERE id = 1").fetchone()
    return row is not None and row[0] == note


def _held(files: Paths, database: Database) -> int:
    """The size of the log on the server, which must be the one that the head file remembers."""
    with closing(database.reader()) as db:
        row = db.execute("SELECT size FROM log_head WHERE id = 1").fetchone()
        note = read_note(files.head)
        if row is None or note is None:
            raise CannotOpen(
                f"`{database}` does not hold the log that was moved there; put it back"
            )
        check_head(database, db, int(row[0]), note, public_keys(files))
    return int(row[0])


def _carry(files: Paths, database: Database, note: str, aside: str) -> int:
    """Everything in one transaction, read back before it is committed; how many rows."""
    with (
        closing(files.log_database.reader()) as log,
        closing(files.vault_database.reader()) as vault,
        closing(database.writer()) as target,
    ):
        target.execute(database.begin)
        rows = copy_tables(log, target, LogTable, without=_IN_ORDER)
        rows += _entries(log, target)
        rows += _cuts(log, target)
        rows += copy_tables(vault, target, VaultTable)
        rows += _blobs(files, target)
        size = parse(split(note)[0]).size
        target.execute("INSERT INTO log_head (id, size, note) VALUES (1, ?, ?)", (size, note))
        target.execute(
            "SELECT setval(pg_get_serial_sequence('erasures', 'id'), "
            "(SELECT COALESCE(MAX(id), 0) + 1 FROM erasures), false)"
        )
        _prove(log, target, note)
        _mark(
            files, database, aside
        )  # until now nothing has happened; from now on the server knows
        target.execute("COMMIT")
        return rows


def _entries(log: Connection, target: Connection) -> int:
    """Entries and checkpoints in the order in which they came."""
    columns, done, start = ("idx", "entry", "leaf"), 0, 0
    for checkpoints in pages(log, "checkpoints", ("size", "at", "note"), ("size",)):
        for row in checkpoints:
            while start < row[0]:
                stop = min(start + _CHUNK, row[0])
                entries = log.execute(
                    "SELECT idx, entry, leaf FROM log_entries WHERE idx >= ? AND idx < ? "
                    "ORDER BY idx",
                    (start, stop),
                ).fetchall()
                insert_rows(target, "log_entries", columns, entries)
                start, done = stop, done + len(entries)
            target.execute("INSERT INTO checkpoints (size, at, note) VALUES (?, ?, ?)", row)
            done += 1
    return done


def _cuts(log: Connection, target: Connection) -> int:
    """Cuts as they were announced, and then as far as they were carried out."""
    rows = log.execute(
        "SELECT minimum, entry, snapshot, last_at, reached FROM cuts ORDER BY minimum"
    ).fetchall()
    for *cut, reached in rows:
        target.execute(
            "INSERT INTO cuts (minimum, entry, snapshot, last_at, reached) VALUES (?,?,?,?,0)", cut
        )
        if reached:
            target.execute("UPDATE cuts SET reached = ? WHERE minimum = ?", (reached, cut[0]))
    return len(rows)


def _blobs(files: Paths, target: Connection) -> int:
    done = 0
    for name, data in Blobs(files.blobs).everything():
        release = re.fullmatch(r"releases/(.+)\.json", name)
        if release is None:
            target.execute("INSERT INTO blobs (digest, data) VALUES (?, ?)", (name, data))
        else:
            row = (release[1], data)
            target.execute("INSERT INTO manifests (release, data) VALUES (?, ?)", row)
        done += 1
    return done


def _prove(log: Connection, target: Connection, note: str) -> None:
    """What has arrived makes the root that the head signs, and is as much as there was."""
    signed, frontier = parse(split(note)[0]), Frontier()
    for data, leaf in _leaves(target, signed.size):
        if data and leaf_hash(data) != leaf:
            raise Damaged(f"entry {frontier.size} did not arrive as it was")
        frontier.append(leaf)
    if (frontier.size, frontier.root()) != (signed.size, signed.root):
        raise Damaged("what has arrived is not what the head signs; nothing was moved")
    for table in LogTable.metadata.sorted_tables:
        sql = f"SELECT COUNT(*) FROM {table.name}"  # noqa: S608  constants
        if log.execute(sql).fetchone() != tuple(target.execute(sql).fetchone()):
            raise Damaged(f"not every row of `{table.name}` has arrived; nothing was moved")


def _leaves(target: Connection, size: int) -> Iterator[tuple[bytes, bytes]]:
    for start in range(0, size, _CHUNK):
        yield from target.execute(
            "SELECT entry, leaf FROM log_entries WHERE idx >= ? AND idx < ? ORDER BY idx",
            (start, start + _CHUNK),
        ).fetchall()


# -- the workspace afterwards ------------------------------------------------------------------------


def _mark(files: Paths, database: Database, aside: str) -> None:
    _write(_marker(files), json.dumps({"database": str(database), "aside": aside}).encode())


def _leave(files: Paths, address: str, aside: str) -> Path:
    """Name the server in the settings, put the files aside, the log first, take the mark away: in this
    order."""
    archive = files.archive / aside
    try:
        _configure(files.config, address)
        archive.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (files.log, files.vault):
            for suffix in ("", "-wal", "-shm"):
                part = path.with_name(path.name + suffix)
                if part.exists():
                    shutil.move(part, archive / part.name)
        if files.blobs.is_dir():
            shutil.move(files.blobs, archive / files.blobs.name)
        sync_directory(archive)
        _marker(files).unlink(missing_ok=True)
        sync_directory(files.root)
    except OSError as error:
        raise CannotOpen(
            f"the log is on the server, but the files could not be put aside ({error}); run "
            "`governance move` again"
        ) from error
    return archive


def _configure(config: Path, address: str) -> None:
    """Write `[store] database` into the settings, leaving what people wrote there alone."""
    line = f"database = {json.dumps(address)}"
    text = config.read_text(encoding="utf-8") if config.exists() else ""
    section = re.search(r"^\[store\][^\n]*\n((?:(?!\[).*\n?)*)", text, re.M)
    if section is None:
        made = text + ("" if not text or text.endswith("\n") else "\n") + f"\n[store]\n{line}\n"
    else:
        body = section[1]
        known = re.compile(r"^database *=.*$", re.M)
        body = known.sub(lambda _: line, body) if known.search(body) else f"{line}\n{body}"
        made = text[: section.start(1)] + body + text[section.end(1) :]
    _write(config, made.encode())


def _write(path: Path, data: bytes) -> None:
    """Replace a file as a whole, durably."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    draft = write_draft(path, data)
    os.chmod(draft, mode)
    draft.replace(path)
    sync_directory(path.parent)
