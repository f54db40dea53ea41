"""A log as static files: what a web server hands out as C2SP tlog-tiles, made in steps.

    checkpoint                        the signed checkpoint, written last
    tile/<level>/<n>[.p/<w>]          hashes of the tree    } exactly the bytes that `audit.tiles`
    tile/entries/<n>[.p/<w>]          entries               } gives for the log

The law: whoever reads the folder at any moment finds a checkpoint and every tile that it needs, a part
of a tile or the full tile in its place. A file under its final name is whole, on disk, and was held
against the signed root: each entry against its leaf, each full tile against the hash above it, the rest
against the root. The checkpoint follows only when all its tiles are there. A folder is continued only
if its checkpoint is one of this very log; then only what grew is written.

Bundles below the log's minimum index are not written, and those written earlier are removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Final, NamedTuple

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.checkpoint import Checkpoint
from audit.disk import sync_directory, sync_file
from audit.errors import LogError, Malformed, Tampered
from audit.storage import Log
from audit.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    bundles_since,
    encode_bundle,
    served,
    tile_hashes,
    tiles_since,
)
from audit.tree import Frontier, empty_root, fold, frontier_at, leaf_hash, root_of

CHECKPOINT: Final = "checkpoint"
STEP: Final = 65_536
"""Entries after which a checkpoint is published on the way: all that a killed run can lose."""
_NEW: Final = ".new"


class Published(NamedTuple):
    """What a run did: entries covered before and after, files and bytes written, bundles removed."""

    before: int
    size: int
    files: int
    bytes: int
    removed: int


def publish(
    target: Path | str,
    log: Log,
    checkpoint: str,
    covering: Callable[[int], str],
    *,
    minimum: int = 0,
) -> Published:
    """Bring the folder `target` up to the signed `checkpoint` of `log`.

    `covering(index)` gives the first checkpoint that covers an entry; `minimum` is the log's
    minimum index. A folder that covers more of the log than the checkpoint stays as it is. Raises
    `LogError` for a folder that is not to be touched (another log's, a later or a forked tree's,
    one that somebody else is writing), `Tampered` if the log's rows do not add up to what it
    signed.
    """
    with _opened(Path(target)) as folder:
        before = _continued(folder, log, checkpoint)
        checkpoint = _with_kept_lines(folder, checkpoint)
        run = _Run(folder, log, minimum, known=before > 0)
        if before > _tree(checkpoint).size:
            return Published(before, before, 0, 0, run.prune())
        size = before
        for note in _steps(before, checkpoint, covering):
            tree = _tree(note)
            run.step(size, tree)
            run.publish(note)
            size = tree.size
        removed = run.prune()
        return Published(before, size, run.files, run.bytes, removed)


def _steps(before: int, newest: str, covering: Callable[[int], str]) -> Iterator[str]:
    """The checkpoints to publish, one for about every `STEP` entries, the newest last."""
    last = _tree(newest).size
    size = before
    while last - size > STEP:
        note = covering(size + STEP - 1)
        size = _tree(note).size
        if size >= last:
            break
        yield note
    yield newest


def _with_kept_lines(folder: Path, newest: str) -> str:
    """The newest checkpoint; the folder's own, if that is the same and bears more signatures."""
    path = folder / CHECKPOINT
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    text, _, lines = newest.rpartition("\n\n")
    held, _, more = kept.rpartition("\n\n")
    return kept if held == text and set(lines.splitlines()) <= set(more.splitlines()) else newest


def _tree(note: str) -> Checkpoint:
    return checkpoints.parse(notes.split(note)[0])


# -- the folder ------------------------------------------------------------------------------------


@contextmanager
def _opened(folder: Path) -> Iterator[Path]:
    """The folder, made if need be, for this process alone."""
    if folder.exists() and not folder.is_dir():
        raise LogError(f"`{folder}` is a file; give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise LogError(f"another run is writing to `{folder}`; wait for it to end") from None
    try:
        shutil.rmtree(folder / _NEW, ignore_errors=True)
        (folder / _NEW).mkdir()
        yield folder
    finally:
        shutil.rmtree(folder / _NEW, ignore_errors=True)
        os.close(handle)


def _continued(folder: Path, log: Log, newest: str) -> int:
    """How many entries the folder covers already, 0 for an empty one. Raises `LogError`."""
    path = folder / CHECKPOINT
    wanted = _tree(newest)
    if (folder / "manifest.json").exists():
        raise LogError(f"`{folder}` is a package; give a folder of its own")
    if not path.exists():
        strange = sorted(p.name for p in folder.iterdir() if p.name not in (_NEW, "tile"))
        if strange:
            raise LogError(
                f"`{folder}` holds `{strange[0]}` and no `{CHECKPOINT}`: give an empty folder, or "
                "one that was made by this command"
            )
        return 0
    try:
        found = _tree(path.read_text(encoding="utf-8"))
    except (Malformed, UnicodeDecodeError) as error:
        raise LogError(f"the checkpoint in `{folder}` cannot be read: {error}") from error
    if found.origin != wanted.origin:
        raise LogError(
            f"`{folder}` holds the log `{found.origin}`, this is `{wanted.origin}`; give each log a "
            "folder of its own"
        )
    if found.size > log.size:
        raise LogError(
            f"`{folder}` covers {found.size} entries, the log has only {log.size}: it lost its end, "
            "or an older state was restored. Keep the folder; it is evidence"
        )
    root = frontier_at(found.size, log.node).root() if found.size else empty_root()
    if root != found.root:
        raise LogError(
            f"`{folder}` holds another history: its first {found.size} entries are not this log's. One "
            "of the two was rewritten. Keep the folder; it is evidence"
        )
    return found.size


# -- one run ---------------------------------------------------------------------------------------


class _Run:
    """Writing files into one folder. `known`: the folder is known to be this log's."""

    def __init__(self, folder: Path, log: Log, minimum: int, *, known: bool) -> None:
        self._folder, self._log, self._minimum, self._known = folder, log, minimum, known
        self._waiting: list[tuple[Path, Path]] = []
        self._touched: set[Path] = set()
        self.files = self.bytes = 0

    def step(self, old: int, tree: Checkpoint) -> None:
        """Put on disk what a tree has more than its first `old` entries, once it is proven."""
        bundles = bundles_since(old, tree.size)
        for tile in tiles_since(old, tree.size):
            data = served(tile, self._log)
            self._check_tile(tile, data)
            if tile.level == 0:
                self._bundle(next(bundles), data)
            self._add(tile, data)
        self._check_edge(tree)
        self._flush()
        self._tidy(old, tree.size)

    def _bundle(self, bundle: Tile, leaves: bytes) -> None:
        """Write a bundle whose leaf hashes are these."""
        if bundle.span[1] <= self._minimum:
            return
        entries = list(self._log.entries(*bundle.span))
        hashes = list(map(leaf_hash, entries))
        if b"".join(hashes) != leaves:
            pairs = zip_longest(hashes, tile_hashes(leaves))
            wrong = next(at for at, (ours, leaf) in enumerate(pairs) if ours != leaf)
            index = bundle.span[0] + wrong
            raise Tampered(
                f"entry {index} of the log is not the one its leaf hash is of; nothing of it was "
                "published. `governance audit fsck` says more",
                index=index,
            )
        self._add(bundle, encode_bundle(entries))

    def _check_tile(self, tile: Tile, data: bytes) -> None:
        """A full tile must hash to the node above it; partial ones are held against the root."""
        if tile.width < TILE_WIDTH:
            return
        if root_of(tile_hashes(data)) != self._log.node(
            (tile.level + 1) * TILE_HEIGHT, tile.number
        ):
            raise Tampered(
                f"the tile `{tile.path}` does not hash to what lies above it; nothing of it was "
                "published. `governance audit fsck` says more",
                span=tile.span,
            )

    def _check_edge(self, tree: Checkpoint) -> None:
        """The partial tiles together must give the signed root."""
        peaks: list[bytes] = []
        for tile in reversed(_edge_of(tree.size)):
            frontier = Frontier()
            frontier.extend(tile_hashes(served(tile, self._log)))
            peaks += frontier.hashes
        if fold(peaks) != tree.root:
            raise Tampered(
                f"the log's tree of {tree.size} entries is not the one it signed; nothing was published. "
                "`governance audit fsck` says more",
                span=(0, tree.size),
            )

    def _add(self, tile: Tile, data: bytes) -> None:
        final = self._folder / tile.path
        if self._there(final, data):
            return
        waiting = self._folder / _NEW / str(len(self._waiting))
        waiting.write_bytes(data)
        self._waiting.append((waiting, final))
        self.files += 1
        self.bytes += len(data)

    def _there(self, final: Path, data: bytes) -> bool:
        """Whether a run that was cut short has written this file."""
        try:
            found = final.read_bytes()
        except FileNotFoundError:
            return False
        if found == data:
            return True
        if self._known:
            return False
        raise LogError(
            f"`{final}` is there and is not of this log; give an empty folder, or one that was made by "
            "this command"
        )

    def _flush(self) -> None:
        """The files of a step are put on disk, then under their names."""
        for path, _ in self._waiting:
            sync_file(path)
        for path, final in self._waiting:
            self._make(final.parent)
            path.rename(final)
            self._touched.add(final.parent)
        self._waiting.clear()

    def _make(self, folder: Path) -> None:
        if folder in self._touched:
            return
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            path.mkdir()
            self._touched.add(path.parent)

    def publish(self, note: str) -> None:
        """Everything is on disk under its name: now the checkpoint."""
        for folder in self._touched:
            sync_directory(folder)
        self._touched.clear()
        final, waiting = self._folder / CHECKPOINT, self._folder / _NEW / CHECKPOINT
        data = note.encode()
        if not (final.exists() and final.read_bytes() == data):
            waiting.write_bytes(data)
            sync_directory(waiting)
            waiting.rename(final)
            sync_directory(self._folder)
            self.files += 1
            self.bytes += len(data)
        self._known = True

    def _tidy(self, old: int, new: int) -> None:
        """Remove the parts of tiles that are full now."""
        for tile in (*tiles_since(old, new), *bundles_since(old, new)):
            if tile.width == TILE_WIDTH:
                shutil.rmtree(self._folder / f"{tile.path}.p", ignore_errors=True)

    def prune(self) -> int:
        """Remove the bundles below the minimum index; how many there were."""
        removed = 0
        for number in range(self._minimum // TILE_WIDTH):
            with suppress(FileNotFoundError):
                (self._folder / Tile(-1, number, TILE_WIDTH).path).unlink()
                removed += 1
        return removed


def _edge_of(size: int) -> list[Tile]:
    """The partial tiles of a log, lowest level first."""
    level, found = 0, []
    while size:
        full, rest = divmod(size, TILE_WIDTH)
        if rest:
            found.append(Tile(level, full, rest))
        level, size = level + 1, full
    return found
