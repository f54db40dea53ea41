"""The key that signs the log, kept in a file only the service may read.

The law: without this key no entry can be added, and it is never made anew for a log that exists:
a log signed by two keys nobody agreed on is no evidence.
"""

from __future__ import annotations

import os
from pathlib import Path

from audit.errors import BadKey
from audit.note import Ed25519Signer
from governance.store.errors import CannotOpen


def create(path: Path, origin: str) -> Ed25519Signer:
    """A new key named `origin` at `path`, mode 0600. Raises `CannotOpen` if there is one."""
    try:
        signer = Ed25519Signer.generate(origin)
    except BadKey as error:
        raise CannotOpen(f"the log cannot be called `{origin}`: {error}") from error
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotOpen(f"cannot make the log key `{path}`: {error.strerror}") from error
    with open(fd, "w", encoding="ascii") as file:
        file.write(signer.skey + "\n")
        file.flush()
        os.fsync(file.fileno())
    return signer


def read(path: Path) -> Ed25519Signer:
    """The key at `path`. Raises `CannotOpen` if it is missing, unreadable or too readable."""
    try:
        text = path.read_text(encoding="ascii").strip()
        mode = path.stat().st_mode & 0o077
    except FileNotFoundError as error:
        raise CannotOpen(
            f"the log key `{path}` is missing: nothing can be signed. Put it back from where it "
            "was kept; if it is lost, start a new log with `governance restore --acknowledge`"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CannotOpen(f"the log key `{path}` cannot be read: {error}") from error
    if mode:
        raise CannotOpen(
            f"the log key `{path}` can be read by others (mode {mode | 0o600:o}); make it private "
            f"with `chmod 600 {path}`"
        )
    try:
        return Ed25519Signer.from_skey(text)
    except BadKey as error:
        raise CannotOpen(f"the log key `{path}` is damaged: {error}") from error
