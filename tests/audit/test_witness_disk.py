"""What is left of a witness's memory after kill -9 and failing disks, at every single write."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from witness_world import ORIGIN, ALog, AWitness

from audit.witness_state import State, WitnessError

CALLS = ("open", "write", "fsync", "close", "replace")
LOG = ALog(20)


def counted(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[str, Callable[..., Any], tuple[Any, ...]], Any]
) -> None:
    """Put `act(name, real, arguments)` in the place of every call that touches the disk."""
    for name in CALLS:
        real = getattr(os, name)

        def call(*a: Any, _name: str = name, _real: Any = real, **k: Any) -> Any:
            return act(_name, lambda *b: _real(*b, **k), a)

        monkeypatch.setattr(f"audit.witness_disk.os.{name}", call)


def calls_of_one_answer(witness: AWitness) -> list[str]:
    """Which calls one cosignature makes, in order."""
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        counted(patch, lambda name, real, a: (seen.append(name), real(*a))[1])
        assert witness.add(LOG.request(5, 7)).status == 200
    return seen


def prepared(folder: Path) -> AWitness:
    """A witness that has cosigned five entries."""
    witness = AWitness(folder)
    assert witness.add(LOG.request(0, 5)).status == 200
    return witness


def test_the_new_checkpoint_is_on_disk_before_anybody_gets_the_cosignature(tmp_path: Path) -> None:
    """Otherwise a crash of the machine would make the witness forget what it vouched for."""
    seen = calls_of_one_answer(prepared(tmp_path / "w"))
    synced = [name for name in seen if name in ("write", "fsync", "replace")]
    assert synced == ["write", "fsync", "replace", "fsync"]


@pytest.mark.parametrize("when", ["before", "after", "torn"])
def test_a_witness_killed_at_any_write_remembers_what_it_answered(
    tmp_path: Path, when: str
) -> None:
    """Otherwise kill -9 at the wrong moment would let one witness cosign two trees."""
    points = len(calls_of_one_answer(prepared(tmp_path / "probe")))
    answered = 0
    for point in range(points + 1):
        witness = prepared(tmp_path / f"{when}-{point}")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            say = os.write
            die_at(point, when)
            say(writer, b"%d" % witness.add(LOG.request(5, 7)).status)
            os.kill(os.getpid(), signal.SIGKILL)
        os.close(writer)
        said = os.read(reader, 9)
        os.close(reader)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert witness.size in (5, 7), point
        if said:
            assert (said, witness.size) == (b"200", 7), point
            answered += 1
        # Whatever it remembers, it goes on from there and from nowhere else.
        again = witness.again()
        with State(witness.path).lock():
            old = witness.size or 0
            assert again.add_checkpoint(LOG.request(12 - old, 9)).status == 409
            assert again.add_checkpoint(LOG.request(old, 9)).status == 200
    assert answered >= 1


def die_at(point: int, when: str) -> None:
    """From here on, this process dies at its n-th call."""
    left = point

    def act(name: str, real: Callable[..., Any], a: tuple[Any, ...]) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            return real(*a)
        if when == "after":
            real(*a)
        if when == "torn" and name == "write":
            real(a[0], bytes(a[1])[: len(a[1]) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    counted(pytest.MonkeyPatch(), act)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("persisted", [False, True])
def test_a_failing_disk_gives_no_cosignature(tmp_path: Path, code: int, persisted: bool) -> None:
    """Otherwise a cosignature would be out that the witness itself forgets."""
    names = calls_of_one_answer(prepared(tmp_path / "probe"))
    for point, name in enumerate(names):
        witness = prepared(tmp_path / f"{point}")
        left = point

        def act(_: str, real: Callable[..., Any], a: tuple[Any, ...]) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                if persisted:
                    real(*a)
                raise OSError(code, "injected")
            return real(*a)

        with pytest.MonkeyPatch.context() as patch:
            counted(patch, act)
            answer = witness.add(LOG.request(5, 7))
            assert answer.status == 503, (point, name)
        certain = names.index("replace") > point
        assert witness.size == 5 if certain else witness.size in (5, 7)
        # Where nobody can tell, this process answers nothing more; a new one reads the disk.
        later = witness.add(LOG.request(witness.size or 0, 7)).status
        assert later == (200 if certain else 503), (point, name)
        assert witness.again().add_checkpoint(LOG.request(witness.size or 0, 9)).status == 200


def test_two_witnesses_do_not_run_on_one_directory(tmp_path: Path) -> None:
    """Otherwise each would cosign the other's next tree, and they could differ."""
    witness = prepared(tmp_path / "w")
    other = "import sys\nfrom pathlib import Path\nfrom audit.witness_state import State\n"
    other += "with State(Path(sys.argv[1])).lock(): pass\n"
    command = [sys.executable, "-c", other, str(witness.path)]
    with witness.state.lock():
        with pytest.raises(WitnessError, match="another process"), State(witness.path).lock():
            pass
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "another process" in done.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_the_key_is_for_the_owner_only_and_is_never_replaced(tmp_path: Path) -> None:
    """Otherwise others on the machine could cosign, or a new key would silently take over."""
    witness = prepared(tmp_path / "w")
    key = witness.path / "witness.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    with pytest.raises(WitnessError, match="already"):
        AWitness(witness.path)
    assert key.read_bytes() == before
    key.chmod(0o640)
    with pytest.raises(WitnessError, match="read by others"):
        witness.again()
    key.chmod(0o600)
    for bad in (b"", b"PRIVATE+KEY+x\n", before[:-9] + b"\n"):
        key.write_bytes(bad)
        with pytest.raises(WitnessError, match="key file"):
            witness.again()
    with pytest.raises(WitnessError, match="there is no witness"):
        State(tmp_path / "nothing")


def test_evidence_that_cannot_be_kept_is_told_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a full disk would turn a fork into an answer that hides it."""
    witness = prepared(tmp_path / "w")
    fork = ALog(9, other=2)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("audit.witness_state.replace_file", full)
    assert witness.add(fork.request(5, 5)).status == 422
    assert "could not be kept" in witness.told[-1]
    monkeypatch.undo()
    assert witness.add(fork.request(5, 5)).status == 422
    assert [c.why for c in witness.state.conflicts(ORIGIN)] == ["fork"]
