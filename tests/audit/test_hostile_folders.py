"""Packages as folders that somebody made to break the verifier, not to pass it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from audit.__main__ import main
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
    path = world.package(world.log(5))
    os.mkfifo(path / "tile/pipe")
    assert told(capsys, path, "--key", world.key)[0] == 10


def test_the_largest_bundle_is_read_whole(world) -> None:
    """Otherwise the limits against hostile files would refuse a package that is right."""
    entry = world.entry(0)
    short = len(encode(Entry("note", entry.at, entry.by, {"text": ""})))
    largest = encode(Entry("note", entry.at, entry.by, {"text": "x" * (MAX_ENTRY - short)}))
    log = type(world.log(0))([largest] * 256)
    assert verify(world.package(log, disclosures=()), [world.key]).size == 256
