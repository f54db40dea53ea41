"""What every run does before its first test, and what it says at its end."""

from __future__ import annotations

import gc
import sys

import pytest


def pytest_collection_finish() -> None:
    """Leave what stays to the end, and most of what lives briefly, out of every search for garbage.

    Otherwise four tenths of what the engine's tests take is spent on looking for garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many crash points held, so that nobody has to believe it."""
    crashes = sys.modules.get("tests.store.crashes")
    if crashes is not None and crashes.counted:
        parts = ", ".join(f"{count} {what}" for what, count in sorted(crashes.counted.items()))
        total = sum(crashes.counted.values())
        terminalreporter.write_line(f"crash points survived: {total} ({parts})")
