"""Complete decisions without HTTP, and what a million entries cost: memory and the next start.

    python -m benchmarks.ledger [--rounds 5] [--decisions 6000] [--entries 1000000]

A complete decision is read from an evaluation request, decided over 1,000 rules, committed with its
values, signed, written to the head file and answered with a receipt; 64 callers on one event loop
wait for each other's commits. Memory and start-up are measured in processes of their own, on a log
whose sessions and customers are all distinct. Medians of `--rounds`; targets print `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks._http_workspace import bodies, found
from benchmarks._machine import machine

CALLERS = 64
RULES = 1_000
HUNDRED_THOUSAND = 100_000


def main() -> None:
    """See the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--decisions", type=int, default=6_000)
    arguments.add_argument("--entries", type=int, default=1_000_000)
    arguments.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    arguments.add_argument("--child", choices=["fill", "open"], help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child == "fill":
        print(json.dumps(fill(given.folder, given.entries)))
        return
    if given.child == "open":
        print(json.dumps(start(given.folder)))
        return
    print(machine())
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        decisions(Path(folder) / "decisions", given.rounds, given.decisions)
        if given.entries:
            million(Path(folder) / "million", given.rounds, given.entries)


# -- complete decisions ------------------------------------------------------------------------------


def decisions(directory: Path, rounds: int, count: int) -> None:
    """How many a second, and how long each waits."""
    from governance.app import open_desk
    from governance.config import Config, Limits
    from governance.serve import tune

    key = found(directory, RULES)
    config = Config(limits=Limits(agent_per_second=1_000_000, waiting=100_000))
    with open_desk(directory, config, record_start=True) as desk:
        tune()
        bare, syncs = [], []
        results = []
        for _ in range(rounds + 1):
            syncs.append(one_sync(directory))
            results.append(_with_loop(desk.ledger, lambda: _decide_round(desk, key, count)))
            bare.append(_with_loop(desk.ledger, lambda: _bare_round(desk, count)))
        rate = statistics.median(r.rate for r in results[1:])
        print(f"one 700-byte append and fdatasync: {statistics.median(syncs) * 1e6:.0f} µs")
        _figure("complete decisions/s, 64 callers", rate, 10_000, "{:,.0f}")
        for name, value in (
            ("CPU per decision", statistics.median(r.cpu for r in results[1:]) * 1e6),
            (
                "of that, a command that only records",
                statistics.median(r.cpu for r in bare[1:]) * 1e6,
            ),
        ):
            print(f"  {name}: {value:.0f} µs")
        print(f"  p50 {statistics.median(r.p50 for r in results[1:]) * 1e3:.1f} ms")
        p99 = statistics.median(r.p99 for r in results[1:])
        print(f"  p99 {p99 * 1e3:.1f} ms, {results[-1].batch:.0f} commands in a batch")
        print(f"  commands that only record: {statistics.median(r.rate for r in bare[1:]):,.0f}/s")


@dataclass(frozen=True)
class Round:
    """One round: commands a second, CPU seconds each, waiting times in seconds, batch size."""

    rate: float
    cpu: float
    p50: float
    p99: float
    batch: float


async def _decide_round(desk: Any, key: str, count: int) -> Round:
    from governance.service import deciding, keys

    caller = keys.caller_of(desk, key)
    requests = bodies(RULES)

    async def ask(number: int) -> None:
        command = deciding.prepare(desk, caller, requests[number % len(requests)])
        answer = deciding.finish(desk, await desk.ledger.submit_async(command))
        assert answer["decision"] is True, answer

    return await _callers(desk.ledger, ask, count)


async def _bare_round(desk: Any, count: int) -> Round:
    async def ask(number: int) -> None:
        await desk.ledger.submit_async(Recorded(f"bench {number}"))

    return await _callers(desk.ledger, ask, count)


async def _callers(ledger: Any, ask: Callable[[int], Any], count: int) -> Round:
    """64 callers, each asking again as soon as it has its answer."""
    waits: list[float] = []
    each = count // CALLERS

    async def caller(first: int) -> None:
        for number in range(first * each, (first + 1) * each):
            begun = time.perf_counter()
            await ask(number)
            waits.append(time.perf_counter() - begun)

    batches = ledger.batches
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    waits.sort()
    done = len(waits)
    return Round(
        done / took,
        cpu / done,
        waits[done // 2],
        waits[int(done * 0.99)],
        done / max(1, ledger.batches - batches),
    )


def _with_loop(ledger: Any, make: Callable[[], Any]) -> Any:
    """A round on a fresh event loop that drives the ledger, as the service's does."""
    import uvloop

    async def driven() -> Any:
        await ledger.drive()
        try:
            return await make()
        finally:
            await ledger.release()

    gc.collect()
    return uvloop.run(driven())


@dataclass(frozen=True)
class Recorded:
    """A command that records one small entry: what the store costs by itself."""

    text: str
    lane: str = "agent"
    key: str = "k-benchmark"

    def needs(self, _state: Any, _at: datetime) -> Any:
        """Nothing."""
        from governance.oversight.commands import NO_NEEDS

        return NO_NEEDS

    def run(self, _state: Any, _facts: Any, at: datetime, _index: int) -> Any:
        """A note that somebody was throttled: no state changes."""
        from audit.entry import Entry
        from governance.oversight.commands import Proposal
        from governance.oversight.times import write as stamp
        from governance.store.ledger import SERVICE

        data = {"key": None, "refused": 1, "since": stamp(at), "until": stamp(at)}
        return Proposal((Entry("service.throttled", at, SERVICE, data),), self.text)


def one_sync(directory: Path) -> float:
    """Seconds for one append of an entry's size and its fdatasync; the machine's floor."""
    fd = os.open(directory / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    begun = time.perf_counter()
    for _ in range(200):
        os.write(fd, bytes(700))
        os.fdatasync(fd)
    os.close(fd)
    return (time.perf_counter() - begun) / 200


# -- a million entries -------------------------------------------------------------------------------


def million(directory: Path, rounds: int, entries: int) -> None:
    """Memory from 100,000 entries to all, and how long the next start takes."""
    found(directory, RULES)
    grown = _child("fill", directory, entries)
    print(f"{entries:,} entries: filled at {grown['rate']:,.0f} entries/s, {grown['size_mb']} MB")
    _figure("memory growth from 100,000 entries, MB", grown["growth_mb"], 32, "{:.1f}", most=True)
    starts = [_child("open", directory, entries) for _ in range(rounds)]
    seconds = statistics.median(s["seconds"] for s in starts)
    _figure(f"start-up with {starts[0]['entries']:,} entries, s", seconds, 3, "{:.2f}", most=True)


def fill(directory: Path, entries: int) -> dict[str, Any]:
    """Write sessions and decisions, each session and each customer seen once; memory on the way."""
    from governance.service.desk import FOLD
    from governance.store.lanes import limits
    from governance.store.workspace import Workspace

    unlimited = limits(agent_per_second=1e9, queue=100_000)
    with Workspace.open(directory, FOLD, limits=unlimited) as workspace:
        ledger, vault = workspace.ledger, workspace.vault
        waiting: list[Any] = []
        early = 0
        begun, number = time.perf_counter(), 0
        while ledger.size < entries:
            subject = vault.pseudonym("payee", f"customer {number}")
            waiting.append(ledger.submit(Fresh(number, subject)))
            number += 1
            if len(waiting) >= 128:
                for future in waiting:
                    future.result()
                waiting.clear()
                if not early and ledger.size >= min(HUNDRED_THOUSAND, entries // 10):
                    early = resident()
        for future in waiting:
            future.result()
        took = time.perf_counter() - begun
        workspace.views.wait_for(ledger.size, 600)
        late = resident()
        return {
            "rate": entries / took,
            "growth_mb": (late - early) / 1e6,
            "size_mb": round(sum(f.stat().st_size for f in directory.glob("*.db")) / 1e6),
        }


@dataclass(frozen=True)
class Fresh:
    """A session that is opened, and one decision in it about a customer seen for the first time."""

    number: int
    subject: str
    lane: str = "agent"
    key: str = "k-benchmark"

    def needs(self, _state: Any, at: datetime) -> Any:
        """Two windows, as a limit by agent and one by customer would ask."""
        from governance.engine.model import FactQuery
        from governance.oversight.commands import Needs
        from governance.store.clock import to_microseconds

        day = to_microseconds(at) - 86_400_000_000
        return Needs(
            totals=(
                FactQuery("bench/LIM-1", '["bench-1"]', day, "EUR"),
                FactQuery("bench/LIM-2", f'["{self.subject}"]', day, "EUR"),
            )
        )

    def run(self, state: Any, facts: Any, at: datetime, index: int) -> Any:
        """Two entries, two charges, one value in the vault."""
        from audit.entry import Entry
        from governance.oversight.commands import Proposal, VaultRow

        by = {"type": "agent", "id": "bench-1"}
        opened = {
            "refs": {},
            "agent": "bench-1",
            "opened_by": "agent",
            "labels": ["untrusted"],
            "depth": 0,
            "standing": False,
        }
        entries = (
            Entry("session.opened", at, by, opened),
            Entry("decision", at, by, self._decision(state, facts, index)),
        )
        value = VaultRow(index + 1, "args.payee", b"a customer", bytes(16), self.subject)
        return Proposal(entries, None, (), (value,))

    def _decision(self, state: Any, facts: Any, index: int) -> dict[str, Any]:
        return {
            "refs": {"session": index},
            "agent": "bench-1",
            "action": "bench.a000",
            "digest": f"{self.number:064x}",
            "args": {"amount": "10.50 EUR", "payee": self.subject},
            "resource": {},
            "attested": False,
            "release": state.release,
            "semantics": "1",
            "effect": "allow",
            "would_be": "allow",
            "observed": False,
            "findings": [
                {
                    "policy": "bench",
                    "rule": "A000-00",
                    "effect": "allow",
                    "certain": True,
                    "unknown": [],
                }
            ],
            "facts": [
                [q.series, q.key, q.since, str(t.sum), t.count, t.mixed]
                for q, t in facts.totals.items()
            ],
            "charges": [
                ["bench/LIM-1", '["bench-1"]', "10.50", "EUR"],
                ["bench/LIM-2", f'["{self.subject}"]', "10.50", "EUR"],
            ],
            "autonomy": "L4",
            "risk": "low",
            "via": "api",
        }


def start(directory: Path) -> dict[str, Any]:
    """Seconds until a workspace takes commands, imports not counted."""
    from governance.service.desk import FOLD
    from governance.store.workspace import Workspace

    begun = time.perf_counter()
    with Workspace.open(directory, FOLD, version="bench") as workspace:
        return {"seconds": time.perf_counter() - begun, "entries": workspace.ledger.size}


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _child(what: str, directory: Path, entries: int) -> dict[str, Any]:
    options = ["--child", what, "--folder", str(directory), "--entries", str(entries)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ledger", *options], check=True, stdout=subprocess.PIPE
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _figure(name: str, value: float, target: float, form: str, *, most: bool = False) -> None:
    good = value <= target if most else value >= target
    sign = "≤" if most else "≥"
    verdict = "ok" if good else "missed"
    print(f"{name}: {form.format(value)} (target {sign} {target:,}: {verdict})", flush=True)


if __name__ == "__main__":
    main()
