"""The same log in a file and on a PostgreSQL server: one service, and four of them.

    python -m benchmarks.postgres [--rounds 3] [--seconds 4] [--folder DIR]

A complete decision is read from an evaluation request, decided over 1,000 rules, committed with its
values, signed, written to the head file and answered with a receipt; each service has 64 callers on
one event loop. An append is the smallest entry; 256 callers wait. Every service is a process of its
own; the server is started for the purpose, on loopback, with its data on the same disk as the files,
and commits synchronously. Rounds take turns, medians are shown; targets print `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._http_workspace import bodies, found
from benchmarks.ledger import CALLERS, RULES, Recorded, one_sync

SERVICES = 4
WAITING = 256
Work = Callable[[int], Any]


def main() -> None:
    """See the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    arguments.add_argument("--child", choices=["decide", "append"], help=argparse.SUPPRESS)
    arguments.add_argument("--key", default="", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        child(given.folder, given.child, given.key, given.seconds)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        compare(Path(folder), given.rounds, given.seconds)


def compare(folder: Path, rounds: int, seconds: float) -> None:
    """All figures, in turns."""
    from governance.service.desk import FOLD
    from governance.store.joining import join
    from tests.postgres.server import Cluster, programs_missing

    if programs_missing():
        sys.exit("PostgreSQL 15 is not installed (apt-get install postgresql-15)")
    place = folder / "server"
    place.mkdir(mode=0o755)
    folder.chmod(0o755)
    server = Cluster(place)
    try:
        file, several = folder / "file", [folder / f"server-{n}" for n in range(SERVICES)]
        file_key = found(file, RULES)
        key = found(several[0], RULES, server.database().app)
        for other in several[1:]:
            join(other, several[0], FOLD)
        alone = [folder / "alone"]
        alone_key = found(alone[0], RULES, server.database().app)
        rates: dict[str, list[float]] = {}

        def measure(name: str, folders: list[Path], what: str, secret: str) -> None:
            rates.setdefault(name, []).append(together(folders, what, secret, seconds))

        print(f"one 700-byte append and fdatasync: {one_sync(file) * 1e6:.0f} µs", flush=True)
        for _ in range(rounds):
            measure("decide file", [file], "decide", file_key)
            measure("decide one", alone, "decide", alone_key)
            measure("decide four", several, "decide", key)
            measure("append file", [file], "append", file_key)
            measure("append one", alone, "append", alone_key)
            measure("append four", several, "append", key)
        show({name: statistics.median(found) for name, found in rates.items()})
    finally:
        server.close()


def show(rate: dict[str, float]) -> None:
    """The figures beside their targets."""
    print(f"decisions/s, SQLite, one service: {rate['decide file']:,.0f}")
    _figure("decisions/s, PostgreSQL, one service", rate["decide one"], rate["decide file"] / 2)
    _figure("decisions/s, PostgreSQL, four services", rate["decide four"], rate["decide one"])
    _figure("appends/s, SQLite, 256 waiting", rate["append file"], 20_000)
    _figure("appends/s, PostgreSQL, 256 waiting", rate["append one"], 20_000)
    print(f"appends/s, PostgreSQL, four services with 256 waiting each: {rate['append four']:,.0f}")


def _figure(name: str, value: float, target: float) -> None:
    verdict = "ok" if value >= target else "missed"
    print(f"{name}: {value:,.0f} (target ≥ {target:,.0f}: {verdict})", flush=True)


def together(folders: list[Path], what: str, key: str, seconds: float) -> float:
    """Start a service for each folder, let all begin at once; how many a second in all."""
    options = ["--child", what, "--key", key, "--seconds", str(seconds)]
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.postgres", *options, "--folder", str(each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each in folders
    ]
    for each in children:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in children:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    found = [json.loads(each.communicate()[0].splitlines()[-1]) for each in children]
    return float(sum(each["done"] for each in found) / seconds)


def child(directory: Path, what: str, key: str, seconds: float) -> None:
    """One service: its callers ask for so many seconds."""
    import uvloop

    from governance import config as settings
    from governance.app import open_desk

    with open_desk(directory, settings.load(directory), record_start=False) as desk:
        work, callers = (
            (deciding(desk, key), CALLERS) if what == "decide" else (appending(desk), WAITING)
        )

        async def run() -> int:
            await desk.ledger.drive()
            try:
                await _for(work, callers, 0.5)
                print("ready", flush=True)
                await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
                return await _for(work, callers, seconds)
            finally:
                await desk.ledger.release()

        batches = desk.ledger.batches
        done = uvloop.run(run())
        size = done / max(1, desk.ledger.batches - batches)
        print(json.dumps({"done": done, "batch": size}), flush=True)


async def _for(work: Work, callers: int, seconds: float) -> int:
    """How much `callers` get done within some seconds."""
    done, end = 0, time.perf_counter() + seconds

    async def caller(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await work(number)
            number += callers
            done += 1

    await asyncio.gather(*(caller(number) for number in range(callers)))
    return done


def deciding(desk: Any, key: str) -> Work:
    """Complete decisions."""
    from governance.service import deciding as decisions
    from governance.service import keys

    caller, requests = keys.caller_of(desk, key), bodies(RULES)

    async def ask(number: int) -> None:
        command = decisions.prepare(desk, caller, requests[number % len(requests)])
        answer = decisions.finish(desk, await desk.ledger.submit_async(command))
        assert answer["decision"] is True, answer

    return ask


def appending(desk: Any) -> Work:
    """Smallest entries."""

    async def ask(number: int) -> None:
        await desk.ledger.submit_async(Recorded(f"bench {number}"))

    return ask


if __name__ == "__main__":
    main()
