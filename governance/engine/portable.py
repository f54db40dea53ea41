"""A checked bundle as bytes that another process can take over without reading the YAML again.

Law: reading never runs what it reads: only the engine's own value types come out, from a closed list
that is walked from the declared types of `Bundle`; any other name, and any form that does not fit,
raises `NotPortable`. The bytes are one JSON value a line, so that they can be read in short strokes
beside a busy loop. They begin with the digest of the engine that wrote them: another engine may mean
something else by them, and compiles the files anew. Whoever reads must know their digest from the log.
"""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

from governance.engine.catalogue import Catalogue
from governance.engine.load import Bundle
from governance.engine.rules import PolicyFile

FORM: Final = 1
_GROUP: Final = 40
_SPLIT: Final = ("rules", "limits", "cases")
_MICROSECOND: Final = timedelta(microseconds=1)


class NotPortable(Exception):
    """These bytes are no bundle of this engine, or this bundle has no such bytes."""


def write(bundle: Bundle, engine: str) -> bytes:
    """The bundle as bytes; equal bundles of one engine give equal bytes. Raises `NotPortable`.

    `engine` is the digest of the engine that writes.
    """
    return b"".join(_line(each) + b"\n" for each in _lines(bundle, engine))


def read(data: bytes, engine: str, pause: Callable[[], None] = lambda: None) -> Bundle:
    """The bundle that `write` wrote, by the very `engine`; calls `pause` after each short stroke.

    Raises `NotPortable` for anything else.
    """
    try:
        return _read(data, engine, pause)
    except NotPortable:
        raise
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise NotPortable(f"these bytes are no compiled release ({error})") from None


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _lines(bundle: Bundle, engine: str) -> Iterator[Any]:
    yield {"form": FORM, "engine": engine}
    rest = {
        each.name: _put(getattr(bundle, each.name))
        for each in fields(bundle)
        if each.name not in ("files", "catalogue", "lists")
    }
    yield ["bundle", rest]
    for name, action in bundle.catalogue.actions.items():
        yield ["action", name, _put(action)]
    rest = {
        each.name: _put(getattr(bundle.catalogue, each.name))
        for each in fields(bundle.catalogue)
        if each.name != "actions"
    }
    yield ["catalogue", rest]
    for name, made in bundle.lists.items():
        yield ["list", name, _put(made)]
    for file in bundle.files:
        yield ["file", _put(replace(file, rules=(), limits=(), cases=()))]
        for name in _SPLIT:
            items = getattr(file, name)
            for start in range(0, len(items), _GROUP):
                yield [name, [_put(item) for item in items[start : start + _GROUP]]]
    yield ["end"]


def _read(data: bytes, engine: str, pause: Callable[[], None]) -> Bundle:
    lines = iter(data.split(b"\n"))
    head = json.loads(next(lines))
    if head != {"form": FORM, "engine": engine}:
        raise NotPortable("these bytes were written by another version of the engine")
    rest: dict[str, Any] = {}
    rest_of_catalogue: dict[str, Any] = {}
    actions: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    files: list[tuple[PolicyFile, dict[str, list[Any]]]] = []
    for line in lines:
        what, *values = json.loads(line)
        if what == "end":
            break
        if what == "bundle":
            rest = {name: _get(value) for name, value in values[0].items()}
        elif what == "catalogue":
            rest_of_catalogue = {name: _get(value) for name, value in values[0].items()}
        elif what == "action":
            actions[values[0]] = _get(values[1])
        elif what == "list":
            lists[values[0]] = _get(values[1])
        elif what == "file":
            files.append((_get(values[0]), {name: [] for name in _SPLIT}))
        elif what in _SPLIT:
            files[-1][1][what].extend(map(_get, values[0]))
        else:
            raise NotPortable(f"there is no part `{what}` in a compiled release")
        pause()
    else:
        raise NotPortable("these bytes end too early")
    whole = tuple(
        replace(
            file,
            rules=tuple(parts["rules"]),
            limits=tuple(parts["limits"]),
            cases=tuple(parts["cases"]),
        )
        for file, parts in files
    )
    catalogue = Catalogue(actions=actions, **rest_of_catalogue)
    return Bundle(files=whole, catalogue=catalogue, lists=lists, **rest)


# one value, with its type where JSON has none


def _put(value: Any) -> Any:
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    writer = _WRITERS.get(kind)
    if writer is not None:
        return writer(value)
    if isinstance(value, Mapping):
        return ["map", *([_put(name), _put(each)] for name, each in value.items())]
    name = kind.__name__
    if _known().get(name) is not kind:
        raise NotPortable(f"a value of type `{name}` cannot be kept in compiled form")
    if isinstance(value, enum.Enum):
        return [name, value.name]
    return [name, *(_put(getattr(value, each.name)) for each in fields(value))]


_WRITERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    int: lambda value: value if -(2**53) < value < 2**53 else ["int", str(value)],
    tuple: lambda value: ["tuple", *map(_put, value)],
    list: lambda value: ["list", *map(_put, value)],
    frozenset: lambda value: ["set", *sorted(map(_put, value), key=repr)],
    Decimal: lambda value: ["decimal", str(value)],
    datetime: lambda value: ["datetime", value.isoformat()],
    date: lambda value: ["date", value.isoformat()],
    timedelta: lambda value: ["span", value // _MICROSECOND],
}


def _get(value: Any) -> Any:
    if type(value) is not list:
        if type(value) is dict or type(value) is float:
            raise NotPortable("a compiled release holds no such value")
        return value
    what, *parts = value
    reader = _PLAIN.get(what)
    if reader is not None:
        return reader(parts)
    kind = _known().get(what)
    if kind is None:
        raise NotPortable(f"`{what}` is no part of a policy")
    if issubclass(kind, enum.Enum):
        return kind[parts[0]]
    if len(parts) != len(fields(kind)):
        raise NotPortable(f"`{what}` has other parts")
    return kind(*map(_get, parts))


_PLAIN: Final[Mapping[str, Callable[[list[Any]], Any]]] = {
    "int": lambda parts: int(parts[0]),
    "tuple": lambda parts: tuple(map(_get, parts)),
    "list": lambda parts: list(map(_get, parts)),
    "set": lambda parts: frozenset(map(_get, parts)),
    "map": lambda parts: {_get(name): _get(each) for name, each in parts},
    "decimal": lambda parts: Decimal(parts[0]),
    "datetime": lambda parts: datetime.fromisoformat(parts[0]),
    "date": lambda parts: date.fromisoformat(parts[0]),
    "span": lambda parts: timedelta(microseconds=parts[0]),
}


@cache
def _known() -> dict[str, Any]:
    """Every class that a bundle can hold, by name, walked from its declared types."""
    found: dict[str, Any] = {}
    todo: list[Any] = [Bundle]
    while todo:
        kind = todo.pop()
        if typing.get_origin(kind) is not None or isinstance(kind, types.UnionType):
            todo.extend(typing.get_args(kind))
        elif isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, enum.Enum)):
            if kind.__name__ in _PLAIN or found.get(kind.__name__, kind) is not kind:
                raise NotPortable(f"two types are called `{kind.__name__}`")
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                if is_dataclass(kind):
                    todo.extend(typing.get_type_hints(kind).values())
    return found
