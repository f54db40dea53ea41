"""How long exact analysis of 1,000 rules takes: check, remarks, difference, proof.

    python -m benchmarks.analysis [--rules 1000] [--rounds 3] [-o json]

Seeded rules with four to five comparisons each (amounts, countries, choices, hosts, labels of session
and agent, autonomy, the hour) in twenty files, in two layouts: spread over 25 actions, and all for one
action, which is the hard one. Printed are medians; loading is part of every figure but `remarks`,
`difference` and `proof`, which are also given without it. Targets: check 1 s, remarks (unreachable,
shadowed, redundant, contradictory, limits) 5 s, difference 5 s.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from benchmarks._machine import machine
from governance.engine import amounts, analyse, cases
from governance.engine.compile import compile_release
from governance.engine.difference import diff
from governance.engine.prove import prove

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
COUNTRIES = ("AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "NL", "PL",
             "PT", "SE", "US")  # fmt: skip
LABELS = ("untrusted", "private", "reads_private", "moves_money", "sends_external")
TEAMS = ("payments", "support", "hr", "coding", "sales", "legal")
CATALOGUE = """catalogue: bench
title: Actions of the benchmark
owner: bench@corp.example
actions:
"""
ACTION = """  {name}:
    title: An action
    labels: [{labels}]
    attaches: [private, untrusted, reads_private, moves_money, sends_external]
    risk: low
    args:
      amount: {{type: money, currencies: [EUR, USD], class: quantity}}
      country: {{type: country, class: category}}
      channel: {{type: choice, one_of: [sepa, swift, card, cash, cheque], class: category}}
      host: {{type: host, class: category, required: false}}
      payee: {{type: iban, class: identity, about: payee}}
"""
HEAD = """policy: bench-{number}
title: Seeded rules
owner: bench@corp.example
review_by: 2099-01-01
governs: [{governs}]
applies_to: {{agents: all}}
mode: enforce
default: deny
limits:
  - {{id: LIM-1, title: A limit, measure: sum args.amount, of: {{action: {first}}}, per: [args.payee],
     in_last: 24h, at_most: {most} EUR, otherwise: deny, because: bench}}
cases:
  columns: [name, action, args.amount, args.country, args.channel, expect]
  rows: [[x, {first}, 1 EUR, DE, sepa, {expect}]]
rules:
"""
INVARIANTS = """invariants: bench
title: What is never allowed
owner: bench@corp.example
review_by: 2099-01-01
never:
"""
TARGETS = {"check": 1.0, "remarks": 5.0, "difference, one threshold": 5.0,
           "difference, every file reordered": 5.0, "difference, 20 rules": 5.0}  # fmt: skip


def rule(rng: random.Random, number: int, actions: list[str]) -> str:
    """One seeded rule."""
    effect = rng.choices(["allow", "require_approval", "deny"], [5, 3, 2])[0]
    bound = rng.randrange(1, 400) * 25
    tests = {
        "args.amount": rng.choice(
            [f"{{at_most: {bound} EUR}}", f"{{above: {bound} EUR}}",
             f"{{between: [{bound} EUR, {bound * 2} EUR]}}"]
        ),
        "args.country": f"{{one_of: [{', '.join(rng.sample(COUNTRIES, rng.randrange(1, 5)))}]}}",
        "args.channel": rng.choice(["{is: sepa}", "{one_of: [swift, card]}", "{is_not: cash}"]),
        "args.host": f"{{in_domain: [d{rng.randrange(40)}.example, d{rng.randrange(40)}.example]}}",
        "session.labels": rng.choice(
            [f"{{contains_any: [{rng.choice(LABELS)}]}}",
             f"{{contains_none: [{', '.join(rng.sample(LABELS, 2))}]}}"]
        ),
        "agent.labels": f"{{contains_any: [{rng.choice(TEAMS)}]}}",
        "agent.autonomy": f"{{at_least: L{rng.randrange(2, 5)}}}",
        "time.hour": f"{{between: [{rng.randrange(0, 10)}, {rng.randrange(12, 24)}]}}",
    }  # fmt: skip
    chosen = rng.sample(list(tests), rng.randrange(3, 5))
    if rng.random() < 0.2:
        chosen = chosen[:1]  # broad ones, so that there is something to find
    when = ", ".join([f"action: {rng.choice(actions)}", *(f"{n}: {tests[n]}" for n in chosen)])
    more = ""
    if effect == "require_approval":
        seats = rng.choice(["1 treasurer", "1 cfo", "2 treasurer"])
        more = f", approval: {{needs: [{seats}], answer_within: 4h}}"
    return (
        f"  - {{id: R-{number}, title: Rule {number}, effect: {effect}, when: {{{when}}}, "
        f"because: bench, severity: {rng.choice(['low', 'low', 'medium', 'high'])}{more}}}\n"
    )


def files(count: int, spread: int, seed: int = 7) -> dict[str, list[str]]:
    """Head and rules of each file, by path; the catalogue and the invariants are single texts."""
    rng = random.Random(seed)
    names = [f"act{n}.do" for n in range(spread)]
    out: dict[str, list[str]] = {
        "policies/actions/bench.yaml": [CATALOGUE + "".join(
            ACTION.format(name=n, labels=rng.choice(LABELS[2:])) for n in names)],
        "policies/invariants.yaml": [INVARIANTS + "".join(
            f"  - {{id: INV-{n}, title: Never, without: {{people: 2}}, because: bench, when: "
            f"{{action: {names[n % spread]}, args.amount: {{above: {bound} EUR}}}}}}\n"
            for n, bound in enumerate((100, 5_000, 12_000, 20_000, 60_000)))],
    }  # fmt: skip
    per = max(1, count // 20)
    for number in range(20):
        own = [names[i] for i in range(spread) if i % 20 == number % min(20, spread)] or names
        head = HEAD.format(number=number, governs=", ".join(own), first=own[0],
                           most=50_000 + number, expect="deny")  # fmt: skip
        rules = [rule(rng, n, own) for n in range(per)]
        out[f"policies/bench-{number}.yaml"] = [head, *rules]
    return out


def joined(parts: dict[str, list[str]]) -> dict[str, bytes]:
    """The files as bytes."""
    return {path: "".join(texts).encode() for path, texts in parts.items()}


def changed(parts: dict[str, list[str]], how: str) -> dict[str, bytes]:
    """The files with one threshold, or twenty rules changed, or everything in another order."""
    rng = random.Random(3)
    out = {path: list(texts) for path, texts in parts.items()}
    paths = sorted(path for path in out if "bench-" in path)
    if how == "reordered":
        for path in paths:
            rules = out[path][1:]
            rng.shuffle(rules)
            out[path][1:] = rules
        return joined(out)
    left = 1 if how == "threshold" else 20
    for path in paths:
        for n, text in enumerate(out[path]):
            if n and left and "at_most: " in text and "effect: allow" in text:
                start = text.index("at_most: ") + len("at_most: ")
                end = text.index(" EUR", start)
                out[path][n] = f"{text[:start]}{int(text[start:end]) + 10}{text[end:]}"
                left -= 1
                break
    return joined(out)


def median(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Median seconds of some rounds, and what came out last."""
    took, result = [], None
    for _ in range(rounds):
        gc.collect()
        began = time.perf_counter()
        result = work()
        took.append(time.perf_counter() - began)
    return statistics.median(took), result


def run(count: int, spread: int, rounds: int) -> dict[str, Any]:
    """All figures of one layout."""
    parts = files(count, spread)
    now = joined(parts)
    out: dict[str, Any] = {}

    def check() -> Any:
        made = compile_release(now, at=date(2026, 11, 20))
        cases.run(made)
        return made

    out["check"], release = median(check, rounds)
    out["remarks"], found = median(
        lambda: (*analyse.remarks(release), *amounts.remarks(release)), rounds
    )
    out["found"] = {code: sum(r.code == code for r in found) for code in {r.code for r in found}}
    for name, how in (
        ("difference, one threshold", "threshold"),
        ("difference, every file reordered", "reordered"),
        ("difference, 20 rules", "rules"),
    ):
        other = changed(parts, how)
        out[name], told = median(
            lambda other=other: diff(compile_release(now), compile_release(other), AT),  # type: ignore[misc]
            rounds,
        )
        out[f"{name}: outcome"] = f"{told.outcome}, {len(told.found)} shown, {told.steps} steps"
    out["proof of five invariants"], proofs = median(lambda: prove(release, None, AT), rounds)
    out["proofs"] = [f"{p.result} ({p.steps})" for p in proofs]
    return out


def main() -> None:
    """See the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rules", type=int, default=1_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("-o", "--output", choices=("table", "json"), default="table")
    given = arguments.parse_args()
    told: dict[str, Any] = {"machine": machine()}
    for name, spread in (("25 actions", 25), ("one action", 1)):
        told[name] = run(given.rules, spread, given.rounds)
    if given.output == "json":
        print(json.dumps(told, indent=2, default=str))
        return
    print(told.pop("machine"))
    for name, figures in told.items():
        print(f"\n{given.rules} rules, {name}")
        for what, value in figures.items():
            if isinstance(value, float):
                target = TARGETS.get(what)
                ends = "" if target is None else f"  (target {target:g} s)"
                print(f"  {what:<44}{value:7.2f} s{ends}")
            else:
                print(f"  {what:<44}{value}")


if __name__ == "__main__":
    main()
