"""Which session of this service stands for a host's session.

Law: sessions are minted here, never taken from a host. A host's id only finds the one that was
opened for it under the same key; two keys that send the same id get two sessions. The map is kept
in memory: after a restart a host gets a new session, which starts with every label that the
agent's earlier sessions left behind, so forgetting loosens nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from governance.oversight.errors import Refused
from governance.service import sessions
from governance.service.desk import Caller, Desk

MOST = 10_000


class HostSessions:
    """A bounded map (key, host's session id) -> session, the least used forgotten first."""

    def __init__(self, desk: Desk, *, most: int = MOST) -> None:
        self._desk = desk
        self._most = most
        self._found: OrderedDict[tuple[str, str], asyncio.Task[int]] = OrderedDict()

    async def session_of(self, caller: Caller, host: str) -> int:
        """The session for a host's id; the first call opens it. Raises what opening raises."""
        place = (caller.key, host)
        opening = self._found.get(place)
        if opening is None:
            opening = asyncio.ensure_future(self._open(caller))
            self._found[place] = opening
            if len(self._found) > self._most:
                self._found.popitem(last=False)
        self._found.move_to_end(place)
        try:
            # many calls may wait for one opening; none of them may cancel it for the others
            return await asyncio.shield(opening)
        except Exception:
            if self._found.get(place) is opening:
                del self._found[place]
            raise

    async def renewed(self, caller: Caller, host: str, ended: int) -> int:
        """A new session for a host whose session has ended; opened once for all who find out."""
        place = (caller.key, host)
        known = self._found.get(place)
        if known is not None and known.done() and not known.exception() and known.result() == ended:
            del self._found[place]
        return await self.session_of(caller, host)

    @staticmethod
    def ended(refused: Refused) -> bool:
        """Whether a refusal says that the session itself is over or unknown."""
        return refused.field == "context.session"

    async def _open(self, caller: Caller) -> int:
        answer = await self._desk.ledger.submit_async(sessions.prepare_open(self._desk, caller))
        return int(answer.value["session"])
