"""Finds every code that a finding can have, in the source of the engine and the service."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOMS = [Path(__file__).parents[2] / "governance" / name for name in ("engine", "service")]
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

PLACES = {
    "remark": 0,
    "add": 2,
    "wrong": 1,
    "_fail": 1,
    "LoadFinding": 3,
    "Remark": 2,
    "_at": 2,
    "_finding": 1,
}
"""Which argument of a call is the code, by the name of what is called."""

RETURNED = {"_explain": 1}
"""Functions that return a code among other things, and where."""


def codes() -> dict[str, str]:
    """Code -> the first file and line that gives it. Raises where a code cannot be seen."""
    found: dict[str, str] = {}
    for path in sorted(file for room in ROOMS for file in room.rglob("*.py")):
        if path.name.startswith(("command", "scene", "shell", "programs")):
            continue  # what command lines do: no findings, and other things called `add`
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                for code, line in _of(function, path.name):
                    found.setdefault(code, f"{path.name}:{line}")
    return found


def _of(function: ast.FunctionDef, file: str) -> Iterator[tuple[str, int]]:
    inside = [node for node in ast.walk(function) if isinstance(node, ast.FunctionDef)]
    names = {a.arg for each in inside for a in (*each.args.args, *each.args.kwonlyargs)}
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else (
                node.func.id if isinstance(node.func, ast.Name) else ""
            )  # fmt: skip
            at = PLACES.get(called)
            if at is None or len(node.args) <= at + 1 - (called == "wrong"):
                continue
            yield from _texts(node.args[at], function, names, f"{file}:{node.lineno}")
        if isinstance(node, ast.Return) and function.name in RETURNED:
            assert isinstance(node.value, ast.Tuple)
            code = node.value.elts[RETURNED[function.name]]
            yield from _texts(code, function, names, f"{file}:{node.lineno}")


def _texts(
    node: ast.expr, function: ast.FunctionDef, names: set[str], where: str
) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and _CODE.fullmatch(node.value):
            yield node.value, node.lineno
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, function, names, where)
        yield from _texts(node.orelse, function, names, where)
    elif isinstance(node, ast.Name):
        assigned = list(_assigned(node.id, function))
        assert assigned or node.id in names, f"{where}: cannot see which code `{node.id}` is"
        for value in assigned:
            yield from _texts(value, function, names, where)
    else:
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        known = called and node.func.id in RETURNED  # type: ignore[attr-defined]
        passed_on = known or isinstance(node, ast.Attribute | ast.Subscript)
        assert passed_on, f"{where}: cannot see which code this is"


def _assigned(name: str, function: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                if not isinstance(target, ast.Tuple):
                    continue
                if isinstance(node.value, ast.Call):
                    named = (one.id for one in target.elts if isinstance(one, ast.Name))
                    yield from (node.value for one in named if one == name)
                if isinstance(node.value, ast.Tuple):
                    for one, value in zip(target.elts, node.value.elts, strict=True):
                        if isinstance(one, ast.Name) and one.id == name:
                            yield value
