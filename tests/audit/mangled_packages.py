"""Packages that were altered at random, several faults in one, most with a manifest that fits again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from attacked_packages import pruned_log
from log_world import World

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.canonical import canonical, parse
from audit.contents import manifest_of
from audit.errors import LogError
from audit.package import Layout, Package
from audit.zipped import ZipWriter

Files = dict[str, bytes]
_EXTRA = (
    "extra",
    "json.py",
    "tile/0/001",
    "tile/entries/001",
    "tile/entries/x036/x028/x797/x018/x963/968",
    "tile/7/000.p/1",
    "tile/64/000",
    "anchors/5/checkpoint",
    "anchors/5/0.tsr",
    "anchors/40/77.tsr",
    "blobs/" + "0" * 64,
    "blobs/" + hashlib.sha256(b"x").hexdigest(),
    "../x",
    "constructor",
)
_TAILS = (b"\n", b"\0", b"\r\n", b"x", bytes(32), "\u2028".encode())


def mangled(world: World, count: int, seed: int) -> Iterator[tuple[str, Path, list[str]]]:
    """`count` packages as zips: what was done to each, where it is, which keys are pinned."""
    chance = Random(seed)
    log, other = world.log(300), pruned_log(world)
    whole = world.anchored_package(log)
    bases = {
        "whole": _files(whole),
        "small": _files(world.package(world.log(5))),
        "empty": _files(world.package(world.log(0))),
        "pruned": _files(world.anchored_package(other, minimum=256)),
        "cut": _files(world.anchored_package(pruned_log(world, 0), minimum=256)),
    }
    keys = [world.key, world.witness().verifier.vkey]
    for number in range(count):
        base = chance.choice(sorted(bases))
        files = dict(bases[base])
        done = [base]
        for change in chance.choices(_CHANGES, k=chance.choice((0, 1, 1, 2, 3))):
            change(files, chance)
            done.append(change.__name__)
        if chance.random() < 0.6:
            _refit(files)
            done.append("refit")
        path = world.folder / f"mangled-{seed}-{number}.zip"
        _write(files, path, chance)
        yield " ".join(done), path, keys[: chance.choice((1, 2))]


def _files(path: Path) -> Files:
    package = Package.open(path)
    return {name: package.files.read(name) for name in sorted(package.files.names())}


def _flip(files: Files, chance: Random) -> None:
    name = chance.choice(sorted(files))
    data = bytearray(files[name])
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    files[name] = bytes(data)


def _remove(files: Files, chance: Random) -> None:
    if len(files) > 1:
        del files[chance.choice(sorted(files))]


def _shorten(files: Files, chance: Random) -> None:
    name = chance.choice(sorted(files))
    files[name] = files[name][: chance.randrange(len(files[name]) + 1)]


def _lengthen(files: Files, chance: Random) -> None:
    files[chance.choice(sorted(files))] += chance.choice(_TAILS)


def _add(files: Files, chance: Random) -> None:
    files[chance.choice(_EXTRA)] = chance.choice((b"x", b"", files.get("checkpoint", b"")))


def _exchange(files: Files, chance: Random) -> None:
    one, two = chance.choice(sorted(files)), chance.choice(sorted(files))
    files[one], files[two] = files[two], files[one]


_CHANGES: tuple[Callable[[Files, Random], None], ...] = (
    _flip,
    _remove,
    _shorten,
    _lengthen,
    _add,
    _exchange,
)


def _refit(files: Files) -> None:
    """A manifest that fits what is there now, as whoever alters a package would write it."""
    try:
        old = parse(files["manifest.json"])
        tree = checkpoints.parse(notes.split(files["checkpoint"])[0])
        small = {
            name: data
            for name, data in files.items()
            if name != "manifest.json" and not name.startswith(("tile/", "blobs/"))
        }
        blobs = {name[6:]: len(data) for name, data in files.items() if name.startswith("blobs/")}
        layout = Layout(old["format"], old["minimum"])
        shown = files["disclosures.jsonl"].count(b"\n")
        manifest = manifest_of(layout, tree, small, blobs, old["commitments"], shown)
        files["manifest.json"] = canonical(manifest)
    except (LogError, KeyError, TypeError):
        return


def _write(files: Files, path: Path, chance: Random) -> None:
    """The zip, now and then in another order, with a wrong checksum, or a byte altered in it."""
    names = sorted(files)
    if chance.random() < 0.2:
        chance.shuffle(names)
    wrong = chance.choice(names) if chance.random() < 0.35 else None
    writer = ZipWriter(path)
    for name in names:
        writer.add(name, files[name])
        if name == wrong:
            member = writer._members[-1]
            writer._members[-1] = member._replace(checksum=member.checksum ^ 1)
            writer._file.seek(member.offset)
            writer._file.write(writer._members[-1].local())
            writer._file.seek(0, 2)
    writer.close()
    if chance.random() < 0.05:
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1
        path.write_bytes(data)
