"""Decisions while a report over 100,000 decisions is made.

    python -m benchmarks.report_beside [--rounds 5] [--decisions 100000]

The service of `benchmarks.http` with so many recorded decisions. In each round wrk asks with 64
connections for some seconds alone, then again from the moment a periodic report over the whole log is
ordered, for as long as the report takes. Medians of the rounds; the target prints `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from benchmarks._http_workspace import found
from benchmarks._machine import machine
from benchmarks.http import (
    EVALUATION,
    EVALUATIONS,
    _write_bodies,
    decisions_in,
    service,
    wrk,
)

RULES = 1_000
TARGET_MS = 40.0


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--decisions", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-report-") as temporary:
        directory = Path(temporary) / "workspace"
        directory.mkdir()
        key = found(directory, RULES)
        person = (directory / "keys" / "admin.key").read_text(encoding="ascii").strip()
        single, batch = _write_bodies(Path(temporary), RULES)
        with service(directory) as url:
            while decisions_in(directory) < options.decisions:
                wrk(url + EVALUATIONS, batch, connections=2, seconds=3, key=key)
            alone, beside, took = [], [], []
            for _ in range(options.rounds):
                alone.append(wrk(url + EVALUATION, single, connections=64, seconds=3, key=key))
                seconds, figures = _beside(url, single, key, person)
                took.append(seconds)
                beside.append(figures)
            recorded = decisions_in(directory)
    p99 = statistics.median(each["p99"] for each in beside)
    print(machine())
    print(f"decisions in the log                      {recorded:>10,}")
    for name, runs in (("alone", alone), ("beside the report", beside)):
        per_second = statistics.median(each["per_second"] for each in runs)
        print(f"decisions per second, {name:<20}{per_second:>10,.0f}")
        print(f"  p99 ms{'':<34}{statistics.median(each['p99'] for each in runs):>10.1f}")
    print(f"the report took, s                        {statistics.median(took):>10.1f}")
    print(f"p99 beside a report <= {TARGET_MS:.0f} ms: {'ok' if p99 <= TARGET_MS else 'missed'}")
    return 0


def _beside(url: str, single: Path, key: str, person: str) -> tuple[float, dict[str, float]]:
    """Seconds that one report took, and what wrk saw meanwhile."""
    taken: list[float] = []

    def order() -> None:
        begun = time.monotonic()
        request = urllib.request.Request(
            url + "/v1/reports/periodic",
            data=json.dumps({}).encode(),
            headers={"Authorization": f"Bearer {person}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=600) as answer:
            answer.read()
        taken.append(time.monotonic() - begun)

    thread = threading.Thread(target=order)
    thread.start()
    time.sleep(0.3)
    runs = []
    while thread.is_alive():
        runs.append(wrk(url + EVALUATION, single, connections=64, seconds=3, key=key))
    thread.join()
    # The last run may have outlasted the report; the first ones surely did not.
    whole = runs[:-1] or runs
    worst = max(whole, key=lambda each: each["p99"])
    return taken[0], worst


if __name__ == "__main__":
    sys.exit(main())
