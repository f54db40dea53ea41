"""The laws are tried on the same small company as the verbs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "service"))

from company import founded, world

__all__ = ["founded", "world"]
