"""How fast a stored log is verified: leaves and tree, then everything, on two cores.

    python -m benchmarks.verify [--entries N] [--workers N]

Writes a package of generated entries (some 700 bytes each) to a temporary directory, then reads it
back five times for each figure and prints the median. "Leaves and tree" hashes every stored entry
and every tree node up to the root and compares the leaf tiles; "everything" is what
`python -m audit verify` does: envelopes, order, references, tiles, manifest as well.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cryptography

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.entry import Entry, encode
from audit.note import Ed25519Signer
from audit.package import Package
from audit.packing import write_package
from audit.scan import Computed, scan_all
from audit.tree import MemoryNodes, frontier_at, leaf_hash
from audit.verify import verify

START = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 5


class Generated:
    """A log whose entries are made when asked for, so that only hashes are kept in memory."""

    def __init__(self, size: int) -> None:
        before, after = encode(_entry()).split(b"2026-01-01T00:00:00.000000Z")
        self._before, self._after = before, after.replace(b"1234567890", b"%d")
        self._nodes = MemoryNodes(leaf_hash(self._make(index)) for index in range(size))

    @property
    def size(self) -> int:
        return self._nodes.size

    def root(self) -> bytes:
        return self._nodes.root()

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        return map(self._make, range(start, stop))

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        return (self._nodes(0, index) for index in range(start, stop))

    def node(self, level: int, index: int) -> bytes:
        return self._nodes(level, index)

    def _make(self, index: int) -> bytes:
        at = (START + timedelta(milliseconds=index)).isoformat(timespec="microseconds")
        return self._before + at[:-6].encode() + b"Z" + self._after % index


def _entry() -> Entry:
    data = {
        "action": "5f" * 32,
        "agent": "agent:payments-eu-7",
        "arguments": {"amount": "1250.00", "currency": "EUR", "payee": "ps_8f21c0aa91e3"},
        "commitments": {"iban": "A" * 43, "memo": "B" * 43},
        "limits": [{"charged": "1250.00", "id": "payments.daily", "left": "8750.00"}],
        "release": "c4" * 32,
        "rules": [
            {"id": "payments.new-payee", "effect": "require_approval", "why": ["payee"]},
            {"id": "payments.large", "effect": "require_approval", "why": ["amount", "currency"]},
        ],
        "sequence": 1234567890,
        "verdict": "require_approval",
    }
    by = {"type": "agent", "id": "agent:payments-eu-7", "key": "k_5b0e"}
    return Entry("decision", START, by, data)


def median(run: Callable[[], object]) -> float:
    """Seconds, the median of five runs."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def machine() -> str:
    """The machine in one line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(": ")[2] if names else model
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, cryptography {cryptography.__version__}"
    )


def main() -> None:
    """Build the package, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    size, workers = options.entries, options.workers
    print(machine())
    log = Generated(size)
    signer = Ed25519Signer.generate("benchmark.example/log")
    note = sign_checkpoint(Checkpoint(signer.name, size, log.root()), signer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.zip")
        write_package(path, log, note, keys=[signer.vkey])
        mebibytes = path.stat().st_size / 2**20
        print(f"{size:,} entries, {mebibytes:,.0f} MiB package, {workers} processes")
        package = Package.open(path)

        def leaves_and_tree() -> None:
            stretches = scan_all(package, size, workers=workers, envelopes=False)
            root = frontier_at(size, Computed(package, size, stretches)).root()
            if root != log.root() or any(s.mismatch is not None for s in stretches):
                raise SystemExit("the root does not match: the figure would be worthless")

        for name, run in (
            ("leaves and tree", leaves_and_tree),
            ("everything", lambda: verify(path, [signer.vkey], workers=workers)),
        ):
            seconds = median(run)
            print(f"{name:>16}: {seconds:6.2f} s, {size / seconds:>9,.0f} entries/s")


if __name__ == "__main__":
    main()
