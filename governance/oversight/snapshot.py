"""A state as canonical bytes, so that it can be stored, sealed by digest and read back.

Law: `load(dump(state)) == state`, and equal states have equal bytes whatever way they were reached:
maps and sets are written sorted.  Every field of every thing is written by walking its declared
type, so a field added to the model is in the snapshot without anybody remembering it.

A state's bytes are the same for ever, because entries of old logs name their digest: a field that
the model gained since its first release (`model.LATER`) is left out while it has its default.
"""

from __future__ import annotations

import hashlib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, Union

from immutables import Map

from audit.canonical import canonical, parse
from governance.oversight import model, times
from governance.oversight.model import State

Write = Callable[[Any], Any]
Read = Callable[[Any], Any]


def dump(state: State) -> bytes:
    """`state` as RFC 8785 JSON."""
    return canonical(_codec(State)[0](state))


def load(data: bytes) -> State:
    """The state that `dump` wrote; raises `audit.errors.Malformed` or ValueError for other bytes."""
    state = _codec(State)[1](parse(data))
    if not isinstance(state, State):
        raise ValueError("these bytes are not the snapshot of a state")
    return state


def digest(state: State) -> str:
    """SHA-256 (hex) of the snapshot: what an entry seals."""
    return hashlib.sha256(dump(state)).hexdigest()


def _same(value: Any) -> Any:
    return value


@cache
def _codec(kind: Any) -> tuple[Write, Read]:
    """How to write and read values of one declared type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return _of_class(kind)
    if origin in (Union, types.UnionType):
        write, read = _codec(next(a for a in arguments if a is not type(None)))
        return (
            lambda value: None if value is None else write(value),
            lambda value: None if value is None else read(value),
        )
    if origin is tuple and arguments[-1] is Ellipsis:
        write, read = _codec(arguments[0])
        return (
            lambda value: [write(each) for each in value],
            lambda value: tuple(read(each) for each in value),
        )
    if origin is tuple:
        codecs = [_codec(argument) for argument in arguments]
        return (
            lambda value: [w(each) for (w, _), each in zip(codecs, value, strict=True)],
            lambda value: tuple(r(each) for (_, r), each in zip(codecs, value, strict=True)),
        )
    if origin is frozenset:
        return sorted, frozenset
    if origin is Map:
        return _of_map(*arguments)
    if kind is datetime:
        return times.write, times.parse
    if kind is Decimal:
        return str, Decimal
    if kind in (str, int, bool) or origin in (Literal, Mapping) or kind in (Any,):
        return _same, _same
    if typing.get_origin(kind) is not None and issubclass(typing.get_origin(kind), Mapping):
        return dict, _same
    raise TypeError(f"no snapshot for {kind!r}")


def _of_class(kind: Any) -> tuple[Write, Read]:
    hints = typing.get_type_hints(kind, vars(model))
    codecs = {field.name: _codec(hints[field.name]) for field in fields(kind)}
    later = {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(kind)
        if field.metadata == model.LATER
    }
    always = codecs.keys() - later.keys()

    def write(value: Any) -> Any:
        written = {name: getattr(value, name) for name in codecs}
        return {
            name: codecs[name][0](each)
            for name, each in written.items()
            if name not in later or each != later[name]
        }

    def read(value: Any) -> Any:
        if type(value) is not dict or not always <= value.keys() <= codecs.keys():
            raise ValueError(f"a snapshot of `{kind.__name__}` has other fields")
        return kind(**{name: codecs[name][1](each) for name, each in value.items()})

    return write, read


def _of_map(key: Any, item: Any) -> tuple[Write, Read]:
    put_key, get_key = _codec(key)
    put, get = _codec(item)
    return (
        lambda value: [[put_key(k), put(v)] for k, v in sorted(value.items(), key=_first)],
        lambda value: Map({get_key(k): get(v) for k, v in value}),
    )


def _first(item: tuple[Any, Any]) -> Any:
    return item[0]
