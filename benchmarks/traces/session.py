"""A session decided by the real engine. The law: the state is what the service would keep, no more.

Labels come from actions that were allowed, totals from their charges, and nothing from what an agent
says. A request for approval that a person grants is decided again with what was lifted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from benchmarks.traces.gateway import arguments
from governance.engine.cases import AGENT
from governance.engine.compile import Release, compile_release
from governance.engine.decide import confirmed, decide, needs
from governance.engine.model import Charge, Effect, FactQuery, Request, Total, Verdict

START: Final = datetime.fromisoformat("2026-11-20T10:00:00+00:00")
BETWEEN_CALLS: Final = timedelta(seconds=5)


def release_of(*folders: Path) -> Release:
    """The release of policy folders (`*.yaml`, `actions/`, `lists/`, `cases/`) put together.

    Raises PolicyErrors with every finding.
    """
    files = {
        f"policies/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*.yaml"))
    }
    return compile_release(files)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said to one call. `asked` = a person was asked; `ran` = it was carried out."""

    verdict: Verdict
    asked: bool
    ran: bool

    @property
    def stopped(self) -> bool:
        """True when the call did not just go through."""
        return self.verdict.effect is not Effect.ALLOW

    @property
    def reasons(self) -> tuple[str, ...]:
        """The names of what held the call back."""
        effect = self.verdict.effect
        return tuple(f.name for f in self.verdict.findings if f.effect is effect)


class Session:
    """One session of one agent, opened by a gateway for a person."""

    def __init__(self, release: Release, name: str, granted: bool, **agent: Any) -> None:
        """`granted` = people grant what they are asked for; else they refuse."""
        self.release = release
        self.granted = granted
        self.at = START
        self.labels: frozenset[str] = frozenset()
        self._charges: list[tuple[int, Charge]] = []
        self._fields = {
            **AGENT,
            "session.id": name,
            "session.opened_by": "gateway",
            "context.obligations_supported": ("redact", "notify", "log", "tell_user"),
            **agent,
        }

    def ask(self, action: str, args: Mapping[str, Any], claims: Mapping[str, Any]) -> Answer:
        """Decide one call and keep what follows from it."""
        self.at += BETWEEN_CALLS
        request = self._request(action, args, claims)
        verdict = decide(self.release, request, self._facts(request), self.at)
        asked = verdict.effect is Effect.REQUIRE_APPROVAL
        done = verdict
        if asked and self.granted:
            lifted = frozenset(clause.rule for clause in verdict.clauses)
            done = decide(self.release, request, self._facts(request), self.at, lifted)
        if done.effect is Effect.ALLOW:
            self.labels |= done.labels
            when = int(self.at.timestamp() * 1_000_000)
            done_too = confirmed(done.charges)  # the gateway reports what was carried out
            self._charges += [(when, charge) for charge in (*done.charges, *done_too)]
        return Answer(verdict, asked, done.effect is Effect.ALLOW)

    def _request(self, action: str, args: Mapping[str, Any], claims: Mapping[str, Any]) -> Request:
        declared = self.release.catalogue.actions.get(action)
        given = arguments(args, declared.args if declared else {})
        now = {**self._fields, "session.labels": tuple(sorted(self.labels)), **claims}
        request = self.release.catalogue.read(action, given, now, True)
        names = {
            f"args.{name}": "s-" + hashlib.sha256(str(value).encode()).hexdigest()[:16]
            for name, value in given.items()
        }
        return replace(request, pseudonyms=names)

    def _facts(self, request: Request) -> dict[FactQuery, Total]:
        return {query: self._total(query) for query in needs(self.release, request, self.at)}

    def _total(self, query: FactQuery) -> Total:
        found = [
            charge
            for when, charge in self._charges
            if (charge.series, charge.key) == (query.series, query.key)
            and (query.since is None or when >= query.since)
        ]
        mixed = any(charge.unit != query.unit for charge in found)
        return Total(sum((c.amount for c in found), Decimal(0)), len(found), mixed)
