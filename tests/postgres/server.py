"""A PostgreSQL server for tests: one per process, on loopback, in a temporary directory.

How to use it: `cluster()` starts the server the first time (about a second) and stops it when the
process ends; `cluster().database()` gives a fresh database with schemas, guards and rights in place
(a copy of a template, a tenth of a second): `.app` is the address the service uses, `.owner` the
owner's. With pytest, import the fixtures: `from tests.postgres.fixtures import database, server`.

    there = cluster().database()
    root = make(folder, there)                       # a workspace of tests/store/world.py on it
    workspace = world.open_(root, seams=...)         # as for SQLite: faults go in front of it
    other = join(root, folder / "other")             # a second process's folder on the same log
    cluster().restart(immediate=True)                # a failover: every connection is lost
    cluster().cut_off(there)                         # the server ends the sessions of one database

The server runs as the user `postgres` when the tests are root. Without PostgreSQL 15 the tests fail
where CI is set and are left out, with this sentence, elsewhere.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

OWNER, APP = "governance_owner", "governance_app"
_PLACES = (Path("/usr/lib/postgresql/15/bin"), Path("/usr/lib/postgresql/16/bin"))
_SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "dynamic_shared_memory_type": "mmap",
    "log_line_prefix": "'%m [%p] %d '",
    "timezone": "UTC",
}
_SMALL = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "deadlock_timeout": "100ms",
}


@dataclass(frozen=True)
class TestDatabase:
    """One database of the server: its name, the service's address, the owner's."""

    __test__ = False
    name: str
    app: str
    owner: str


class Cluster:
    """A running server with its two roles and a prepared template."""

    def __init__(self, folder: Path, *, small: bool = True) -> None:
        """`small`: for many short tests; else as the server comes."""
        self.folder = folder
        self._settings = _SETTINGS | (_SMALL if small else {})
        self.bin = _programs()
        self.data = folder / "data"
        self._user = _server_user()
        self._password = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self.port = _free_port()
        if self._user is not None:
            shutil.chown(folder, self._user, self._user)
        self._init()
        self.start()
        self._prepare()

    # -- databases ---------------------------------------------------------------------------------

    def database(self, template: str = "prepared") -> TestDatabase:
        """A fresh database, prepared for the service's role (or, with `template0`, an empty one)."""
        name = f"test_{next(self._numbers)}"
        self.as_superuser(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")
        return TestDatabase(name, self.url(APP, name), self.url(OWNER, name))

    def drop(self, there: TestDatabase) -> None:
        """Give the room of a database back; whoever is connected is thrown out."""
        self.as_superuser(f"DROP DATABASE IF EXISTS {there.name} WITH (FORCE)")

    def url(self, role: str, name: str) -> str:
        """The address of a database for a role."""
        return f"postgresql://{role}:{self._password}@127.0.0.1:{self.port}/{name}"

    def as_superuser(self, sql: str, database: str = "postgres") -> list[Any]:
        """Do one statement as the server's own administrator; its rows."""
        import psycopg

        where = f"host={self.folder} port={self.port} dbname={database} user=admin"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(sql)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def cut_off(self, there: TestDatabase) -> int:
        """End every session of a database, as a network or an administrator does; how many."""
        rows = self.as_superuser(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{there.name}' AND pid <> pg_backend_pid()"
        )
        return len(rows)

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._ctl("start", "-l", str(self.folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `fast`, or `immediate` as a crash does."""
        self._ctl("stop", "-m", mode)

    def restart(self, *, immediate: bool = True) -> None:
        """What a failover looks like to clients; `immediate` leaves recovery to the next start."""
        mode = "immediate" if immediate else "fast"
        self._ctl("restart", "-m", mode, "-l", str(self.folder / "log"))

    def close(self) -> None:
        """Stop the server and delete everything."""
        self._ctl("stop", "-m", "immediate", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _init(self) -> None:
        self._run("initdb", "-D", str(self.data), "-U", "admin", "-A", "trust", "--no-sync")
        lines = [f"{name} = {value}" for name, value in self._settings.items()]
        lines += [f"port = {self.port}", f"unix_socket_directories = '{self.folder}'"]
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\n".join(lines) + "\n")
        (self.data / "pg_hba.conf").write_text(
            "local all admin trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )

    def _prepare(self) -> None:
        from governance.store.grants import prepare

        for role in (OWNER, APP):
            self.as_superuser(f"CREATE ROLE {role} LOGIN PASSWORD '{self._password}'")
        self.as_superuser(f"CREATE DATABASE prepared OWNER {OWNER}")
        prepare(self.url(OWNER, "prepared"), self.url(APP, "prepared"))

    def _ctl(self, verb: str, *options: str, check: bool = True) -> None:
        self._run("pg_ctl", verb, "-D", str(self.data), "-w", "-t", "60", *options, check=check)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(self.bin / program), *arguments]
        if self._user is not None:
            command = ["runuser", "-u", self._user, "--", *command]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            text=True,
        )
        if check and done.returncode:
            log = self.folder / "log"
            said = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} failed: {done.stderr}\n{said}")


@cache
def cluster() -> Cluster:
    """The server of this process, started at the first call."""
    if programs_missing():
        sentence = "PostgreSQL 15 is not installed (apt-get install postgresql-15)"
        if os.environ.get("CI") and "postgresql" not in os.environ.get("WITHOUT", "").split():
            raise RuntimeError(sentence)
        raise unittest.SkipTest(sentence)
    shared = Path("/dev/shm")
    place = shared if os.access(shared, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=place))
    try:
        made = Cluster(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    atexit.register(made.close)
    return made


def make(root: Path, there: TestDatabase) -> Path:
    """A new workspace in `root` whose log is in a database; its settings say so."""
    from governance.store.workspace import Workspace
    from tests.store import world

    Workspace.create(root, world.ORIGIN, database=there.app)
    (root / "config.toml").write_text(f'[store]\ndatabase = "{there.app}"\n')
    return root


def join(root: Path, other: Path) -> Path:
    """Another folder for another process on the same log."""
    from governance.store.joining import join as join_log
    from tests.store import world

    join_log(other, root, world.FOLD)
    return other


def programs_missing() -> bool:
    """Whether PostgreSQL is not installed."""
    return not any((place / "pg_ctl").exists() for place in _PLACES)


def _programs() -> Path:
    return next(place for place in _PLACES if (place / "pg_ctl").exists())


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    pwd.getpwnam("postgres")
    return "postgres"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
