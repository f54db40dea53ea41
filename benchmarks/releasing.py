"""A release of 10,000 rules coming in force while agents ask: how long it takes, and who waits.

    python -m benchmarks.releasing [--rules 10000] [--rate 200] [--rounds 2] [-o json]

The service runs in a child process exactly as `governance serve` wires it. Agents ask at a steady rate
over a few connections; meanwhile other releases with as many rules are proposed, and the last one is
signed. Printed are the time from the signature to the first answer under the new release, and the
latencies of the agents at rest, beside a process that is only busy (at the priority of the service's
own children), while a proposal is examined, and while it comes in force. The first three take turns,
so that a busy minute of the machine meets them all. Each question is sent when it is due, late ones
too, so that a stall shows in every question that it held up. Exit code 0 whether or not the targets
hold; they are printed with `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks._http_workspace import bodies, found, policy_files
from benchmarks._machine import machine
from benchmarks.http import service
from governance.service import child

EVALUATION = "/access/v1/evaluation"
TARGET = 1.0
STALL_MS, STALL_RATIO = 40.0, 2.0
"""Others' 99th percentile while a proposal is examined: so much, or so many times that at rest."""
CONNECTIONS = 4
TURN = 5.0
"""Seconds at rest, and beside a busy process, in each round."""


@dataclass
class Asked:
    """What agents saw: (when it was due, seconds until the answer, status), and the phases, each
    with its spans of time."""

    rows: list[tuple[float, float, int]] = field(default_factory=list)
    phases: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def over(self, phase: str, began: float) -> None:
        """A span of this phase ends now."""
        self.phases.setdefault(phase, []).append((began, time.perf_counter()))

    def of(self, phase: str) -> dict[str, float]:
        """Median, 99th percentile and longest wait of one phase, in milliseconds."""
        spans = self.phases[phase]
        waits = sorted(
            wait for due, wait, _ in self.rows if any(start <= due < end for start, end in spans)
        )
        if not waits:
            return {"questions": 0}
        return {
            "questions": len(waits),
            "p50_ms": round(waits[len(waits) // 2] * 1000, 1),
            "p99_ms": round(waits[min(len(waits) - 1, len(waits) * 99 // 100)] * 1000, 1),
            "max_ms": round(waits[-1] * 1000, 1),
        }


def main() -> None:
    """See the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rules", type=int, default=10_000)
    arguments.add_argument("--rate", type=int, default=200)
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("-o", "--output", choices=("table", "json"), default="table")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder) / "workspace", given.rules, given.rate, given.rounds)
    result["machine"] = machine()
    if given.output == "json":
        print(json.dumps(result, indent=2))
        return
    print(result["machine"])
    for name in ("at rest", "beside a busy process", "examined", "in force"):
        print(f"{name}: {result[name]}")
    print(f"proposed and examined in {result['proposed_s']} s")
    rest, examined = result["at rest"]["p99_ms"], result["examined"]["p99_ms"]
    held = "ok" if examined <= max(STALL_MS, STALL_RATIO * rest) else "missed"
    print(
        f"p99 while examined is {examined / rest:.1f} x that at rest "
        f"({held}: {STALL_MS:.0f} ms or {STALL_RATIO:.0f} x)"
    )
    took = result["in_force_s"]
    print(f"in force {took} s after the signature ({'ok' if took <= TARGET else 'missed'}: 1 s)")


def run(directory: Path, rules: int, rate: int, rounds: int) -> dict[str, Any]:
    """Releases under load."""
    secret = found(directory, rules)
    admin = (directory / "keys" / "admin.key").read_text(encoding="ascii")
    asked, over = Asked(), threading.Event()
    with service(directory) as address:
        asking = [
            threading.Thread(target=_ask, args=(address, secret, rules, rate, n, asked, over))
            for n in range(CONNECTIONS)
        ]
        for each in asking:
            each.start()
        try:
            time.sleep(2)
            took = [_round(address, admin, rules, each, asked) for each in range(1, rounds + 1)]
            in_force = _sign(address, admin, secret, rules, took[-1][1], rounds, asked)
        except AssertionError:
            print((directory / "service.log").read_text()[-4_000:])
            raise
        finally:
            over.set()
            for each in asking:
                each.join()
    result: dict[str, Any] = {
        "proposed_s": [round(seconds, 2) for seconds, _ in took],
        "in_force_s": round(in_force, 3),
        "refused": sum(status != 200 for *_, status in asked.rows),
    }
    return result | {name: asked.of(name) for name in asked.phases}


def _round(
    address: str, admin: str, rules: int, number: int, asked: Asked
) -> tuple[float, dict[str, Any]]:
    """Rest, a busy process, and one proposal: the seconds it took, and its answer."""
    began = time.perf_counter()
    time.sleep(TURN)
    asked.over("at rest", began)
    began = time.perf_counter()
    with child.beside(_busy, TURN):
        time.sleep(TURN)
    asked.over("beside a busy process", began)
    files = policy_files(rules)
    files["policies/bench.yaml"] = files["policies/bench.yaml"].replace(
        b"at_most: 500", f"at_most: {500 - number}".encode()
    )
    texts = {path: data.decode() for path, data in files.items()}
    began = time.perf_counter()
    made = _post(address, admin, "/v1/policies/proposals", {"files": texts, "days": 1})
    asked.over("examined", began)
    assert made["proposal"], made["findings"][:3]
    return time.perf_counter() - began, made


def _busy(_say: Any, seconds: float) -> None:
    """In a child of the service's kind: a processor's time, and nothing else."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def _sign(
    address: str,
    admin: str,
    secret: str,
    rules: int,
    made: dict[str, Any],
    rounds: int,
    asked: Asked,
) -> float:
    """Seconds from the signature to the first answer under the new release."""
    time.sleep(1)
    signing = time.perf_counter()
    path = f"/v1/policies/proposals/{made['proposal']}/sign"
    _post(address, admin, path, {"evidence": made["evidence"]})
    limit = dict(bodies(rules, 1)[0])
    arguments = limit["action"]["properties"]["arguments"]
    arguments["amount"]["amount"] = f"{500 - rounds}.50"
    answer = _post(address, secret, EVALUATION, limit)
    in_force = time.perf_counter() - signing
    assert not answer["decision"], "the older release answered after the new one was signed"
    time.sleep(2)
    asked.over("in force", signing - 0.5)
    return in_force


def _ask(
    address: str,
    secret: str,
    rules: int,
    rate: int,
    number: int,
    asked: Asked,
    over: threading.Event,
) -> None:
    """One connection's share of the rate; a question that is late is asked all the same."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    lines = [json.dumps(each).encode() for each in bodies(rules)]
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    due, count = time.perf_counter() + number / rate, number
    while not over.is_set():
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        connection.request("POST", EVALUATION, body=lines[count % len(lines)], headers=headers)
        response = connection.getresponse()
        response.read()
        asked.rows.append((due, time.perf_counter() - due, response.status))
        due += CONNECTIONS / rate
        count += CONNECTIONS


def _post(address: str, key: str, path: str, body: dict[str, Any]) -> Any:
    parts = urlsplit(address)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=900)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", path, body=json.dumps(body).encode(), headers=headers)
    answer = connection.getresponse()
    data = json.loads(answer.read())
    connection.close()
    assert answer.status < 300, data
    return data


if __name__ == "__main__":
    main()
