"""Work beside the service: what it gives, what it raises, and what happens when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.service import child
from governance.service.problem import Problem

pytestmark = pytest.mark.usefixtures("in_a_child")


def _size(given: bytes) -> tuple[int, int]:
    return len(given), os.getpid()


def _unknown() -> None:
    raise Problem("unknown", "there is no such thing")


def _unreachable() -> None:
    raise ConnectionRefusedError("the database is away")


class _TwoParts(Exception):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


def _not_unpickled() -> None:
    raise _TwoParts("salt", "pepper")


def _not_pickled() -> None:
    error = ValueError("a cup that holds water")
    error.held = lambda: None  # type: ignore[attr-defined]
    raise error


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _counted(told: Callable[[int, int], None], upto: int) -> int:
    for number in range(upto):
        told(number + 1, upto)
    return upto


def _endless(tell: Callable[[str], None]) -> None:
    tell("begun")
    signal.pause()


def test_it_runs_in_a_process_of_its_own_with_what_it_was_given() -> None:
    """One busy thread would starve everybody who waits for an answer."""
    size, process = child.run(_size, bytes(5_000_000))
    assert size == 5_000_000
    assert process != os.getpid()


def test_what_it_raises_is_raised_here() -> None:
    """A person would read of a process that died instead of what is wrong."""
    with pytest.raises(Problem, match="no such thing"):
        child.run(_unknown)
    with pytest.raises(ConnectionRefusedError):
        child.run(_unreachable)


@pytest.mark.parametrize(
    ("work", "said"), [(_not_unpickled, "salt and pepper"), (_not_pickled, "holds water")]
)
def test_what_cannot_be_handed_over_is_said_in_its_words(
    work: Callable[[], None], said: str
) -> None:
    """Somebody would look for memory, where a defect has a sentence that names it."""
    with pytest.raises(Problem, match=said) as caught:
        child.run(work)
    assert "memory" not in caught.value.detail


def test_a_process_that_is_ended_is_said() -> None:
    """Somebody would wait for ever for a report that the system's want of memory ended."""
    with pytest.raises(Problem, match="ended by the system"):
        child.run(_killed)


def test_a_process_that_dies_at_its_start_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proposal of many rules would hang the thread that handed them over, for good."""
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tmp_path / "gone.py"))
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    with pytest.raises(Problem, match="ended by the system"):
        child.run(_size, bytes(5_000_000))


def test_it_says_how_far_it_is() -> None:
    """Long work would look like work that hangs."""
    heard: list[tuple[int, int]] = []
    assert child.watched(lambda done, total: heard.append((done, total)), _counted, 1_000) == 1_000
    assert heard[0] == (1, 1_000)
    assert len(heard) < 1_000


def test_what_takes_too_long_is_ended_and_what_it_told_counts() -> None:
    """A draft whose proof never ends would hold up everybody's proposals."""
    heard: list[str] = []
    assert (
        child.followed(_endless, told=heard.append, seconds=lambda: 3.0 if heard else 60.0) is False
    )
    assert heard == ["begun"]


def _priority() -> tuple[int, int | None]:
    policy = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
    return os.getpriority(os.PRIO_PROCESS, 0), policy


def test_it_only_takes_time_that_nobody_else_wants() -> None:
    """An examination of 10,000 rules would make every agent wait for half a minute."""
    own, policy = child.run(_priority)
    assert own == 19
    assert policy == getattr(os, "SCHED_IDLE", None)


def _told_priority(tell: Callable[[tuple[int, int | None]], None]) -> None:
    tell(_priority())


def test_what_is_urgent_is_done_while_others_keep_every_processor_busy() -> None:
    """Agents that ask without end would keep a release in force that somebody has to undo."""
    heard: list[tuple[int, int | None]] = []
    child.followed(_told_priority, told=heard.append, seconds=lambda: 60.0, urgent=True)
    own, policy = _priority()
    assert heard == [(min(own + 5, 19), policy)]


WAITING = """
import sys
from tests_child import told_and_endless
from governance.service import child
if __name__ == "__main__":
    child.run(told_and_endless, sys.argv[1])
"""
ENDLESS = """
import os
from pathlib import Path
def told_and_endless(place):
    Path(place).with_suffix(".part").write_text(str(os.getpid()))
    Path(place).with_suffix(".part").rename(place)
    while True:
        pass
"""


def test_it_ends_when_who_waits_for_it_is_killed(tmp_path: Path) -> None:
    """A service that was killed would leave work behind that keeps a processor busy for ever."""
    (tmp_path / "tests_child.py").write_text(ENDLESS)
    (tmp_path / "waiting.py").write_text(WAITING)
    place, paths = tmp_path / "process", [str(tmp_path), *sys.path]
    waiting = subprocess.Popen(
        [sys.executable, str(tmp_path / "waiting.py"), str(place)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        _until(place.exists)
    finally:
        waiting.kill()
        waiting.wait()
    process = int(place.read_text())
    try:
        _until(lambda: not _runs(process))
    finally:
        if _runs(process):
            os.kill(process, signal.SIGKILL)


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
