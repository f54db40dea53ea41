"""Compiled releases by digest: what is in force, what may be next, and what was in force once.

Law: a release is loaded from the bytes that were signed, and counts only if they give the digest that
the log names.  Files in the policy folder are drafts; nothing here reads them.  Reading YAML is slow,
so a release that was proposed is taken over in the compiled form whose SHA-256 the proposal's entry
names; where that is missing, altered or of another version, the files are compiled again, beside the
service.  Loading a large release stalls nobody: it is read in short strokes, and who cannot wait for
it is told so.
"""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from governance.engine.compile import Release, compile_bundle, compile_release, manifest_digest
from governance.engine.load import Bundle
from governance.engine.points import RULE
from governance.engine.reach import tests_of
from governance.engine.rules import Condition
from governance.service import child, takeover
from governance.service.problem import Problem
from governance.store.blobs import BlobError, BlobStore

KEPT: Final = 8
_LARGE: Final = 200_000
"""From so many bytes of files on, they are compiled in a process of their own."""
_STROKE: Final = 0.002
_REST: Final = 0.001


@dataclass(frozen=True, slots=True)
class Ready:
    """A compiled release with the sentences of its rules and its files' digests."""

    release: Release
    texts: Mapping[str, tuple[str, str]]
    files: Mapping[str, str]

    @property
    def agent_fields(self) -> frozenset[str]:
        """The fields `agent.*` that any of its conditions tests."""
        return frozenset(_agent_fields(self.release.bundle))


@dataclass(frozen=True, slots=True)
class _Loading:
    ready: Future[Ready]
    began: float


def _none() -> str | None:
    return None


class Releases:
    """Releases of one workspace; safe for several threads."""

    def __init__(
        self,
        blobs: BlobStore,
        *,
        in_force: Callable[[], str | None] = _none,
        serving: bool = False,
    ) -> None:
        """`in_force` names the release that is never let go; `serving`: others wait meanwhile."""
        self._blobs = blobs
        self._in_force = in_force
        self._serving = serving
        self._ready: dict[str, Ready] = {}
        self._loading: dict[str, _Loading] = {}
        self._compiled: dict[str, str] = {}
        self._lock = threading.Lock()

    def get(self, digest: str, patience: float | None = None) -> Ready:
        """The release `digest`; raises `BlobError` if its files are missing or altered.

        With `patience` (seconds since the loading began) it raises a `Problem` instead of waiting
        longer: who holds a lock or runs on the event loop never waits for a compiler.
        """
        found = self._ready.get(digest)
        return found if found is not None else self._wait(digest, patience)

    def _wait(self, digest: str, patience: float | None) -> Ready:
        mine = None
        with self._lock:
            loading = self._loading.get(digest)
            if loading is None:
                found = self._ready.get(digest)
                if found is not None:
                    return found
                mine = loading = _Loading(Future(), time.monotonic())
                self._loading[digest] = loading
        if mine is not None:
            if patience is None:
                self._load_into(digest, mine)
            else:
                threading.Thread(
                    target=self._load_into, args=(digest, mine), name="release", daemon=True
                ).start()
        left = None if patience is None else max(0.0, loading.began + patience - time.monotonic())
        try:
            return loading.ready.result(left)
        except FutureTimeout:
            raise Problem(
                "not-ready",
                "the release in force was just signed and is still being read; ask again",
                retry_after=1,
            ) from None

    def _load_into(self, digest: str, loading: _Loading) -> None:
        try:
            loading.ready.set_result(self._load(digest))
        except BaseException as error:
            loading.ready.set_exception(error)
        finally:
            with self._lock:
                self._loading.pop(digest, None)

    @property
    def ready(self) -> frozenset[str]:
        """The releases that can be enforced this moment."""
        return frozenset(self._ready)

    def known(self, digest: str) -> bool:
        """Whether this release can be looked at here."""
        return digest in self._ready or self.kept(digest)

    def kept(self, digest: str) -> bool:
        """Whether it is still where it was kept, however much of it is in memory."""
        return self._blobs.manifest(digest) is not None

    def learn(self, digest: str, compiled: str | None) -> None:
        """Entry `policy.proposed` of release `digest` names this compiled form."""
        if compiled is not None:
            self._compiled[digest] = compiled
            while len(self._compiled) > 8 * KEPT:
                del self._compiled[next(iter(self._compiled))]

    def keep(self, digest: str, files: Mapping[str, bytes], compiled: bytes) -> tuple[Ready, str]:
        """Keep the files of a release and its compiled form by digest, and be ready to enforce it.

        `compiled` comes from our own child.  Returns it ready, and the compiled form's SHA-256.
        """
        digests = {path: self._blobs.put(data) for path, data in sorted(files.items())}
        self._blobs.put_manifest(digest, _manifest_bytes(digest, digests))
        name = self._blobs.put(compiled)
        self.learn(digest, name)
        return self.get(digest), name

    def compiled(self, digest: str) -> bytes:
        """The compiled form of a release that was proposed; empty if it is not at hand."""
        name = self._compiled.get(digest)
        with suppress(BlobError):
            return b"" if name is None else self._blobs.get(name)
        return b""

    def files(self, digest: str) -> dict[str, bytes]:
        """The files of a release as they were signed."""
        return {path: self._blobs.get(blob) for path, blob in self.digests(digest).items()}

    def file(self, digest: str, path: str) -> bytes | None:
        """One file of a release; None if it has none of that name."""
        blob = self.digests(digest).get(path)
        return None if blob is None else self._blobs.get(blob)

    def _load(self, digest: str) -> Ready:
        digests = self.digests(digest)
        files = {path: self._blobs.get(blob) for path, blob in digests.items()}
        release = self._taken_over(digest, files) or self._compile(files)
        if release.digest != digest:
            raise BlobError(
                f"the files kept for release `{digest}` make release `{release.digest}`; restore "
                f"{self._blobs.place} from a backup"
            )
        return self._remember(release, digests)

    def _taken_over(self, digest: str, files: dict[str, bytes]) -> Release | None:
        """The release from its compiled form, or None if that is of no use."""
        try:
            return self._of(self.compiled(digest), files)
        except takeover.NotPortable:
            return None

    def _compile(self, files: dict[str, bytes]) -> Release:
        """The release from its files; a large one beside the service."""
        if not self._serving or sum(map(len, files.values())) < _LARGE:
            return compile_release(files)
        return self._of(child.run(compiled_form, files), files)

    def _of(self, compiled: bytes, files: dict[str, bytes]) -> Release:
        large = self._serving and sum(map(len, files.values())) >= _LARGE
        paused = _Paused() if large else None
        try:
            bundle = takeover.read(compiled, paused.stroke if paused else _nothing)
            return compile_bundle(bundle, files, manifest_digest(files, bundle.lists))
        finally:
            if paused is not None:
                paused.end()

    def digests(self, digest: str) -> dict[str, str]:
        """The SHA-256 of each file of a release, by path.  Raises `BlobError`."""
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
            self._ready[release.digest] = ready
            spared = {release.digest, self._in_force()}
            old = [each for each in self._ready if each not in spared]
            for each in old[: max(0, len(self._ready) - KEPT)]:
                del self._ready[each]
        return ready


class _Paused:
    """Lets the others have the interpreter between strokes, and the collector rest meanwhile.

    A release of 10,000 rules is a million objects that stay: a collection in between would look at
    all of them, and nobody would be answered for a quarter of a second.
    """

    def __init__(self) -> None:
        self._collecting = gc.isenabled()
        gc.disable()
        self._since = time.monotonic()

    def stroke(self) -> None:
        """One short stroke is done."""
        if time.monotonic() - self._since > _STROKE:
            time.sleep(_REST)
            self._since = time.monotonic()

    def end(self) -> None:
        """Everything is read: it is not garbage, and is not looked at again."""
        gc.freeze()
        if self._collecting:
            gc.enable()


def _nothing() -> None:
    return None


def compiled_form(files: dict[str, bytes]) -> bytes:
    """In a child: the compiled form of files that were checked before."""
    return takeover.write(compile_release(files).bundle)


def _agent_fields(bundle: Bundle) -> Iterator[str]:
    for condition in _conditions(bundle):
        for test in tests_of(condition):
            for name in (test.field, test.other):
                if name is not None and name.startswith("agent."):
                    yield name


def _conditions(bundle: Bundle) -> Iterator[Condition]:
    for file in bundle.files:
        yield file.applies_to
        yield from (rule.when for rule in file.rules)
        yield from (limit.of for limit in file.limits)
        yield from (each.who for each in file.exceptions)
    if bundle.risk is not None:
        yield from (factor.when for factor in bundle.risk.factors)


def texts_of(release: Release) -> dict[str, tuple[str, str]]:
    """`policy/rule` -> (title, because) for all that a release can give as a reason."""
    out: dict[str, tuple[str, str]] = {}
    for file in release.bundle.files:
        for rule in file.rules:
            out[f"{file.policy}/{rule.id}"] = (rule.title, rule.because)
        for limit in file.limits:
            out[f"{file.policy}/{limit.id}"] = (limit.title, limit.because)
        for exception in file.exceptions:
            out[f"{file.policy}/{exception.id}"] = (exception.title, exception.reason)
        out[f"{file.policy}/default"] = (file.title, "")
    table = release.bundle.risk
    if table is not None:
        out[f"{table.risk}/{RULE}"] = (table.title, "")
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
