"""Crash images: what a machine that died at a particular write would find when it comes up again.

`Photographer` sits where `faults.Faulty` sits. Before every write it copies the workspace's files as
they are at that moment: what the page cache holds of a process that was killed. After every write
that a power cut can tear (a commit, a slot of the head file) it makes copies in which only a part of
that write arrived, or arrived as zeroes or with a wrong byte. Each image comes with what had been
acknowledged by then, so that the law can be checked on it: nothing acknowledged is lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.store.workspace import Seams
from tests.store.faults import READING

_FILES = ("log.db", "log.db-wal", "vault.db", "vault.db-wal", "head")

counted: dict[str, int] = {}
"""Crash points that were checked, by what happened there; printed at the end of a run."""


def count(what: str) -> None:
    """One more crash point was checked and held."""
    counted[what] = counted.get(what, 0) + 1


@dataclass
class Photographer:
    """Takes images of the workspace at `root` into `album`, one folder for each."""

    root: Path
    album: Path
    acks: Path
    torn: bool = True
    armed: bool = False
    images: list[tuple[str, str, Path]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def seams(self) -> Seams:
        """Seams with this photographer in all three places."""
        return Seams(
            log=lambda connection: _Connection(connection, self, "log"),
            vault=lambda connection: _Connection(connection, self, "vault"),
            head=lambda head: _Head(head, self),
        )

    def around(self, name: str, file: str | None, operation: Callable[[], Any]) -> Any:
        """An image, the operation, then images of it torn, if it writes to `file` at once."""
        if not self.armed:
            return operation()
        self._take("killed", name)
        path = None if file is None else self.root / file
        before = _bytes(path)
        result = operation()
        if path is not None and self.torn:
            for what, data in _torn(before, _bytes(path)):
                image = self._take("torn", f"{name}, {what}")
                (image / path.name).write_bytes(data)
        return result

    def _take(self, mode: str, name: str) -> Path:
        image = self.album / f"{len(self.images):05}"
        image.mkdir(parents=True)
        for file in _FILES:
            if (self.root / file).exists():
                shutil.copyfile(self.root / file, image / file)
        shutil.copytree(self.root / "keys", image / "keys")
        if self.acks.exists():
            shutil.copyfile(self.acks, image / "acks")
        self.images.append((mode, name, image))
        return image


def _bytes(path: Path | None) -> bytes:
    return path.read_bytes() if path is not None and path.exists() else b""


def _torn(before: bytes, after: bytes) -> Iterator[tuple[str, bytes]]:
    """What may be in a file when the power went while `before` became `after`."""
    changed = [at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
    start = changed[0] if changed else len(before)
    end = max(len(after) if len(after) > len(before) else 0, changed[-1] + 1 if changed else 0)
    if end <= start:
        return
    for share in (1, 3):
        cut = start + (end - start) * share // 4
        rest = before[cut:] if len(after) <= len(before) else b""
        yield f"cut after {share}/4", after[:cut] + rest
    yield "one byte wrong", after[: end - 9] + bytes([after[end - 9] ^ 1]) + after[end - 8 :]


class _Connection:
    def __init__(self, inner: Any, photographer: Photographer, name: str) -> None:
        self.inner, self.photographer, self.name = inner, photographer, name

    def execute(self, sql: str, *parameters: Any) -> Any:
        if sql.startswith(READING):
            return self.inner.execute(sql, *parameters)
        return self.photographer.around(
            f"{self.name}: {sql[:40]}",
            f"{self.name}.db-wal" if sql == "COMMIT" else None,
            lambda: self.inner.execute(sql, *parameters),
        )

    def executemany(self, sql: str, parameters: Any) -> Any:
        return self.photographer.around(
            f"{self.name}: {sql[:40]}", None, lambda: self.inner.executemany(sql, parameters)
        )

    def close(self) -> None:
        self.inner.close()


class _Head:
    def __init__(self, inner: Any, photographer: Photographer) -> None:
        self.inner, self.photographer = inner, photographer

    def write(self, note: str) -> None:
        self.photographer.heads.append(note)
        self.photographer.around("head: write", "head", lambda: self.inner.write(note))

    def close(self) -> None:
        self.inner.close()
