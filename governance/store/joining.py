"""Another folder for another process on a log that is on a server.

The law: who joins is given the keys by somebody who has them, proves the whole log against them, and
keeps its head from then on. Nothing is written to the log before that.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path

from audit.disk import sync_directory
from governance.store.database import ERRORS
from governance.store.errors import CannotOpen
from governance.store.fold import Fold
from governance.store.founding import make_folder
from governance.store.headfile import HeadFile, read_note
from governance.store.keyring import public_keys
from governance.store.migrations import bring_up_to_date
from governance.store.opening import check_head, read_log
from governance.store.ownership import OwnerLock
from governance.store.paths import Paths


def join(
    root: Path,
    source: Path,
    fold: Fold,
    *,
    head: Path | None = None,
    source_head: Path | None = None,
) -> int:
    """Make the folder `root` for another process on the log of the workspace in `source`.

    Keys, settings and policy drafts are copied; the log is read whole and must hold the head that
    `source` remembers (at `source_head`, if not in its folder). `head` is where the new head file
    goes, best on another volume. Returns how many entries there are. Raises `CannotOpen`.
    """
    there, paths = Paths(source, source_head), Paths(root, head)
    if not there.log_database.shared:
        raise CannotOpen(
            f"the log of `{source}` is in a file, which one process owns; bring it to a server "
            "first, with `governance move --to postgresql://…`"
        )
    if root.exists() and any(root.iterdir()):
        raise CannotOpen(f"`{root}` is not empty; give a new folder")
    make_folder(paths)
    lock = OwnerLock(paths.lock)
    try:
        _copy(there, paths)
        known = read_note(there.head)
        if known is None:
            raise CannotOpen(
                f"the head file `{there.head}` cannot be read; without it nobody can tell whether the "
                "server has everything. Join from a folder that has its own"
            )
        size, note = _proven(paths, fold, known)
        HeadFile.create(paths.head, note).close()
        sync_directory(root)
        return size
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    finally:
        lock.release()


def _copy(there: Paths, paths: Paths) -> None:
    try:
        for source in sorted(there.keys.iterdir()):
            target = paths.keys / source.name
            shutil.copyfile(source, target)
            os.chmod(target, 0o600)
        if there.policies.is_dir():
            shutil.copytree(there.policies, paths.policies, dirs_exist_ok=True)
        for name in ("config.toml", "log.vkey"):
            if (there.root / name).exists():
                shutil.copyfile(there.root / name, paths.root / name)
    except OSError as error:
        raise CannotOpen(f"keys and settings could not be copied: {error}") from error


def _proven(paths: Paths, fold: Fold, known: str) -> tuple[int, str]:
    """The size of the log and its newest checkpoint, once all of it was read."""
    database, verifiers = paths.log_database, public_keys(paths)
    bring_up_to_date(database, "log")
    with closing(database.reader()) as db:
        try:
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            folded, note = read_log(database, db, fold, verifiers)
            size = folded.frontier.size
            check_head(database, db, size, known, verifiers)
        except ERRORS as error:
            raise CannotOpen(database.explain(error)) from error
    return size, note
