"""A checked release in the form that other processes and later starts take over.

Law: only what this very engine wrote is read; another one may mean something else by the same bytes,
and compiles the files anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from governance import engine
from governance.engine import portable
from governance.engine.load import Bundle
from governance.engine.portable import NotPortable

__all__ = ["NotPortable", "engine_digest", "read", "write"]


@cache
def engine_digest() -> str:
    """SHA-256 (hex) over the engine's own modules: what the meaning of a compiled form depends on."""
    found = hashlib.sha256()
    for folder in engine.__path__:
        for path in sorted(Path(folder).glob("*.py")):
            found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def write(bundle: Bundle) -> bytes:
    """The bundle as bytes; equal bundles give equal bytes. Raises `NotPortable`."""
    return portable.write(bundle, engine_digest())


def read(data: bytes, pause: Callable[[], None] = lambda: None) -> Bundle:
    """The bundle that `write` wrote; calls `pause` after each short stroke. Raises `NotPortable`."""
    return portable.read(data, engine_digest(), pause)
