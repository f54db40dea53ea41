"""Packages of pruned logs, and packages of the first format."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from audit.canonical import canonical, parse
from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.contents import manifest_of
from audit.entry import Entry, encode
from audit.errors import Gap, LogError, Tampered
from audit.package import FIRST_FORMAT, Layout, Package
from audit.packing import write_package
from audit.proof import TlogProof
from audit.tree import inclusion_proof
from audit.verify import verify
from tests.memory_log import MemoryLog

SIZE = 700


def pruned_log(world, minimum: int = 512, announced: int | None = 512) -> MemoryLog:
    """A log that announces a cut in entry 600 and has entries only from `minimum` on."""
    entries = list(world.log(SIZE).entries(0, SIZE))
    if announced is not None:
        data = {"minimum": announced, "grounds": "retention"}
        entries[601] = encode(
            Entry("retention.pruned", world.entry(601).at, {"type": "service", "id": "s"}, data)
        )
        entries[602] = encode(replace(world.entry(602), data={"refs": {"retention": 601}}))
        entries[603] = encode(replace(world.entry(603), data={"refs": {"decision": 4}}))

    class Cut(MemoryLog):
        def entries(self, start: int, stop: int):
            assert start >= minimum
            return super().entries(start, stop)

    log = Cut(entries)
    log.minimum = minimum
    return log


def test_a_pruned_log_verifies_and_says_so(world) -> None:
    """Otherwise keeping no longer than one may would cost the proof of what is kept."""
    path = world.anchored_package(pruned_log(world), minimum=512)
    assert not (path / "tile/entries/001").exists()
    assert (path / "tile/entries/002.p/188").exists()
    proven = verify(path, [world.key])
    assert (proven.size, proven.minimum, proven.references_unseen) == (SIZE, 512, 1)
    assert proven.first_at == "2026-11-20T10:08:32.000000Z"
    said = "\n".join(proven.proven)
    assert "the entries 0 to 511 were pruned" in said
    assert "from entry 512 on" in said
    assert any("1 references" in line for line in proven.not_proven)
    assert next(Package.open(path).entries(512)) == encode(world.entry(512))


def test_a_receipt_for_a_pruned_entry_still_holds(world) -> None:
    """Otherwise pruning would take the proof from whoever kept a receipt."""
    log = pruned_log(world)
    path = world.anchored_package(log, minimum=512)
    for leaf, expected in ((7, None), (8, Tampered)):
        proof = TlogProof(
            7, tuple(inclusion_proof(leaf, SIZE, log.node)), world.checkpoint(log)
        ).encode()
        if expected is None:
            verify(path, [world.key], None, [proof])
        else:
            with pytest.raises(expected, match="entry 7"):
                verify(path, [world.key], None, [proof])


@pytest.mark.parametrize("announced", [None, 256])
def test_entries_that_nobody_pruned_are_a_gap(world, announced: int | None) -> None:
    """Otherwise inconvenient entries could be left out and called old."""
    path = world.anchored_package(pruned_log(world, 512, announced), minimum=512)
    with pytest.raises(Gap, match="no entry of the log says") as caught:
        verify(path, [world.key])
    assert caught.value.index == (announced or 0)


def test_bundles_taken_out_of_a_package_are_a_gap(world) -> None:
    """Otherwise whoever hands a package on could prune it for his own ends."""
    log = pruned_log(world, 0)
    path = world.anchored_package(log)
    verify(path, [world.key])
    (path / "tile/entries/000").unlink()
    with pytest.raises(Gap, match="tile/entries/000"):
        verify(path, [world.key])
    manifest = parse((path / "manifest.json").read_bytes())
    for minimum in (256, 3, -256, SIZE + 68, "256"):
        (path / "manifest.json").write_bytes(canonical({**manifest, "minimum": minimum}))
        with pytest.raises(Tampered):
            verify(path, [world.key])


@pytest.mark.parametrize("file", ["tile/0/000", "tile/0/001", "tile/1/000.p/2", "tile/0/002.p/188"])
@pytest.mark.parametrize("how", ["flipped", "short", "long", "odd"])
def test_altered_hashes_of_pruned_entries_are_named(world, file: str, how: str) -> None:
    """Otherwise proofs about what was pruned would be worth what the file server is."""
    path = world.anchored_package(pruned_log(world), minimum=512)
    data = (path / file).read_bytes()
    changed = {
        "flipped": data[:3] + bytes([data[3] ^ 1]) + data[4:],
        "short": data[:-32],
        "long": data + bytes(32),
        "odd": data[:-7],
    }
    (path / file).write_bytes(changed[how])
    with pytest.raises(Tampered):
        verify(path, [world.key])


def test_nothing_is_shown_of_a_pruned_entry(world) -> None:
    """Otherwise a package could show values that were to be gone, and nobody could check them."""
    log = pruned_log(world)
    with pytest.raises(LogError, match="not in the package"):
        write_package(
            world.folder / "x", log, world.checkpoint(log), disclosures=world.disclosures(8)
        )
    path = world.anchored_package(log, minimum=512)
    shown = world.disclosures(8)[1].line()
    file = path / "disclosures.jsonl"
    file.write_bytes(shown + file.read_bytes())
    with pytest.raises(Tampered, match="which is not here"):
        verify(path, [world.key])


def first_format(world, log: MemoryLog) -> Path:
    """A package as it was written before anchors, a verifier and pruning."""
    path = world.package(log)
    package = Package.open(path)
    names = ("checkpoint", "disclosures.jsonl", "keys/log.vkey")
    files = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in names}
    tree: Checkpoint = package.checkpoint()
    manifest = package.manifest()
    counts = (manifest["blobs"], manifest["commitments"], manifest["disclosed"])
    old = manifest_of(Layout(FIRST_FORMAT, 0), tree, files, *counts)
    (path / "manifest.json").write_bytes(canonical(old))
    return path


def test_a_package_of_the_first_format_verifies(world) -> None:
    """Otherwise evidence handed over a year ago could not be checked any more."""
    path = first_format(world, world.log(300))
    manifest = parse((path / "manifest.json").read_bytes())
    assert manifest["format"] == "audit-package/v1"
    assert manifest.keys() == {
        "blobs",
        "commitments",
        "disclosed",
        "files",
        "form",
        "format",
        "origin",
        "root",
        "size",
    }
    assert verify(path, [world.key]).size == 300


@pytest.mark.parametrize("name", ["verify.py", "anchors/40/checkpoint", "anchors/40/0.tsr"])
def test_the_first_format_holds_nothing_newer(world, name: str) -> None:
    """Otherwise a file that nothing describes could lie in an old package."""
    path = first_format(world, world.log(300))
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(world.checkpoint(world.log(300), 40))
    with pytest.raises(Tampered, match="does not belong"):
        verify(path, [world.key])


@pytest.mark.parametrize("name", ["audit-package/v3", "", None, 2])
def test_an_unknown_format_is_refused(world, name: object) -> None:
    """Otherwise an old verifier would call a package proven whose rules it does not know."""
    path = world.package(world.log(5))
    manifest = parse((path / "manifest.json").read_bytes())
    (path / "manifest.json").write_bytes(canonical({**manifest, "format": name}))
    with pytest.raises(Tampered, match="names the format"):
        verify(path, [world.key])


def test_a_size_that_the_files_do_not_bear_out_ends_at_once(world) -> None:
    """Otherwise a claim of 2^62 entries would keep a verifier busy for ever."""
    log = world.log(300)
    path = world.package(log)
    huge = Checkpoint(world.signer.name, 2**62, log.root())
    (path / "checkpoint").write_text(sign_checkpoint(huge, world.signer))
    last = path / "tile/entries/x018/x014/x398/x509/x481/983"
    last.parent.mkdir(parents=True)
    last.write_bytes(b"")
    with pytest.raises((Gap, Tampered)):
        verify(path, [world.key])
