"""A log as static files: complete at every moment, continued, and never mixed with another."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from audit import tilefolder
from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.errors import LogError, Tampered
from audit.note import Ed25519Signer
from audit.tilefolder import Published, publish
from audit.tiles import bundles_of, served, tiles_of
from audit.tree import frontier_at, leaf_hash
from tests.memory_log import MemoryLog

SIGNER = Ed25519Signer.from_seed("example.com/acme", bytes(32))


class Signed:
    """A growing log that signs a checkpoint every few entries."""

    def __init__(self, size: int, *, mark: str = "entry", every: int = 7) -> None:
        self.log = MemoryLog(b"%s %d" % (mark.encode(), n) for n in range(size))
        self.every = every

    def note(self, size: int) -> str:
        """The checkpoint over the first `size` entries."""
        root = frontier_at(size, self.log.node).root()
        return sign_checkpoint(Checkpoint(SIGNER.name, size, root), SIGNER)

    def covering(self, index: int) -> str:
        """The first checkpoint that covers entry `index`."""
        return self.note(min((index // self.every + 1) * self.every, self.log.size))

    def publish(self, folder: Path, size: int | None = None, minimum: int = 0) -> Published:
        """Publish the first `size` entries."""
        note = self.note(size or self.log.size)
        return publish(folder, self.log, note, self.covering, minimum=minimum)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def whole(signed: Signed, size: int, minimum: int = 0) -> dict[str, bytes]:
    """What the folder of a log of `size` entries must hold, no more and no less."""
    bundles = [tile for tile in bundles_of(size) if tile.span[1] > minimum]
    files = {tile.path: served(tile, signed.log) for tile in (*tiles_of(size), *bundles)}
    return {"checkpoint": signed.note(size).encode(), **files}


def holds(folder: Path, signed: Signed, size: int, minimum: int = 0) -> bool:
    """Whether the folder is that of `size` entries; parts of tiles that are not full may stay."""
    here, wanted = content(folder), whole(signed, size, minimum)
    for name in here.keys() - wanted.keys():
        full, _, width = name.partition(".p/")
        newest = next((n for n in wanted if n.startswith(full + ".p/")), None)
        if not width or full in here or newest is None or not wanted[newest].startswith(here[name]):
            return False
    return {name: here.get(name) for name in wanted} == wanted


SIZES = (1, 2, 255, 256, 257, 400, 511, 512, 513, 1024, 1300)


def test_every_step_leaves_what_its_checkpoint_needs(tmp_path: Path) -> None:
    """A monitor that follows the folder would miss a tile, or find the tile of another size."""
    signed = Signed(SIZES[-1])
    for size in SIZES:
        signed.publish(tmp_path, size)
        assert holds(tmp_path, signed, size)


def test_a_full_tile_takes_the_place_of_its_parts(tmp_path: Path) -> None:
    """A folder that is brought up to date each minute would grow by a file for each minute."""
    signed = Signed(2000)
    for size in range(10, 250, 40):
        signed.publish(tmp_path, size)
    assert len(list((tmp_path / "tile/0/000.p").iterdir())) == 6
    signed.publish(tmp_path, 300)
    assert content(tmp_path) == whole(signed, 300)


def test_only_what_is_new_is_written(tmp_path: Path) -> None:
    """A daily copy of a large log would write all of it every day."""
    signed = Signed(3000)
    signed.publish(tmp_path, 2000)
    stamps = {name: (tmp_path / name).stat().st_mtime_ns for name in content(tmp_path)}
    done = signed.publish(tmp_path, 2100)
    fresh = [p for p in content(tmp_path) if (tmp_path / p).stat().st_mtime_ns != stamps.get(p)]
    assert sorted(fresh) == sorted(
        [
            "checkpoint",
            "tile/0/007",
            "tile/0/008.p/52",
            "tile/1/000.p/8",
            "tile/entries/007",
            "tile/entries/008.p/52",
        ]
    )
    assert (done.before, done.size, done.files) == (2000, 2100, len(fresh))
    again = signed.publish(tmp_path, 2100)
    assert (again.files, again.bytes) == (0, 0)


def test_a_long_log_is_published_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of an hour that is killed near its end would have to begin again."""
    monkeypatch.setattr(tilefolder, "STEP", 500)
    signed = Signed(1800)
    sizes = []
    publishing = tilefolder._Run.publish

    def noted(run: Any, note: str) -> None:
        publishing(run, note)
        size = int((tmp_path / "checkpoint").read_text().split("\n")[1])
        sizes.append(size)
        assert holds(tmp_path, signed, size)

    monkeypatch.setattr(tilefolder._Run, "publish", noted)
    signed.publish(tmp_path)
    assert sizes == [504, 1008, 1512, 1800]


class Killed(BaseException):
    """The process ended here."""


def kills(monkeypatch: pytest.MonkeyPatch, after: int) -> Callable[[], int]:
    """End the run at its `after`-th operation on the disk; how many there were."""
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == after:
                if real.__name__ == "write_bytes":  # a part of it may have reached the disk
                    real(args[0], args[1][: len(args[1]) // 2])
                raise Killed
            return real(*args, **kwargs)

        return run

    for name in ("write_bytes", "rename", "mkdir", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    # what a killed process cannot do either
    real = tilefolder.shutil.rmtree
    monkeypatch.setattr(
        tilefolder.shutil,
        "rmtree",
        lambda path, **how: None if count >= after else real(path, **how),
    )
    return lambda: count


def runs(tmp_path: Path, base: int) -> Iterator[tuple[Signed, Path, int]]:
    """Runs of one export, each killed one operation later than the one before."""
    signed = Signed(1100)
    after = 0
    while True:
        after += 1
        folder = tmp_path / f"{base}-{after}"
        if base:
            signed.publish(folder, base)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tilefolder, "STEP", 400)
            count = kills(patch, after)
            with suppress(Killed):
                signed.publish(folder, 1000)
            if count() < after:
                return
        yield signed, folder, after


@pytest.mark.parametrize("base", [0, 300])
def test_a_run_killed_anywhere_is_finished_by_the_next(tmp_path: Path, base: int) -> None:
    """A power cut in the wrong moment would leave a folder that nobody can read or continue."""
    killed = 0
    for signed, folder, _ in runs(tmp_path, base):
        killed += 1
        here = content(folder)
        if "checkpoint" in here:
            size = int(here["checkpoint"].split(b"\n")[1])
            for name, data in whole(signed, size).items():
                full = name.partition(".p/")[0]
                assert here.get(name) == data or here[full].startswith(data), (name, size)
        signed.publish(folder, 1000)
        assert holds(folder, signed, 1000)
    assert killed > 30


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Two logs would be mixed into one that proves neither, or evidence would be overwritten."""
    signed = Signed(600)

    def refused(folder: Path, other: Signed, size: int, word: str) -> None:
        before = content(folder)
        with pytest.raises(LogError, match=word):
            other.publish(folder, size)
        assert content(folder) == before

    folder = tmp_path / "one"
    signed.publish(folder, 500)
    refused(folder, Signed(400), 400, "lost its end")
    assert signed.publish(folder, 400) == (500, 500, 0, 0, 0)
    refused(folder, Signed(600, mark="rewritten"), 600, "another history")
    other = (folder / "checkpoint").read_text().replace(SIGNER.name, "example.com/other")
    (folder / "checkpoint").write_text(other)
    refused(folder, signed, 600, "example.com/other")
    (folder / "checkpoint").write_text("hello")
    refused(folder, signed, 600, "cannot be read")
    (folder / "checkpoint").unlink()
    (folder / "notes.txt").write_text("mine")
    refused(folder, signed, 600, "notes.txt")
    (folder / "notes.txt").unlink()
    (folder / "tile" / "0" / "000").write_bytes(b"another log's")
    refused(folder, signed, 600, "not of this log")
    (folder / "tile" / "0" / "000").unlink()
    (folder / "manifest.json").write_text("{}")
    refused(folder, signed, 600, "is a package")
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(LogError, match="is a file"):
        signed.publish(file)


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    """An hourly job that meets a slow one would publish a checkpoint before its tiles."""
    signed = Signed(300)
    signed.publish(tmp_path, 200)
    with tilefolder._opened(tmp_path) as folder:
        (folder / ".new" / "0").write_text("being written")
        with pytest.raises(LogError, match="another run"):
            signed.publish(tmp_path)
        assert (folder / ".new" / "0").exists()
    assert signed.publish(tmp_path).size == 300


class Bad:
    """A log that gives something else for one place."""

    def __init__(self, log: MemoryLog, *, node: Any = None, leaf: int = -1, entry: int = -1):
        self.log, self.bad_node, self.leaf, self.entry = log, node, leaf, entry
        self.size = log.size

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Entries, one of them another."""
        for index, data in enumerate(self.log.entries(start, stop), start):
            yield b"other" if index == self.entry else data

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """Leaf hashes, one of them another."""
        for index, data in enumerate(self.log.leaves(start, stop), start):
            yield leaf_hash(b"other") if index == self.leaf else data

    def node(self, level: int, index: int) -> bytes:
        """A node, one of them another."""
        return bytes(32) if (level, index) == self.bad_node else self.log.node(level, index)


@pytest.mark.parametrize(
    "wrong",
    [
        {"entry": 0},
        {"entry": 599},
        {"leaf": 5},
        {"leaf": 590},
        {"node": (8, 1)},
        {"node": (8, 0)},
        {"entry": 5, "leaf": 5},
        {"entry": 590, "leaf": 590},
    ],
)
def test_a_log_that_does_not_add_up_is_not_published(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """A damaged or altered row would be handed out for ever as what was signed."""
    signed = Signed(600)
    bad: Any = Bad(signed.log, **wrong)
    with pytest.raises(Tampered):
        publish(tmp_path, bad, signed.note(600), signed.covering)
    assert content(tmp_path) == {}
    signed.publish(tmp_path)
    assert content(tmp_path) == whole(signed, 600)


def test_pruned_entries_are_not_published_and_their_hashes_are(tmp_path: Path) -> None:
    """What had to be given up would stay in the copy, or older proofs could not be made from it."""

    class Pruned(Bad):
        """A log that has given up its first entries."""

        def entries(self, start: int, stop: int) -> Iterator[bytes]:
            """Nothing below the minimum."""
            assert start >= 512
            return self.log.entries(start, stop)

    signed = Signed(1300)
    pruned: Any = Pruned(signed.log)
    publish(tmp_path / "new", pruned, signed.note(1300), signed.covering, minimum=512)
    assert content(tmp_path / "new") == whole(signed, 1300, minimum=512)
    folder = tmp_path / "older"
    signed.publish(folder, 300)
    done = publish(folder, pruned, signed.note(1300), signed.covering, minimum=512)
    assert done.removed == 1
    assert holds(folder, signed, 1300, minimum=512)


def test_a_checkpoint_with_more_signatures_replaces_the_one_before(tmp_path: Path) -> None:
    """A cosignature that came later would never reach those who read the folder."""
    signed = Signed(300)
    signed.publish(tmp_path)
    other = Ed25519Signer.from_seed("w.example", bytes(32))
    tree = Checkpoint(SIGNER.name, 300, signed.log.root())
    more = sign_checkpoint(tree, SIGNER, other)
    done = publish(tmp_path, signed.log, more, signed.covering)
    assert done.files == 1
    assert (tmp_path / "checkpoint").read_text() == more
    assert signed.publish(tmp_path).files == 0
    assert (tmp_path / "checkpoint").read_text() == more


# -- a stranger's reader, from the specification alone -----------------------------------------------


def stranger_hash(folder: Path, size: int, level: int, index: int) -> bytes:
    """The hash of the subtree (level, index), from the tile that holds it."""
    tile_level, height = divmod(level, 8)
    first = index << height
    number, at = divmod(first, 256)
    hashes = size >> 8 * tile_level
    width = min(256, hashes - number * 256)
    groups = [f"{number % 1000:03d}"]
    rest = number // 1000
    while rest:
        groups.insert(0, f"x{rest % 1000:03d}")
        rest //= 1000
    name = "/".join(groups) + (f".p/{width}" if width < 256 else "")
    data = (folder / "tile" / str(tile_level) / name).read_bytes()
    assert len(data) == 32 * width
    nodes = [data[32 * (at + i) : 32 * (at + i + 1)] for i in range(1 << height)]
    while len(nodes) > 1:
        pairs = zip(nodes[::2], nodes[1::2], strict=True)
        nodes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return nodes[0]


def stranger_mth(folder: Path, size: int, start: int, stop: int) -> bytes:
    """MTH(D[start:stop]) of RFC 6962 §2.1, from tiles."""
    width = stop - start
    if width & (width - 1) == 0:
        return stranger_hash(folder, size, width.bit_length() - 1, start // width)
    k = 1 << width.bit_length() - 1
    left = stranger_mth(folder, size, start, start + k)
    return hashlib.sha256(b"\x01" + left + stranger_mth(folder, size, start + k, stop)).digest()


def stranger_path(folder: Path, size: int, m: int, start: int, stop: int) -> list[bytes]:
    """PATH(m, D[start:stop]) of RFC 6962 §2.1.1, from tiles."""
    if stop - start == 1:
        return []
    k = 1 << (stop - start - 1).bit_length() - 1
    if m < k:
        rest = stranger_mth(folder, size, start + k, stop)
        return [*stranger_path(folder, size, m, start, start + k), rest]
    rest = stranger_mth(folder, size, start, start + k)
    return [*stranger_path(folder, size, m - k, start + k, stop), rest]


def stranger_proof(folder: Path, size: int, m: int, start: int, stop: int, b: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:stop], b) of RFC 6962 §2.1.2, from tiles."""
    if m == stop - start:
        return [] if b else [stranger_mth(folder, size, start, stop)]
    k = 1 << (stop - start - 1).bit_length() - 1
    if m <= k:
        rest = stranger_mth(folder, size, start + k, stop)
        return [*stranger_proof(folder, size, m, start, start + k, b), rest]
    rest = stranger_mth(folder, size, start, start + k)
    return [*stranger_proof(folder, size, m - k, start + k, stop, False), rest]


def stranger_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 6962 §2.1.1 read backwards)."""
    if size == 1:
        assert not proof
        return leaf
    k = 1 << (size - 1).bit_length() - 1
    if index < k:
        left, right = stranger_root(leaf, index, k, proof[:-1]), proof[-1]
    else:
        left, right = proof[-1], stranger_root(leaf, index - k, size - k, proof[:-1])
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_a_stranger_makes_proofs_from_the_files(tmp_path: Path) -> None:
    """Nobody could prove anything from our tiles without us, which is what they are for."""
    from audit.proof import verify_consistency
    from audit.tree import consistency_proof, inclusion_proof

    size = 66_000
    signed = Signed(size, every=100)
    signed.publish(tmp_path)
    origin, stated, root = (tmp_path / "checkpoint").read_text().split("\n")[:3]
    assert (origin, int(stated)) == (SIGNER.name, size)
    signed_root = base64.b64decode(root)
    assert stranger_mth(tmp_path, size, 0, size) == signed_root
    for index in (0, 1, 255, 256, 32_767, 65_535, 65_536, 65_999):
        data = (tmp_path / "tile" / "entries").joinpath(_bundle(index, size)).read_bytes()
        for _ in range(index % 256):
            data = data[2 + int.from_bytes(data[:2], "big") :]
        entry = data[2 : 2 + int.from_bytes(data[:2], "big")]
        assert entry == b"entry %d" % index
        leaf = hashlib.sha256(b"\x00" + entry).digest()
        proof = stranger_path(tmp_path, size, index, 0, size)
        assert stranger_root(leaf, index, size, proof) == signed_root
        assert proof == inclusion_proof(index, size, signed.log.node)
    for old in (1, 255, 256, 257, 40_000, 65_536, 65_537, 65_999):
        proof = stranger_proof(tmp_path, size, old, 0, size, True)
        before = frontier_at(old, signed.log.node).root()
        verify_consistency(old, before, size, signed_root, proof)
        assert proof == consistency_proof(old, size, signed.log.node)


def _bundle(index: int, size: int) -> str:
    number = index // 256
    width = min(256, size - number * 256)
    assert number < 1000
    return f"{number:03d}" + (f".p/{width}" if width < 256 else "")
