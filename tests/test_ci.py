"""What `.ci/run` does where a program cannot be installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

RUN = Path(__file__).parents[1] / ".ci" / "run"
MAKE = """#!/bin/sh
case "$*" in
  *{missing}) echo 'E: Unable to locate package'; exit 100 ;;
esac
echo "$* CI=$CI WITHOUT=$WITHOUT" >> {log}
"""


def ran(folder: Path, missing: str) -> tuple[str, list[str]]:
    """Run it with a `make` that cannot install `missing`; what was said, and what was made."""
    make, log = folder / "make", folder / "log"
    make.write_text(MAKE.format(missing=missing, log=log))
    make.chmod(0o755)
    variables = {k: v for k, v in os.environ.items() if k not in {"CI", "WITHOUT"}}
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(RUN)],
        env={**variables, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, log.read_text().splitlines()


def test_what_cannot_be_installed_is_said_and_only_its_tests_are_left_out(tmp_path: Path) -> None:
    """A run without somebody else's verifier would look like one in which it agreed."""
    said, made = ran(tmp_path, "sigstore")
    assert "sigstore cannot be installed here" in said
    (tests,) = [line for line in made if "conformance" in line]
    assert tests.startswith("hammer-killed hammer-log test check conformance DURATION=60 VECTORS=")
    assert tests.endswith("CI=1 WITHOUT= sigstore")


def test_where_everything_is_installed_nothing_is_left_out(tmp_path: Path) -> None:
    """Tests could be left out on every machine without anybody knowing."""
    said, made = ran(tmp_path, "nothing-of-this-name")
    assert "cannot be installed" not in said
    assert any(" test check " in line and line.endswith("CI=1 WITHOUT=") for line in made)
