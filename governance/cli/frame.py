"""What every command shares: the workspace, the key, the form of the output, and its exit code.

Law: a command is declared once, with an example that its help shows; whatever goes wrong is one
sentence on stderr and the documented exit code, never a traceback.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click

from audit.errors import LogError, NotVerified
from governance.cli import output
from governance.cli.transport import SOCKET, Api, Exchange, Failed, find_key, over_socket
from governance.config import ConfigError
from governance.oversight.errors import Refused
from governance.store.errors import NotOwner, StoreError

CONFIG = "config.toml"
TRACEBACK = "GOVERNANCE_TRACEBACK"
PATIENCE = 8.0
"""Seconds to wait for a service that is just starting, or for another command to let go."""

_CODES = {"bad-policy": 3, "bad-field": 2, "bad-request": 2}
_SENTENCES = (Failed, Refused, ConfigError, StoreError, LogError, OSError)


class Wiring(Protocol):
    """What the app lends to the command line (the app is the only place that wires)."""

    def initialise(self, directory: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        """Make a workspace; what must be shown once."""

    def serve(
        self, directory: Path, host: str | None, port: int | None, database: str | None = None
    ) -> int:
        """Own the workspace's log and answer until told to stop; the exit code."""

    def prepare(self, owner: str, service: str) -> dict[str, Any]:
        """Make a server's database ready for a service's role."""

    def empty(self, owner: str) -> int:
        """Take what was pruned out of a server, as its owner; how many entries."""

    def join(self, directory: Path, source: Path, head: Path | None) -> dict[str, Any]:
        """Make a folder for another process on a log that is on a server."""

    def move(self, directory: Path, address: str) -> dict[str, Any]:
        """Bring a log from its file to a server."""

    def databases(self, directory: Path) -> dict[str, Any]:
        """Where log and values are."""

    def in_process(self, directory: Path, *, without_log_keys: Sequence[str] = ()) -> Any:
        """A context manager: an exchange against a workspace that this process owns meanwhile.

        `without_log_keys`: ids of log keys that are lost, and do not sign.
        """

    def restore(
        self,
        directory: Path,
        backup: Path | None,
        known: Sequence[Path],
        vault: Path | None = None,
        key: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Open a backup as a new log; acknowledged by the caller. `known`: kept heads; `key`:
        where the new log's key is kept (`log_keys.wanted`), else in a file.
        """

    def verify_page(self) -> bytes:
        """The page on which a browser checks a package, as one HTML file."""

    def fsck(self, directory: Path, *, repair: bool = False, owner: str = "") -> dict[str, Any]:
        """Hold everything derived against the log; with `repair` make it again."""

    def entries(self, directory: Path, start: int | None, stop: int | None) -> Iterator[Any]:
        """Decoded entries (index, Entry), read without owning the log."""


@dataclass
class Frame:
    """One run of the command line."""

    app: Wiring
    workspace: Path = Path()
    key: str | None = None
    output: str = "table"

    @property
    def json(self) -> bool:
        """Whether the person asked for JSON."""
        return self.output == "json"

    @property
    def directory(self) -> Path:
        """The workspace's directory; says how to make one when there is none."""
        if not (self.workspace / CONFIG).exists():
            raise Failed(
                f"`{self.workspace}` is no workspace (no {CONFIG}); give --workspace DIR, set "
                "GOVERNANCE_WORKSPACE, or make one with `governance init DIR`"
            )
        return self.workspace

    @contextmanager
    def api(self, *, served: bool = False, without_log_keys: Sequence[str] = ()) -> Iterator[Api]:
        """The workspace's API, over the owner's socket or in process.

        With `served` only over the socket; raises `Failed` when nobody serves the workspace.
        `without_log_keys`: ids of lost keys that in process are done without.
        """
        directory = self.directory
        key = find_key(directory, self.key)
        with ExitStack() as stack:
            yield Api(self._exchange(directory, stack, served, without_log_keys), key)

    def _exchange(
        self, directory: Path, stack: ExitStack, served: bool, without: Sequence[str]
    ) -> Exchange:
        """Whoever owns the workspace is asked; it may be just starting, or just letting go."""
        until = time.monotonic() + PATIENCE
        while True:
            found = over_socket(directory / SOCKET)
            if found is not None:
                return found
            if served:
                raise Failed(
                    f"nobody serves `{directory}`; run `governance serve -w {directory}` first"
                )
            try:
                opened: Exchange = stack.enter_context(
                    self.app.in_process(directory, without_log_keys=without)
                )
            except NotOwner:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return opened


pass_frame = click.make_pass_decorator(Frame)


def command(
    group: click.Group, name: str, *, example: str, output: bool = True, place: bool = True
) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare a command of a group: its help ends with an example, its failures with a sentence.

    `output`: it has -o; `place`: it works in a workspace, with somebody's key.
    """

    def declare(function: Callable[..., Any]) -> click.Command:
        made = click.Command(
            name,
            callback=_guarded(pass_frame(function)),
            params=list(reversed(getattr(function, "__click_params__", []))),
            help=function.__doc__,
            short_help=_gist(function.__doc__ or ""),
            epilog=f"\b\nExample:\n  {example}",
        )
        made.params.extend(_common(output, place))
        group.add_command(made)
        return made

    return declare


def _gist(doc: str) -> str:
    """What a list of commands says of one: its first clause, whole, for click cuts longer texts."""
    paragraph = " ".join(inspect.cleandoc(doc).partition("\n\n")[0].split())
    return re.split(r"[.;:](?: |$)", paragraph, maxsplit=1)[0] + "."


def _common(output: bool, place: bool) -> list[click.Parameter]:
    workspace = click.Option(
        ["-w", "--workspace"],
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_set("workspace"),
        help="The workspace's directory (else GOVERNANCE_WORKSPACE, else here).",
    )
    key = click.Option(
        ["--key"],
        expose_value=False,
        callback=_set("key"),
        help="Your key (else GOVERNANCE_KEY, else the workspace's keys/admin.key).",
    )
    form = click.Option(
        ["-o", "--output"],
        type=click.Choice(["table", "json"]),
        expose_value=False,
        callback=_set("output"),
        help="How to print the result.",
    )
    return [*([workspace, key] if place else []), *([form] if output else [])]


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def remember(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None:
            setattr(ctx.ensure_object(Frame), name, value)

    return remember


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except _SENTENCES as error:
            output.say(f"error: {sentence(error)}")
            raise click.exceptions.Exit(exit_code(error)) from None
        except Exception as error:
            # A defect of ours: where it happened helps whoever repairs it, a traceback nobody else.
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            output.say(f"error: something broke at {place} that should not; please report it")
            if os.environ.get(TRACEBACK):
                traceback.print_exception(error)
            else:
                output.say(f"with what {TRACEBACK}=1 shows when you repeat the command.")
            raise click.exceptions.Exit(1) from None

    run.__doc__ = function.__doc__
    return run


def require_yes(question: str) -> None:
    """Ask whoever is there. Raises `click.Abort` unless they say yes, `Failed` if nobody is."""
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:
        if not sys.stdin.isatty():
            raise Failed(
                f"nobody is at a terminal to answer `{question}`; add --yes to do it without being asked"
            ) from None
        raise
    raise click.Abort


def named(given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping; raises `click.UsageError` for anything else, and for a name
    that is given twice."""
    found: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise click.UsageError(f"`{item}` is not of the form NAME=VALUE")
        if name in found:
            raise click.UsageError(f"`{name}` is given twice")
        found[name] = value
    return found


def sentence(error: Exception) -> str:
    """What a person is told about an error that is none of ours."""
    if isinstance(error, Refused):
        known = not error.field or f"`{error.field}`" in error.detail
        return error.detail if known else f"{error.detail} (`{error.field}`)"
    if isinstance(error, OSError):
        place = f"`{error.filename}`: " if error.filename else ""
        return f"{place}{(error.strerror or str(error)).lower()}"
    return str(error)


def exit_code(error: Exception) -> int:
    """The documented exit code of an error."""
    if isinstance(error, Failed | NotVerified):
        return error.exit_code
    return _CODES.get(error.type, 1) if isinstance(error, Refused) else 1
