"""The one place that wires: a workspace becomes a desk, a desk becomes an application.

Law: nothing is built anywhere else and nothing is global. `open_desk` takes the owner's lock and
proves the log against its head before anything is answered; `create_app` joins the hot lane, the
routes, the console and the notices around it; `close` undoes all of it in the opposite order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from governance.anchoring import registry
from governance.config import Config, ConfigError
from governance.notify import Notifier, target_of
from governance.service import anchoring, anchors, cutting, erasing, log_keys
from governance.service.desk import FOLD, Desk, Settings
from governance.service.version import version
from governance.store.accounts import AccountStore
from governance.store.errors import StoreError
from governance.store.lanes import limits
from governance.store.workspace import Workspace
from governance.web import api, problems, routes, verifypage
from governance.web.accounts import Accounts
from governance.web.api.call import Surface
from governance.web.console.mount import NOWHERE, blueprint
from governance.web.health import failing
from governance.web.http import Receive, Scope, Send
from governance.web.lane import Lane
from governance.web.log import defect
from governance.web.metrics import Meters
from governance.web.mount import Mount
from governance.web.notices import Notices
from governance.web.quota import Quotas

BURST = 4
"""How many seconds' worth of calls one key may make at once on the slow side."""


class Application:
    """The ASGI application of one workspace."""

    def __init__(self, desk: Desk, config: Config, *, notifier: Notifier | None = None) -> None:
        self.desk = desk
        self.config = config
        self.meters = Meters()
        self.accounts = Accounts(AccountStore(desk.workspace.vault_engine))
        self.notifier = notifier or Notifier(target_of(config.webhook), told=self.meters.delivered)
        self.notices = Notices(desk, config, self.notifier)
        self.mount = Mount(self._flask(), config, desk)
        self.lane = Lane(desk, config, self.mount, self.meters)
        self._watch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.lane(scope, receive, send)

    def start(self) -> None:
        """Start what runs beside the requests: the notices to approvers."""
        self.notifier.start()
        self.notices.start()

    def close(self) -> None:
        """Stop the threads; the desk stays open and is closed by whoever opened it."""
        self.notices.close()
        self.notifier.close()
        self.mount.close()
        self.lane.batches.close()

    def _flask(self) -> Flask:
        flask = Flask("governance.web", static_folder=None)
        # a page's route and the API's are told apart by exact paths, with or without a slash
        flask.url_map.strict_slashes = True
        flask.config["MAX_FORM_MEMORY_SIZE"] = self.config.limits.single_bytes
        asked = self.config.limits
        surface = Surface(
            desk=self.desk,
            config=self.config,
            meters=self.meters,
            ready=lambda: failing(self.desk),
            quotas=Quotas(asked.person_per_second, asked.person_per_second * BURST),
            accounts=self.accounts,
        )
        api.register(flask, surface)
        flask.register_blueprint(self._console())
        flask.register_blueprint(verifypage.blueprint())
        flask.register_error_handler(HTTPException, _http_error)
        flask.register_error_handler(Exception, _defect)
        return flask

    def _console(self) -> Blueprint:
        return blueprint(
            self.desk,
            self.accounts,
            workspace=self.config.workspace.name,
        )

    def _watch(self) -> None:
        ledger, workspace = self.desk.ledger, self.desk.workspace
        watch = self.meters.watch
        watch(
            "governance_queue_depth",
            "Commands waiting for the log",
            lambda: sum(ledger.depth().values()),
        )
        watch("governance_log_entries", "Entries in the log", lambda: self.desk.state.size)
        watch(
            "governance_log_bytes",
            "Size of the log's database",
            lambda: workspace.paths.log_database.size(),
        )
        watch(
            "governance_read_model_lag_entries",
            "Entries that lists and searches do not show yet",
            lambda: workspace.views.lag,
        )
        watch(
            "governance_unanchored_seconds",
            "How long the newest entries have been known to no outside anchor; not a number without one",
            lambda: anchors.age(self.desk),
        )
        watch(
            "governance_anchored",
            "1 while the newest heads reach an outside anchor in time, 0 when unanchored",
            lambda: anchors.degraded(self.desk) is None,
        )
        watch(
            "governance_log_key_missing",
            "1 while a key that has to sign the log is not here, and nothing is recorded",
            lambda: self.desk.ledger.lacking is not None,
        )
        watch(
            "governance_wrong_references",
            "Commands that were refused because what they wanted written referred to a wrong entry; "
            "each is a defect of the service",
            lambda: ledger.misreferred,
        )
        watch("governance_ready", "1 when decisions can be taken", lambda: not failing(self.desk))
        watch(
            "governance_open_approvals",
            "Approvals waiting for people",
            lambda: len(self.desk.state.approvals),
        )


def _http_error(error: HTTPException) -> Response:
    """A path or method that nobody serves."""
    if routes.is_api(request.path):
        problem = api.unknown_path(request.path, request.method)
        status, body, headers = problems.render(problem)
        response = Response(body, status=status, content_type=problems.MEDIA_TYPE)
        allowed = routes.methods(request.path)
        if status == 405:
            headers = {**headers, "Allow": ", ".join(allowed)}
        response.headers.update(headers)
        return response
    page: Response = current_app.extensions[NOWHERE](error)
    return page


def _defect(error: Exception) -> Response:
    """Something broke in a page; the operator's log says where."""
    if isinstance(error, HTTPException):
        return _http_error(error)
    defect("defect", error, operation="page")
    status, body, headers = problems.render(problems.defect())
    response = Response(body, status=status, content_type=problems.MEDIA_TYPE)
    response.headers.update(headers)
    return response


def create_app(desk: Desk, config: Config, *, notifier: Notifier | None = None) -> Application:
    """The application over an open desk. `notifier` replaces the configured one in tests."""
    return Application(desk, config, notifier=notifier)


def settings_of(config: Config) -> Settings:
    """What of the configuration the verbs need to know."""
    return Settings(
        permit_seconds=config.decisions.permit_seconds,
        time_zone=config.workspace.time_zone,
        values_kept=timedelta(days=config.backups.values_kept_days),
        log_kept=timedelta(days=config.backups.log_kept_days),
    )


@contextmanager
def open_desk(
    directory: Path,
    config: Config,
    *,
    record_start: bool,
    without_log_keys: Collection[str] = (),
) -> Iterator[Desk]:
    """The desk of a workspace, owned by this process until the block ends.

    Raises ConfigError for a configured name that is not the log's.

    The anchors are asked for later heads before anything is written. `record_start` writes
    `service.started`, and which anchors there are. Raises governance.store.errors.CannotOpen with
    what is wrong and what to do (NotOwner when another process owns the workspace).
    `without_log_keys`: ids of log keys that are lost; the others sign without them.
    """
    asked, asked_name = config.limits, config.log.origin
    workspace = Workspace.open(
        directory,
        FOLD,
        head=Path(config.log.head) if config.log.head else None,
        database=config.store.database,
        limits=limits(
            agent_per_second=asked.agent_per_second,
            person_per_second=asked.person_per_second,
            queue=asked.waiting,
        ),
        without_keys=without_log_keys,
    )
    try:
        if asked_name and asked_name != workspace.origin:
            raise ConfigError(
                f"`log.origin` is `{asked_name}`, but this log is called `{workspace.origin}` and"
                " keeps its name; write that"
            )
        outside = registry.anchors(config.anchors, config.anchoring, directory)
        desk = Desk.over(workspace, settings_of(config), anchors=outside)
        anchoring.look(desk)
        anchors.remember(desk)
        if record_start:
            workspace.record_start(version())
            anchoring.configure(desk)
        erasing.finish_unrecorded(desk)
        log_keys.publish(desk)
        with suppress(StoreError):  # the daily job goes on with it
            cutting.finish(desk)
        yield desk
    finally:
        workspace.close()
