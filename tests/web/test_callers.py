"""For whom a server waits, and who gives way where there is no room."""

from __future__ import annotations

import asyncio
import resource

import pytest

from governance.web import callers
from governance.web.callers import Callers, room


class Line:
    """A connection, and its own transport."""

    def __init__(self) -> None:
        self.transport = self
        self.ended = ""

    def abort(self) -> None:
        self.ended = "aborted"

    def close(self) -> None:
        self.ended = "closed"


def test_who_is_waited_for_longest_gives_way_and_no_work_does() -> None:
    """A request that arrived whole would be cut off by a stranger who connects, or a stranger who
    says nothing would keep everybody else out."""

    async def run() -> None:
        known = Callers(3)
        working, silent, newer, last = Line(), Line(), Line(), Line()
        assert all(known.came(each) for each in (working, silent, newer))  # type: ignore[arg-type]
        known.work(working)  # type: ignore[arg-type]
        assert known.came(last)  # type: ignore[arg-type]
        assert [each.ended for each in (working, silent, newer, last)] == ["", "aborted", "", ""]
        known.work(newer)  # type: ignore[arg-type]
        known.work(last)  # type: ignore[arg-type]
        assert not known.came(Line())  # type: ignore[arg-type]
        known.left(newer)  # type: ignore[arg-type]
        known.left(newer)  # type: ignore[arg-type]
        assert known.came(Line())  # type: ignore[arg-type]
        assert working.ended == newer.ended == ""

    asyncio.run(run())


def test_a_request_has_so_long_to_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, a request could hold its connection for ever."""
    monkeypatch.setattr(callers, "ARRIVAL", 0.05)
    monkeypatch.setattr(callers, "_LOOK", 0.01)

    async def run() -> None:
        known = Callers(10)
        late, working = Line(), Line()
        for each in (late, working):
            known.came(each)  # type: ignore[arg-type]
        known.work(working)  # type: ignore[arg-type]
        await asyncio.sleep(0.03)
        in_time = Line()
        known.came(in_time)  # type: ignore[arg-type]
        await asyncio.sleep(0.035)
        assert [each.ended for each in (late, working, in_time)] == ["closed", "", ""]

    asyncio.run(run())


def test_half_of_the_files_are_kept_for_the_log() -> None:
    """Connections could take every file the process may open, and the log could not be written."""
    most = room()
    assert 0 < most <= resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
