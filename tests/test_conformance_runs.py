"""`make conformance VECTORS=DIR`: every file of a known format is run, wherever it lies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
GOOD = {"parse_ok": [["0", "x001/234", 0, 1234, 0]], "parse_err": [["0", "x1"], ["64", "000"]]}
BAD = {"parse_ok": [["0", "x001/234", 0, 1235, 0]]}
UNKNOWN = {"parse_ok": GOOD["parse_ok"], "something": [1]}


@pytest.mark.parametrize(
    ("vectors", "code", "said"),
    [  # by hand; in CI every known format has to be there
        ({"tile_paths.json": GOOD}, 0, "vectors: 1 files read"),
        ({"tile_paths.json": GOOD, "more/tile_paths-2.json": GOOD}, 0, "vectors: 2 files read"),
        ({"tile_paths.json": GOOD, "more/tile_paths-2.json": BAD}, 1, "more/tile_paths-2.json"),
        ({"tile_paths.json": UNKNOWN}, 1, "NOT READ, so this run has failed: tile_paths.json"),
        ({"strange.json": GOOD}, 1, "NOT READ, so this run has failed: strange.json"),
        ({}, 1, "vectors: 0 files read"),
    ],
)
def test_more_files_of_a_format_run_and_nothing_is_passed_over(
    tmp_path: Path, vectors: dict[str, Any], code: int, said: str
) -> None:
    """Vectors that somebody kept aside would lie in the folder, unread, and the run would pass."""
    for name, content in vectors.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/conformance"],
        cwd=ROOT,
        env={**os.environ, "VECTORS": str(tmp_path), "CI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout


def test_in_ci_every_known_format_is_there(tmp_path: Path) -> None:
    """Public vectors that vanished would be checked by nothing, and CI would be green."""
    (tmp_path / "tile_paths.json").write_text(json.dumps(GOOD))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/conformance"],
        cwd=ROOT,
        env={**os.environ, "VECTORS": str(tmp_path), "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "not there, so nothing was checked with it: signed_note.json" in done.stdout
