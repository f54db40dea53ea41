"""The same log in a file and on a PostgreSQL server: one service, and four of them.

    python -m benchmarks.postgres [--rounds 3] [--seconds 4] [--folder DIR]

A complete decision is read from an evaluation request, decided over 1,000 rules, committed with its
values, signed, written to the head file and answered with a receipt; each service has 64 callers on
one event loop, and one service also has 256, as many as four have in all. An append is the smallest
entry; 256 callers wait. Every service is a process of its own, its callers included; the server is
started for the purpose, on loopback, as it comes, with its data on the same disk as the files, and
commits synchronously. Rounds take turns, medians are shown; targets print `ok` or `missed`.

Beside each rate: how much processor time 1,000 of them took in the services and in the server (which a
busy machine changes less than the rate), how many were written together, and how long a command in the
lane of stops waited, asked ten times a second of each service.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks._http_workspace import bodies, found
from benchmarks._machine import machine
from benchmarks.ledger import CALLERS, RULES, Recorded, one_sync

SERVICES = 4
WAITING = 256
STOPS_APART = 0.1
TICK = os.sysconf("SC_CLK_TCK")
Work = Callable[[int], Any]


def main() -> None:
    """See the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    arguments.add_argument("--child", choices=["decide", "append"], help=argparse.SUPPRESS)
    arguments.add_argument("--key", default="", help=argparse.SUPPRESS)
    arguments.add_argument("--callers", type=int, default=CALLERS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        child(given.folder, given.child, given.key, given.callers, given.seconds)
        return
    print(machine())
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
    server = Cluster(place, small=False)
    try:
        file, several = folder / "file", [folder / f"server-{n}" for n in range(SERVICES)]
        file_key = found(file, RULES)
        key = found(several[0], RULES, server.database().app)
        for other in several[1:]:
            join(other, several[0], FOLD)
        alone = [folder / "alone"]
        alone_key = found(alone[0], RULES, server.database().app)
        rounds_of: dict[str, list[Round]] = {}

        def measure(name: str, folders: list[Path], key: str, callers: int = CALLERS) -> None:
            what = name.split()[0]
            done = together(folders, what, key, callers, seconds, server)
            rounds_of.setdefault(name, []).append(done)

        print(f"one 700-byte append and fdatasync: {one_sync(file) * 1e6:.0f} µs", flush=True)
        for _ in range(rounds):
            measure("decide file", [file], file_key)
            measure("decide one", alone, alone_key)
            measure("decide four", several, key)
            measure("decide one, many", alone, alone_key, CALLERS * SERVICES)
            measure("append file", [file], file_key, WAITING)
            measure("append one", alone, alone_key, WAITING)
            measure("append four", several, key, WAITING)
        show({name: median(found) for name, found in rounds_of.items()})
    finally:
        server.close()


@dataclass(frozen=True)
class Round:
    """One round: how many a second, seconds of processor time for 1,000, written together, seconds
    that half of the stops waited for, and 99 of 100."""

    rate: float
    services: float
    server: float
    batch: float
    stop_p50: float
    stop_p99: float

    def __str__(self) -> str:
        return (
            f"{self.services:.3f} s for 1,000 in services, {self.server:.3f} s in the server, "
            f"{self.batch:.0f} in a batch, a stop waits {self.stop_p50 * 1e3:.0f} ms "
            f"(p99 {self.stop_p99 * 1e3:.0f})"
        )


def median(rounds: list[Round]) -> Round:
    """Each figure's median."""
    return Round(*(statistics.median(column) for column in zip(*map(_values, rounds), strict=True)))


def _values(one: Round) -> tuple[float, ...]:
    return (one.rate, one.services, one.server, one.batch, one.stop_p50, one.stop_p99)


def show(found: dict[str, Round]) -> None:
    """The figures beside their targets."""
    file, one, four = (found[f"decide {name}"] for name in ("file", "one", "four"))
    _figure("decisions/s, SQLite, one service", file)
    _figure("decisions/s, PostgreSQL, one service", one, file.rate / 2)
    _figure("decisions/s, PostgreSQL, four services", four, one.rate)
    _figure(
        "decisions/s, PostgreSQL, one service with all their callers", found["decide one, many"]
    )
    _figure("appends/s, SQLite, 256 waiting", found["append file"], 20_000)
    _figure("appends/s, PostgreSQL, 256 waiting", found["append one"], 20_000)
    _figure(
        "appends/s, PostgreSQL, four services with 256 waiting each",
        found["append four"],
    )


def _figure(name: str, found: Round, target: float | None = None) -> None:
    verdict = "" if target is None else f" (target ≥ {target:,.0f}: "
    if target is not None:
        verdict += "ok)" if found.rate >= target else "missed)"
    print(f"{name}: {found.rate:,.0f}{verdict}\n  {found}", flush=True)


def together(
    folders: list[Path], what: str, key: str, callers: int, seconds: float, server: Any
) -> Round:
    """Start a service for each folder, let all begin at once; what they did in all."""
    options = ["--child", what, "--key", key, "--callers", str(callers), "--seconds", str(seconds)]
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
    before = spent_by(server)
    for each in children:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    found = [json.loads(each.stdout.readline()) for each in children if each.stdout is not None]
    in_server = spent_by(server) - before
    for each in children:
        each.communicate("done\n")
    done = sum(each["done"] for each in found)
    waits = sorted(wait for each in found for wait in each["waits"])
    return Round(
        done / seconds,
        sum(each["cpu"] for each in found) / done * 1_000,
        in_server / done * 1_000,
        done / sum(each["batches"] for each in found),
        waits[len(waits) // 2],
        waits[int(len(waits) * 0.99)],
    )


def spent_by(server: Any) -> float:
    """Seconds of processor time of the server and its processes so far, those that ended included."""
    first = int((server.data / "postmaster.pid").read_text().split()[0])
    ticks = 0
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = process.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        if int(process.parent.name) == first:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == first:
            ticks += sum(map(int, fields[11:13]))
    return ticks / TICK


def child(directory: Path, what: str, key: str, callers: int, seconds: float) -> None:
    """One service: its callers ask for so many seconds."""
    import uvloop

    from governance import config as settings
    from governance.app import open_desk
    from governance.serve import tune

    with open_desk(directory, settings.load(directory), record_start=False) as desk:
        tune()
        work = deciding(desk, key) if what == "decide" else appending(desk)

        async def told() -> None:
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

        async def run() -> None:
            await desk.ledger.drive()
            try:
                await _for(work, callers, 0.5)
                print("ready", flush=True)
                await told()
                batches, cpu = desk.ledger.batches, time.process_time()
                waits: list[float] = []
                stops = asyncio.ensure_future(_stops(desk, seconds, waits))
                done = await _for(work, callers, seconds)
                cpu = time.process_time() - cpu
                await stops
                found = {"done": done, "cpu": cpu, "batches": desk.ledger.batches - batches}
                print(json.dumps({**found, "waits": waits}), flush=True)
                await told()
            finally:
                await desk.ledger.release()

        uvloop.run(run())


async def _stops(desk: Any, seconds: float, waits: list[float]) -> None:
    """How long a command in the lane of stops waits."""
    stop = replace(Recorded("stop"), lane="stop", key="p-benchmark")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        await desk.ledger.submit_async(stop)
        waits.append(time.perf_counter() - begun)
        await asyncio.sleep(STOPS_APART)


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
