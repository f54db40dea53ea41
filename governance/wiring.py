"""What the command line borrows from the app: the only meeting of commands and the open workspace.

Law: commands know no open workspace; whatever needs one (making it, serving it, answering in process,
reading its files) is lent to them from here and nowhere else.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit.entry import Entry, decode
from governance import config as settings
from governance import serve
from governance.anchoring import registry
from governance.anchoring.settings import AnchorSettings
from governance.app import open_desk
from governance.cli.log_keys import wanted
from governance.cli.setup import shipped_policies
from governance.cli.transport import ADMIN_KEY, Exchange
from governance.config import Config, ConfigError
from governance.service import anchoring, checking, examples, founding, log_keys, releasing
from governance.service.desk import FOLD, Caller
from governance.store.accounts import AccountStore
from governance.store.database import LOG_SCHEMA, VAULT_SCHEMA, prepare, server
from governance.store.errors import CannotOpen
from governance.store.findings import Report
from governance.store.fsck import fsck
from governance.store.joining import join
from governance.store.keyring import Wanted, public_keys
from governance.store.migrations import revision_of
from governance.store.moving import move
from governance.store.paths import Paths
from governance.store.pruning import empty_on_server
from governance.store.reader import Reader
from governance.store.repair import repair as make_again
from governance.store.restore import newest, restore
from governance.store.workspace import Workspace
from governance.web import log, verifypage
from governance.web.accounts import Accounts, generate_password

DEFAULT_ORIGIN = "governance.localhost.example/log"


class App:
    """The `Wiring` that the command line is given."""

    def initialise(self, directory: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        """Make a workspace and found it; the answer holds what is shown once.

        What cannot be founded leaves nothing behind, so that the command can be repeated; what
        another process makes or made there stays.
        """
        config = _config(options)
        there = directory.exists()
        with _alone(directory):
            try:
                return _found(directory, config, options)
            except BaseException as error:
                begun = (directory / settings.FILE_NAME).exists()
                for left in directory.iterdir() if there else ():
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
                if not there:
                    shutil.rmtree(directory, ignore_errors=True)
                if begun and config.store.database:  # what a service added it cannot take back
                    raise CannotOpen(
                        f"{error}; the database holds a begun log now: have its owner drop the "
                        f"schemas `{LOG_SCHEMA}` and `{VAULT_SCHEMA}` before you repeat this"
                    ) from error
                raise

    def serve(
        self, directory: Path, host: str | None, port: int | None, database: str | None = None
    ) -> int:
        """Own the workspace and answer until told to stop."""
        return serve.serve(directory, host, port, database)

    def prepare(self, owner: str, service: str) -> dict[str, Any]:
        """Make a server's database ready for a service's role."""
        return prepare(owner, service)._asdict()

    def empty(self, owner: str) -> int:
        """Take what was pruned out of a server, as its owner."""
        return empty_on_server(server(owner, LOG_SCHEMA))

    def join(self, directory: Path, source: Path, head: Path | None) -> dict[str, Any]:
        """Make a folder for another process on the log of the workspace in `source`."""
        size = join(directory, source, FOLD, head=head, source_head=_head(source))
        # never the source's: two services would write one head file
        own = str(head.resolve()) if head is not None else ""
        settings.set_head(directory / settings.FILE_NAME, own)
        database = str(Paths(directory).log_database)
        return {"workspace": str(directory), "database": database, "entries": size}

    def move(self, directory: Path, address: str) -> dict[str, Any]:
        """Bring the log of a workspace from its file to a prepared server."""
        at = datetime.now(UTC)  # noqa: TID251 - a surface
        done = move(directory, address, FOLD, at, head=_head(directory))
        put_aside = str(done.archive)
        return {"database": done.database, "entries": done.size, "put_aside": put_aside}

    def databases(self, directory: Path) -> dict[str, Any]:
        """Where log and values of a workspace are, and what state their schemas are in."""
        paths = Paths(directory)
        with closing(Reader(paths.log_database)) as reader:
            size, minimum = reader.size, reader.minimum
        return {
            "log": str(paths.log_database),
            "values": str(paths.vault_database),
            "several_services": paths.log_database.shared,
            "entries": size,
            "minimum": minimum,
            "bytes": paths.log_database.size(),
            "schemas": {
                "log": revision_of(paths.log_database),
                "values": revision_of(paths.vault_database),
            },
        }

    @contextmanager
    def in_process(
        self, directory: Path, *, without_log_keys: Sequence[str] = ()
    ) -> Iterator[Exchange]:
        """The API of a workspace that nobody serves."""
        # A command's own requests are no news to the person who typed it.
        log.configure(level=logging.WARNING)
        with serve.in_process(directory, without_log_keys=without_log_keys) as exchange:
            yield exchange

    def restore(
        self,
        directory: Path,
        backup: Path | None,
        known: Sequence[Path],
        vault: Path | None = None,
        key: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Open a backup as a new log in this workspace; the old files are put aside.

        Without `backup`, the newest there is: the workspace's own log if it still holds, else the
        largest of its backups. `vault` is a backup of the values to go back to.

        A workspace that was lost whole gets the usual settings and the files of its release.
        """
        at = datetime.now(UTC)  # noqa: TID251 - a surface
        heads = [path.read_text(encoding="utf-8") for path in known]
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        had = Paths(directory).vault.exists()
        done = restore(
            directory,
            backup or newest(Paths(directory, _head(directory)), FOLD, at),
            FOLD,
            at,
            acknowledge=True,
            head=_head(directory),
            known_heads=heads,
            outside=lambda origin: _shown_outside(directory, origin),
            vault=vault,
            key=_key(key or {"custody": "file"}),
        )
        lost = not (directory / settings.FILE_NAME).exists()
        if lost:
            text = settings.render(_config({"origin": done.origin}))
            (directory / settings.FILE_NAME).write_text(text, encoding="utf-8")
            _write_policies(directory)
        (vkey,) = (verifier.vkey for verifier in public_keys(Paths(directory)))
        (directory / log_keys.VKEY_FILE).write_text(vkey + "\n", encoding="ascii")
        _rename_log(directory / settings.FILE_NAME, done.origin)
        return {
            "origin": done.origin,
            "log_key": vkey,
            "old_origin": done.old_origin,
            "last_known_size": done.known,
            "restored_size": done.restored,
            "lost_entries": done.known - done.restored,
            "put_aside": str(done.archive),
            "values": "from the backup" if vault else "as they were" if had else "lost",
        }

    def verify_page(self) -> bytes:
        """The page on which a browser checks a package."""
        return verifypage.page()

    def fsck(self, directory: Path, *, repair: bool = False, owner: str = "") -> dict[str, Any]:
        """Hold everything derived against the log; with `repair` make it again and look once more."""
        paths = Paths(directory, _head(directory))
        vkeys = [verifier.vkey for verifier in public_keys(paths)]
        if not repair:
            return _told(fsck(paths, vkeys))
        at = datetime.now(UTC)  # noqa: TID251 - a surface
        done = make_again(paths, at, vkeys, owner=owner)
        if done.kept is None:
            return {**_told(done.found), "repaired": {}, "kept": None}
        with open_desk(directory, settings.load(directory), record_start=False) as desk:
            desk.workspace.views.wait_for(desk.workspace.ledger.size, timeout=600)
        counts = {part: count for part, count in done.counts.items() if count}
        return {**_told(fsck(paths, vkeys)), "repaired": counts, "kept": str(done.kept)}

    def entries(
        self, directory: Path, start: int | None, stop: int | None
    ) -> Iterator[tuple[int, Entry]]:
        """Decoded entries; a negative `start` counts from the end, `stop` is included.

        Raises `audit.errors.Pruned` for a `start` below the log's minimum.
        """
        reader = Reader(Paths(directory).log_database)
        try:
            size = reader.size
            if start is None or start < 0:  # as far back as the log keeps its entries
                first = max(reader.minimum, size + start if start else 0)
            else:
                first = start
            last = size if stop is None else min(size, stop + 1)
            for index, raw in enumerate(reader.entries(first, last), first):
                yield index, decode(raw)
        finally:
            reader.close()


def _told(report: Report) -> dict[str, Any]:
    """A report of `fsck` for people and programs."""
    return {
        "entries": report.entries,
        "vouched": report.vouched,
        "problems": [
            {
                "where": found.where,
                "what": found.what,
                "means": found.meaning,
                "to_do": found.cure,
                "derivable": found.derivable,
            }
            for found in report.findings
        ],
        "derivable": report.derivable,
        "lasting": report.lasting,
        "unchecked": list(report.unchecked),
    }


def _found(directory: Path, config: Config, options: Mapping[str, Any]) -> dict[str, Any]:
    key = wanted(options.get("log_key") or "file", options.get("log_public_key"))
    if options.get("database_owner"):
        prepare(options["database_owner"], config.store.database)
    paths = Workspace.create(
        directory,
        config.log.origin,
        database=config.store.database,
        key=_key(key),
    )
    _copy_policies(options.get("policies"), paths.policies)
    (directory / settings.FILE_NAME).write_text(settings.render(config), encoding="utf-8")
    password = generate_password()
    with open_desk(directory, config, record_start=True) as desk:
        made = founding.found(
            desk,
            name=options["name"],
            email=options["email"],
            files=checking.read_folder(paths.policies),
            agent=options.get("agent"),
            labels=options.get("labels") or (),
        )
        accounts = Accounts(AccountStore(desk.workspace.vault_engine))
        accounts.enrol(
            person=made["person"],
            sign_in=options["email"],
            password=password,
            at=datetime.now(UTC),  # noqa: TID251 - a surface
        )
        if options.get("post_quantum"):
            log_keys.add(
                desk,
                Caller("person", made["person"]),
                algorithm="ml-dsa-44",
                custody="file" if key["custody"] == "file" else "encrypted",
            )
        vkeys = desk.workspace.vkeys
    _write_private(directory / ADMIN_KEY, made["person_key"] + "\n")
    return {
        "workspace": str(directory),
        "url": config.url,
        "sign_in": options["email"],
        "password": password,
        "person": made["person"],
        "person_key": made["person_key"],
        "agent": made.get("agent"),
        "agent_key": made.get("agent_key"),
        "log_key": vkeys[0],
        **({"second_log_key": vkeys[1]} if len(vkeys) > 1 else {}),
        "release": made["release"],
    }


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """The folder, made if need be, empty, and for this process alone. Raises `CannotOpen`."""
    with contextlib.ExitStack() as held:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            held.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = next(directory.iterdir(), None)
        except BlockingIOError as error:
            raise CannotOpen(
                f"another process is making a workspace in `{directory}`; give a folder of its own"
            ) from error
        except OSError as error:
            raise CannotOpen(f"cannot make the folder `{directory}`: {error.strerror}") from error
        if found is not None:
            raise CannotOpen(f"`{directory}` is not empty (`{found.name}`); give a new folder")
        yield


def _key(told: Mapping[str, Any]) -> Wanted:
    """Where a log's first key is to be kept, from `cli.log_keys.wanted`."""
    return Wanted(told["custody"], at=told.get("at", ""), public=told.get("public_key"))


def _write_policies(directory: Path) -> None:
    """The files of the release in force, for people to go on with."""
    with open_desk(directory, settings.load(directory), record_start=False) as desk:
        for path, text in releasing.current(desk)["files"].items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


def _rename_log(config: Path, origin: str) -> None:
    """Write the new log's name into `config.toml`, leaving what people wrote there alone."""
    text = config.read_text(encoding="utf-8")
    config.write_text(
        re.sub(r"^origin = .*$", f'origin = "{origin}"', text, count=1, flags=re.M),
        encoding="utf-8",
    )


def _head(directory: Path) -> Path | None:
    configured = settings.load(directory).log.head
    return Path(configured) if configured else None


def _config(options: Mapping[str, Any]) -> Config:
    config = Config()
    config = replace(
        config,
        workspace=replace(config.workspace, name=options.get("title") or "Governance"),
        log=replace(
            config.log,
            origin=options.get("origin") or DEFAULT_ORIGIN,
        ),
        anchors=_anchors(options.get("anchors") or ()),
    )
    if options.get("database"):
        config = replace(config, store=settings.Store(options["database"]))
    if options.get("port"):
        config = replace(config, server=replace(config.server, port=options["port"]))
    settings.check(config)
    return config


def _shown_outside(directory: Path, origin: str) -> Collection[str]:
    """What the workspace's anchors show for the old log, as far as they can be asked now."""
    try:
        config = settings.load(directory)
        found = registry.anchors(config.anchors, config.anchoring, directory)
    except ConfigError:
        return ()  # a secret that is not at hand must not keep a log from being restored
    return anchoring.shown_heads(found, origin).values()


def _anchors(given: Sequence[str]) -> tuple[AnchorSettings, ...]:
    """Anchors as spelt on the command line; files and folders must be reachable now."""
    found: list[AnchorSettings] = []
    for text in given:
        anchor = settings.anchor_of(text, [each.name for each in found])
        place = Path(anchor.target)
        if anchor.kind == "file" or (anchor.kind == "git" and place.exists()):
            anchor = replace(anchor, target=str(place.resolve()))
        if anchor.kind == "file" and not Path(anchor.target).parent.is_dir():
            raise CannotOpen(
                f"`{place.parent}` is no directory; make it, on another volume than the workspace, "
                "or leave --anchor out and name one in config.toml later"
            )
        if anchor.kind == "git" and ":" not in anchor.target and not place.is_dir():
            raise CannotOpen(
                f"`{place}` is no directory; make the repository first (`git init --bare {place}`), "
                "or give its URL"
            )
        found.append(anchor)
    return tuple(found)


def _copy_policies(source: Path | None, target: Path) -> None:
    """Copy policy files; the shipped examples are dated as of now, a person's own stay as they are."""
    shipped = shipped_policies()
    source = source or shipped
    shutil.copytree(source, target, dirs_exist_ok=True)
    if source.resolve() != shipped.resolve():
        return
    paths = {path.relative_to(target).as_posix(): path for path in target.rglob("*.yaml")}
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    now = datetime.now(UTC)  # noqa: TID251 - a surface
    for name, text in examples.dated(texts, now).items():
        if text != texts[name]:
            paths[name].write_text(text, encoding="utf-8")


def _write_private(path: Path, text: str) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="ascii") as file:
        file.write(text)
