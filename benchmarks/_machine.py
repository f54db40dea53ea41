"""What figures were taken on, in one line; without it a figure says nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """The processor as the system names it, how many cores, the system, the interpreter."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((x.partition(": ")[2] for x in lines if x.startswith("model name")), model)
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )
