"""The desk: everything a verb needs, wired once.

Law: verbs get the desk and the caller, never globals.  What a verb reads from the desk outside the
ledger's lock (the state, a compiled release, a pseudonym) is advice; what counts is what the
command sees when the ledger runs it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from audit.entry import Entry
from governance.anchoring.station import NONE, Anchors
from governance.engine.model import PolicyErrors
from governance.oversight import entries, log_keys, retention, snapshot
from governance.oversight.model import State
from governance.oversight.state import SEMANTICS, apply, genesis, inert, moved
from governance.service import committing
from governance.service.problem import Problem
from governance.service.releases import Releases, zone_of
from governance.store.blobs import BlobError, BlobStore
from governance.store.clock import Clock, SystemClock, to_datetime
from governance.store.errors import CannotOpen, Unavailable
from governance.store.fold import Fold
from governance.store.opening import carried

if TYPE_CHECKING:
    from governance.store.ledger import Ledger
    from governance.store.reader import Reader
    from governance.store.vault import Vault
    from governance.store.workspace import Workspace

CONSOLE: Final = "console"
SERVICE_ID: Final = "governance"


def _windows_unknown(state: State) -> bool:
    return state.restored


def _release_of(state: object) -> str | None:
    return state.release if isinstance(state, State) else None


def _clock_jumped(state: State) -> bool:
    return state.clock is not None


FOLD: Final = Fold(
    genesis=genesis,
    apply=apply,
    dump=snapshot.dump,
    load=snapshot.load,
    semantics=SEMANTICS,
    check=entries.check,
    blind=_windows_unknown,
    clock_jumped=_clock_jumped,
    told_from=retention.told_from,
    log_keys=log_keys.in_force,
    inert=inert,
    moved=moved,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, as authenticated by a surface.

    `key` is the public id of the API key, or `console` for a signed-in browser.  `digest` is the
    SHA-256 of the key's secret: under the lock it is looked up again, so that a key that was revoked
    while its request waited does nothing.
    """

    type: Literal["agent", "gateway", "person", "service"]
    id: str
    key: str = CONSOLE
    digest: str | None = None

    def by(self, speaking_for: str | None = None) -> dict[str, str]:
        """The `by` of an entry; `speaking_for` is the agent whose request a gateway forwards."""
        by = {"type": self.type, "id": self.id}
        if self.key.startswith("k-"):
            by["key"] = self.key
        if speaking_for is not None and self.type == "gateway":
            by["for"] = speaking_for
        return by


SERVICE: Final = Caller("service", SERVICE_ID, "service")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation may choose.

    `permit_seconds`: how long an allow may be carried out.  `time_zone`: of rules about hours and
    days, from the next release on.  `patience`: seconds a blocking verb waits for the ledger.
    `values_kept`, `log_kept`: after how long backups of the values and of the log are deleted.
    """

    permit_seconds: int = 60
    time_zone: str = "UTC"
    patience: float = 30.0
    values_kept: timedelta = timedelta(days=30)
    log_kept: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Desk:
    """One open workspace, ready for verbs."""

    directory: Path
    ledger: Ledger
    vault: Vault
    blobs: BlobStore
    releases: Releases
    settings: Settings
    workspace: Workspace
    clock: Clock
    anchors: Anchors = NONE

    def now(self) -> datetime:
        """The machine's time: advice for surfaces; what is recorded is stamped under the lock."""
        return to_datetime(self.clock.wall())

    @property
    def reader(self) -> Reader:
        """Read-only access to the log."""
        return self.workspace.reader

    @property
    def state(self) -> State:
        """The state after the last committed entry."""
        state = self.ledger.state
        assert isinstance(state, State)
        return state

    def first_state(self) -> State:
        """The state that the log began with: nothing, or what a restore carried over."""
        with self.reader.connection() as db:
            found = carried(db, FOLD)[0]
        return genesis() if found is None else found

    def elsewhere(self, _index: int, entry: Entry) -> None:
        """Another process that serves the same log recorded `entry`."""
        if entry.kind == "data.erased":
            committing.forget()
        elif entry.kind == "policy.proposed":
            # taken over now, beside the service: when it is signed nobody has to wait for it
            self.releases.learn(str(entry.data["release"]), entry.data.get("compiled"))
            self._get_ready(str(entry.data["release"]))
        elif entry.kind == "policy.released":
            self._get_ready(str(entry.data["release"]))

    def _get_ready(self, release: str) -> None:
        def load() -> None:
            with suppress(BlobError, Unavailable, Problem, PolicyErrors):  # who needs it is told
                self.releases.get(release)

        threading.Thread(target=load, name="release", daemon=True).start()

    def compiled_form(self) -> str | None:
        """The SHA-256 of the compiled form of the release in force, if an entry names one."""
        released = self.state.release_index
        if released is None or released < self.reader.minimum:
            return None
        proposal = int(self.reader.entry(released).data["refs"]["policy"])
        if proposal < self.reader.minimum:
            return None
        found = self.reader.entry(proposal).data.get("compiled")
        return None if found is None else str(found)

    @staticmethod
    def zone(name: str) -> ZoneInfo | None:
        """A time zone; None for UTC, which needs no conversion."""
        return zone_of(name)

    @classmethod
    def over(
        cls,
        workspace: Workspace,
        settings: Settings | None = None,
        clock: Clock | None = None,
        anchors: Anchors = NONE,
    ) -> Desk:
        """A desk over an open workspace; the release in force is compiled before this returns.

        Raises `CannotOpen`, saying what to do, if its files are not here.
        """
        settings = settings or Settings()
        blobs = workspace.blobs
        ledger = workspace.ledger
        releases = Releases(blobs, in_force=lambda: _release_of(ledger.state), serving=True)
        desk = cls(
            directory=workspace.paths.root,
            ledger=workspace.ledger,
            vault=workspace.vault,
            blobs=blobs,
            releases=releases,
            settings=settings,
            workspace=workspace,
            clock=clock or SystemClock(),
            anchors=anchors,
        )
        workspace.on_news(desk.elsewhere)
        if desk.state.release is not None:
            try:
                releases.learn(desk.state.release, desk.compiled_form())
                releases.get(desk.state.release)
            except BlobError as error:
                raise CannotOpen(
                    f"the policy release in force cannot be loaded: {error}. Its files are in "
                    "`blobs/` of every backup and of every exported package; copy that folder back"
                ) from error
            except Unavailable as error:
                raise CannotOpen(str(error)) from error
        return desk
