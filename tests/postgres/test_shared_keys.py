"""Several processes on one log: a key that one of them announces is used by all, or nothing is signed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from audit.note import split
from governance.store.errors import Unavailable
from governance.store.keyring import Wanted
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server
from tests.store import world

__all__ = ["database", "opened", "root", "server"]

Open = Callable[..., Workspace]


class Announced:
    """Who signs once there is an entry that says so."""

    def __init__(self) -> None:
        self.vkeys: tuple[str, ...] = ()
        self.fold = replace(world.FOLD, log_keys=self.of)

    def of(self, state: Any) -> tuple[str, ...]:
        """The keys after the entries that `state` counts."""
        return self.vkeys if state.kinds.get("log_key.added") else ()


def signed_by(workspace: Workspace) -> list[str]:
    """Ids of the keys on the newest checkpoint."""
    return [line.key_id.hex() for line in split(workspace.reader.checkpoint())[1]]


class Rotated:
    """Two services on one log, a key that the first one made, and who signs."""

    def __init__(self, opened: Open) -> None:
        self.told = Announced()
        self.one, self.two = opened(fold=self.told.fold), opened("two", fold=self.told.fold)
        self.two.ledger.submit(world.Decide()).result(10)
        self.old = self.one.vkeys[0]
        self.new = self.one.ring.prepare(Wanted(), split(self.one.reader.checkpoint())[0])

    def copy(self) -> None:
        """What the sentence asks for: `keys/` of the folder that made the key."""
        shutil.copytree(self.one.paths.keys, self.two.paths.keys, dirs_exist_ok=True)

    def announce(self) -> None:
        """The new key signs beside the old one from the next entry on."""
        self.told.vkeys = (self.new.vkey, self.old)
        self.one.ledger.submit(world.Write((("log_key.added", {}),))).result(10)

    @property
    def both(self) -> list[str]:
        """Ids of both keys."""
        return [self.new.id, self.old.split("+")[1]]


@pytest.fixture
def rotated(opened: Open) -> Rotated:
    """A key is made, and announced by nobody yet."""
    return Rotated(opened)


def until(happens: Callable[[], bool]) -> None:
    """Wait for what a service finds out by itself."""
    for _ in range(250):
        if happens():
            return
        time.sleep(0.02)
    raise AssertionError("it does not happen")


def test_every_process_signs_with_the_key_that_one_of_them_announced(rotated: Rotated) -> None:
    """One machine would go on with the old key alone, and half the heads would lack a promised line."""
    rotated.copy()
    rotated.announce()
    assert len(signed_by(rotated.one)) == 1
    rotated.two.ledger.submit(world.Decide()).result(10)
    assert signed_by(rotated.two) == rotated.both
    assert rotated.two.ledger.ready is None


def test_who_lacks_a_key_in_force_is_not_ready_and_says_which(rotated: Rotated) -> None:
    """A balancer would go on sending people, and stops, to a service that can record none."""
    one, two = rotated.one, rotated.two
    assert two.ledger.ready is None
    rotated.announce()
    until(lambda: two.ledger.ready is not None)
    assert f"names the key `{rotated.new.id}`" in str(two.ledger.ready)
    assert "copy `keys/` from its folder" in str(two.ledger.ready)
    assert two.vkeys == (rotated.new.vkey, rotated.old), "which keys sign is known all the same"
    one.ledger.submit(world.Decide()).result(10)
    assert signed_by(one) == rotated.both, "the process that has the key goes on"


@pytest.mark.parametrize("command", [world.stop(), world.Decide()])
def test_a_write_without_the_key_is_turned_away_and_ends_nothing(
    rotated: Rotated, command: Any
) -> None:
    """One stop raised at the wrong service would take it away from everybody who reads there."""
    one, two = rotated.one, rotated.two
    rotated.announce()
    size = one.ledger.size
    for _ in range(2):
        with pytest.raises(Unavailable, match=f"nothing was recorded: .*`{rotated.new.id}`"):
            two.ledger.submit(command).result(10)
    assert two.ledger.failure is None
    assert one.reader.size == size
    one.ledger.submit(command).result(10)
    until(lambda: two.ledger.size == size + 1)


def test_a_key_that_is_copied_late_is_found_by_the_next_write(rotated: Rotated) -> None:
    """Every service would have to be started again after each new key, or miss what is asked at once."""
    two = rotated.two
    rotated.announce()
    until(lambda: two.ledger.ready is not None)
    rotated.copy()
    two.ledger.submit(world.Decide()).result(10)
    assert two.ledger.ready is None
    assert signed_by(two) == rotated.both


def test_a_copied_key_that_cannot_be_read_is_found_once_it_can(rotated: Rotated) -> None:
    """A copy that others can read would be signed with, or need a start although it was mended."""
    two = rotated.two
    rotated.copy()
    path = two.paths.keys / rotated.new.at
    path.chmod(0o644)
    rotated.announce()
    until(lambda: two.ledger.ready is not None)
    assert f"`{path}`" in str(two.ledger.ready)
    path.chmod(0o600)
    until(lambda: two.ledger.ready is None)
    two.ledger.submit(world.Decide()).result(10)


@pytest.mark.parametrize("started", [False, True])
def test_a_key_copied_before_it_was_announced_is_followed_when_it_signs_alone(
    rotated: Rotated, opened: Open, started: bool
) -> None:
    """Retiring the old key would end every other service, or keep it from starting."""
    one, two = rotated.one, rotated.two
    rotated.copy()
    if started:
        two.close()
    rotated.announce()
    one.ledger.submit(world.Decide()).result(10)
    rotated.told.vkeys = (rotated.new.vkey,)
    one.ledger.submit(world.Write((("log_key.retired", {}),))).result(10)
    one.ledger.submit(world.Decide()).result(10)
    assert signed_by(one) == [rotated.new.id]
    if started:
        two = opened("two", fold=rotated.told.fold)
    two.ledger.submit(world.Decide()).result(10)
    assert two.ledger.failure is None
    assert signed_by(two) == [rotated.new.id]


def test_who_lacks_a_key_reads_on_when_it_signs_alone(rotated: Rotated) -> None:
    """Retiring the old key would end every service to which nobody had copied the new one yet."""
    one, two = rotated.one, rotated.two
    rotated.announce()
    until(lambda: two.ledger.ready is not None)
    one.ledger.submit(world.Decide()).result(10)
    rotated.told.vkeys = (rotated.new.vkey,)
    one.ledger.submit(world.Write((("log_key.retired", {}),))).result(10)
    one.ledger.submit(world.Decide()).result(10)
    assert signed_by(one) == [rotated.new.id]
    until(lambda: two.ledger.size == one.ledger.size)
    with pytest.raises(Unavailable, match=f"nothing was recorded: .*`{rotated.new.id}`"):
        two.ledger.submit(world.Decide()).result(10)
    assert two.ledger.failure is None
    rotated.copy()
    two.ledger.submit(world.Decide()).result(10)
    assert signed_by(two) == [rotated.new.id]


def test_who_lacks_a_key_follows_no_head_of_a_stranger(
    rotated: Rotated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write to the server could go on with the log under a key of their own."""
    one, two = rotated.one, rotated.two
    size = two.ledger.size
    monkeypatch.setattr(one.ring, "signers", lambda _vkeys: (one.ring._open(rotated.new),))
    one.ledger.submit(world.Decide()).result(10)
    until(lambda: two.ledger.failure is not None)
    assert "is not signed by a known key" in str(two.ledger.failure)
    assert two.ledger.size == size
