"""The scripts of the verification page in an engine that is not Chromium's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from audit.errors import NotVerified
from audit.verify import verify
from governance.web import verifypage
from tests.optional import absent

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "audit"))
from attacked_packages import attacked, browsable, zipped  # noqa: E402
from log_world import World  # noqa: E402

sys.path.remove(str(HERE.parent / "audit"))
STATIC = Path(verifypage.__file__).parent / "static" / "verify"


def scripts() -> str:
    """Everything the page runs but what touches its elements, and the harness after it."""
    names = [name for name in verifypage._SCRIPTS if name != "page"]
    parts = [(STATIC / f"{name}.js").read_text(encoding="utf-8") for name in names]
    harness = (HERE / "other_engine.js").read_text(encoding="utf-8")
    return '"use strict";\n' + "\n".join([*parts, harness])


def cases(folder: Path) -> list[dict[str, Any]]:
    """Every package of the log's own tests that a key is given for, and what Python says of it."""
    world = World(folder)
    found = []
    every = attacked(world) | browsable(world)
    for number, (name, (path, options, _)) in enumerate(sorted(every.items())):
        given = list(zip(options[::2], options[1::2], strict=True))
        keys = [value for option, value in given if option == "--key"]
        kept = [
            Path(value).read_bytes() for option, value in given if option in ("--head", "--receipt")
        ]
        if not keys:
            continue
        package = zipped(world, path, number)
        found.append(
            {
                "name": name,
                "zip": b64encode(package.read_bytes()).decode(),
                "keys": keys,
                "kept": [b64encode(each).decode() for each in kept],
                "told": stated(package, keys, kept),
            }
        )
    return found


def stated(package: Path, keys: list[str], kept: list[bytes]) -> dict[str, Any]:
    """What the Python verifier says of it."""
    try:
        verify(package, keys, None, kept)
    except NotVerified as error:
        index, file = getattr(error, "index", None), getattr(error, "file", None)
        entry = "" if index is None else str(index)
        return {"exit": error.exit_code, "entry": entry, "file": file or ""}
    return {"exit": 0, "entry": "", "file": ""}


def test_another_engine_says_what_python_says(tmp_path: Path) -> None:
    """The page would prove what is false in every browser but the one it was tested in."""
    node = shutil.which("node") or absent("sigstore", "`apt-get install nodejs`")
    made = cases(tmp_path)
    (tmp_path / "cases.json").write_text(json.dumps(made))
    run = (
        "\nconst cases = JSON.parse(require('fs').readFileSync(process.argv[2], 'utf8'));"
        "\nask({ verify, importKey, openZip, Refusal }, cases)"
        ".then((told) => console.log(JSON.stringify(told)));\n"
    )
    program = tmp_path / "engine.js"
    program.write_text(scripts() + run, encoding="utf-8")
    done = subprocess.run(
        [node, str(program), str(tmp_path / "cases.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for case, told in zip(made, json.loads(done.stdout), strict=True):
        expected = case["told"]
        assert (told["exit"], told["entry"]) == (expected["exit"], expected["entry"]), case["name"]
        if expected["file"] and not case["kept"]:
            assert told["file"] == expected["file"], case["name"]
    assert {case["told"]["exit"] for case in made} == {0, 10, 11, 12, 13}
    assert len(made) > 45
