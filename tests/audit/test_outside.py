"""What others saw: anchors in a package, trust policies, and times that cannot be."""

from __future__ import annotations

import hashlib

import pytest

from audit import note as notes
from audit.__main__ import main
from audit.errors import Gap, LogError, Tampered, UnknownKey
from audit.package import Anchored
from audit.packing import write_package
from audit.trust import TrustPolicy
from audit.verify import verify


def policy(world, *names: str, threshold: str = "all") -> TrustPolicy:
    """A policy that asks for these witnesses."""
    lines = [f"log {world.key}"]
    lines += [f"witness {name} {world.witness(name).verifier.vkey}" for name in names]
    lines += [f"group q {threshold} {' '.join(names)}", "quorum q"]
    return TrustPolicy.parse("\n".join(lines) + "\n")


def test_a_cosignature_says_what_existed_before_it(world) -> None:
    """Otherwise nobody could tell from a package which of its times somebody else vouches for."""
    log, witness = world.log(60), world.witness()
    path = world.anchored_package(log, Anchored(41, world.cosigned(log, 41, witness)))
    proven = verify(path, [world.key, witness.verifier.vkey])
    assert [(s.size, s.kind, s.name) for s in proven.outside.seen] == [
        (41, "witness", "witness.example/w1")
    ]
    said = "\n".join(proven.proven)
    assert "the first 41 entries existed before 2026-11-20T10:00:45Z" in said
    hidden = "\n".join(proven.not_proven)
    assert "the times from entry 41 on are true" in hidden
    assert "others were shown the same log" in hidden
    unknown = verify(path, [world.key])
    assert (unknown.outside.seen, unknown.outside.cosignatures_unknown) == ((), 1)
    assert any("cosignatures by keys that were not given: 1" in line for line in unknown.not_proven)


def test_a_quorum_is_met_by_the_newest_head_that_meets_it(world) -> None:
    """Otherwise an auditor who trusts two of three witnesses could not ask for them."""
    log = world.log(60)
    one, two = world.witness("witness.example/w1"), world.witness("witness.example/w2")
    path = world.anchored_package(
        log,
        Anchored(30, world.cosigned(log, 30, one, two)),
        Anchored(41, world.cosigned(log, 41, one)),
    )
    both = policy(world, "witness.example/w1", "witness.example/w2")
    assert verify(path, policy=both).outside.quorum == 30
    assert any("entries 30 to 59" in line for line in verify(path, policy=both).not_proven)
    either = policy(world, "witness.example/w1", "witness.example/w2", threshold="any")
    assert verify(path, policy=either).outside.quorum == 41
    three = policy(world, "witness.example/w1", "witness.example/w3")
    with pytest.raises(UnknownKey, match="meets the trust policy"):
        verify(path, policy=three)


def test_the_packages_own_checkpoint_may_meet_the_quorum(world) -> None:
    """Otherwise a log that waits for its witnesses before it exports would look unwitnessed."""
    log, one = world.log(45), world.witness()
    path = world.package(log, world.cosigned(log, 45, one))
    proven = verify(path, policy=policy(world, "witness.example/w1"))
    assert (proven.outside.quorum, proven.witnessed[0][0]) == (45, "witness.example/w1")
    assert not any("others were shown" in line for line in proven.not_proven)


def test_a_checkpoint_of_another_tree_is_the_proof_of_a_fork(world) -> None:
    """Otherwise whoever has the key could show the witness one log and the auditor another."""
    log = world.log(60)
    other = world.changed(log, 8, verdict="allow")
    path = world.anchored_package(log)
    note = world.cosigned(other, 40, world.witness())
    (path / "anchors/40/checkpoint").write_text(note)
    with pytest.raises(Tampered, match="signed two trees") as caught:
        verify(path, [world.key])
    assert caught.value.span == (0, 40)


@pytest.mark.parametrize("change", ["root", "size", "origin", "signature", "garbage", "gone"])
def test_an_altered_anchor_is_named(world, change: str) -> None:
    """Otherwise evidence from outside could be exchanged inside the package."""
    log, witness = world.log(60), world.witness()
    path = world.anchored_package(log)
    file = path / "anchors/40/checkpoint"
    note = file.read_text()
    lines = note.split("\n")
    if change == "root":
        lines[2] = "A" + lines[2][1:] if lines[2][0] != "A" else "B" + lines[2][1:]
    if change == "size":
        lines[1] = "39"
    if change == "origin":
        lines[0] = "example.com/other"
    if change == "signature":
        lines[5] = (
            lines[5][:-12] + ("A" * 8 if lines[5][-12:-4] != "A" * 8 else "B" * 8) + lines[5][-4:]
        )
    file.write_text("garbage" if change == "garbage" else "\n".join(lines))
    if change == "gone":
        file.unlink()
    expected = {"signature": UnknownKey, "gone": Gap}.get(change, Tampered)
    with pytest.raises(expected, match="anchors/40/checkpoint"):
        verify(path, [world.key, witness.verifier.vkey])


def test_a_time_stamp_that_cannot_be_checked_is_counted(world, capsys) -> None:
    """Otherwise a file that nobody looked at would pass for evidence of a time."""
    path = world.anchored_package(world.log(60))
    proven = verify(path, [world.key])
    assert proven.outside.stamps_unchecked == 1
    assert any("--tsa" in line for line in proven.not_proven)
    (path / "anchors/40/0.tsr").write_bytes(b"of something else")
    with pytest.raises(Tampered, match="no time-stamp of its checkpoint"):
        verify(path, [world.key])
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(path), "--key", world.key, "--tsa", str(path / "checkpoint")])
    assert ended.value.code == 2
    assert "not certificates in PEM" in capsys.readouterr().err


def test_back_dated_entries_are_named(world) -> None:
    """Otherwise whoever has the key could write last year's approvals today."""
    log = world.log(60)
    for late, index, what in ((4_000, 40, "ended before it"), (-4_000, 39, "already held it")):
        note = world.cosigned(log, 40, world.witness(late=late))
        path = world.anchored_package(log, Anchored(40, note))
        witness = world.witness().verifier.vkey
        verify(path, [world.key])
        with pytest.raises(Tampered, match=what) as caught:
            verify(path, [world.key, witness])
        assert caught.value.index == index
    note = world.cosigned(log, 40, world.witness(late=3_000))
    verify(world.anchored_package(log, Anchored(40, note)), [world.key, witness])


def test_a_witness_that_says_an_impossible_time_breaks_nothing(world) -> None:
    """Otherwise a broken witness could make a package unreadable instead of suspicious."""
    log = world.log(60)
    note = world.cosigned(log, 40, world.witness(late=2**60))
    path = world.anchored_package(log, Anchored(40, note))
    with pytest.raises(Tampered, match="others saw"):
        verify(path, [world.key, world.witness().verifier.vkey])


def test_only_anchors_of_this_log_are_packed(world) -> None:
    """Otherwise the operator would find out from the auditor that evidence and log disagree."""
    log = world.log(60)
    other = world.changed(log, 8, verdict="allow")
    for anchor in (
        Anchored(40, world.cosigned(other, 40, world.witness())),
        Anchored(61, world.cosigned(world.log(70), 61, world.witness())),
    ):
        with pytest.raises(LogError):
            write_package(world.folder / "x", log, world.checkpoint(log), anchors=[anchor])
    assert not (world.folder / "x").exists()


def test_an_anchor_beyond_the_package_does_not_belong(world) -> None:
    """Otherwise a head of entries that are not here would be taken for evidence about them."""
    path = world.anchored_package(world.log(60))
    (path / "anchors/40").rename(path / "anchors/61")
    with pytest.raises(Tampered, match="does not belong"):
        verify(path, [world.key])


def test_a_policy_from_the_package_is_refused(world, capsys) -> None:
    """Otherwise the package could choose its own witnesses."""
    path = world.package(world.log(5))
    (path / "policy").write_text(f"log {world.key}\nquorum none\n")
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(path), "--policy", str(path / "policy")])
    assert ended.value.code == 2
    (world.folder / "bad").write_text("log here\n")
    with pytest.raises(SystemExit):
        main(["verify", str(path), "--policy", str(world.folder / "bad")])
    assert "line 1" in capsys.readouterr().err


def test_the_imprint_of_a_time_stamp_is_the_text_without_signatures(world) -> None:
    """Otherwise a cosignature that comes later would spoil the time-stamps before it."""
    path = world.anchored_package(world.log(60))
    file = path / "anchors/40/checkpoint"
    text = notes.split(file.read_bytes())[0].encode()
    assert hashlib.sha256(text).digest() in (path / "anchors/40/0.tsr").read_bytes()
