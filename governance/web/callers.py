"""Whom a server waits for: connections whose caller has to send something before work begins.

Law: nobody is kept out by callers who connect and say nothing, or say it byte by byte. Where there
is no room for one more, the connection that has been waited for the longest gives way; a request
that arrived whole is never cut off for another. A request has `ARRIVAL` to arrive.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from typing import Final, Protocol

ARRIVAL: Final = 120.0
"""Seconds for a request to arrive; a body of 40 MiB needs 3 Mbit/s."""
_LOOK: Final = 5.0
MOST_CONNECTIONS: Final = 8192


class Connection(Protocol):
    """What is known of a connection here."""

    transport: asyncio.Transport


class Callers:
    """The connections of one server; on its event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._here: set[Connection] = set()
        self._waiting: dict[Connection, float] = {}
        """Since when, the longest first; also those that are closed and do not read their answer."""
        self._look: asyncio.TimerHandle | None = None

    def came(self, connection: Connection) -> bool:
        """A caller connected; whether there is room."""
        if len(self._here) >= self._most:
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                return False
            self.left(oldest)
            oldest.transport.abort()
        self._here.add(connection)
        self.wait(connection)
        return True

    def left(self, connection: Connection) -> None:
        """A connection is gone; saying so twice changes nothing."""
        self._here.discard(connection)
        self._waiting.pop(connection, None)

    def wait(self, connection: Connection) -> None:
        """From now on it is the caller's turn."""
        loop = asyncio.get_running_loop()
        self._waiting.pop(connection, None)
        self._waiting[connection] = loop.time()
        if self._look is None:
            self._look = loop.call_later(_LOOK, self._close_late)

    def work(self, connection: Connection) -> None:
        """A request of this connection has arrived whole."""
        self._waiting.pop(connection, None)

    def _close_late(self) -> None:
        loop = asyncio.get_running_loop()
        for connection, since in self._waiting.items():
            if since > loop.time() - ARRIVAL:
                break
            connection.transport.close()
        self._look = loop.call_later(_LOOK, self._close_late) if self._waiting else None


def room() -> int:
    """How many connections to hold: half of the files that this process may open, as many as the
    system lets it have. The other half is for the log, its copies, and the people on the same host."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        wanted = 4 * MOST_CONNECTIONS
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(soft // 2, MOST_CONNECTIONS)
