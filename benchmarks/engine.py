"""How long one decision takes, from a typed request to a verdict with every matching rule.

Seeded rules and requests: half of the requests aim at a rule's agent and action, 5 % of the tested
fields are missing, 8-10 rules per request can match. Prints the machine and medians of five rounds.

    python -m benchmarks.engine [--quick]
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from datetime import UTC, datetime
from decimal import Decimal

from benchmarks._machine import machine
from governance.engine.cases import AGENT
from governance.engine.catalogue import MISSING
from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide, needs
from governance.engine.model import NOTHING, Money, Request

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
COUNTRIES = ("DE", "FR", "NL", "IT", "ES", "PL", "US", "GB", "CH", "AT")
CATALOGUE = """
catalogue: bench
title: Actions of the benchmark
owner: bench@corp.example
actions:
"""
ACTION = """  {name}:
    title: An action
    labels: [{label}]
    risk: low
    args:
      amount: {{type: money, class: quantity}}
      country: {{type: country, class: category}}
      host: {{type: host, class: category}}
      path: {{type: path, class: category}}
      n: {{type: count, class: quantity}}
"""
HEAD = """
policy: bench
title: Seeded rules
owner: bench@corp.example
review_by: 2099-01-01
governs: [{governs}]
applies_to: {{agents: all}}
mode: enforce
default: deny
cases:
  columns: [name, action, expect]
  rows: [[x, {first}, deny]]
rules:
"""


def files(rules: int, seed: int = 7) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
    """Policy files with so many rules, and the (agent, action) pairs they aim at."""
    rng = random.Random(seed)
    actions = [f"act.a{i}" for i in range(40)]
    agents = max(4, rules // 80)
    catalogue = CATALOGUE + "".join(
        ACTION.format(name=name, label=f"family_{i % 8}") for i, name in enumerate(actions)
    )
    aims: list[tuple[str, str]] = []
    out = [HEAD.format(governs=", ".join(actions), first=actions[0])]
    everybody = 8  # rules for any agent and one action: always candidates
    for i in range(rules):
        action = actions[i % 40] if i < 40 * everybody else rng.choice(actions)
        agent = None if i < 40 * everybody else f"agent-{rng.randrange(agents)}"
        if agent is not None:
            aims.append((agent, action))
            if rng.random() < 0.85:
                agent, action = rng.choice(aims[-8:])
        effect = rng.choice(("allow", "allow", "require_approval", "deny"))
        when = [f"action: {action}"]
        if agent is not None:
            when.append(f"agent.id: {{is: {agent}}}")
        tests = [
            f"args.amount: {{{rng.choice(('above', 'at_most'))}: {rng.randrange(1, 1000)} EUR}}",
            f"args.country: {{one_of: [{', '.join(rng.sample(COUNTRIES, 3))}]}}",
            f"args.host: {{in_domain: [d{rng.randrange(9)}.example]}}",
            f"args.path: {{under: [/srv/p{rng.randrange(9)}]}}",
            f"args.n: {{at_least: {rng.randrange(100)}}}",
            f"time.hour: {{between: [{rng.randrange(12)}, {rng.randrange(12, 24)}]}}",
        ]
        when += rng.sample(tests, rng.randrange(1, 4))
        approval = ", approval: {needs: [1 boss], answer_within: 1h}"
        out.append(
            f"  - {{id: B-{i}, title: Rule {i}, effect: {effect}, when: {{{', '.join(when)}}}, "
            f"because: seeded, severity: low{approval if effect == 'require_approval' else ''}}}\n"
        )
    return {
        "policies/actions/bench.yaml": catalogue.encode(),
        "policies/bench.yaml": "".join(out).encode(),
    }, aims


def requests(aims: list[tuple[str, str]], count: int, seed: int = 8) -> list[Request]:
    """Typed requests; one field in twenty is missing."""
    rng = random.Random(seed)
    out = []
    for _ in range(count):
        agent, action = rng.choice(aims)
        if rng.random() < 0.5:
            agent = rng.choice(aims)[0]
        fields = {
            **AGENT,
            "agent.id": agent,
            "tool.labels": ("family_0",),
            "tool.risk": "low",
            "time.hour": rng.randrange(24),
            "args.amount": Money(Decimal(rng.randrange(1000)), "EUR"),
            "args.country": rng.choice(COUNTRIES),
            "args.host": f"h.d{rng.randrange(9)}.example",
            "args.path": f"/srv/p{rng.randrange(9)}/file",
            "args.n": rng.randrange(100),
        }
        for name in ("amount", "country", "host", "path", "n"):
            if rng.random() < 0.05:
                fields[f"args.{name}"] = MISSING
        out.append(Request(action, fields))
    return out


def measure(release: Release, asked: list[Request]) -> tuple[float, float]:
    """p50 and p99 of one decision in microseconds: medians of five rounds."""
    rounds = []
    facts = [dict.fromkeys(needs(release, request, AT), NOTHING) for request in asked]
    for _ in range(5):
        times = []
        gc.collect()
        gc.disable()
        for request, known in zip(asked, facts, strict=True):
            begin = time.perf_counter_ns()
            decide(release, request, known, AT)
            times.append(time.perf_counter_ns() - begin)
        gc.enable()
        times.sort()
        rounds.append((times[len(times) // 2] / 1000, times[len(times) * 99 // 100] / 1000))
    return (
        statistics.median(p50 for p50, _ in rounds),
        statistics.median(p99 for _, p99 in rounds),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 rules only")
    sizes = (1_000,) if parser.parse_args().quick else (100, 1_000, 10_000)
    print(machine())
    print(
        f"{'rules':>7} {'compile s':>10} {'reached':>8} {'matching':>9} {'p50 µs':>8} {'p99 µs':>8}"
    )
    for size in sizes:
        source, aims = files(size)
        begin = time.perf_counter()
        release = compile_release(source)
        spent = time.perf_counter() - begin
        asked = requests(aims or [("agent-0", "act.a0")], 5_000)
        reached = statistics.mean(
            len(release.plans[request.action].index.reach(request.fields)) for request in asked
        )
        matching = statistics.mean(
            len(decide(release, request, {}, AT).findings) for request in asked[:1000]
        )
        p50, p99 = measure(release, asked)
        print(f"{size:>7,} {spent:>10.2f} {reached:>8.1f} {matching:>9.1f} {p50:>8.1f} {p99:>8.1f}")


if __name__ == "__main__":
    main()
