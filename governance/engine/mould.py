"""Frozen dataclasses, made quickly.

Law: what a mould makes is what the class makes, field for field; only the way there is shorter.

A frozen dataclass sets each field through `object.__setattr__`, because its own refuses; that costs
three times what the fields cost. A decision makes some twenty of them, which was a tenth of its time.
A mould fills a twin that is not frozen and has the same layout, and gives it the class at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, make_dataclass
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def mould(kind: Callable[P, T], *, checked: bool = False) -> Callable[P, T]:
    """A constructor for a frozen dataclass with slots: every field, in order, by position.

    `checked`: the caller has looked at what the class would check after its fields are set. Raises
    `TypeError` for a class that does such a thing without that, and for any other class.
    """
    if not (
        isinstance(kind, type)
        and is_dataclass(kind)
        and kind.__bases__ == (object,)
        and "__slots__" in vars(kind)
        and (checked or not hasattr(kind, "__post_init__"))
        and all(field.init for field in fields(kind))
    ):
        raise TypeError(f"`{kind}` is no plain frozen dataclass with slots")
    names = [field.name for field in fields(kind)]
    twin: Any = make_dataclass(kind.__name__, names, slots=True, eq=False)

    def make(*values: Any) -> Any:
        made = twin(*values)
        made.__class__ = kind
        return made

    return cast("Callable[P, T]", make)
