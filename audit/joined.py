"""Stretch after stretch of a package, in order, joined into what the whole log says.

The law: what is kept does not grow with the log, but for 64 bytes for each 256 entries (the tree above
them), and one digest for each different file that entries name. The roles that references are held
against lie in a temporary file, two bytes for each entry; nothing of what entries say is in it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import IO

from audit.errors import Gap, LogError, Tampered
from audit.package import Package
from audit.scan import STRETCH, Computed
from audit.stretch import Stretch, Unreadable, Wrong, check_role
from audit.succession import KeyChange


class Joined:
    """All stretches up to the last that was added."""

    def __init__(self, package: Package, minimum: int, scratch: IO[bytes]) -> None:
        """`scratch` is an empty file, needed until the last stretch was added."""
        self.computed = Computed(package, minimum=minimum)
        self.mismatches: list[int] = []
        """Of each stretch the first entry whose hash is not the one in its leaf tile."""
        self.unsealed: str | None = None
        self.wrong: Wrong | None = None
        """The first entry that is not as an entry must be."""
        self.first_at = self.last_at = ""
        self.kinds: Counter[str] = Counter()
        self.references = self.unseen = self.commitments = self.disclosed = self.pruned = 0
        self.changes: list[KeyChange] = []
        self.blobs: set[str] = set()
        self._roles = _Roles(minimum, scratch)

    def add(self, stretch: Stretch) -> None:
        """The next stretch. Raises `Gap` or `Tampered` if a bundle of it cannot be read."""
        if stretch.unreadable is not None:
            raise _unreadable(stretch.unreadable)
        self.computed.add(stretch)
        if stretch.mismatch is not None:
            self.mismatches.append(stretch.mismatch)
        self.unsealed = self.unsealed or stretch.unsealed
        if self.wrong is None:
            self.wrong = self._first_wrong(stretch)
        self._roles.add(stretch)
        self.first_at = self.first_at or stretch.first_at
        self.last_at = stretch.last_at or self.last_at
        self.kinds.update(stretch.kinds)
        self.references += stretch.references
        self.unseen += stretch.unseen
        self.commitments += stretch.commitments
        self.disclosed += stretch.disclosed
        self.pruned = max(self.pruned, stretch.pruned)
        self.changes += stretch.changes
        self.blobs |= stretch.blobs

    def _first_wrong(self, stretch: Stretch) -> Wrong | None:
        """What is wrong with it, alone or after those before it."""
        wrong = [] if stretch.wrong is None else [stretch.wrong]
        if stretch.first_at and stretch.first_at < self.last_at:
            why = f"its time {stretch.first_at} is before that of the entry before it"
            wrong.append(Wrong(stretch.first, why))
        for (role, target), index in stretch.backward.items():
            try:
                check_role(role, target, self._roles.of(target))
            except LogError as error:
                wrong.append(Wrong(index, str(error)))
        return min(wrong, default=None)


class _Roles:
    """The role of every entry, in a file: a number in its stretch, and the names of the stretch."""

    def __init__(self, minimum: int, file: IO[bytes]) -> None:
        self._minimum, self._file = minimum, file
        self._names: list[tuple[str, ...]] = []
        """By stretch. Most have the same few roles, and share one tuple."""
        self._different: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(self, stretch: Stretch) -> None:
        names = tuple(stretch.roles)
        self._names.append(self._different.setdefault(names, names))
        if not stretch.role_of:
            return  # all of it was pruned
        try:
            self._file.seek((stretch.first - self._minimum) * 2)
            self._file.write(stretch.role_of.tobytes())
        except OSError as error:
            raise LogError(
                "verifying notes two bytes for each entry in a temporary file, and none can be "
                f"written ({error.strerror}): name a folder that has room in TMPDIR"
            ) from error

    def of(self, index: int) -> str:
        number = array("H")
        self._file.seek((index - self._minimum) * 2)
        number.frombytes(self._file.read(2))
        return self._names[index // STRETCH][number[0]]


def _unreadable(bad: Unreadable) -> Tampered | Gap:
    held = f"`{bad.file}` holds {bad.found} readable entries where {bad.expected} belong"
    if bad.missing:
        return Gap(f"entry {bad.index} is missing: {held}", index=bad.index, file=bad.file)
    return Tampered(
        f"entry {bad.index} was altered: {held}, and entry {bad.index} is the first that is not "
        "as it was",
        index=bad.index,
        file=bad.file,
    )
