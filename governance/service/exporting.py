"""Exporting a log for strangers, and re-performing it: here, in a package, or under a draft.

Law: a package holds the log up to a signed checkpoint, the policy files by digest and the values
that may be shown; whoever has it needs nothing from us to verify it, and the engine's version that
the log names to re-perform it.  Nothing here runs inside the service's process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from audit import checkpoint as checkpoints
from audit import note as notes
from audit import single
from audit.entry import decode
from audit.errors import Pruned
from audit.package import Package
from audit.packing import write_package
from governance.engine.compile import Release, compile_release
from governance.oversight import snapshot
from governance.oversight.model import State
from governance.oversight.state import genesis
from governance.service import child, disclosing, replaying
from governance.service.acting import allowed
from governance.service.beside import Beside
from governance.service.desk import Caller, Desk
from governance.service.disclosing import Chosen, Selection
from governance.service.problem import Problem
from governance.service.releases import manifest_in
from governance.service.vouched import vouched
from governance.store.keyring import public_keys
from governance.store.paths import Paths

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
    source = Beside(Path(root))
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
        here = Beside(path)
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
