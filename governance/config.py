"""The settings of one workspace, read from `config.toml`.

Law: a setting that is misspelt, of the wrong type or out of range stops the start with one sentence;
nothing is guessed and nothing is ignored. Secrets may be named by an environment variable
(`secret = "env:NAME"`), so that the file can be shown to anybody. The file decides how the service is
reached and how much it accepts; what agents may do is never decided here, only in policy releases.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
import zoneinfo
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from governance.addresses import is_loopback, is_url
from governance.anchoring import reading
from governance.anchoring.settings import Anchoring, AnchorSettings

FILE_NAME = "config.toml"
DATABASE = "GOVERNANCE_DATABASE"
"""Environment variable with the address of the server that holds the log; it goes before the file."""


class ConfigError(Exception):
    """A setting cannot be used; the message says which, where and what to write instead."""


@dataclass(frozen=True, slots=True)
class Server:
    """How the service is reached. `url` is what others write; empty means `http(s)://host:port`."""

    host: str = "127.0.0.1"
    port: int = 8321
    url: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    behind_tls_proxy: bool = False
    page_threads: int = 6
    act_threads: int = 3
    shutdown_seconds: int = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request and one key may ask of the service.

    A decision takes about 1 KiB of the log: `agent_per_hour` bounds what one key can fill.
    """

    single_bytes: int = 64 * 1024
    batch_bytes: int = 1024 * 1024
    files_bytes: int = 40 * 1024 * 1024
    depth: int = 32
    batch_items: int = 1000
    agent_per_second: int = 2000
    agent_per_hour: int = 200_000
    person_per_second: int = 50
    waiting: int = 4096


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where approvers are told (Standard Webhooks). Empty `url` means nobody is told this way."""

    url: str = ""
    secret: str = ""
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Workspace:
    """Whose workspace it is."""

    name: str = "governance"
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Log:
    """The log's name in checkpoints, and its head file if it is not in the workspace (best on
    another volume).
    """

    origin: str = ""
    head: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """Where log and values are: empty for files in the workspace, or a PostgreSQL server's address,
    `postgresql://role@host/name?sslmode=verify-full`, or `env:NAME` for a variable that holds it.
    """

    database: str = ""


@dataclass(frozen=True, slots=True)
class Decisions:
    """How long an allow may wait before it is executed, in seconds."""

    permit_seconds: int = 60


@dataclass(frozen=True, slots=True)
class Jobs:
    """What the owner process does by itself. Hours of 0 switch a job off."""

    backup_hours: int = 24
    report: str = ""
    low_disk_mib: int = 512


@dataclass(frozen=True, slots=True)
class Backups:
    """For how many days a backup is kept: of the values (until then an erasure is not complete), and
    of the log (until then a cut is not).
    """

    values_kept_days: int = 30
    log_kept_days: int = 90


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of a workspace; unset ones have the values shown by `governance init`."""

    server: Server = field(default_factory=Server)
    limits: Limits = field(default_factory=Limits)
    webhook: Webhook = field(default_factory=Webhook)
    workspace: Workspace = field(default_factory=Workspace)
    log: Log = field(default_factory=Log)
    store: Store = field(default_factory=Store)
    decisions: Decisions = field(default_factory=Decisions)
    jobs: Jobs = field(default_factory=Jobs)
    backups: Backups = field(default_factory=Backups)
    anchoring: Anchoring = field(default_factory=Anchoring)
    anchors: tuple[AnchorSettings, ...] = ()

    @property
    def url(self) -> str:
        """The service's own address without a trailing slash, as discovery and answers print it."""
        if self.server.url:
            return self.server.url.rstrip("/")
        scheme = "https" if self.server.tls_cert else "http"
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return f"{scheme}://{host}:{self.server.port}"


SECTIONS: Mapping[str, type[Any]] = {
    "server": Server,
    "limits": Limits,
    "webhook": Webhook,
    "workspace": Workspace,
    "log": Log,
    "store": Store,
    "decisions": Decisions,
    "jobs": Jobs,
    "backups": Backups,
    "anchoring": Anchoring,
}
ANCHORS = "anchors"
_TYPE_WORDS = {str: "a text in quotes", int: "a whole number", bool: "`true` or `false`"}
_DATABASE = re.compile(r"(?:env:[A-Za-z_][A-Za-z0-9_]*|postgres(?:ql)?://.+)").fullmatch
_RANGES = {
    "server.port": (0, 65535),
    "server.page_threads": (1, 64),
    "server.act_threads": (1, 16),
    "server.shutdown_seconds": (1, 600),
    "limits.single_bytes": (1024, 1024 * 1024),
    "limits.batch_bytes": (1024, 16 * 1024 * 1024),
    "limits.files_bytes": (1024, 64 * 1024 * 1024),
    "limits.depth": (8, 64),
    "limits.batch_items": (1, 10_000),
    "limits.agent_per_second": (1, 1_000_000),
    "limits.agent_per_hour": (1, 1_000_000_000),
    "limits.person_per_second": (1, 1_000_000),
    "limits.waiting": (16, 100_000),
    "decisions.permit_seconds": (1, 3600),
    "jobs.backup_hours": (0, 8760),
    "jobs.low_disk_mib": (0, 1_000_000),
    "backups.values_kept_days": (1, 180),
    "backups.log_kept_days": (1, 3650),
    "anchoring.every_seconds": (1, 3600),
    "anchoring.alarm_minutes": (1, 100_000),
    "anchors.every_seconds": (0, 31 * 86_400),
}


def load(path: Path) -> Config:
    """Read `config.toml` (or the directory that holds it). A missing file means every default.

    Raises ConfigError with the file and the setting in backticks.
    """
    config = _read(path / FILE_NAME if path.is_dir() else path)
    database = os.environ.get(DATABASE)
    if database:
        config = dataclasses.replace(config, store=Store(database))
        check(config)
    return config


def _read(path: Path) -> Config:
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); make it a readable UTF-8 file"
        ) from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: is not valid TOML: {error}; correct that line and start again"
        ) from error
    try:
        return parse(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(document: Mapping[str, Any]) -> Config:
    """Check a parsed TOML document setting by setting. Raises ConfigError at the first wrong one."""
    sections: dict[str, Any] = {}
    for name, values in document.items():
        if name == ANCHORS:
            sections[name] = _anchors(values)
            continue
        if name not in SECTIONS:
            raise ConfigError(f"`[{name}]` is not a section; the sections are {_listed(SECTIONS)}")
        if not isinstance(values, dict):
            raise ConfigError(f"`{name}` must be a section, written as `[{name}]`")
        sections[name] = _section(name, SECTIONS[name], values)
    config = Config(**sections)
    check(config)
    return config


def check(config: Config) -> None:
    """Refuse settings that contradict each other or would send keys over an open network.

    Bearer keys travel with every request, so the service listens on the machine's own loopback
    address, or with TLS, or behind a proxy that is said to terminate TLS. Raises ConfigError.
    """
    server = config.server
    if bool(server.tls_cert) != bool(server.tls_key):
        raise ConfigError(
            "`server.tls_cert` and `server.tls_key` belong together; set both or neither"
        )
    if not is_loopback(server.host) and not server.tls_cert and not server.behind_tls_proxy:
        raise ConfigError(
            f"`server.host` is `{server.host}`, which others on the network can reach, and keys would"
            " travel unencrypted; set `server.tls_cert` and `server.tls_key`, or"
            " `server.behind_tls_proxy = true` if a proxy terminates TLS, or use `127.0.0.1`"
        )
    if server.url:
        _check_url("`server.url`", server.url)
    if config.store.database and not _DATABASE(config.store.database):
        raise ConfigError(
            "`store.database` is no address of a database; write `postgresql://role@host/name`, or"
            " `env:NAME` for an environment variable that holds it, or nothing for files"
        )
    if config.webhook.url:
        _check_url("`webhook.url`", config.webhook.url)
        if not config.webhook.secret:
            raise ConfigError(
                "`webhook.url` needs `webhook.secret`, so that the receiver can check the signature;"
                ' write `secret = "whsec_…"` or `secret = "env:NAME"`'
            )
    for anchor in config.anchors:
        _check_anchor(anchor)
    try:
        zoneinfo.ZoneInfo(config.workspace.time_zone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ConfigError(
            f"`workspace.time_zone` is `{config.workspace.time_zone}`, which is not a time zone;"
            " write one such as `Europe/Berlin` or `UTC`"
        ) from None


def secret(value: str) -> str:
    """A secret as configured: the text itself, or the environment variable that `env:NAME` names.

    Raises ConfigError if the variable is not set.
    """
    if not value.startswith("env:"):
        return value
    name = value[len("env:") :]
    found = os.environ.get(name)
    if not found:
        raise ConfigError(f"the environment variable `{name}` is not set; it must hold the secret")
    return found


def set_head(path: Path, head: str) -> None:
    """Write `log.head` into a settings file, leaving what people wrote there alone."""
    text = path.read_text(encoding="utf-8")
    line = f"head = {_toml(head)}"
    made, found = re.subn(r"^head *= .*$", lambda _: line, text, count=1, flags=re.M)
    if not found:
        made, found = re.subn(r"^\[log\]$", lambda _: f"[log]\n{line}", text, count=1, flags=re.M)
    path.write_text(made if found else f"{text}\n[log]\n{line}\n", encoding="utf-8")


def render(config: Config) -> str:
    """The whole configuration as TOML, every setting visible, for `governance init` to write."""
    lines = ["# Settings of this workspace. What agents may do is decided in policies/, not here."]
    for name in SECTIONS:
        lines += ["", f"[{name}]"]
        section = getattr(config, name)
        for item in dataclasses.fields(section):
            lines.append(f"{item.name} = {_toml(getattr(section, item.name))}")
    for anchor in config.anchors:
        lines += ["", f"[[{ANCHORS}]]"]
        lines += [
            f"{item.name} = {_toml(getattr(anchor, item.name))}"
            for item in dataclasses.fields(anchor)
            if item.default is dataclasses.MISSING or getattr(anchor, item.name) != item.default
        ]
    return "\n".join(lines) + "\n"


def _anchors(tables: Any) -> tuple[AnchorSettings, ...]:
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise ConfigError("`anchors` must be tables, each written under `[[anchors]]`")
    found = [_anchor(table) for table in tables]
    for name, times in Counter(each.name for each in found).items():
        if times > 1:
            raise ConfigError(f"{times} anchors are called `{name}`; give each a `name` of its own")
    return tuple(found)


def _anchor(table: Mapping[str, Any]) -> AnchorSettings:
    if missing := sorted({"kind", "target"} - table.keys()):
        raise ConfigError(f"one of `[[anchors]]` has no `{missing[0]}`; each has kind and target")
    made: AnchorSettings = _section(ANCHORS, AnchorSettings, {"name": table["kind"], **table})
    _check_anchor(made, table)
    return made


def _check_anchor(anchor: AnchorSettings, given: Iterable[str] = ()) -> None:
    try:
        reading.check(anchor, given)
    except reading.BadAnchor as error:
        raise ConfigError(f"anchor `{anchor.name}`: {error}") from None


def anchor_of(text: str, taken: Collection[str] = ()) -> AnchorSettings:
    """The anchor that `KIND:TARGET[,setting=value…]` spells; its name is not one of `taken`.

    Raises ConfigError.
    """
    try:
        table = reading.spelt(text)
    except reading.BadAnchor as error:
        raise ConfigError(f"`{text}`: {error}") from None
    number, name = 1, str(table.setdefault("name", table["kind"]))
    while table["name"] in taken:
        number += 1
        table["name"] = f"{name}-{number}"
    return _anchor(table)


def _section(name: str, shape: type[Any], values: Mapping[str, Any]) -> Any:
    hints = get_type_hints(shape)
    if name == "log" and "head_sink" in values:
        raise ConfigError(_moved(values["head_sink"]))
    for key, value in values.items():
        setting = f"{name}.{key}"
        if key not in hints:
            raise ConfigError(f"`{setting}` is not a setting; `[{name}]` has {_listed(hints)}")
        # bool is a kind of int in Python; a `true` where a number belongs is still a mistake.
        if type(value) is not hints[key]:
            raise ConfigError(f"`{setting}` must be {_TYPE_WORDS[hints[key]]}, not `{value}`")
        if setting in _RANGES:
            low, high = _RANGES[setting]
            if not low <= value <= high:
                raise ConfigError(f"`{setting}` is `{value}`; it must be between {low} and {high}")
    return shape(**values)


def _moved(target: Any) -> str:
    if not target:
        return "`log.head_sink` is no setting any more; take that line out"
    return (
        "`log.head_sink` is an anchor now; take that line out and write at the end of the file:"
        f' `[[anchors]]`, `name = "file"`, `kind = "file"`, `target = {_toml(str(target))}`,'
        " each on a line of its own"
    )


def _check_url(what: str, url: str) -> None:
    if not is_url(url):
        raise ConfigError(
            f"{what} is `{url}`; write an address such as `https://governance.corp.example`"
        )


def _toml(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m.group()):04x}", escaped) + '"'


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in names)
