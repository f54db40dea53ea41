"""Backtests over a log of our own making: decisions a second on one core, and what they rest on.

    python -m benchmarks.backtest [--decisions 100000] [--keep DIR]

The log is written by the service: 1,000 rules over 100 actions, payments with identities and private
notes, a limit per payee over 24 hours, a history of call-backs, outcomes that a gateway attests. Four
drafts are tried on all of it, in a process of its own each, in processor time: the release in force;
one threshold of one action; one of every action, so that every decision is decided again; and a
tighter limit, after which two worlds have to be kept apart. The target prints `ok` or `missed`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._http_workspace import bodies, found, policy_files
from benchmarks._machine import machine

RULES = 1_000
SIZE = 200
TARGET = 20_000
LIMIT = """limits:
  - id: LIM-1
    title: At most so much a day to one payee
    measure: sum args.amount
    of: {action: bench.a000}
    per: [args.payee]
    in_last: 24h
    at_most: 100000000 EUR
    otherwise: deny
    because: It caps what can be lost.
    severity: low
cases:"""
HISTORY = """  - id: PAST-1
    title: Not twice a minute to the same payee above 399 EUR
    effect: deny
    when:
      action: bench.a001
      args.amount: {above: 399 EUR}
      history: {did: bench.a002, same: args.payee, in_last: 1s, by: any_person}
    because: It wears on people.
    severity: low
limits:"""


def main() -> None:
    """See the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--decisions", type=int, default=100_000)
    arguments.add_argument("--keep", type=Path, help="Use (or make) the workspace here.")
    given = arguments.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        place = given.keep or Path(folder) / "workspace"
        if not place.exists():
            made = write(place, given.decisions)
            print(f"wrote {given.decisions:,} decisions, {made:,.0f} a second")
        for name, files in drafts().items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.apply(measured, (place, name, files)), flush=True)


def files_in_force() -> dict[str, bytes]:
    """The release of the log."""
    files = policy_files(RULES)
    policy = files["policies/bench.yaml"].decode()
    policy = policy.replace("cases:", LIMIT, 1).replace("limits:", HISTORY, 1)
    return {**files, "policies/bench.yaml": policy.encode()}


def drafts() -> dict[str, dict[str, bytes]]:
    """What is tried, by what it says."""
    files = files_in_force()

    def changed(old: str, new: str, times: int = -1) -> dict[str, bytes]:
        text = files["policies/bench.yaml"].decode()
        assert old in text, old
        return {**files, "policies/bench.yaml": text.replace(old, new, times).encode()}

    return {
        "the release in force": files,
        "another threshold of one action": changed("at_most: 500 EUR", "at_most: 300 EUR", 1),
        "another threshold of every action": changed("at_most: 500 EUR", "at_most: 300 EUR"),
        "a tighter limit": changed("at_most: 100000000 EUR", "at_most: 2000 EUR"),
    }


def write(place: Path, decisions: int) -> float:
    """Write the log; decisions a second."""
    from governance.app import open_desk
    from governance.config import Config, Limits
    from governance.service import deciding, keys, outcomes, releasing

    secret = found(place, RULES)
    person = (place / "keys" / "admin.key").read_text()
    config = Config(limits=Limits(agent_per_second=10**6, agent_per_hour=10**9, waiting=100_000))
    with open_desk(place, config, record_start=True) as desk:
        agent, admin = keys.caller_of(desk, secret), keys.caller_of(desk, person)
        assert agent is not None
        assert admin is not None
        releasing.first(desk, admin, files_in_force())
        made = keys.issue(desk, admin, holder_type="gateway", holder_id="bank", agents=["bench-1"])
        gateway = keys.caller_of(desk, made["secret"])
        assert gateway is not None
        asked = bodies(RULES, 6_400)
        began = time.perf_counter()
        for first in range(0, decisions, SIZE):
            some = [asked[(first + i) % len(asked)] for i in range(min(SIZE, decisions - first))]
            answers = deciding.decide_many(desk, agent, some)["evaluations"]
            told: list[dict[str, Any]] = [
                {"decision": int(each["context"]["evaluation_id"]), "status": "executed"}
                for each in answers[::10]
                if each["decision"]
            ]
            outcomes.report(desk, gateway, told)
        return decisions / (time.perf_counter() - began)


def measured(place: Path, name: str, files: dict[str, bytes]) -> str:
    """One draft on the whole log, in this process: a line for people."""
    from governance.engine.compile import compile_release
    from governance.service import backtesting
    from governance.service.beside import Beside
    from governance.service.trial import Openings, Trial

    draft = compile_release(files)
    here = Beside(place)
    here.release(draft.digest)
    began = time.process_time()
    trial = Trial(draft, here.release, here.first, Openings(here.vault, draft), 0)
    result = backtesting.run(
        trial,
        here.reader.entries(here.minimum, here.size),
        (0, backtesting.FAR),
        minimum=here.minimum,
        size=here.size,
    )
    spent = time.process_time() - began
    rate = result["decisions"] / spent
    again = result["reperformed"] - result["stood"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{name}: {rate:,.0f} decisions/s ({'ok' if rate >= TARGET else 'missed'}: {TARGET:,}); "
        f"{result['decisions']:,} tried, {again:,} decided again, {result['changes']:,} change, "
        f"{result['follow_on']:,} in consequence; {memory} MB"
    )


if __name__ == "__main__":
    main()
