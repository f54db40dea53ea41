"""Policies measured on recorded agent traces.

    python -m benchmarks.traces DIRECTORY [--only agentdojo] [--list]

DIRECTORY holds the recorded data, which is no part of this repository: `agentdojo-*.jsonl.gz`,
`tau-bench-*.jsonl.gz`, `toolemu-*.jsonl.gz`. Every figure is worked out again from the files and the
policy folders beside this program. Ends with 1 if the AgentDojo target is missed, with 2 if the data
is not there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.traces import report
from benchmarks.traces.recorded import NoData

PARTS = {"agentdojo": report.agentdojo}


def main(arguments: list[str] | None = None) -> int:
    """See the module's docstring; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="where the recorded data is")
    parser.add_argument("--only", choices=sorted(PARTS), help="one dataset only")
    parser.add_argument("--list", action="store_true", help="every task interrupted or missed")
    given = parser.parse_args(arguments)
    good = True
    for name in (given.only,) if given.only else tuple(PARTS):
        try:
            good = PARTS[name](given.directory, given.list) and good
        except NoData as missing:
            print(f"error: {missing}", file=sys.stderr)
            return 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
