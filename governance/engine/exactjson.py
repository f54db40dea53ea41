"""RFC 8785 bytes of any JSON value, and their SHA-256: what a tool's description is recognised by.

Law: two spellings of one JSON value have one digest, and two values never have (a number is an IEEE
double, as RFC 8785 asks, so integers beyond 2^53 are told apart no better than there). Unlike the log's own
form (`audit.canonical`), fractions are allowed here, because strangers' tool lists hold them; they
are written as ECMAScript does (RFC 8785 §3.2.2.3).
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes. Raises ValueError for what JSON cannot say (NaN, half a surrogate)."""
    return _write(value).encode("utf-8", "strict")


def digest(value: Any) -> str:
    """`sha256:` and the hexadecimal SHA-256 of the canonical bytes."""
    return f"sha256:{hashlib.sha256(canonical(value)).hexdigest()}"


def _write(value: Any) -> str:
    if isinstance(value, dict):
        # Names are sorted by their UTF-16 code units.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_write(name)}:{_write(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_write, value)) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return _number(float(value))


def _number(value: float) -> str:
    """A number as `Number.prototype.toString` writes it."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("JSON has no such number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    _, numerals, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    digits = "".join(map(str, numerals))
    point = len(digits) + int(exponent)  # where the decimal point stands, counted from the left
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if digits[1:] else "")
    return f"{sign}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
