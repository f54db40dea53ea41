"""Policies measured on recorded agent traces.

    python -m benchmarks.traces DIRECTORY [--only agentdojo] [--airline DIRECTORY] [--list]

DIRECTORY holds the recorded data, which is no part of this repository: `agentdojo-*.jsonl.gz`,
`tau-bench-*.jsonl.gz`, `toolemu-*.jsonl.gz`. `--airline` holds the airline's records (`users.json`,
`reservations.json`, `flights.json`). Every figure is worked out again from the files and the policy
folders beside this program. Ends with 1 if the AgentDojo target is missed, with 2 if
data is missing; what is there is measured all the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.traces import report
from benchmarks.traces.recorded import NoData

PARTS = ("agentdojo", "tau-bench", "toolemu")


def main(arguments: list[str] | None = None) -> int:
    """See the module's docstring; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="where the recorded data is")
    parser.add_argument("--only", choices=PARTS, help="one dataset only")
    parser.add_argument("--airline", type=Path, help="where the airline's records are (tau-bench)")
    parser.add_argument("--list", action="store_true", help="every task interrupted or missed")
    given = parser.parse_args(arguments)
    good = whole = True
    for name in (given.only,) if given.only else PARTS:
        try:
            if name == "agentdojo":
                good = report.agentdojo(given.directory, given.list)
            elif name == "toolemu":
                report.toolemu(given.directory, given.list)
            else:
                report.taubench(given.directory, given.list, given.airline)
        except NoData as missing:
            print(f"error: {missing}", file=sys.stderr)
            whole = False
    return 2 if not whole else 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
