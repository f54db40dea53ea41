"""What was read of a folder, kept for the next time most of it is the same: an editor's keystroke.

Law: what comes out of memory is what reading again would give. A result is kept under the digest of
everything it was made from: the file's bytes for a document; for a policy also every file of the
catalogue and of the lists, every policy file if it stands on another, and the day. Only what the last load used is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from governance.engine.reading import Document, Findings, read

T = TypeVar("T")


@dataclass(slots=True)
class Memory:
    """Begin a load with `begin`; then ask for documents, policies and tables."""

    before: dict[Hashable, tuple[Any, list[Any]]] = field(default_factory=dict)
    now: dict[Hashable, tuple[Any, list[Any]]] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    catalogue: bytes = b""
    everything: bytes = b""
    at: date | None = None

    def begin(self, files: Mapping[str, bytes], at: date | None) -> None:
        """The files of the load that follows, and its day."""
        self.before, self.now, self.at = self.now, {}, at
        self.digests = {path: hashlib.sha256(data).digest() for path, data in files.items()}
        shared, whole = hashlib.sha256(), hashlib.sha256()
        for path in sorted(files):
            group = path.removeprefix("policies/").partition("/")[0]
            part = repr((path, self.digests[path])).encode()
            whole.update(part)
            if group in ("actions", "lists"):
                shared.update(part)
        self.catalogue, self.everything = shared.digest(), whole.digest()

    def read(self, path: str, data: bytes, findings: Findings) -> Document | None:
        """As `reading.read`."""
        key = ("file", path, self.digests[path])
        return self._kept(key, findings, lambda told: read(path, data, told))

    def document(self, path: str, data: bytes) -> Document | None:
        """A file that was read in the last load, if it was and is the same."""
        found = self.now.get(("file", path, hashlib.sha256(data).digest()))
        return found[0] if found is not None else None

    def policy(
        self, document: Document, findings: Findings, make: Callable[[Document, Findings], T]
    ) -> T:
        """What `make` makes of a policy, the catalogue and the lists (and of its parents)."""
        stands_on = document.data.get("extends") or document.data.get("gradual")
        around = self.everything if stands_on else self.catalogue
        key = ("policy", document.path, self.digests[document.path], around, self.at)
        return self._kept(key, findings, lambda told: make(document, told))

    def tables(
        self, document: Document, findings: Findings, make: Callable[[Document, Findings], T]
    ) -> T:
        """What `make` makes of a file's tables of cases and the catalogue."""
        key = ("tables", document.path, self.digests[document.path], self.catalogue)
        return self._kept(key, findings, lambda told: make(document, told))

    def _kept(self, key: Hashable, findings: Findings, make: Callable[[Findings], T]) -> T:
        found = self.now.get(key) or self.before.get(key)
        if found is None:
            told = Findings()
            found = (make(told), told.items)
        self.now[key] = found
        findings.items += found[1]
        result: T = found[0]
        return result
