"""Commitments and digests for the hot path: the same bytes as `audit`, made with fewer steps.

Law: whatever these functions return, `audit.commit.commitment` and `audit.canonical.canonical` return
as well; a test holds them together on random values.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from functools import lru_cache
from json.encoder import encode_basestring as quoted  # the interpreter's own C function
from typing import Any, Final

import orjson

from audit.canonical import canonical

_URL: Final = bytes.maketrans(b"+/", b"-_")


def b64url(data: bytes) -> str:
    """Base64url without padding."""
    return b2a_base64(data, newline=False).translate(_URL).rstrip(b"=").decode()


@lru_cache(maxsize=4096)
def _keyed(secret: bytes) -> tuple[Any, Any]:
    """Both halves of HMAC-SHA256 under `secret` (RFC 2104), ready to go on.

    The library's one-shot function lets other threads run for each call, which costs more than the
    hash; plain SHA-256 of a few bytes does not.
    """
    key = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\x00")
    return (
        hashlib.sha256(bytes(byte ^ 0x36 for byte in key)),
        hashlib.sha256(bytes(byte ^ 0x5C for byte in key)),
    )


def forget() -> None:
    """Forget every secret that is remembered here; after an erasure none may be left."""
    _keyed.cache_clear()


def hmac_sha256(secret: bytes, message: bytes) -> bytes:
    """HMAC-SHA256, the same bytes as `hmac.digest`."""
    inner, outer = _keyed(secret)
    inner = inner.copy()
    inner.update(message)
    outer = outer.copy()
    outer.update(inner.digest())
    digest: bytes = outer.digest()
    return digest


@lru_cache(maxsize=1024)
def _name(field: str) -> tuple[bytes, bytes]:
    """A field's name as the salt's context, and as it stands in a disclosure."""
    return field.encode() + b"\x00", b'",' + quoted(field).encode() + b","


def committed(secret: bytes, field: str, value: Any) -> tuple[str, bytes, bytes]:
    """Commitment, canonical bytes and salt of a value; the salt repeats for the same value.

    salt = HMAC-SHA256(secret, field, 0, canonical value), its first 16 bytes.  Raises
    `audit.errors.Malformed` (a ValueError) for a value that has no canonical form.
    """
    context, name = _name(field)
    data = quoted(value).encode() if type(value) is str else canonical(value)
    salt = hmac_sha256(secret, context + data)[:16]
    # 16 bytes are 22 characters without padding and 32 bytes 43: cut off, not searched for.  Bytes
    # all the way: no text is made of a disclosure that nobody reads.
    shown = b2a_base64(salt, newline=False).translate(_URL)[:22]
    sealed = b2a_base64(b'["' + shown + name + data + b"]", newline=False).translate(_URL)
    hashed = hashlib.sha256(sealed.rstrip(b"=")).digest()
    return b2a_base64(hashed, newline=False).translate(_URL)[:43].decode(), data, salt


def digest(body: Any) -> str:
    """SHA-256 (hex) of the RFC 8785 bytes of `body`.

    `body` must hold text, whole numbers within 2^53, true, false, null, lists and objects with
    names below U+10000 only, as everything in a recorded form does.
    """
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
