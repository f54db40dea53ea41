"""The whole service with a real witness program on loopback: cosigned, exported, attacked, verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from service_world import World

from audit.checkpoint import open_checkpoint
from audit.errors import UnknownKey
from audit.keys import Verifier
from audit.trust import TrustPolicy
from audit.verify import verify
from audit.witness_request import AddCheckpoint
from audit.witness_state import PinnedLog
from governance.anchoring.settings import AnchorSettings
from governance.anchoring.station import Anchors, Station
from governance.anchoring.witnesses import WitnessAnchor, WitnessClient
from governance.service import anchoring, exporting
from governance.service.anchors import outside
from governance.service.desk import Desk, Settings
from governance.store import anchored
from governance.store.errors import CannotOpen
from tests.audit.witness_world import AWitness, served


@contextmanager
def witnessed(world: World, witness: AWitness) -> Iterator[Station]:
    """The world with `witness` for its anchor, both on the world's clock."""
    log = tuple(Verifier.from_vkey(vkey) for vkey in world.workspace.vkeys)
    witness.state.pin(PinnedLog(world.workspace.origin, log))
    with served(witness.witness) as (host, port):
        url = f"http://{host}:{port}"
        anchor = WitnessAnchor(AnchorSettings("audit", "witness", url, key=witness.key.vkey))
        anchor._client = WitnessClient(
            url,
            witness.key.vkey,
            2.0,
            now=lambda: world.clock.now / 1e6,
            pause=lambda _: None,
        )
        station = Station(AnchorSettings("audit", "witness", url, key=witness.key.vkey), anchor)
        world.desk = Desk.over(
            world.workspace, Settings(), world.clock, anchors=Anchors((station,))
        )
        anchoring.configure(world.desk)
        yield station


def hand_over(world: World, witness: AWitness) -> list[str]:
    """One round; what failed."""
    witness.now = world.clock.now // 1_000_000
    return anchoring.anchor(world.desk, wait=10.0, due_only=False)


def policy(world: World, witness: AWitness) -> TrustPolicy:
    """What an auditor pins."""
    (vkey,) = world.workspace.vkeys
    return TrustPolicy.parse(f"log {vkey}\nwitness w {witness.key.vkey}\nquorum w\n")


@pytest.fixture
def witness(tmp_path: Path) -> AWitness:
    """Another department's witness."""
    return AWitness(tmp_path / "witness")


def test_what_the_witness_cosigned_reaches_the_auditor(
    world: World, witness: AWitness, tmp_path: Path
) -> None:
    """Otherwise an auditor would have to take the operator's word in spite of the witness."""
    with witnessed(world, witness) as station:
        for _ in range(3):
            world.pay()
            world.clock.advance(60)
            assert hand_over(world, witness) == []
        size = world.desk.reader.size
        assert station.size == size
        (found,) = anchored.newest(world.desk.reader).values()
        assert (found.size, found.kind) == (size, "witness")
        assert outside(world.desk).reaches == size
        path = tmp_path / "package.zip"
        exporting.export(world.desk, world.tom, path)
        proven = verify(path, [], policy=policy(world, witness))
        assert proven.outside.quorum == size
        other = AWitness(tmp_path / "other", seed=9)
        with pytest.raises(UnknownKey, match="did not cosign"):
            verify(path, [], policy=policy(world, other))


def test_a_service_put_back_to_an_older_state_does_not_go_on(
    world: World, witness: AWitness, tmp_path: Path
) -> None:
    """Otherwise a restored disk would sign a second history under the same name."""
    world.close()
    older = world.copied(tmp_path / "older")
    world.open()
    with witnessed(world, witness):
        world.pay()
        assert hand_over(world, witness) == []
    newer = world.desk.reader.size
    with witnessed(older, witness):
        assert older.desk.reader.size < newer
        with pytest.raises(CannotOpen, match=f"a head of this log with {newer} entries"):
            anchoring.look(older.desk)
    older.close()


def test_a_second_service_with_the_same_key_is_contradicted_with_evidence(
    world: World, witness: AWitness, tmp_path: Path
) -> None:
    """Otherwise a copied disk and key could answer agents beside the real log, unnoticed."""
    world.close()
    other = world.copied(tmp_path / "other")
    world.open()
    with witnessed(world, witness):
        for _ in range(4):
            world.pay()
        assert hand_over(world, witness) == []
        cosigned = world.desk.reader.size
    with witnessed(other, witness):
        while other.desk.reader.size <= cosigned:
            other.pay(amount="7 EUR")
        (failed,) = hand_over(other, witness)
        assert "a fork" in failed
        known = other.desk.state.anchors["audit"]
        assert known.conflict is not None
        shown = anchoring.evidence_of(other.desk, "audit")
        keys = [*map(Verifier.from_vkey, other.workspace.vkeys), witness.key]
        assert open_checkpoint(shown, keys).size == cosigned
        # The witness itself refuses, too, whatever the client looks at first.
        head = anchoring.head_of(other.desk)
        proof = head.extends(cosigned, head.size)
        answer = witness.add(AddCheckpoint(cosigned, tuple(proof), head.note).encode())
        assert answer.status == 422
    other.close()


def test_a_witness_that_is_down_stops_nothing(world: World, witness: AWitness) -> None:
    """Otherwise another department's machine would decide whether agents get answers."""
    with witnessed(world, witness) as station:
        world.pay()
    (failed,) = hand_over(world, witness)
    assert "cannot be reached" in failed
    assert world.pay()["decision"] is True
    assert station.error
