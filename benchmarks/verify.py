"""How fast a stored log is verified: leaves and tree, then everything, on two cores.

    python -m benchmarks.verify [--entries N] [--workers N] [--rounds N] [--keep FILE]

Writes a package of generated entries to a temporary directory and reads it back. The entries are a
mix as a busy service writes it (decisions with charges, facts, findings and commitments in several
forms, the permits, approvals and outcomes that refer to them; some 850 bytes each). "Leaves and
tree" hashes every stored entry and every tree node up to the root and compares the leaf tiles.
"Everything" is the whole of `python -m audit verify`, as its own process from start to exit:
signature, file names, hashes, the canonical form and envelope of every entry, order of times,
references, tiles and manifest; beside it stands how much memory the largest of its processes took.
"Without known forms" is the same with every entry parsed and written again (one process, a part of
the log): what it would cost without `audit.shapes`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cryptography

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.entry import Entry, decode, encode
from audit.note import Ed25519Signer
from audit.package import Package
from audit.packing import write_package
from audit.scan import Computed, scan_all
from audit.tree import MemoryNodes, frontier_at, leaf_hash
from benchmarks._machine import machine

START = datetime(2026, 1, 1, tzinfo=UTC)
AT = b"2026-01-01T00:00:00.000000Z"
BLOCK = 100
SAMPLE = 50_000
_DAY = 86_400_000


class Generated:
    """A log whose entries are made when asked for, so that only hashes are kept in memory."""

    minimum = 0

    def __init__(self, size: int) -> None:
        self._forms = [_split(encode(entry)) for entry in _block()]
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
        parts, back = self._forms[index % BLOCK]
        days, ms = divmod(index * 5, _DAY)
        at = (START + timedelta(days=days, milliseconds=ms)).isoformat(timespec="microseconds")
        told = {b"at": at[:-6].encode() + b"Z", b"n": b"%010d" % index, b"ref": index - back}
        return parts % told


def _split(data: bytes) -> tuple[bytes, int]:
    """An entry as a form to be filled with time, a number and a reference; how far back it refers."""
    form = data.replace(b"%", b"%%").replace(AT, b"%(at)b", 1).replace(b"1234567890", b"%(n)b")
    before, found, after = form.partition(b"9000000")
    if not found:
        return form, 0
    back, _, after = after.partition(b"}")
    return before + b"%(ref)d}" + after, int(back)


def _block() -> list[Entry]:
    """A hundred entries: one session, then decisions, each with what follows from it."""
    block = [_entry("session.opened", {"agent": "payments-1", "depth": 0}, 0)]
    number = 0
    while len(block) < BLOCK - 3:
        number += 1
        block.append(_entry("decision", _decision(number, len(block)), number))
        for kind in ("permit.redeemed", "outcome")[: number % 3]:
            more = {"attested": True, "status": "executed"} if kind == "outcome" else {}
            block.append(
                _entry(kind, {**more, "refs": _back("decision", len(block) - _last(block))}, number)
            )
    while len(block) < BLOCK:
        refs = _back("decision", len(block) - _last(block))
        block.append(_entry("outcome", {"refs": refs, "status": "failed"}, number))
    return block


def _back(role: str, distance: int) -> dict[str, int]:
    """A reference so far back, to be filled in."""
    return {role: int(f"9000000{distance}")}


def _last(block: list[Entry]) -> int:
    return max(index for index, entry in enumerate(block) if entry.kind == "decision")


def _decision(number: int, index: int) -> dict[str, Any]:
    limit = f"limit:payments/LIM-{number % 3}:53f72587cb374879c90e"
    counted = [[limit, '["payments-1"]', "1250.00", "EUR"] for _ in range(number % 4)]
    facts = [[limit, '["payments-1"]', 1795076407066963, "566.30", 38, False]] * (number % 4 * 2)
    finding = {"certain": True, "effect": "allow", "policy": "payments", "unknown": []}
    data: dict[str, Any] = {
        "action": ("payment.create", "mcp.get_file", "refund.create", "file.write")[number % 4],
        "agent": f"payments-{number % 5}",
        "args": {"amount": "1250.00 EUR", "country": "FR", "iban": "s-uh4avg1234567890"},
        "attested": bool(number % 2),
        "autonomy": "L4",
        "commitments": {"args.iban": "A" * 43, "resource.id": "B" * 43},
        "digest": "5f" * 32,
        "effect": "allow",
        "findings": [{**finding, "rule": f"PAY-{n:03d}"} for n in range(1 + number % 2)],
        "observed": False,
        "refs": _back("session", index),
        "release": "c4" * 32,
        "resource": {"type": "action"},
        "risk": "medium",
        "semantics": "1",
        "supported": ["log", "notify", "redact", "tell_user"],
        "valid_until": "2026-01-01T00:01:00.000000Z",
        "via": "api",
        "would_be": "allow",
    }
    if counted:
        data |= {"charges": counted, "facts": facts}
    if number % 5 == 0:
        data["labels"] = ["private"]
    return data


def _entry(kind: str, data: dict[str, Any], number: int) -> Entry:
    by = {"type": "agent", "id": f"payments-{number % 5}", "key": "k-5b0e1c2d"}
    if number % 3 == 0:
        by |= {"type": "gateway", "for": "payments-1"}
    return Entry(kind, START, by, data)


def median(run: Callable[[], float], rounds: int) -> float:
    """Seconds, the median of `rounds` runs."""
    return statistics.median(run() for _ in range(rounds))


def timed(run: Callable[[], object]) -> Callable[[], float]:
    """How long `run` takes."""

    def measured() -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return measured


_MEASURED = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "audit", "verify", *sys.argv[1:]])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss // 1024, used.ru_utime + used.ru_stime)
sys.exit(done.returncode)
"""


class Command:
    """The verifier as its own process, seen by a small one, so that the figures are its own."""

    def __init__(self, path: Path, vkey: str, size: int, workers: int) -> None:
        self._arguments = [str(path), "--key", vkey, "--workers", str(workers)]
        self._size = size
        self.peak = 0
        self.used = 0.0

    def __call__(self) -> float:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, *self._arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        if done.returncode or f"{self._size:,} entries" not in done.stdout:
            raise SystemExit("the log was not proven: the figure would be worthless")
        peak, used = done.stdout.split()[-2:]
        self.peak, self.used = max(self.peak, int(peak)), float(used)
        return seconds


def main() -> None:
    """Build the package, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="write the package here and keep it")
    options = parser.parse_args()
    size, workers, rounds = options.entries, options.workers, options.rounds
    print(f"{machine()}, cryptography {cryptography.__version__}")
    log = Generated(size)
    signer = Ed25519Signer.generate("benchmark.example/log")
    note = sign_checkpoint(Checkpoint(signer.name, size, log.root()), signer)
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder, "log.zip")
        write_package(path, log, note, keys=[signer.vkey])
        root, each = log.root(), sum(map(len, log.entries(0, BLOCK))) / BLOCK
        sample = list(log.entries(0, min(size, SAMPLE)))
        del log
        mebibytes = path.stat().st_size / 2**20
        print(f"{size:,} entries of {each:.0f} bytes, {mebibytes:,.0f} MiB, {workers} processes")

        def leaves_and_tree() -> None:
            package = Package.open(path)
            computed, differing = Computed(package), 0
            for stretch in scan_all(package, size, workers=workers, envelopes=False):
                computed.add(stretch)
                differing += stretch.mismatch is not None
            if frontier_at(size, computed).root() != root or differing:
                raise SystemExit("the root does not match: the figure would be worthless")

        def forms() -> None:
            for data in sample:
                decode(data)

        everything = Command(path, signer.vkey, size, workers)
        for name, run in (("leaves and tree", timed(leaves_and_tree)), ("everything", everything)):
            seconds = median(run, rounds)
            print(f"{name:>20}: {seconds:6.2f} s, {size / seconds:>9,.0f} entries/s")
        print(
            f"{'of it':>20}: {everything.used:6.2f} s of processor time, {everything.peak:,.0f} MiB "
            "in the largest process"
        )
        seconds = median(timed(forms), rounds) / len(sample) * size / workers
        print(f"{'without known forms':>20}: {seconds:6.2f} s more for reading every entry in full")


if __name__ == "__main__":
    main()
