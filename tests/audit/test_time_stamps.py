"""Time-stamps of RFC 3161 in a package, against an authority that `openssl ts` plays."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from time_authority import TimeAuthority

from audit import note as notes
from audit.__main__ import main
from audit.entry import Entry, encode
from audit.errors import LogError, Malformed, Tampered, UnknownKey
from audit.outside import Authorities
from audit.package import Anchored
from audit.verify import verify
from tests.memory_log import MemoryLog
from tests.optional import library


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimeAuthority:
    """One authority for all tests of this module."""
    library("rfc3161_client", "rfc3161-client")
    return TimeAuthority(tmp_path_factory.mktemp("authority") / "one")


def recent(late: timedelta = timedelta()) -> MemoryLog:
    """A log of entries of this very minute, for the authority's clock is the machine's."""
    by = {"type": "service", "id": "s"}
    start = datetime.now(UTC) - timedelta(minutes=2) - late
    return MemoryLog(
        encode(Entry("outcome", start + timedelta(seconds=index), by, {})) for index in range(60)
    )


def stamped(world, log: MemoryLog, authority: TimeAuthority, *, over: bytes | None = None) -> Path:
    """A package with one time-stamp over the head of the first 40 entries."""
    note = world.checkpoint(log, 40)
    text = over or notes.split(note)[0].encode()
    anchor = Anchored(40, note, (authority.stamp(text),))
    path = world.folder / f"stamped-{len(list(world.folder.iterdir()))}"
    from audit.packing import write_package

    write_package(path, log, world.checkpoint(log), keys=[world.key], anchors=[anchor])
    return path


def test_a_time_stamp_says_what_existed_before_it(world, authority: TimeAuthority, capsys) -> None:
    """Otherwise the strongest evidence of a time could be carried along and never be read."""
    path = stamped(world, recent(), authority)
    proven = verify(path, [world.key], authorities=Authorities([authority.roots]))
    ((size, time, kind, _),) = proven.outside.seen
    assert (size, kind, proven.outside.stamps_unchecked) == (40, "timestamp", 0)
    assert abs(time - datetime.now(UTC).timestamp()) < 120
    assert any("the first 40 entries existed before" in line for line in proven.proven)
    assert any("no witness has signed" in line for line in proven.not_proven)
    root = world.folder / "root.pem"
    root.write_bytes(authority.roots)
    assert main(["verify", str(path), "--key", world.key, "--tsa", str(root)]) == 0
    assert "a time-stamp authority stamped their tree then" in capsys.readouterr().out


def test_a_time_stamp_by_another_authority_is_refused(world, authority, tmp_path: Path) -> None:
    """Otherwise anybody with two certificates could vouch for any time."""
    other = TimeAuthority(tmp_path / "other", "Time of Nobody")
    path = stamped(world, recent(), other)
    with pytest.raises(UnknownKey, match=r"anchors/40/0\.tsr"):
        verify(path, [world.key], authorities=Authorities([authority.roots]))
    both = Authorities([authority.roots, other.roots])
    assert len(verify(path, [world.key], authorities=both).outside.seen) == 1


def test_an_altered_time_stamp_is_refused(world, authority: TimeAuthority) -> None:
    """Otherwise the time in it could be another than the authority signed."""
    path = stamped(world, recent(), authority)
    file = path / "anchors/40/0.tsr"
    good = file.read_bytes()
    trusted = Authorities([authority.roots])
    for at in range(0, len(good), max(1, len(good) // 40)):
        file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises((Tampered, UnknownKey)):
            verify(path, [world.key], authorities=trusted)
    for bad in (b"", good[:-9], good + b"x"):
        file.write_bytes(bad)
        with pytest.raises((Tampered, UnknownKey)):
            verify(path, [world.key], authorities=trusted)


def test_a_time_stamp_of_something_else_is_refused(world, authority: TimeAuthority) -> None:
    """Otherwise an old stamp could be laid beside a new head."""
    path = stamped(world, recent(), authority, over=b"something else")
    for trusted in (None, Authorities([authority.roots])):
        with pytest.raises(Tampered, match="no time-stamp of its checkpoint"):
            verify(path, [world.key], authorities=trusted)


def test_a_time_stamp_convicts_back_dated_entries(world, authority: TimeAuthority) -> None:
    """Otherwise a history written afterwards would only need older dates in it."""
    path = stamped(world, recent(timedelta(hours=3)), authority)
    verify(path, [world.key])
    with pytest.raises(Tampered, match="its time is false") as caught:
        verify(path, [world.key], authorities=Authorities([authority.roots]))
    assert caught.value.index == 40


def test_stamps_that_were_to_be_checked_and_cannot_be_are_no_success(
    world, authority, monkeypatch, capsys
) -> None:
    """Otherwise a missing package would look like evidence that was checked."""
    path = stamped(world, recent(), authority)
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(LogError, match="needs the Python package `rfc3161-client`"):
        Authorities([authority.roots])
    roots = path.parent / "roots.pem"
    roots.write_bytes(authority.roots)
    with pytest.raises(SystemExit) as caught:
        main(["verify", str(path), "--key", world.key, "--tsa", str(roots)])
    assert caught.value.code == 2
    assert "rfc3161-client" in capsys.readouterr().err
    proven = verify(path, [world.key])
    assert (proven.outside.seen, proven.outside.stamps_unchecked) == ((), 1)
    assert any("(--tsa)" in line for line in proven.not_proven)


def test_certificates_without_a_root_are_said_so(authority: TimeAuthority) -> None:
    """Otherwise a wrong file would leave every time-stamp unchecked without a word."""
    with pytest.raises(Malformed, match="none that signs itself"):
        Authorities([(authority._folder / "tsa.pem").read_bytes()])
    with pytest.raises(Malformed, match="not certificates"):
        Authorities([b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
