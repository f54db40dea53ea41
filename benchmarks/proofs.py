"""A decision with its proof in the answer, beside the same decision without.

    python -m benchmarks.proofs [--rounds 5] [--seconds 4] [--rules 1000] [--entries 100000]

The service runs in a child process as `governance serve` wires it, on a log that already holds
`--entries` entries, so that proofs have the length they have in practice. wrk asks over HTTP with 64
connections and with one, rounds with `Prefer: receipt=proof` and without it interleaved; each pair of
rounds gives a ratio, and the figure is the median of the ratios. Before that, answers with a proof are
fetched and each proof is verified with the log's key. Targets print `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from audit.keys import Verifier
from audit.proof import TlogProof
from benchmarks._http_workspace import bodies, found
from benchmarks._machine import machine
from benchmarks.http import EVALUATION, WRK, service, wrk

PREFER = "receipt=proof"
MOST = 1.5
SEEN = 50


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--entries", type=int, default=100_000)
    options = parser.parse_args()
    if shutil.which(WRK) is None:
        print("wrk is not installed; `apt-get install wrk`", file=sys.stderr)
        return 2
    print(machine())
    print(f"load {os.getloadavg()[0]:.1f} before it began")
    with tempfile.TemporaryDirectory(prefix="bench-proofs-") as temporary:
        directory = Path(temporary) / "workspace"
        key = found(directory, options.rules)
        vkey = _filled(directory, options.entries)
        lines = Path(temporary) / "single.jsonl"
        asked = bodies(options.rules)
        lines.write_text("".join(json.dumps(b, separators=(",", ":")) + "\n" for b in asked))
        with service(directory) as url:
            print(f"{_verified(url, key, vkey, asked)} proofs in answers verified", flush=True)
            wrk(url + EVALUATION, lines, connections=16, seconds=2, key=key)  # warm
            for connections in (64, 1):
                _compare(url, lines, key, connections, options)
    return 0


def _compare(
    url: str, lines: Path, key: str, connections: int, options: argparse.Namespace
) -> None:
    """Rounds with and without, each first every other time."""
    figures: dict[str | None, list[dict[str, float]]] = {None: [], PREFER: []}
    for number in range(options.rounds):
        for prefer in (None, PREFER) if number % 2 else (PREFER, None):
            ran = wrk(
                url + EVALUATION,
                lines,
                connections=connections,
                seconds=options.seconds,
                key=key,
                prefer=prefer,
            )
            figures[prefer].append(ran)
    print(f"{connections} connection{'s' if connections > 1 else ''}:")
    for name, prefer in (("without", None), ("with proof", PREFER)):
        middle = {
            part: statistics.median(ran[part] for ran in figures[prefer])
            for part in ("per_second", "p50", "p99")
        }
        print(
            f"  {name:>10}: {middle['per_second']:>7,.0f}/s, p50 {middle['p50']:.2f} ms, "
            f"p99 {middle['p99']:.2f} ms"
        )
    for part in ("p50", "p99"):
        pairs = zip(figures[PREFER], figures[None], strict=True)
        ratio = statistics.median(ours[part] / plain[part] for ours, plain in pairs)
        verdict = (
            "" if part == "p50" else f" (target ≤ {MOST}: {'ok' if ratio <= MOST else 'missed'})"
        )
        print(f"  {part} with / without: {ratio:.2f}{verdict}", flush=True)


def _filled(directory: Path, entries: int) -> str:
    """Fill the log in a process of its own; the log's verifier key."""
    options = ["--folder", str(directory), "--child", str(entries)]
    subprocess.run(
        [sys.executable, "-m", "benchmarks.tiles", *options], check=True, stdout=subprocess.DEVNULL
    )
    from governance.store.keyring import public_keys
    from governance.store.paths import Paths

    return public_keys(Paths(directory))[0].vkey


def _verified(url: str, key: str, vkey: str, asked: list[dict[str, Any]]) -> int:
    """Ask some times and verify what is answered."""
    pinned = [Verifier.from_vkey(vkey)]
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for body in asked[:SEEN]:
        connection.request("POST", EVALUATION, json.dumps(body), {**headers, "Prefer": PREFER})
        answer = connection.getresponse()
        receipt = json.loads(answer.read())["context"]["receipt"]
        proof = TlogProof.parse(receipt["proof"])
        tree = proof.verify(bytes.fromhex(receipt["leaf_hash"]), pinned)
        if answer.status != 200 or tree.size != receipt["tree_size"]:
            raise RuntimeError(
                f"the service answered {answer.status} with a receipt of another tree"
            )
    connection.close()
    return len(asked[:SEEN])


if __name__ == "__main__":
    sys.exit(main())
