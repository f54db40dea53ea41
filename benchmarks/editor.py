"""How long an editor waits after a keystroke in a policy file of 1,000 lines.

Starts the language server as editors do, opens the file in a copy of the shipped folder, and types
into it: a letter that breaks a rule, and one that mends it. Measured is the time from the keystroke to
the findings, to the completion list and to the words under the cursor. Prints the machine, the median
and the worst of the rounds.

    python -m benchmarks.editor [--rounds N] [--lines N]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._machine import machine

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE / "tests" / "editor"))

from lsp_client import Editor, find  # noqa: E402

HEAD = """policy: bench
title: A policy of many rules
owner: bench@corp.example
review_by: 2099-05-31
governs: [payment.create]
applies_to: {agents: {labels: {contains_any: [bench]}}}
mode: enforce
default: deny

rules:
"""
RULE = """  - id: BEN-{number:03}
    title: Payments around {low} EUR are decided by a person
    effect: require_approval
    when:
      action: payment.create
      args.amount: {{above: {low} EUR, at_most: {high} EUR}}
      args.country: {{none_of: [IR, KP, SY]}}
    approval: {{needs: [1 treasurer], answer_within: 4h, not_by: [requester], reason: required}}
    because: The loss is larger than what nobody would miss.
    severity: medium

"""
CASES = """cases:
  columns: [name, args.amount, expect, by]
  always: {action: payment.create, args.iban: DE89370400440532013000, args.country: DE}
  rows:
    - [nothing, 0 EUR, deny, default]
"""


def policy(lines: int) -> str:
    """A policy file of about so many lines."""
    per_rule = RULE.count("\n")
    count = (lines - HEAD.count("\n") - CASES.count("\n")) // per_rule
    rules = (RULE.format(number=n + 1, low=10 * n + 1, high=10 * n + 10) for n in range(count))
    return HEAD + "".join(rules) + CASES


def told(name: str, seconds: list[float]) -> None:
    """One line of figures in milliseconds."""
    median, worst = 1000 * statistics.median(seconds), 1000 * max(seconds)
    print(f"{name:<28} median {median:6.0f} ms   worst {worst:6.0f} ms")


def main(rounds: int, lines: int) -> None:
    """Type, and wait."""
    print(machine())
    with tempfile.TemporaryDirectory() as place:
        root = Path(shutil.copytree(HERE / "policies", Path(place) / "policies"))
        text = policy(lines)
        path = root / "bench.yaml"
        path.write_text(text)
        editor, uri = Editor(root), path.as_uri()
        editor.open(uri, text)
        print(f"{text.count(chr(10))} lines, {len(list(root.rglob('*.yaml')))} files in the folder")
        at = find(text, "effect: require", text[text.index("effect") :].index("require") + 3)
        line, column = find(text, "above: 501 EUR", 0)
        broken, mended, offers, hovers = [], [], [], []
        editor.type(uri, at, at, "x")
        editor.until(uri, "not-allowed")
        for number in range(rounds):
            count = len(editor.diagnostics[uri])
            start = time.perf_counter()
            editor.type(uri, at, (at[0], at[1] + 1), "")
            editor.wait_for(uri, count + 1)
            mended.append(time.perf_counter() - start)
            start = time.perf_counter()
            editor.type(uri, at, at, "xyz"[number % 3])
            editor.wait_for(uri, count + 2)
            broken.append(time.perf_counter() - start)
            start = time.perf_counter()
            assert "at_least" in editor.offered(uri, (line, column + 1))
            offers.append(time.perf_counter() - start)
            start = time.perf_counter()
            assert editor.at("hover", uri, (line, column + 1))
            hovers.append(time.perf_counter() - start)
        told("findings, file made wrong", broken)
        told("findings, file made right", mended)
        told("completion", offers)
        told("words under the cursor", hovers)
        editor.leave()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--lines", type=int, default=1000)
    given = parser.parse_args()
    main(given.rounds, given.lines)
