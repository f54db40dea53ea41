"""Keys that follow one another: what a package proves of it, under which key, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.entry import Entry, encode
from audit.errors import UnknownKey
from audit.note import Ed25519Signer
from audit.package import Anchored
from audit.packing import write_package
from audit.succession import KeyChange, change_of, sentences
from audit.tree import frontier_at
from audit.verify import verify
from tests.memory_log import MemoryLog

ADDED, RETIRED = 520, 600
SIZE = 700


def new_key(world) -> Ed25519Signer:
    """The key that comes after the world's."""
    return Ed25519Signer.from_seed(world.signer.name, bytes([7] * 32))


def handed_over(world, minimum: int = 0, why: str = "replaced") -> MemoryLog:
    """A log whose key changes hands at entries 520 and 600; entries below `minimum` are pruned."""
    entries = list(world.log(SIZE).entries(0, SIZE))
    old, new = world.signer.vkey, new_key(world).vkey
    kinds: dict[int, tuple[str, dict[str, Any]]] = {
        ADDED: ("log_key.added", {"vkey": new, "custody": "file", "beside": [old]}),
        RETIRED: ("log_key.retired", {"vkey": old, "why": why, "remaining": [new]}),
    }
    if minimum:
        kinds[610] = ("retention.pruned", {"minimum": minimum})
    by = {"type": "service", "id": "s"}
    for index, (kind, data) in kinds.items():
        entries[index] = encode(Entry(kind, world.entry(index).at, by, data))
    for index, data in enumerate(entries):  # nothing refers to what is of another kind now
        if data.count(b'"refs"') and index in range(ADDED, 620) and index not in kinds:
            entries[index] = encode(Entry("outcome", world.entry(index).at, by, {"ok": True}))
    log = MemoryLog(entries)
    log.minimum = minimum
    return log


def signed(log: MemoryLog, size: int, *signers: Ed25519Signer) -> str:
    """The head over the first `size` entries."""
    tree = Checkpoint(signers[0].name, size, frontier_at(size, log.node).root())
    return sign_checkpoint(tree, *signers)


def package(world, log: MemoryLog, *heads: tuple[int, Ed25519Signer]):
    """A package signed by the new key, with heads that others signed."""
    path = world.folder / f"handed-over-{log.minimum}-{len(heads)}"
    anchors = [Anchored(size, signed(log, size, signer)) for size, signer in heads]
    note = signed(log, SIZE, new_key(world))
    write_package(path, log, note, keys=[world.key], anchors=anchors)
    return path


@pytest.mark.parametrize("minimum", [0, 512])
def test_the_old_key_says_which_key_goes_on(world, minimum: int) -> None:
    """An auditor with last year's key would have nothing but the operator's word."""
    path = package(world, handed_over(world, minimum), (RETIRED + 1, world.signer))
    with pytest.raises(UnknownKey) as caught:
        verify(path, [world.key])
    said = str(caught.value)
    assert f"The pinned key itself signed the first {RETIRED + 1} entries" in said
    assert new_key(world).vkey in said
    told = "\n".join(verify(path, [new_key(world).vkey]).proven)
    assert f"entry {ADDED} announced" in told
    assert f"entry {RETIRED} retired" in told


def test_a_head_from_before_the_retirement_proves_no_successor(world) -> None:
    """What the old key never signed would be told as if it had."""
    path = package(world, handed_over(world), (ADDED, world.signer))
    with pytest.raises(UnknownKey, match="which is not proven"):
        verify(path, [world.key])


def test_a_head_by_a_stranger_proves_nothing(world) -> None:
    """Whoever makes the package would choose the next key."""
    stranger = Ed25519Signer.from_seed(world.signer.name, bytes([9] * 32))
    path = package(world, handed_over(world), (RETIRED + 1, stranger))
    with pytest.raises(UnknownKey, match="which is not proven"):
        verify(path, [world.key])
    with pytest.raises(UnknownKey) as caught:
        verify(path, [stranger.vkey])
    assert "retired" not in str(caught.value)


def test_a_head_of_another_tree_proves_nothing(world) -> None:
    """An old genuine head beside invented entries would vouch for the key that they name."""
    log = handed_over(world)
    path = package(world, log)
    elsewhere = world.checkpoint(world.log(SIZE), RETIRED + 1)
    (path / f"anchors/{RETIRED + 1}").mkdir(parents=True)
    (path / f"anchors/{RETIRED + 1}/checkpoint").write_text(elsewhere)
    with pytest.raises(UnknownKey, match="which is not proven"):
        verify(path, [world.key])


@pytest.mark.parametrize("why", ["compromised", "replaced"])
def test_whoever_goes_on_with_a_retired_key_is_found_out(world, why: str) -> None:
    """A stolen key would sign on, for everybody who did not hear of it."""
    log = handed_over(world, why=why)
    path = world.folder / "stolen"
    write_package(path, log, signed(log, SIZE, world.signer), keys=[world.key])
    with pytest.raises(UnknownKey, match=f"retired.*{why}"):
        verify(path, [world.key])


def test_between_the_two_each_key_suffices(world) -> None:
    """A careful handover would look like an attack."""
    entries = list(handed_over(world).entries(0, 560))
    log = MemoryLog(entries)
    for number, signers in enumerate([(new_key(world), world.signer), (world.signer,)]):
        path = world.folder / f"between-{number}"
        write_package(path, log, signed(log, 560, *signers), keys=[world.key])
        for signer in signers:
            assert verify(path, [signer.vkey]).size == 560


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"vkey": "x", "beside": []},
        {"vkey": 7, "beside": []},
        {"beside": ["x"]},
        {"beside": "x"},
        {"beside": [None]},
        {"why": 7, "beside": []},
    ],
)
def test_what_only_looks_like_a_change_is_passed_over(world, data: dict[str, Any]) -> None:
    """Logs of others that use these words otherwise could not be verified."""
    full = {"vkey": world.key, **data}
    entry = Entry("log_key.added", world.entry(0).at, {"type": "service", "id": "s"}, full)
    assert change_of(0, entry) is None
    log = MemoryLog([encode(entry), *world.log(8).entries(1, 1)])
    path = world.folder / "looks"
    write_package(path, log, world.checkpoint(log), keys=[world.key])
    assert verify(path, [world.key]).keys == ()


def test_changes_are_said_in_words(world) -> None:
    """A reader would not learn that the key changed."""
    old, new = world.key, new_key(world).vkey
    told = sentences([KeyChange(3, True, new, "", (old,)), KeyChange(9, False, old, "", (new,))])
    assert told[0].startswith("entry 3 announced")
    assert "(–)" in told[1]
