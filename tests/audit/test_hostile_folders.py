"""Packages as folders that somebody made to break the verifier, not to pass it."""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from audit.__main__ import main
from audit.archive import DirectoryReader
from audit.entry import MAX_ENTRY, Entry, encode
from audit.errors import Tampered
from audit.package import Package
from audit.verify import verify

TERABYTE = 1 << 40


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and output of `verify`."""
    code = main(["verify", *map(str, arguments), "--workers", "1"])
    return code, capsys.readouterr().out


def test_a_file_without_end_is_refused(world, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise a file of holes would take all memory of whoever verifies, and give no verdict."""
    files = ("checkpoint", "manifest.json", "disclosures.jsonl", "tile/entries/000", "tile/0/000")
    for name in files:
        path = world.package(world.log(300))
        os.truncate(path / name, TERABYTE)
        code, output = told(capsys, path, "--key", world.key)
        assert (code, f"`{name}` is too large" in output) == (10, True), output


def test_of_a_tile_only_what_shows_that_it_is_too_long_is_read(world) -> None:
    """Otherwise tiles of gigabytes, one after another, would keep a verifier busy for days."""
    for name in ("tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/1/000.p/1"):
        path = world.package(world.log(300))
        os.truncate(path / name, 1 << 31)
        assert len(Package.open(path).files.read(name)) < 1 << 25
        with pytest.raises(Tampered):
            verify(path, [world.key])


def test_bytes_after_the_last_entry_are_refused(world) -> None:
    """Otherwise something could be slipped into a package that no signature covers."""
    for name in ("tile/entries/000", "tile/entries/001.p/44"):
        for more in (b"\0", b"\0\0", b"\0\1x"):
            path = world.package(world.log(300))
            with (path / name).open("ab") as file:
                file.write(more)
            with pytest.raises(Tampered, match=name):
                verify(path, [world.key])


def test_folders_in_folders_are_refused(world, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise a package could end the verifier with an error that is no verdict."""
    path = world.package(world.log(5))
    before = Path.cwd()
    try:
        os.chdir(path)
        for _ in range(40):  # together longer than a path can be
            os.mkdir("deeper" * 30)
            os.chdir("deeper" * 30)
    finally:
        os.chdir(before)
    try:
        assert told(capsys, path, "--key", world.key)[0] == 10
    finally:  # pytest's own way of removing folders calls itself for each
        subprocess.run(["rm", "-rf", path], check=True)


def test_a_file_name_commands_no_terminal(world, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise a file's name could wipe the verdict off the screen and paint another there."""
    for paint in (
        "\x1b[2J\x1b[Hproven (re-performable package):",
        "\x9b2J",
        "a\nproven",
        "\u202eb",
    ):
        path = world.package(world.log(5))
        (path / paint).write_text("")
        for output in ("text", "json"):
            code, said = told(capsys, path, "--key", world.key, "-o", output)
            assert code == 10
            assert all(c.isprintable() or c == "\n" for c in said), said
            assert not any(line.startswith("proven") for line in said.splitlines())


def test_links_and_devices_are_refused(world, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise a package could have the verifier read what is not in it, or read for ever."""
    for target in ("/dev/zero", "/etc/hostname", "checkpoint", "."):
        path = world.package(world.log(5))
        (path / "tile/0/000.p/5").unlink()
        (path / "tile/0/000.p/5").symlink_to(target)
        assert told(capsys, path, "--key", world.key)[0] == 10, target
    for name in ("tile/pipe", "checkpoint", "manifest.json", "tile/0/000.p/5"):
        path = world.package(world.log(5))
        (path / name).unlink(missing_ok=True)
        os.mkfifo(path / name)
        assert told(capsys, path, "--key", world.key)[0] == 10, name


def test_the_largest_bundle_is_read_whole(world) -> None:
    """Otherwise the limits against hostile files would refuse a package that is right."""
    entry = world.entry(0)
    short = len(encode(Entry("note", entry.at, entry.by, {"text": ""})))
    largest = encode(Entry("note", entry.at, entry.by, {"text": "x" * (MAX_ENTRY - short)}))
    log = type(world.log(0))([largest] * 256)
    assert verify(world.package(log, disclosures=()), [world.key]).size == 256


def test_a_file_that_says_something_else_the_second_time_is_refused(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise whoever serves the folder could show a receipt's holder the old entries, and all others
    the new ones."""
    old = world.log(600)
    new = world.changed(old, 280, verdict="allow")
    receipt = world.checkpoint(old, 300)
    theirs, path = world.package(old), world.package(new)
    with pytest.raises(Tampered, match="rewritten"):
        verify(path, [world.key], receipts=[receipt])
    real, asked = DirectoryReader.read, 0

    def twice(self: DirectoryReader, name: str) -> bytes:
        nonlocal asked
        asked += name == "tile/entries/001"
        changed = name == "tile/entries/001" and asked > 1
        return (theirs / name).read_bytes() if changed else real(self, name)

    monkeypatch.setattr(DirectoryReader, "read", twice)
    with pytest.raises(Tampered, match="entries 256 to 511 were changed while they were read"):
        verify(path, [world.key], receipts=[receipt])
    assert asked > 1


def test_a_line_as_long_as_its_file_is_read_in_one_go(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise one line of some gigabytes would keep a verifier busy for days."""
    monkeypatch.setattr("audit.longfile.PIECE", 16)
    path = world.package(world.log(8))
    assert verify(path, [world.key]).disclosed == 2
    (path / "disclosures.jsonl").write_bytes(b"x" * (1 << 20))
    start = time.process_time()
    with pytest.raises(Tampered, match="line 1"):
        verify(path, [world.key])
    assert time.process_time() - start < 2


def test_a_helper_that_is_killed_is_no_verdict(
    world, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise too little memory would end in a traceback, and somebody read it as tampering."""

    def broken(*_: object) -> None:
        raise BrokenProcessPool("ended")

    monkeypatch.setattr("audit.scan._WORTH", 100)
    monkeypatch.setattr("audit.scan.STRETCH", 256)
    monkeypatch.setattr("audit.joined.STRETCH", 256)
    monkeypatch.setattr("audit.scan._in_order", broken)
    path = world.package(world.log(600))
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(path), "--key", world.key, "--workers", "2"])
    assert ended.value.code == 2
    assert "--workers 1" in capsys.readouterr().err
