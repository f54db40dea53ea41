"""What a handler gets and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.config import Config
from governance.service.background import Background
from governance.service.desk import Caller, Desk
from governance.web.accounts import Accounts
from governance.web.api.repeats import Repeats
from governance.web.http import Headers
from governance.web.metrics import Meters
from governance.web.quota import Quotas


@dataclass
class Surface:
    """What the handlers share. `ready` names each failing check with a sentence; empty is ready."""

    desk: Desk
    config: Config
    meters: Meters
    ready: Callable[[], Mapping[str, str]]
    quotas: Quotas
    accounts: Accounts
    repeats: Repeats = field(default_factory=Repeats)
    backtests: Background = field(default_factory=lambda: Background("backtest"))
    lessons: Background = field(default_factory=lambda: Background("lesson"))


@dataclass(frozen=True, slots=True)
class Call:
    """One checked request: `given` (path and query) and `body` fit the contract.

    `caller` is None on public routes.
    """

    surface: Surface
    caller: Caller | None
    given: Mapping[str, Any]
    body: Mapping[str, Any]
    headers: Headers

    @property
    def desk(self) -> Desk:
        """The service's desk."""
        return self.surface.desk

    @property
    def who(self) -> Caller:
        """The authenticated caller."""
        assert self.caller is not None, "a public route asked who is calling"
        return self.caller


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not JSON with the contract's status."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def download(body: bytes, content_type: str, name: str) -> Reply:
    """A file that the caller keeps under this name."""
    return Reply(
        body, content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


Handler = Callable[[Call], Mapping[str, Any] | Reply]
