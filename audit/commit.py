"""Commitments to single fields, by the digest rule of RFC 9901 §4.2.

    commitment = base64url(SHA-256(base64url(JSON [salt, name, value])))

The law: the log holds commitments, never values; who is shown a salt and a value can check them
against the log, and who is not learns nothing, because 128 bits of salt cannot be guessed.
Deleting salt and value makes a commitment meaningless and leaves every proof as it was.
"""

from __future__ import annotations

import hashlib
from typing import Any

from audit.canonical import canonical
from audit.encoding import b64url, unb64url
from audit.errors import Malformed, Tampered

SALT_BYTES = 16


def commitment(salt: str, name: str, value: Any) -> str:
    """43 characters that commit to `value` under `name`.

    `salt` is base64url of at least 16 random bytes, fresh for each commitment; `value` any value
    that `audit.canonical` accepts. Raises `Malformed` for a short salt or another value.
    """
    try:
        short = len(unb64url(salt)) < SALT_BYTES
    except ValueError as error:
        raise Malformed(f"the salt of `{name}`: {error}") from error
    if short:
        raise Malformed(f"the salt of `{name}` has fewer than {SALT_BYTES} bytes")
    return digest(b64url(canonical([salt, name, value])))


def digest(disclosure: str) -> str:
    """RFC 9901 §4.2.3: base64url of SHA-256 over the ASCII bytes of a disclosure."""
    return b64url(hashlib.sha256(disclosure.encode("ascii")).digest())


def opens(committed: str, salt: str, name: str, value: Any) -> None:
    """Return if `committed` is the commitment to `value`; raise `Tampered` if it is not."""
    if commitment(salt, name, value) != committed:
        raise Tampered(f"the value shown for `{name}` is not the one that was committed to")
