"""What every run says at its end."""

from __future__ import annotations

import sys

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many crash points held, so that nobody has to believe it."""
    crashes = sys.modules.get("tests.store.crashes")
    if crashes is not None and crashes.counted:
        parts = ", ".join(f"{count} {what}" for what, count in sorted(crashes.counted.items()))
        total = sum(crashes.counted.values())
        terminalreporter.write_line(f"crash points survived: {total} ({parts})")
