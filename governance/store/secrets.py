"""What opens a key that is not plainly in a file: a passphrase, or a token's PIN.

The law: a secret is asked for in this order and kept nowhere: the environment variable of that one
key, the one of all keys, an open file descriptor, a person at a terminal. None of them is in a
setting or a file of the workspace, and no message repeats one.

    GOVERNANCE_LOG_KEY_SECRET_<KEY ID>   for the key with this id
    GOVERNANCE_LOG_KEY_SECRET            for every key
    GOVERNANCE_LOG_KEY_SECRET_FD=N       the first line that descriptor N gives
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable

from governance.store.errors import CannotOpen

VARIABLE = "GOVERNANCE_LOG_KEY_SECRET"

Secrets = Callable[[str, str, bool], str]
"""Key id (8 hexadecimal digits), what is asked for in words, whether it is a new one."""

_from_descriptor: dict[str, str] = {}


def asked(key: str, what: str, new: bool = False) -> str:
    """The secret of the key with the id `key`. Raises `CannotOpen` if there is nobody to ask."""
    for name in (f"{VARIABLE}_{key.upper()}", VARIABLE):
        found = os.environ.get(name)
        if found:
            return found
    number = os.environ.get(f"{VARIABLE}_FD")
    if number:
        return _read_descriptor(number)
    if sys.stdin is not None and sys.stdin.isatty():
        return _prompted(what, new)
    raise CannotOpen(
        f"nobody gave {what}: set the environment variable `{VARIABLE}` (or `{VARIABLE}_FD`, the "
        "number of a file descriptor to read it from), or start at a terminal and be asked. While "
        "a service runs, it is the service that needs it: start it again with it"
    )


def _read_descriptor(number: str) -> str:
    """A descriptor gives what it holds once; the process remembers it for its next key."""
    if number not in _from_descriptor:
        try:
            with open(int(number), encoding="utf-8", closefd=False) as file:
                _from_descriptor[number] = file.readline().rstrip("\r\n")
        except (ValueError, OSError) as error:
            raise CannotOpen(
                f"`{VARIABLE}_FD` is `{number}`, which cannot be read ({error}); give the number "
                f"of an open descriptor, as in `{VARIABLE}_FD=3 … 3<secret`"
            ) from error
    return _from_descriptor[number]


def _prompted(what: str, new: bool) -> str:
    try:
        given = getpass.getpass(f"{what}: ")
        if new and getpass.getpass("the same again: ") != given:
            raise CannotOpen("the two differ; nothing was made")
    except (EOFError, KeyboardInterrupt) as error:
        raise CannotOpen(f"nobody gave {what}; nothing was opened") from error
    return given
