"""Names in a module's source that must be called otherwise, found without running it.

The law: a name is replaced where it means the module's own definition or what the module imported,
and left alone where a function binds it itself. Only exact places are edited; what has none (a name
spread over lines) is refused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from audit.errors import LogError


class Edit(NamedTuple):
    """A stretch of one line, in bytes, and what stands there instead."""

    line: int
    start: int
    stop: int
    new: str


class Renamer(ast.NodeVisitor):
    """Collects what must be called otherwise, leaving names alone that a function binds itself."""

    def __init__(
        self,
        module: str,
        source: str,
        names: Mapping[str, str],
        aliases: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.edits: list[Edit] = []
        self._module, self._names, self._aliases = module, names, aliases
        self._lines = source.splitlines()
        self._scopes: list[set[str]] = []
        self._text: dict[str, str] | None = None
        """Inside an f-string: what to replace in its text, for its parts have no exact places."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for outside in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if outside is not None:
                self.visit(outside)
        for annotation in (*_annotations(node.args), node.returns):
            if annotation is not None:
                self.visit(annotation)
        if not self._scopes:
            self._definition(node, "def ")
        self._within(_locals(node), node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self._within({arg.arg for arg in _arguments(node.args)}, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.visit(outside)
        if not self._scopes:
            self._definition(node, "class ")
        members = {name for item in node.body for name in stored(item)}
        for item in node.body:
            if isinstance(item, ast.FunctionDef):
                self._scopes.append(set())
                self.visit(item)
                self._scopes.pop()
            else:
                self._within(members - _loaded(item), [item])

    def visit_Name(self, node: ast.Name) -> None:
        new = self._names.get(node.id)
        if new is not None and not any(node.id in scope for scope in self._scopes):
            self._replace(node, node.id, new)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        home = node.value.id if isinstance(node.value, ast.Name) else ""
        known = self._aliases.get(home)
        if known is None or any(home in scope for scope in self._scopes):
            self.generic_visit(node)
            return
        if node.attr not in known:
            raise LogError(f"`{home}.{node.attr}` in `{self._module}` is not defined there")
        self._replace(node, f"{home}.{node.attr}", known[node.attr])

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        if self._text is not None:
            self.generic_visit(node)
            return
        self._text = {}
        self.generic_visit(node)
        replacing, self._text = self._text, None
        if replacing:
            self._in_text(node, replacing)

    def _in_text(self, node: ast.JoinedStr, replacing: Mapping[str, str]) -> None:
        pattern = re.compile(
            "|".join(rf"(?<![\w.]){re.escape(old)}\b" for old in sorted(replacing, reverse=True))
        )
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            line = self._lines[number - 1]
            for braces in re.finditer(r"\{[^{}]*\}", line):
                for found in pattern.finditer(line, *braces.span()):
                    start = len(line[: found.start()].encode())
                    stop = len(line[: found.end()].encode())
                    self.edits.append(Edit(number, start, stop, replacing[found[0]]))

    def _within(self, scope: set[str], body: list[ast.stmt] | list[ast.expr]) -> None:
        self._scopes.append(scope)
        for node in body:
            self.visit(node)
        self._scopes.pop()

    def _definition(self, node: ast.FunctionDef | ast.ClassDef, word: str) -> None:
        if node.name in self._names:
            start = node.col_offset + len(word)
            stop = start + len(node.name.encode())
            self.edits.append(Edit(node.lineno, start, stop, self._names[node.name]))

    def _replace(self, node: ast.expr, old: str, new: str) -> None:
        if self._text is not None:
            self._text[old] = new
        elif node.lineno != node.end_lineno or node.end_col_offset is None:
            raise LogError(f"`{old}` in `{self._module}` is spread over lines")
        else:
            self.edits.append(Edit(node.lineno, node.col_offset, node.end_col_offset, new))


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    extra = [arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _annotations(arguments: ast.arguments) -> Iterator[ast.expr | None]:
    return (arg.annotation for arg in _arguments(arguments))


def _locals(node: ast.FunctionDef) -> set[str]:
    """The names that a function binds: arguments, and whatever it assigns."""
    return {arg.arg for arg in _arguments(node.args)} | {
        name for statement in node.body for name in stored(statement)
    }


def stored(node: ast.AST) -> Iterator[str]:
    """The names bound in a statement, not looking into functions that are defined in it."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    if isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    if isinstance(node, ast.alias):
        yield node.asname or node.name
    if not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from stored(child)


def _loaded(node: ast.stmt) -> set[str]:
    """The names that a statement of a class reads; they cannot be its own members' here."""
    return {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }
