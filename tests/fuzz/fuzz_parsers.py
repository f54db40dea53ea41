"""Coverage-guided fuzzing of every parser, on demand: `make fuzz-parsers` (DURATION= seconds).

Each input is one byte that names a parser and what is given to it; the corpus begins with the valid
examples. Whatever breaks the law of `parsers.judge` is printed and kept as `crash-…`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["audit"]):
    from tests.fuzz.parsers import PARSERS, judge

NAMES = sorted(PARSERS)


def one(data: bytes) -> None:
    """Give one input to the parser it names."""
    if data:
        judge(NAMES[data[0] % len(NAMES)], data[1:])


def main() -> None:
    """Run until the time is over or something breaks; options are libFuzzer's."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, name in enumerate(NAMES):
            for which, example in enumerate(PARSERS[name].examples):
                (Path(corpus) / f"{number}-{which}").write_bytes(bytes([number]) + example)
        atheris.Setup([*sys.argv, corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
