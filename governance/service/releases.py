"""Compiled releases by digest: what is in force, and what was in force when an entry was written.

Law: a release is loaded from the bytes that were signed, and counts only if compiling them gives
the digest that the log names.  Files in the policy folder are drafts; nothing here reads them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from governance.engine.compile import Release, compile_release
from governance.store.blobs import BlobError, BlobStore

KEPT: Final = 8


@dataclass(frozen=True, slots=True)
class Ready:
    """A compiled release with the sentences of its rules and its files' digests."""

    release: Release
    texts: Mapping[str, tuple[str, str]]
    files: Mapping[str, str]


class Releases:
    """Releases of one workspace; safe for several threads."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._ready: dict[str, Ready] = {}
        self._lock = threading.Lock()

    def get(self, digest: str) -> Ready:
        """The release `digest`; raises `BlobError` if its files are missing or altered."""
        found = self._ready.get(digest)
        return found if found is not None else self._load(digest)

    def known(self, digest: str) -> bool:
        """Whether the files of this release are kept here."""
        return digest in self._ready or self._blobs.manifest(digest) is not None

    def keep(self, release: Release) -> Ready:
        """Keep the files of a release by digest, and be ready to enforce it."""
        files = release.files
        digests = {path: self._blobs.put(data) for path, data in sorted(files.items())}
        self._blobs.put_manifest(release.digest, _manifest_bytes(release.digest, digests))
        return self._remember(release, digests)

    def files(self, digest: str) -> dict[str, bytes]:
        """The files of a release as they were signed."""
        return {path: self._blobs.get(blob) for path, blob in self._digests(digest).items()}

    def _load(self, digest: str) -> Ready:
        digests = self._digests(digest)
        release = compile_release({p: self._blobs.get(blob) for p, blob in digests.items()})
        if release.digest != digest:
            raise BlobError(
                f"the files kept for release `{digest}` make release `{release.digest}`; restore "
                f"{self._blobs.place} from a backup"
            )
        return self._remember(release, digests)

    def _digests(self, digest: str) -> dict[str, str]:
        found = manifest_in(self.manifest(digest))
        if found is None or found[0] != digest:
            raise BlobError(f"the manifest of release `{digest}` was altered; restore a backup")
        return dict(found[1])

    def manifest(self, digest: str) -> bytes:
        """The manifest of a release: its digest and the digest of each of its files."""
        found = self._blobs.manifest(digest)
        if found is None:
            raise BlobError(
                f"release `{digest}` is not in {self._blobs.place}; restore it from a backup"
            )
        return found

    def _remember(self, release: Release, digests: Mapping[str, str]) -> Ready:
        ready = Ready(release, texts_of(release), dict(digests))
        with self._lock:
            self._ready.pop(release.digest, None)
            self._ready[release.digest] = ready
            while len(self._ready) > KEPT:
                del self._ready[next(iter(self._ready))]
        return ready


def texts_of(release: Release) -> dict[str, tuple[str, str]]:
    """`policy/rule` -> (title, because) for every rule, limit and default of a release."""
    out: dict[str, tuple[str, str]] = {}
    for file in release.bundle.files:
        for rule in file.rules:
            out[f"{file.policy}/{rule.id}"] = (rule.title, rule.because)
        for limit in file.limits:
            out[f"{file.policy}/{limit.id}"] = (limit.title, limit.because)
        out[f"{file.policy}/default"] = (file.title, "")
    return out


def _manifest_bytes(digest: str, files: Mapping[str, str]) -> bytes:
    return json.dumps({"files": dict(files), "release": digest}, sort_keys=True).encode()


def manifest_in(data: bytes) -> tuple[str, dict[str, str]] | None:
    """Release and files of a manifest, or None if these bytes are none."""
    if not data.startswith(b'{"files": {'):
        return None
    try:
        found = json.loads(data)
        files = {str(path): str(blob) for path, blob in found["files"].items()}
        return str(found["release"]), files
    except (ValueError, KeyError):
        return None


def zone_of(name: str) -> ZoneInfo | None:
    """A time zone, None for UTC (which needs no conversion)."""
    return None if name == "UTC" else ZoneInfo(name)
