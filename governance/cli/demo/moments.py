"""The two moments that the product is chosen for: try a rule on the past, and alter one byte."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from governance.cli.transport import Failed

RULE = "args.amount: {at_most: 500 EUR}"
STRICTER = "args.amount: {at_most: 10 EUR}"
TAMPERED = 10


def draft(policies: Path, target: Path) -> Path:
    """A copy of the policy files with one number changed: small payments end at 10 EUR."""
    shutil.copytree(policies, target)
    path = target / "payments.yaml"
    text = path.read_text(encoding="utf-8")
    if text.count(RULE) != 1:
        raise Failed("the demo's rule is not where it was; the demo needs an update")
    text = text.replace(RULE, STRICTER)
    # The file's own cases say what people expected of the old rule; a draft changes them, too.
    path.write_text(_cases_follow(text), encoding="utf-8")
    return target


def _cases_follow(text: str) -> str:
    moved = {"120 EUR, DE, allow": "9 EUR, DE, allow", "500 EUR, DE, allow": "10 EUR, DE, allow"}
    for before, after in moved.items():
        text = text.replace(before, after)
    return text


def verify(package: Path, log_key: str, head: Path | None = None) -> tuple[int, str]:
    """What a stranger's `python -m audit verify` says: exit code and words."""
    args = [sys.executable, "-m", "audit", "verify", str(package), "--key", log_key]
    if head is not None and head.exists():
        args += ["--head", str(head)]
    done = subprocess.run(args, capture_output=True, text=True, timeout=120)  # noqa: S603
    return done.returncode, (done.stdout + done.stderr).strip()


def alter_one_byte(package: Path, target: Path, index: int) -> Path:
    """A copy of the package in which one character of one entry is another."""
    shutil.copytree(package, target)
    bundles = sorted((target / "tile" / "entries").rglob("*"))
    seen = 0
    for bundle in (path for path in bundles if path.is_file()):
        data = bytearray(bundle.read_bytes())
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 2], "big")
            if seen == index:
                _flip(data, at + 2, length)
                bundle.write_bytes(data)
                return target
            seen += 1
            at += 2 + length
    raise Failed(f"entry {index} is not in the package")


def _flip(data: bytearray, start: int, length: int) -> None:
    """Turn a recorded deny into something else by one letter."""
    found = re.search(rb'"effect":"(d)eny"', data[start : start + length])
    where = start + (found.start(1) if found else length // 2)
    data[where] ^= 1


def rehearse(
    backtest: Callable[[], dict[str, Any]], package: Path, log_key: str, scratch: Path, denied: int
) -> tuple[dict[str, Any], str]:
    """Both moments; the backtest's result and the verifier's sentence."""
    changed = backtest()
    if not changed["changed"]:
        raise Failed("the stricter rule changed nothing")
    code, words = verify(alter_one_byte(package, scratch, denied), log_key)
    if code != TAMPERED or str(denied) not in words:
        raise Failed(f"the altered byte was not found (exit {code}): {words}")
    return changed, words
