"""Decisions in batches, and where the time of one decision goes.

    python -m benchmarks.decisions [--rounds 5] [--batches 40]

A batch of 100 evaluation requests is one command: read, decided over 1,000 rules in order (each sees
the charges of those before it), committed with its values, signed, and answered with a receipt each.
The parts are measured one by one on one thread, in processor time, without a commit. Medians of
`--rounds`; the target prints `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._http_workspace import bodies, found
from benchmarks._machine import machine

RULES = 1_000
SIZE = 100
TARGET = 10_000


def main() -> None:
    """See the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--batches", type=int, default=40)
    given = arguments.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder) / "workspace", given.rounds, given.batches)


def run(directory: Path, rounds: int, batches: int) -> None:
    """Both measurements in one workspace."""
    from governance.app import open_desk
    from governance.config import Config, Limits
    from governance.serve import tune
    from governance.service import keys

    secret = found(directory, RULES)
    config = Config(limits=Limits(agent_per_second=1_000_000, waiting=100_000))
    with open_desk(directory, config, record_start=True) as desk:
        caller = keys.caller_of(desk, secret)
        requests = bodies(RULES)
        tune()
        in_batches(desk, caller, requests, rounds, batches)
        parts(desk, caller, requests, rounds)


def in_batches(
    desk: Any, caller: Any, requests: list[dict[str, Any]], rounds: int, batches: int
) -> None:
    """Decisions a second when a hundred are asked at once."""
    from governance.service import deciding

    rates, waits = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        for number in range(batches):
            some = [requests[(number * SIZE + i) % len(requests)] for i in range(SIZE)]
            began = time.perf_counter()
            answers = deciding.decide_many(desk, caller, some)["evaluations"]
            waits.append(time.perf_counter() - began)
            assert all(answer["decision"] for answer in answers)
        rates.append(batches * SIZE / (time.perf_counter() - start))
    waits.sort()
    rate = statistics.median(rates)
    print(
        f"batches of {SIZE}: {rate:,.0f} decisions/s "
        f"({'ok' if rate >= TARGET else 'missed'}: {TARGET:,}), one batch "
        f"p50 {waits[len(waits) // 2] * 1e3:.1f} ms, p99 {waits[int(len(waits) * 0.99)] * 1e3:.1f} ms"
    )


def parts(desk: Any, caller: Any, requests: list[dict[str, Any]], rounds: int) -> None:
    """Processor time of the parts of one decision, in microseconds."""
    from governance.engine.model import NOTHING
    from governance.oversight import entries, state
    from governance.oversight.commands import Facts
    from governance.service import deciding
    from governance.store import encoding

    at, now = desk.now(), desk.state
    commands = [deciding.prepare(desk, caller, request) for request in requests]

    def facts(command: Any) -> Any:
        return Facts(dict.fromkeys(command.needs(now, at).totals, NOTHING))

    given = [facts(command) for command in commands]
    made = [
        command.run(now, fact, at, now.size).entries[-1]
        for command, fact in zip(commands, given, strict=True)
    ]
    pairs = list(zip(commands, given, strict=True))
    measured: list[tuple[str, Callable[[Any], object], list[Any]]] = [
        ("read, pseudonymise and commit", lambda r: deciding.prepare(desk, caller, r), requests),
        ("ask for facts", lambda c: c.needs(now, at), commands),
        ("decide and write", lambda p: p[0].run(now, p[1], at, now.size), pairs),
        ("hold against its shape", lambda e: entries.check(e.kind, e.by, e.data), made),
        ("encode", encoding.encode_checked, made),
        ("fold", lambda e: state.apply(now, now.size, e), made),
    ]
    for name, work, items in measured:
        spent = []
        for _ in range(rounds):
            start = time.process_time()
            for item in items:
                work(item)
            spent.append((time.process_time() - start) / len(items) * 1e6)
        print(f"  {name}: {statistics.median(spent):.1f} µs")


if __name__ == "__main__":
    main()
