"""Columns of rows in PostgreSQL's binary format of arrays (`array_recv`), packed at once.

The law: what is sent is what psycopg's own way of sending a list makes of it. That asks for each element
what it is; here the column's type is known, which took a tenth of a batch under the log's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from struct import Struct, error
from typing import Any, Final

from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD: Final = Struct("!iiiii").pack
_LENGTH: Final = Struct("!i").pack
_BIGINT: Final = Struct("!iq").pack
_INTEGER: Final = Struct("!ii").pack
_NULL: Final = _LENGTH(-1)


class Packed(bytes):
    """An array as the server reads it."""


class PackedDumper(Dumper):
    """Sends what is packed already, of the type that the statement says."""

    format = Format.BINARY

    def dump(self, obj: Packed) -> Packed:
        """As it is."""
        return obj


def packed(kind: str, values: Sequence[Any]) -> Packed:
    """A column of a type (`BIGINT`, `INTEGER`, `TEXT`, `BYTEA`; None is null); at least one value.

    Raises `ValueError` for a value that is not of that type.
    """
    oid, pack = _KINDS[kind]
    try:
        parts = pack(values)
    except (error, TypeError, AttributeError, UnicodeEncodeError) as wrong:
        raise ValueError(f"a value that is no {kind}: {wrong}") from wrong
    return Packed(_HEAD(1, None in values, oid, len(values), 1) + b"".join(parts))


def _bigints(values: Iterable[int | None]) -> list[bytes]:
    return [_NULL if value is None else _BIGINT(8, value) for value in values]


def _integers(values: Iterable[int | None]) -> list[bytes]:
    return [_NULL if value is None else _INTEGER(4, value) for value in values]


def _texts(values: Iterable[str | None]) -> list[bytes]:
    return _bytes(None if value is None else value.encode() for value in values)


def _bytes(values: Iterable[bytes | None]) -> list[bytes]:
    return [_NULL if value is None else _LENGTH(len(value)) + value for value in values]


_KINDS: Final[dict[str, tuple[int, Callable[[Iterable[Any]], list[bytes]]]]] = {
    "BIGINT": (20, _bigints),
    "INTEGER": (23, _integers),
    "TEXT": (25, _texts),
    "BYTEA": (17, _bytes),
}
"""The numbers of the types, which are the same on every server (`pg_type.dat`)."""
