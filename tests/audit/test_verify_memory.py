"""What verifying takes does not grow with the log."""

from __future__ import annotations

import io
import tracemalloc
from concurrent.futures import Future
from pathlib import Path

import pytest

from audit import scan
from audit.__main__ import main
from audit.scan import Job
from audit.stretch import Stretch
from audit.verify import verify


@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_a_log_four_times_as_long_takes_no_more_memory(
    world, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise nobody could check ten years of a log on the machine that checks one."""
    for room in ("scan", "joined"):
        monkeypatch.setattr(f"audit.{room}.STRETCH", 256)
    monkeypatch.setattr("audit.verify._IN_MEMORY", 1024)
    monkeypatch.setattr("audit.longfile.PIECE", 4096)
    few, many = 2048, 4 * 2048
    short, long = (world.package(world.log(size), suffix=suffix) for size in (few, many))

    def peak(path: Path) -> int:
        tracemalloc.start()
        try:
            verify(path, [world.key])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(short)
    grown = peak(long) - peak(short)
    assert grown < 2 * (many - few), f"{grown:,} bytes more for {many - few:,} entries more"


def test_no_more_is_read_ahead_than_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """One slow process would make the others keep a whole log in memory until it is done."""
    given: list[Job] = []

    class Slow:
        """A pool that finishes its first job when nothing else is done any more."""

        def submit(self, _read: object, job: Job) -> Future[Stretch]:
            given.append(job)
            turn: Future[Stretch] = Future()
            if len(given) == 1:
                turn.set_running_or_notify_cancel()
            return turn

    def here(job: Job) -> Stretch:
        read.append(job.start)
        return Stretch(job.start, job.stop, first=job.start)

    read: list[int] = []

    def waited(turns: list[Future[Stretch]]) -> None:
        ahead.append(len(read))
        turns[0].set_result(Stretch(0, 1, first=0))

    ahead: list[int] = []
    monkeypatch.setattr(scan, "wait", waited)
    jobs = (Job(number, number + 1) for number in range(200))
    found = list(scan._in_order(Slow(), jobs, here, 2))  # type: ignore[arg-type]
    assert [each.start for each in found] == list(range(200))
    assert 0 < ahead[0] <= scan._AHEAD + 2


def test_a_full_temporary_folder_is_no_verdict(
    world, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a full disk would be told as a forged log, or as a Python traceback."""

    class Full(io.BytesIO):
        def __init__(self, _: int) -> None:
            super().__init__()

        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("audit.verify.SpooledTemporaryFile", Full)
    with pytest.raises(SystemExit) as caught:
        main(["verify", str(world.package(world.log(5))), "--key", world.key])
    assert caught.value.code == 2
    assert "TMPDIR" in capsys.readouterr().err
