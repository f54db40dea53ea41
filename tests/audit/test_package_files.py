"""The package: the same bytes each time, readable by others, complete or not there at all."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
import zlib
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from log_world import AGENT, PERSON, START

from audit import zipped
from audit.entry import Entry, encode
from audit.errors import Gap, LogError, NothingToVerify, Tampered
from audit.package import Disclosure, Package
from audit.packing import write_package
from audit.scan import Computed, scan_all
from audit.verify import verify
from tests.memory_log import MemoryLog


def files_of(path: Path) -> dict[str, bytes]:
    """Every file of a package directory."""
    found = (p for p in path.rglob("*") if p.is_file())
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in found}


def test_the_same_log_gives_the_same_bytes(world) -> None:
    """Otherwise two exports of one log could not be compared, nor a digest of one be quoted."""
    log = world.log(300)
    one, two = world.package(log, suffix=".zip"), world.package(log, suffix=".zip")
    assert one.read_bytes() == two.read_bytes()
    assert files_of(world.package(log)) == files_of(world.package(log))


def test_the_zip_is_one_that_others_can_read(world) -> None:
    """Otherwise an auditor would need our program only to look inside."""
    log = world.log(300)
    with zipfile.ZipFile(world.package(log, suffix=".zip")) as other:
        assert other.testzip() is None
        content = {name: other.read(name) for name in other.namelist()}
    assert content == files_of(world.package(log))


def test_a_zip_beyond_its_32_bit_limits_is_one_that_others_can_read(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a large log could be exported but never opened."""
    monkeypatch.setattr(zipped, "_MAX16", 3)
    path = world.package(world.log(300), suffix=".zip")
    verify(path, [world.key])
    raw = path.read_bytes()
    assert b"PK\6\6" in raw
    assert raw[-22:].startswith(b"PK\5\6\0\0\0\0\3\0\3\0")


def test_offsets_beyond_four_gibibytes_are_written_and_read() -> None:
    """Otherwise the files at the end of a large archive could not be found."""
    member = zipped._Member("tile/0/000", 7, 8192, 5 * 2**30)
    record = member.central()
    assert record[-12:] == b"\1\0\x08\0" + (5 * 2**30).to_bytes(8, "little")


def test_a_package_appears_complete_or_not_at_all(world, tmp_path: Path) -> None:
    """Otherwise an interrupted export could be handed over as the whole log."""

    class Failing(MemoryLog):
        def leaves(self, start: int, stop: int):
            raise OSError("disk full")

    log = world.log(20)
    broken = Failing(log.entries(0, 20))
    for name in ("p.zip", "p"):
        with pytest.raises(OSError, match="disk full"):
            write_package(tmp_path / name, broken, world.checkpoint(log))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_ever_written_over(world) -> None:
    """Otherwise an export could destroy an earlier one that somebody relies on."""
    log = world.log(5)
    path = world.package(log)
    with pytest.raises(LogError, match="exists already"):
        write_package(path, log, world.checkpoint(log))
    (world.folder / "new.part").mkdir()
    with pytest.raises(LogError, match="did not finish"):
        write_package(world.folder / "new", log, world.checkpoint(log))
    (world.folder / "empty").mkdir()
    write_package(world.folder / "empty", log, world.checkpoint(log), keys=[world.key])
    verify(world.folder / "empty", [world.key])


def test_a_log_that_is_not_the_one_signed_is_not_exported(world) -> None:
    """Otherwise a damaged database would be exported under a good checkpoint."""
    log = world.log(20)
    changed = world.changed(log, 4, verdict="allow")
    with pytest.raises(LogError, match="not the one in the checkpoint"):
        write_package(world.folder / "x", changed, world.checkpoint(log))
    with pytest.raises(LogError, match="not the one in the checkpoint"):
        write_package(world.folder / "x", world.log(19), world.checkpoint(log))


def test_a_store_that_lost_an_entry_is_not_exported(world) -> None:
    """Otherwise the gap would be found by the auditor and not by us."""

    class Losing(MemoryLog):
        def entries(self, start: int, stop: int):
            return super().entries(start, stop - 1)

    log = world.log(20)
    with pytest.raises(Gap, match="lacks entry 19"):
        write_package(world.folder / "x", Losing(log.entries(0, 20)), world.checkpoint(log))


def test_what_is_inside_can_be_read_back(world) -> None:
    """Otherwise replay and reports could not work from a package."""
    log = world.log(600)
    package = Package.open(world.package(log, suffix=".zip"))
    assert list(package.entries()) == list(log.entries(0, 600))
    assert list(package.entries(250, 520)) == list(log.entries(250, 520))
    assert list(package.disclosures()) == world.disclosures(600)
    assert package.claimed_keys() == [world.key]
    digest = hashlib.sha256(b"rules: []\n").hexdigest()
    assert package.blobs() == [digest]
    assert package.blob(digest) == b"rules: []\n"
    assert package.manifest()["form"] == "re-performable"
    with pytest.raises(Gap):
        package.blob("0" * 64)


def test_blobs_that_entries_name_and_that_are_missing_are_counted(world) -> None:
    """Otherwise a policy left out of the package would not be missed."""
    named = world.changed(world.log(8), 0, files={"policy": "ab" * 32})
    proven = verify(world.package(named), [world.key])
    assert (proven.blobs, proven.blobs_missing, proven.blobs_unnamed) == (1, 1, 1)
    assert any("not in the package" in line for line in proven.not_proven)


@pytest.mark.parametrize("name", ["absent", "empty", "empty.zip"])
def test_no_package_is_nothing_to_verify(world, name: str) -> None:
    """Otherwise an empty folder would pass as a log without objections."""
    path = world.folder / name
    if name == "empty":
        path.mkdir()
    if name == "empty.zip":
        path.touch()
    with pytest.raises(NothingToVerify):
        verify(path, [world.key])


def test_a_zip_with_a_foreign_header_is_refused(world) -> None:
    """Otherwise an archive could show one content to us and another to an unzip program."""
    path = world.package(world.log(5), suffix=".zip")
    again = world.folder / "again.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(again, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(Tampered, match="as it was written: altered, or packed again by another"):
        verify(again, [world.key])


@pytest.mark.parametrize(
    "name", ["tile/entries/000.p/5", "tile/0/000.p/5", "manifest.json", "checkpoint"]
)
def test_a_false_checksum_in_the_archive_is_noticed(world, name: str) -> None:
    """Otherwise an unzip program would call damaged what we call proven."""
    path = world.package(world.log(5), suffix=".zip")
    raw = path.read_bytes()
    checksum = zlib.crc32(zipfile.ZipFile(path).read(name)).to_bytes(4, "little")
    assert raw.count(checksum) == 2
    path.write_bytes(raw.replace(checksum, bytes(4)))
    with pytest.raises(Tampered, match=f"checksum of `{name}`"):
        verify(path, [world.key])


@pytest.mark.parametrize("name", ["checkpoint", "tile/entries/007", "tile/0/007.p/5"])
def test_a_name_that_occurs_twice_in_an_archive_is_refused(world, name: str) -> None:
    """Otherwise we could read one file of that name, and an unzip program the other."""
    path = world.folder / "twice.zip"
    writer = zipped.ZipWriter(path)
    for each in (name, "tile/entries/006", name, "tile/entries/008"):
        writer.add(each, b"one or the other")
    writer.close()
    with pytest.raises(Tampered, match="twice"):
        verify(path, [world.key])


def test_files_are_found_in_an_archive_in_whatever_order(world) -> None:
    """Otherwise one file could be read in the place of another."""
    tiles = [f"tile/{level}/{number:03d}" for level in ("0", "entries") for number in range(40)]
    names = [*tiles, "tile/0/040.p/3", "tile/0/003.p/3", "checkpoint", "manifest.json"]
    Random(7).shuffle(names)
    path = world.folder / "shuffled.zip"
    writer = zipped.ZipWriter(path)
    for name in names:
        writer.add(name, name.encode() * 3)
    writer.close()
    reader = pickle.loads(pickle.dumps(zipped.ZipReader(path)))  # as another process gets it
    assert sorted(reader.names()) == sorted(names)
    for name in names:
        assert reader.read(name) == b"".join(reader.pieces(name)) == name.encode() * 3
        reader.seal(name, (name.encode(), name.encode() * 2))
    for name in ("tile/0/040", "tile/0/041", "tile/1/000", "tile/0/004.p/3", "tile/0/39", "x"):
        with pytest.raises(Gap):
            reader.read(name)


@pytest.fixture
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of 256 entries, so that a small log has several."""
    monkeypatch.setattr("audit.scan.STRETCH", 256)
    monkeypatch.setattr("audit.joined.STRETCH", 256)


@pytest.mark.usefixtures("small_stretches")
def test_what_crosses_the_border_of_a_stretch_is_checked(world) -> None:
    """Otherwise a reference or a time could be false wherever the work is divided."""
    log = world.log(700)
    proven = verify(world.package(log), [world.key])
    assert (proven.size, proven.references) == (700, 700)
    far = world.changed(log, 514, refs={"approval": 5, "decision": 0})
    verify(world.package(far), [world.key])
    wrong = world.changed(log, 514, refs={"approval": 4, "decision": 0})
    with pytest.raises(Tampered, match="entry 514") as caught:
        verify(world.package(wrong), [world.key])
    assert caught.value.index == 514
    entries = list(log.entries(0, 700))
    late = [*entries[:511], entries[511].replace(b"10:08:31", b"11:08:31"), *entries[512:]]
    with pytest.raises(Tampered, match="entry 512") as caught:
        verify(world.package(MemoryLog(late)), [world.key])
    assert caught.value.index == 512


@pytest.mark.usefixtures("small_stretches")
def test_a_log_pruned_by_whole_stretches_is_checked_as_any_other(world) -> None:
    """Otherwise only a log that was pruned a little could be verified, or what refers back not."""
    for role, expected in (("decision", 0), ("approval", 10)):
        log = world.log(1100)
        at = START + timedelta(seconds=530)
        pruned = Entry("retention.pruned", at, PERSON, {"minimum": 512})
        entries = [*log.entries(0, 530), encode(pruned), *log.entries(531, 1100)]
        refs = Entry("outcome", START + timedelta(seconds=1090), AGENT, {"refs": {role: 516}})
        entries[1090] = encode(refs)
        made = MemoryLog(entries)
        made.minimum = 512
        path = world.package(made, disclosures=())
        if expected:
            with pytest.raises(Tampered, match=r"entry 1090 .*points to entry 516"):
                verify(path, [world.key])
        else:
            assert verify(path, [world.key]).minimum == 512


def test_several_processes_find_what_one_finds(world) -> None:
    """Otherwise a large log would be verified less strictly than a small one."""
    template = next(world.log(4).entries(3, 4)).replace(b'"decision":0', b'"outcome":%d')
    entries = [next(world.log(1).entries(0, 1)).replace(b"decision", b"outcome")]
    late = template.replace(b"2026", b"2027")
    entries += [late % (index // 2) for index in range(1, 66_000)]
    log = MemoryLog(entries)
    path = world.package(log, suffix=".zip", disclosures=[Disclosure(0, *opened(world))])
    alone, together = verify(path, [world.key]), verify(path, [world.key], workers=2)
    assert alone == together
    package = Package.open(path)
    computed = Computed(package, scan_all(package, 66_000, envelopes=False))
    assert computed(3, 7000) == log.node(3, 7000)
    raw = path.read_bytes()
    before, last, after = raw.rpartition(entries[65_999])
    path.write_bytes(before + last.replace(b"true", b"null") + after)
    with pytest.raises(Tampered, match="entry 65999") as caught:
        verify(path, [world.key], workers=2)
    assert caught.value.index == 65_999


def opened(world) -> tuple[str, str, str]:
    """Name, salt and value behind the commitment of entry 0."""
    first = world.disclosures(1)[0]
    return first.name, first.salt, first.value
