"""Signs that look like wildcards where they are plain letters. The law: a warning is about a fact.

Only `name_like` has wildcards, and only `*` and `?`. Somebody who writes `/etc/*` under `under`, or
`*.{py,js}`, believes in a rule that will never match; nothing else would ever tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from governance.engine.load import Bundle
from governance.engine.model import LoadFinding
from governance.engine.reach import tests_of
from governance.engine.rules import Condition, Test

_STAR: Final = re.compile(r"[*]")
_SET: Final = re.compile(r"\[[^\]]+\]|\{[^}]*,[^}]*\}|\*\*")


def wildcards(bundle: Bundle) -> Iterator[LoadFinding]:
    """Constants with `*` where it stands for itself, and patterns with more than `*` and `?`."""
    for path, name, line, column, condition in _conditions(bundle):
        for said in _odd(condition):
            yield LoadFinding(path, line, column, "literal-wildcard", f"`{name}`: {said}",
                              "a folder needs no `*`; a pattern is written with `name_like`",
                              "warning")  # fmt: skip


def _conditions(bundle: Bundle) -> Iterator[tuple[str, str, int, int, Condition]]:
    for file in bundle.files:
        for rule in file.rules:
            yield file.path, rule.id, rule.line, rule.column, rule.when
        for limit in file.limits:
            yield file.path, limit.id, limit.line, limit.column, limit.of
        for one in file.exceptions:
            yield file.path, one.id, one.line, one.column, one.who
    if bundle.risk is not None:
        for factor in bundle.risk.factors:
            yield bundle.risk.path, factor.id, factor.line, factor.column, factor.when
    for promised in bundle.invariants:
        for never in promised.never:
            yield promised.path, never.id, never.line, never.column, never.when


def _odd(condition: Condition) -> Iterator[str]:
    for test in tests_of(condition):
        for constant in test.constants:
            if isinstance(constant, str) and _is_odd(test, constant):
                if test.op == "name_like":
                    yield f"in `{constant}` only `*` and `?` stand for something else"
                else:
                    yield f"in `{constant}` of `{test.op}` the `*` is a letter like any other"


def _is_odd(test: Test, constant: str) -> bool:
    return bool((_SET if test.op == "name_like" else _STAR).search(constant))
