"""Which notices are due: every approval that is asked for, every release that is proposed, every
share of a policy that stopped by itself, is told once.

Law: the notices follow the state, not the callers, so that an approval opened by any surface is
told and none is told before its entry is on disk. After a restart the open ones are told again
under the same message id, which receivers use to drop what they already have.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from governance.config import Config
from governance.notify import Notice, Notifier, asked, happened
from governance.oversight.model import Approval
from governance.oversight.times import write
from governance.service import proposals, shares
from governance.service.desk import Desk
from governance.web.log import defect

SHARES_EVERY = 5.0
EVERY = 0.25
"""Seconds between two looks; a look without news compares two references."""


class Notices:
    """A thread that looks at the open approvals and queues a notice for each new one."""

    def __init__(self, desk: Desk, config: Config, notifier: Notifier) -> None:
        self._desk = desk
        self._config = config
        self._notifier = notifier
        self._told = -1
        self._last: Any = None
        self._proposals: Any = None
        self._proposed = -1
        self._stopped: set[str] = set()
        self._looked = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start following, if anybody is to be told."""
        if self._notifier.active and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="approvals", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self.look()
            except Exception as error:
                defect("notices", error)

    def look(self) -> int:
        """Queue a notice for each thing not told yet; how many there were."""
        return self._approvals() + self._releases() + self._shares()

    def _releases(self) -> int:
        """Proposals of releases that wait for a signature."""
        state = self._desk.state
        if state.proposals is self._proposals:
            return 0
        self._proposals = state.proposals
        new = [each for each in proposals.waiting(state) if each.index > self._proposed]
        for each in new:
            review = f"{self._config.url}/policies/proposals/{each.index}"
            told = {"proposal": each.index, "release": each.release, "review": review}
            at = write(each.at)
            self._notifier.tell(
                happened(state.origin, "policy.proposed", at, str(each.index), told)
            )
            self._proposed = each.index
        return len(new)

    def _shares(self) -> int:
        """Shares of policies that stopped by their own condition."""
        now = time.monotonic()
        if now - self._looked < SHARES_EVERY:
            return 0
        self._looked = now
        count = 0
        for each in shares.listed(self._desk)["shares"]:
            if each["state"] != shares.STOPPED or each["series"] in self._stopped:
                continue
            self._stopped.add(each["series"])
            told = {name: each[name] for name in ("policy", "replaces", "share", "stop_if")}
            told["review"] = f"{self._config.url}/policies/in-force/{each['policy']}"
            state, at = self._desk.state, write(self._desk.now())
            self._notifier.tell(
                happened(state.origin, "policy.share_stopped", at, each["series"], told)
            )
            count += 1
        return count

    def _approvals(self) -> int:
        approvals = self._desk.state.approvals
        if approvals is self._last:
            return 0
        self._last = approvals
        new = sorted(index for index in approvals if index > self._told)
        for index in new:
            self._notifier.tell(self._notice(approvals[index]))
            self._told = index
        return len(new)

    def _notice(self, approval: Approval) -> Notice:
        recorded = self._desk.reader.entry(approval.decision)
        roles = sorted({seat.role for clause in approval.clauses for seat in clause.needs})
        return asked(
            self._desk.state.origin,
            self._config.url,
            write(approval.asked_at),
            {
                "index": approval.index,
                "agent": approval.agent,
                "action": recorded.data["action"],
                "roles": roles,
                "answer_by": write(approval.until),
            },
        )
