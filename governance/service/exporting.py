"""Exporting a log for strangers, and re-performing it: here, in a package, or under a draft.

Law: a package holds the log up to a signed checkpoint, the policy files by digest and the values
that may be shown; whoever has it needs nothing from us to verify it, and the engine's version that
the log names to re-perform it.  Nothing here runs inside the service's process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from audit import checkpoint as checkpoints
from audit import note as notes
from audit import single
from audit.encoding import b64url
from audit.entry import Entry, decode
from audit.errors import Pruned
from audit.package import Anchored, Disclosure, Package
from audit.packing import write_package
from governance.engine.compile import Release, compile_release
from governance.engine.model import LoadFinding, PolicyErrors
from governance.oversight import snapshot
from governance.oversight.model import State
from governance.oversight.state import genesis
from governance.oversight.times import micros
from governance.service import child, disclosing, replaying
from governance.service.acting import allowed
from governance.service.desk import FOLD, Caller, Desk
from governance.service.disclosing import Chosen, Selection
from governance.service.problem import Problem
from governance.service.releases import Releases, manifest_in
from governance.service.vouched import vouched
from governance.store.blobs import BlobError, blobs_of
from governance.store.keyring import public_keys
from governance.store.opening import carried
from governance.store.paths import Paths
from governance.store.reader import Reader
from governance.store.ringfile import retired_keys
from governance.store.sealing import VaultKey
from governance.store.snapshots import newest, quick, stored
from governance.store.vault import Vault

FAR: Final = disclosing.FAR


def export(
    desk: Desk,
    caller: Caller,
    target: Path | str,
    *,
    shown: Selection | None = None,
) -> dict[str, Any]:
    """Write the log as a package to `target` (a folder, or a file ending in `.zip`).

    `shown` says which of the values that entries commit to are opened, as far as the vault still
    has them; without it all are.  Auditors, compliance officers and administrators.  Returns
    `{package, size, minimum, root, form, disclosed, erased, withheld, anchors, unusable_evidence,
    vkeys, verifier}`: `erased` values were asked for and are gone, `withheld` were not asked for,
    `verifier` is the SHA-256 of the package's `verify.py`.
    """
    allowed(desk, caller, "report")
    return write(desk.directory, Path(target), shown=shown)


def write(directory: Path, target: Path, *, shown: Selection | None = None) -> dict[str, Any]:
    """The same for a workspace's directory, beside its owner if it has one; reads only.

    Whoever may read the files may write a package of them.  In `shown`, a subject may also be given
    as `KIND=VALUE`.
    """
    if not Paths(directory).founded:
        raise Problem("unknown", f"there is no workspace in `{directory}`")
    if target.exists():
        raise Problem("conflict", f"`{target.name}` is there already; choose another name")
    vkeys = tuple(verifier.vkey for verifier in public_keys(Paths(directory)))
    return child.run(_export, str(directory), str(target), vkeys, shown or Selection())


def _export(root: str, target: str, vkeys: tuple[str, ...], shown: Selection) -> dict[str, Any]:
    """In the child: write the package and say what is in it."""
    source = _Workspace(Path(root))
    note = source.reader.checkpoint()
    source.size = checkpoints.parse(notes.split(note)[0]).size  # what came meanwhile stays out
    chosen = Chosen(source.resolved(shown))
    outside = vouched(source.reader, source.size)
    anchors = [*outside.anchors, *source.retirements({each.size for each in outside.anchors})]
    verifier = single.text().encode()
    try:
        manifest = write_package(
            target,
            source.reader,
            note,
            keys=vkeys,
            blobs=source.blobs_named(),
            disclosures=source.disclosures(chosen),
            anchors=anchors,
            verifier=verifier,
        )
    except Pruned as cut:
        raise Problem("conflict", f"the log was pruned meanwhile ({cut}); export again") from cut
    return {
        "package": target,
        "size": manifest["size"],
        "minimum": manifest["minimum"],
        "root": manifest["root"],
        "form": manifest["form"],
        "disclosed": chosen.disclosed,
        "erased": chosen.erased,
        "withheld": chosen.withheld,
        "anchors": len(outside.anchors),
        "unusable_evidence": outside.unusable,
        "vkeys": list(vkeys),
        "verifier": hashlib.sha256(verifier).hexdigest(),
    }


class _Workspace:
    """A workspace read from beside its owner."""

    def __init__(self, root: Path) -> None:
        paths = Paths(root)
        self.reader = Reader(paths.log_database)
        self.blobs = blobs_of(paths)
        self.releases = Releases(self.blobs)
        vault = paths.vault_database.reader()
        key = VaultKey.open(paths.vault_key)
        self.vault = Vault(paths.vault_database, vault, vault, key, lambda: 0)
        self.minimum = self.reader.minimum
        self.base: bytes | None = None
        found: State | None
        with self.reader.connection() as db:
            if self.minimum:
                self.base = stored(db, self.minimum)
                found = _at_the_cut(newest(db, FOLD, self.minimum), self.minimum)
            else:
                found = carried(db, FOLD)[0]
        self.carried = found
        self.first = genesis() if found is None else found
        self.size = self.reader.size
        self.retired = retired_keys(paths)

    def entries(self) -> Iterator[Entry]:
        """Every entry that was kept; their bytes were checked when they were written."""
        return map(quick, self.reader.entries(self.minimum, self.size))

    def retirements(self, there: Collection[int]) -> Iterator[Anchored]:
        """The last heads that retired keys signed, for whoever pins one of those still.

        They prove, under the key that is gone, which key goes on. `there` are sizes of heads that the
        package has anyway.
        """
        if not self.retired:
            return
        found = set(there)
        for index, data in enumerate(self.reader.entries(self.minimum, self.size), self.minimum):
            if b'"kind":"log_key.retired"' in data:
                size, note = self.reader.checkpoint_covering(index)
                if size not in found and size < self.size:
                    found.add(size)
                    yield Anchored(size, note)

    def resolved(self, shown: Selection) -> Selection:
        """`shown` with pseudonyms for the subjects that were given as `KIND=VALUE`."""
        subjects = []
        for given in shown.subjects:
            kind, told, value = given.partition("=")
            found = self.vault.find(kind, value) if told else given
            if found is None:
                raise Problem("unknown", f"no {kind} of that value was ever recorded here")
            subjects.append(found)
        resolved = replace(shown, subjects=tuple(subjects))
        resolved.check()
        return resolved

    def release(self, digest: str) -> Release | None:
        """A release by digest, if its files are kept here."""
        try:
            return self.releases.get(digest).release
        except BlobError:
            return None

    def opened(self, index: int) -> dict[str, Any]:
        """What entry `index` commits to, as far as it was not erased."""
        return {name: json.loads(found.value) for name, found in self.vault.values(index).items()}

    def blobs_named(self) -> Iterator[bytes]:
        """Policy files that entries name, what anchors showed against the log, and the state that a
        restored or pruned log begins with."""
        seen: set[str] = set()
        for entry in self.entries():
            named = list(entry.data.get("files", {}).values())
            if entry.kind == "anchor.conflict":
                named.append(entry.data["digest"])
            for digest in named:
                if digest not in seen:
                    seen.add(digest)
                    yield self.blobs.get(digest)
        if self.carried is not None:
            yield self.base or snapshot.dump(self.carried)
            if self.carried.release is not None:
                yield self.releases.manifest(self.carried.release)
                yield from self.releases.files(self.carried.release).values()

    def disclosures(self, chosen: Chosen) -> Iterator[Disclosure]:
        """The opened commitments that were asked for, as far as they are still there."""
        for index, entry in enumerate(self.entries(), self.minimum):
            if not entry.data.get("commitments"):
                chosen.names(index, entry)
                continue
            names = chosen.names(index, entry)
            values = self.vault.values(index) if names else {}
            for name in names:
                found = values.get(name)
                chosen.count(found is not None)
                if found is not None:
                    yield Disclosure(index, name, b64url(found.salt), json.loads(found.value))


def replay(source: Desk | Path | str) -> dict[str, Any]:
    """Re-perform a workspace or a package: the state at every index, and every verdict that can be.

    Returns the counts of `replaying.Counts`; raises `Problem` if `source` is neither.  A package is
    to be verified first (`python -m audit verify`): this trusts its bytes.
    """
    place = source.directory if isinstance(source, Desk) else Path(source)
    return child.run(_replay, str(place))


def _replay(place: str) -> dict[str, Any]:
    path = Path(place)
    if Paths(path).founded:
        here = _Workspace(path)
        counts, _ = replaying.replay(
            here.entries(), here.first, here.release, here.opened, here.minimum
        )
        return counts.json()
    package = Package.open(path)
    opened = _disclosed(package)
    minimum = package.layout().minimum
    counts, _ = replaying.replay(
        map(decode, package.entries(minimum)),
        _first_of(package, minimum),
        _releases_of(package, minimum),
        lambda index: opened.get(index, {}),
        minimum,
    )
    return counts.json()


def _at_the_cut(found: tuple[int, State] | None, minimum: int) -> State:
    if found is None or found[0] != minimum:
        raise Problem(
            "not-ready",
            f"the state at entry {minimum}, up to which the log was pruned, is of another version; "
            "use the version that pruned it",
        )
    return found[1]


def _disclosed(package: Package) -> dict[int, dict[str, Any]]:
    opened: dict[int, dict[str, Any]] = {}
    for each in package.disclosures():
        opened.setdefault(each.index, {})[each.name] = each.value
    return opened


def _first_of(package: Package, minimum: int) -> State:
    """The state a package's entries begin with: nothing, or what its restore carried over, or what
    there was when it was pruned."""
    for raw in package.entries(minimum, minimum + 1 if not minimum else None):
        if minimum and b'"retention.pruned"' not in raw:
            continue
        entry = decode(raw)
        if entry.kind == "service.restored":
            return snapshot.load(package.blob(entry.data["state"]))
        if entry.kind == "retention.pruned" and entry.data["minimum"] == minimum:
            return snapshot.load(package.blob(entry.data["snapshot"]))
    return genesis()


def _releases_of(package: Package, minimum: int) -> Callable[[str], Release | None]:
    """Releases by digest, compiled from a package's blobs when first asked for."""
    manifests: dict[str, Mapping[str, str]] = {}
    for raw in package.entries(minimum):
        if b'"policy.proposed"' in raw:
            entry = decode(raw)
            if entry.kind == "policy.proposed":
                manifests[entry.data["release"]] = entry.data["files"]
    made: dict[str, Release | None] = {}
    there = set(package.blobs())

    def find(digest: str) -> Release | None:
        if digest not in made:
            files = manifests.get(digest) or _carried_manifest(package, digest)
            made[digest] = None
            if files and set(files.values()) <= there:
                release = compile_release({p: package.blob(blob) for p, blob in files.items()})
                made[digest] = release if release.digest == digest else None
        return made[digest]

    return find


def _carried_manifest(package: Package, digest: str) -> Mapping[str, str]:
    """The files of a release that was in force before the log began (after a restore)."""
    for blob in package.blobs():
        found = manifest_in(package.blob(blob))
        if found is not None and found[0] == digest:
            return found[1]
    return {}


def backtest(
    desk: Desk | Path | str,
    files: Mapping[str, bytes],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> dict[str, Any]:
    """Which verdicts of the period would change under draft `files`; changes nothing.

    Returns `{release, decisions, reperformed, not_reperformed, changed, by_change}`; raises
    `Problem` with the first finding if the files do not make a release.
    """
    place = desk.directory if isinstance(desk, Desk) else Path(desk)
    today = desk.now().date() if isinstance(desk, Desk) else None
    span = (0 if start is None else micros(start), FAR if end is None else micros(end))
    result = child.run(_backtest, str(place), dict(files), today, *span)
    if "findings" in result:
        worst: LoadFinding = result["findings"][0]
        raise Problem("bad-policy", str(worst))
    return result


def _backtest(
    root: str, files: dict[str, bytes], today: date | None, start: int, stop: int
) -> dict[str, Any]:
    try:
        draft = compile_release(files, at=today)
    except PolicyErrors as errors:
        return {"findings": errors.findings}
    here = _Workspace(Path(root))
    found = replaying.backtest(
        here.entries(), here.first, draft, here.opened, start, stop, here.minimum
    )
    return {"release": draft.digest, **found}
