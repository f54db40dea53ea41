"""Base64, decimal numbers and times with exactly one spelling each.

The law: what is read is written again and must come out the same; otherwise it is refused.
Lenient decoders accept several spellings of one value, and then two different files mean the same.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
MAX_SIZE = 2**63 - 1


def b64(data: bytes) -> str:
    """Standard base64 with padding, RFC 4648 §4."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """The inverse of `b64`. Raises `ValueError` for any other spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"`{text[:80]}` is not base64") from error
    if b64(data) != text:
        raise ValueError(f"`{text[:80]}` is not base64 in its only spelling")
    return data


def b64url(data: bytes) -> str:
    """URL-safe base64 without padding, RFC 4648 §5."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """The inverse of `b64url`. Raises `ValueError` for any other spelling."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"`{text[:80]}` is not base64url") from error
    if b64url(data) != text:
        raise ValueError(f"`{text[:80]}` is not base64url in its only spelling")
    return data


def decimal(text: str) -> int:
    """A whole number below 2^63 in ASCII digits without leading zeroes, or `ValueError`."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise ValueError(f"`{text[:80]}` is not a decimal number without leading zeroes below 2^63")
    return int(text)


def utc(time: int) -> str:
    """Unix seconds as text; as a number where the calendar has no such day."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"second {time}"
