"""The log as static files: the first export of a million entries, and the next after a few more.

    python -m benchmarks.tiles [--entries 1000000] [--more 1000] [--rounds 5] [--folder DIR]

A workspace is filled with sessions and decisions, each signed and on disk. `governance audit tiles`
writes it once, every file flushed to the disk before the checkpoint; beside it stands a plain copy of
as many bytes in as many files, flushed the same way: what the disk alone costs. Then entries are added
and the same command runs again, `--rounds` times; what it wrote is counted and held against what grew.
Targets print `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._http_workspace import found
from benchmarks._machine import machine
from benchmarks.ledger import RULES, fill

FIRST_SECONDS = 60


def main() -> None:
    """See the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--entries", type=int, default=1_000_000)
    arguments.add_argument("--more", type=int, default=1_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    arguments.add_argument("--child", type=int, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        print(json.dumps(fill(given.folder, given.child)))
        return
    load = os.getloadavg()[0]
    print(f"{machine()}, load {load:.1f} before it began")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        measure(Path(folder), given.entries, given.more, given.rounds)


def measure(folder: Path, entries: int, more: int, rounds: int) -> None:
    """The first export, its floor, and the exports after."""
    workspace, target = folder / "workspace", folder / "public"
    found(workspace, RULES)
    grown = _fill(workspace, entries)
    print(f"filled at {grown['rate']:,.0f} entries/s")
    first = export(workspace, target)
    size = first["bytes"] / 1e6
    print(f"{first['size']:,} entries: {first['files']:,} files, {size:,.0f} MB")
    floor = copy(target, folder / "copy")
    print(f"  a plain copy of the same files, flushed: {floor:.1f} s")
    scaled = FIRST_SECONDS * entries / 1_000_000
    _figure("first export, s", first["seconds"], scaled, "{:.1f}")
    seconds, wasted = [], []
    for _ in range(rounds):
        before = first["size"]
        _fill(workspace, before + more)
        first = export(workspace, target)
        seconds.append(first["seconds"])
        new = first["size"] - before
        # what grew: whole tiles and bundles that hold a new entry, one edge tile for each level
        most = 2 * (new // 256 + 2) + 8
        wasted.append(first["files"] / most)
    print(f"next export after {more:,} more entries: {statistics.median(seconds):.2f} s")
    nothing = statistics.median(export(workspace, target)["seconds"] for _ in range(rounds))
    print(f"  export with nothing new: {nothing:.2f} s, most of it the start of the program")
    _figure("files written, as a share of those that can have grown", max(wasted), 1, "{:.2f}")


def export(workspace: Path, target: Path) -> dict[str, Any]:
    """Run the command as a person does; what it said, and how long it took in all."""
    command = ["-m", "governance", "audit", "tiles", str(target), "-w", str(workspace)]
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command, "-o", "json"], check=True, stdout=subprocess.PIPE
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return {**said, "seconds": time.perf_counter() - begun}


def copy(source: Path, target: Path) -> float:
    """Seconds to write the same files somewhere else and flush each."""
    files = [(path, path.read_bytes()) for path in source.rglob("*") if path.is_file()]
    begun = time.perf_counter()
    for path, data in files:
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - begun


def _fill(workspace: Path, entries: int) -> dict[str, Any]:
    """Fill in a process of its own: it owns the workspace meanwhile."""
    options = ["--folder", str(workspace), "--child", str(entries)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.tiles", *options], check=True, stdout=subprocess.PIPE
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _figure(name: str, value: float, most: float, form: str) -> None:
    verdict = "ok" if value <= most else "missed"
    print(f"{name}: {form.format(value)} (target ≤ {most:g}: {verdict})", flush=True)


if __name__ == "__main__":
    main()
