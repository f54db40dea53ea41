"""Programs that only some tests need: what happens when one is not installed.

The law: a test that cannot run says so in one sentence. Where everything should be installed (the
variable CI is set) that is a failure, unless WITHOUT names the program: then whoever started the
run has said that it cannot be had there.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, NoReturn

import pytest


def absent(program: str, how: str) -> NoReturn:
    """End the test: `program` (one word) is not installed; `how` says how to install it."""
    sentence = f"{program} is not installed here; {how}"
    if os.environ.get("CI") and program not in os.environ.get("WITHOUT", "").split():
        pytest.fail(sentence)
    pytest.skip(sentence)


def library(module: str, package: str) -> Any:
    """The module `module` of the optional Python package `package`."""
    try:
        return importlib.import_module(module)
    except ImportError:
        absent(package, f"`pip install {package}`")
