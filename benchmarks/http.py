"""Decisions over HTTP: wrk against the real service, beside an echo of the same server.

    python -m benchmarks.http [--rounds 5] [--seconds 4] [--rules 1000] [--without-cerbos] [-o json]

The service runs in a child process exactly as `governance serve` wires it: authenticated, 1,000 rules
in force, every decision committed and signed before it is answered. The echo is a route of the same
server that reads the same body and answers as many bytes; it exists only in this program. Rounds
are interleaved, so that a busy minute of the machine meets both, and each figure is the median.
Beside them: one durable commit of an entry's size by itself, and, where npm can fetch it, a Cerbos
server with a file decision log and as many rules.

Exit code 0 whether or not the targets hold; they are printed with `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._cerbos import Missing, cerbos
from benchmarks._children import free_port, wait_for
from benchmarks._http_workspace import bodies, found
from benchmarks._machine import machine

WRK = "wrk"
ECHO = "/bench/echo"
EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"
BATCH = 100

SCRIPT = """
local bodies = {}
for line in io.lines(os.getenv("BENCH_BODIES")) do bodies[#bodies + 1] = line end
local count = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
if os.getenv("BENCH_KEY") then
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
end
if os.getenv("BENCH_PREFER") then wrk.headers["Prefer"] = os.getenv("BENCH_PREFER") end
request = function()
  count = count + 1
  return wrk.format(nil, nil, nil, bodies[count % #bodies + 1])
end
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.read + summary.errors.write
  io.write(string.format("BENCH %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), bad + summary.errors.timeout))
end
"""


# -- the child: the real service, and an echo --------------------------------------------------------


def child(directory: Path, port: int) -> int:
    """Serve `directory` on `port` with the echo beside it, until SIGTERM."""
    from governance import app as wiring
    from governance import serve as serving

    made = wiring.create_app

    def with_echo(desk: Any, config: Any, **kwargs: Any) -> Any:
        return Echoing(made(desk, config, **kwargs))

    serving.create_app = with_echo  # type: ignore[assignment]
    return serving.serve(directory, "127.0.0.1", port)


class Echoing:
    """The application with one more route that does nothing but read and answer."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._answer = json.dumps({"decision": True, "context": {"filler": "x" * 1400}}).encode()
        self._headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._answer)).encode()),
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == ECHO:
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send({"type": "http.response.body", "body": self._answer})
            return
        await self._app(scope, receive, send)


@contextmanager
def service(directory: Path) -> Iterator[str]:
    """The service in a child process; its address."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.http", "--child", str(directory), str(port)]
    with (directory / "service.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for(f"http://127.0.0.1:{port}/livez", process, directory / "service.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


# -- measuring ---------------------------------------------------------------------------------------


def wrk(
    url: str,
    lines: Path,
    *,
    connections: int,
    seconds: int,
    key: str | None,
    prefer: str | None = None,
) -> dict[str, float]:
    """One run of wrk: requests per second, p50 and p99 in milliseconds. Raises on any error."""
    environment = {**os.environ, "BENCH_BODIES": str(lines)}
    for name, value in (("BENCH_KEY", key), ("BENCH_PREFER", prefer)):
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    script = lines.with_name("bench.lua")
    script.write_text(SCRIPT)
    command = [WRK, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    done = subprocess.run(
        [*command, "-s", str(script), url], env=environment, capture_output=True, text=True
    )
    figures = [line for line in done.stdout.splitlines() if line.startswith("BENCH ")]
    if done.returncode or not figures:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    requests, micros, p50, p99, bad = (int(x) for x in figures[0].split()[1:])
    if bad:
        raise RuntimeError(f"{bad} of {requests} requests to {url} failed")
    return {"per_second": requests / (micros / 1e6), "p50": p50 / 1e3, "p99": p99 / 1e3}


def one_commit(directory: Path, rounds: int = 200) -> float:
    """Median milliseconds of one durable SQLite commit of an entry's size, by itself."""
    path = directory / "commit.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE entries (idx INTEGER PRIMARY KEY, entry BLOB)")
    taken = []
    for number in range(rounds):
        begun = time.perf_counter()
        database.execute("INSERT INTO entries VALUES (?, ?)", (number, os.urandom(1500)))
        taken.append((time.perf_counter() - begun) * 1e3)
    database.close()
    return statistics.median(taken)


def decisions_in(directory: Path) -> int:
    """How many decisions the log holds, read beside the service."""
    database = sqlite3.connect(f"file:{directory / 'log.db'}?mode=ro", uri=True)
    try:
        return int(database.execute("SELECT count(*) FROM decisions").fetchone()[0])
    finally:
        database.close()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure, each a list with one value for each round."""
    with tempfile.TemporaryDirectory(prefix="bench-http-") as temporary:
        directory = Path(temporary) / "workspace"
        directory.mkdir()
        key = found(directory, options.rules)
        single, batch = _write_bodies(Path(temporary), options.rules)
        figures: dict[str, list[Any]] = {}

        def note(name: str, value: Any) -> None:
            figures.setdefault(name, []).append(value)

        with service(directory) as url:
            wrk(url + EVALUATION, single, connections=16, seconds=2, key=key)  # warm
            for _ in range(options.rounds):
                _round(url, directory, single, batch, key, options.seconds, note)
        if not options.without_cerbos:
            try:
                with cerbos(Path(temporary), options.rules) as (address, lines):
                    wrk(address, lines, connections=16, seconds=2, key=None)
                    for _ in range(options.rounds):
                        note(
                            "cerbos64",
                            wrk(address, lines, connections=64, seconds=options.seconds, key=None),
                        )
            except Missing as missing:
                figures["cerbos_missing"] = [str(missing)]
    return figures


def _round(
    url: str,
    directory: Path,
    single: Path,
    batch: Path,
    key: str,
    seconds: int,
    note: Callable[[str, Any], None],
) -> None:
    note("echo64", wrk(url + ECHO, single, connections=64, seconds=seconds, key=key))
    before = decisions_in(directory)
    ran = wrk(url + EVALUATION, single, connections=64, seconds=seconds, key=key)
    recorded = decisions_in(directory) - before
    if recorded < ran["per_second"] * seconds * 0.95:
        raise RuntimeError(f"only {recorded} decisions are in the log for {ran}")
    note("decide64", ran)
    note("echo1", wrk(url + ECHO, single, connections=1, seconds=seconds, key=key))
    note("decide1", wrk(url + EVALUATION, single, connections=1, seconds=seconds, key=key))
    note("commit", one_commit_again(directory))
    note("batch", wrk(url + EVALUATIONS, batch, connections=2, seconds=seconds, key=key))


def one_commit_again(directory: Path) -> float:
    """`one_commit` on a fresh file each time."""
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        return one_commit(Path(folder))


def _write_bodies(directory: Path, rules: int) -> tuple[Path, Path]:
    asked = bodies(rules)
    single = directory / "single.jsonl"
    single.write_text("".join(json.dumps(body, separators=(",", ":")) + "\n" for body in asked))
    batch = directory / "batch.jsonl"
    lines = []
    for start in range(0, len(asked) - BATCH, 64):
        evaluations = [
            {name: body[name] for name in ("action", "resource")}
            for body in asked[start : start + BATCH]
        ]
        whole = {"subject": asked[0]["subject"], "evaluations": evaluations}
        lines.append(json.dumps(whole, separators=(",", ":")) + "\n")
    batch.write_text("".join(lines))
    return single, batch


# -- small things ------------------------------------------------------------------------------------


def summary(figures: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Medians, ratios and whether the targets hold."""

    def median(name: str, part: str) -> float:
        return statistics.median(each[part] for each in figures[name])

    commit = statistics.median(figures["commit"])
    ratios = [
        d["per_second"] / e["per_second"]
        for d, e in zip(figures["decide64"], figures["echo64"], strict=True)
    ]
    slower = [
        d["p50"] / (e["p50"] + c)
        for d, e, c in zip(figures["decide1"], figures["echo1"], figures["commit"], strict=True)
    ]
    out: dict[str, Any] = {
        "machine": f"{machine()}, SQLite {sqlite3.sqlite_version}",
        "echo, 64 connections, per second": round(median("echo64", "per_second")),
        "decisions, 64 connections, per second": round(median("decide64", "per_second")),
        "decisions / echo": round(statistics.median(ratios), 3),
        "decisions, 64 connections, p50 ms": round(median("decide64", "p50"), 2),
        "decisions, 64 connections, p99 ms": round(median("decide64", "p99"), 2),
        "echo, one connection, p50 ms": round(median("echo1", "p50"), 3),
        "one durable commit, ms": round(commit, 3),
        "decision, one connection, p50 ms": round(median("decide1", "p50"), 3),
        "decision / (echo + commit), one connection": round(statistics.median(slower), 2),
        f"decisions per second in batches of {BATCH}": round(median("batch", "per_second") * BATCH),
    }
    if "cerbos64" in figures:
        out["Cerbos with file decision log, 64 connections, per second"] = round(
            median("cerbos64", "per_second")
        )
        out["Cerbos, p99 ms"] = round(median("cerbos64", "p99"), 2)
    elif "cerbos_missing" in figures:
        out["Cerbos"] = f"not measured: {figures['cerbos_missing'][0]}"
    targets = {
        "decisions / echo >= 0.25": out["decisions / echo"] >= 0.25,
        "p99 at 64 connections <= 40 ms": out["decisions, 64 connections, p99 ms"] <= 40,
        "one connection <= 4 x (echo + commit)": statistics.median(slower) <= 4,
        "batches >= 10,000 decisions/s": median("batch", "per_second") * BATCH >= 10_000,
    }
    out["targets"] = {name: "ok" if held else "missed" for name, held in targets.items()}
    return out


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--without-cerbos", action="store_true")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    parser.add_argument("--child", nargs=2, metavar=("DIR", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(Path(options.child[0]), int(options.child[1]))
    if shutil.which(WRK) is None:
        print("wrk is not installed; `apt-get install wrk`", file=sys.stderr)
        return 2
    result = summary(measure(options))
    if options.output == "json":
        print(json.dumps(result, indent=2))
        return 0
    targets = result.pop("targets")
    for name, value in result.items():
        print(f"{name:58} {value:,}" if isinstance(value, int) else f"{name:58} {value}")
    for name, verdict in targets.items():
        print(f"{name:58} {verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
