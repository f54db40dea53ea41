"""The verifier as one file: `verify.py`, made from the modules of this library and nothing else.

The law: the same sources give the same bytes, and the file does what `python -m audit verify` and
`python -m audit proof` do, because it is the same code. Each module becomes a section, its docstring a comment; imports of one
another fall away, and so does what the verifier does not use; a name that two modules define is given
its module's name in front. Whatever this cannot do exactly, it refuses to do (`LogError`), so that no verifier comes out that differs.

A copy that came with a package is worth what the package is worth: whoever made both could have
made it say anything. Compare its SHA-256 (`digest`) with one that was published elsewhere.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from audit import told
from audit.errors import LogError
from audit.renaming import Renamer, stored

_Place = tuple[str, str]
"""A module and a name in it."""
_ROOTS: tuple[_Place, ...] = (
    ("verifycommand", "fill"),
    ("verifycommand", "run"),
    ("proofcommand", "fill"),
    ("proofcommand", "run"),
    ("told", "EPILOG"),
)
"""What the main program at the end of the file calls; all else is there because something needs it."""
_HERE = Path(__file__).parent

_HEAD = '''\
#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check a package of a signed log, or one entry's proof, without trusting whoever made it.

    python verify.py PACKAGE --key VKEY [--policy FILE] [--head FILE] [--receipt FILE]
    python verify.py proof FILE --key VKEY [--policy FILE] [--entry FILE | --leaf HEX]

A package that is called `proof` is given as `./proof`.

Needs Python 3.11 and `cryptography`, nothing else, and no network. One file, so that it can be read
before it is run: it was generated from the modules of `audit/` (`python -m audit single-file`), each
a section below. Do not trust a copy that came with the package: compare its SHA-256 with the one
that was published elsewhere. FORMAT.md is enough to write another.

Exit codes: 0 proven, 2 usage, 10 tampered, 11 signature or key unknown, 12 gap or incomplete,
13 nothing to verify.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):
    print("error: this needs Python 3.11 or later, not %d.%d" % sys.version_info[:2], file=sys.stderr)
    sys.exit(2)
if __name__ == "__main__" and not sys.flags.safe_path:
    # What lies beside this file, in a package perhaps, is not Python's: a `json.py`, for instance.
    del sys.path[0]
try:
    import cryptography  # noqa: F401
except ModuleNotFoundError:
    print(
        "error: this needs the Python package `cryptography`, and nothing else: run "
        "`python -m pip install 'cryptography>=48'`, then try again",
        file=sys.stderr,
    )
    sys.exit(2)

'''
_TAIL = '''

# ======================================================================================
# the command line
# ======================================================================================


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["proof"]:
        parser = argparse.ArgumentParser(
            prog="verify.py proof",
            description="Check one entry's proof. A package called `proof` is given as `./proof`.",
            epilog={told.EPILOG},
        )
        {proofcommand.fill}(parser)
        return {proofcommand.run}(parser, parser.parse_args(arguments[1:]))
    parser = argparse.ArgumentParser(
        prog="verify.py",
        description="Check a package of a signed log without trusting whoever made it. "
        "One entry's proof is checked by `verify.py proof FILE`: see `verify.py proof --help`.",
        epilog={told.EPILOG},
    )
    {verifycommand.fill}(parser)
    return {verifycommand.run}(parser, parser.parse_args(arguments))


if __name__ == "__main__":
    os.environ["PYTHONSAFEPATH"] = "1"  # other processes import nothing from the folder we are in
    sys.exit(main())
'''


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command that prints the file to a parser's commands."""
    command = commands.add_parser("single-file", help="print the verifier as one Python file")
    command.set_defaults(run=run, parser=command)
    command.add_argument(
        "--digest", action="store_true", help="print the file's SHA-256 instead, to be published"
    )


def run(_: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Print the file, or its digest."""
    told.say(digest() if options.digest else text().removesuffix("\n"))
    return 0


def text() -> str:
    """The Python source of the single file. Raises `LogError` if it cannot be made exactly."""
    return _text(_HERE)


def digest() -> str:
    """The SHA-256 of the file, in hex."""
    return hashlib.sha256(text().encode()).hexdigest()


@lru_cache(maxsize=1)
def _text(folder: Path, roots: tuple[_Place, ...] = _ROOTS) -> str:
    every: dict[str, _Module] = {}
    for home, _ in roots:
        _closure(folder, home, every)
    needed = _needed(every, roots)
    modules = {name: _trimmed(module, needed) for name, module in every.items()}
    modules = {name: module for name, module in modules.items() if module.defined}
    names = _final_names(modules)
    sections = [_section(module, modules, names) for module in modules.values()]
    tail = _TAIL
    for home, name in roots:
        tail = tail.replace(f"{{{home}.{name}}}", names[home, name])
    return _HEAD + _imports(modules) + "".join(sections) + tail


class _Module(NamedTuple):
    """A parsed module: what it defines, and what its imports bind, by local name."""

    name: str
    source: str
    tree: ast.Module
    defined: frozenset[str]
    inner: Mapping[str, tuple[str, str]]
    """From this library: local name → module and name in it ("" for the module itself)."""
    outer: Mapping[str, str]
    """From elsewhere: local name → the import statement that binds it."""


def _closure(folder: Path, name: str, done: dict[str, _Module]) -> None:
    """Add to `done` the module and everything it imports from here, each after what it needs."""
    if name not in done:
        module = _read(folder, name)
        for needed, _ in module.inner.values():
            _closure(folder, needed, done)
        done[name] = module


def _read(folder: Path, name: str) -> _Module:
    source = (folder / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    inner: dict[str, tuple[str, str]] = {}
    outer: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                outer[alias.asname or alias.name] = "import " + ast.unparse(alias)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            for alias in node.names:
                local = alias.asname or alias.name
                if node.module == "audit":
                    inner[local] = (alias.name, "")
                elif (node.module or "").startswith("audit."):
                    inner[local] = ((node.module or "").removeprefix("audit."), alias.name)
                else:
                    outer[local] = f"from {node.module} import {ast.unparse(alias)}"
    defined = frozenset(name for node in tree.body for name in _bound(node))
    return _Module(name, source, tree, defined, inner, outer)


def _needed(
    modules: Mapping[str, _Module], roots: Iterable[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Every definition that the roots need, by module and name."""
    uses = {name: _uses(module) for name, module in modules.items()}
    needed, waiting = set[tuple[str, str]](), list(roots)
    while waiting:
        home, name = waiting.pop()
        if (home, name) in needed:
            continue
        needed.add((home, name))
        inner = modules[home].inner
        for used, attribute in uses[home].get(name, ()):
            if used in modules[home].defined:
                waiting.append((home, used))
            elif used in inner:
                place, original = inner[used]
                waiting.append((place, original or attribute))
    return frozenset(place for place in needed if place[1] in modules[place[0]].defined)


def _uses(module: _Module) -> dict[str, set[tuple[str, str]]]:
    """For each definition the names that stand in it, each with the attribute asked of it or ""."""
    found: dict[str, set[tuple[str, str]]] = {}
    for node in module.tree.body:
        names: set[tuple[str, str]] = set()
        for each in ast.walk(node):
            if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
                names.add((each.value.id, each.attr))
            elif isinstance(each, ast.Name):
                names.add((each.id, ""))
            elif isinstance(each, ast.Constant) and isinstance(node, ast.AnnAssign):
                names.update((word, "") for word in re.findall(r"\w+", str(each.value)))
        for name in _bound(node):
            found.setdefault(name, set()).update(names)
    return found


def _trimmed(module: _Module, needed: frozenset[tuple[str, str]]) -> _Module:
    """The module without what nobody needs; its line numbers stay."""
    body: list[ast.stmt] = []
    keeping = True
    for node in module.tree.body:
        bound = list(_bound(node))
        if bound:
            keeping = any((module.name, name) in needed for name in bound)
        elif not isinstance(node, ast.Expr):
            keeping = True
        if keeping:  # a text after a definition goes with it
            body.append(node)
    defined = frozenset(name for node in body for name in _bound(node))
    used = {each.id for node in body for each in ast.walk(node) if isinstance(each, ast.Name)}
    return module._replace(
        tree=ast.Module(body, []),
        defined=defined,
        inner={local: place for local, place in module.inner.items() if local in used},
        outer={
            local: how for local, how in module.outer.items() if local.partition(".")[0] in used
        },
    )


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of a module defines; an import defines none."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from (name for name in stored(node) if name != "__all__")
    elif not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr):
        raise LogError(f"line {node.lineno}: a statement that the single file cannot hold")


def _final_names(modules: Mapping[str, _Module]) -> dict[tuple[str, str], str]:
    """What each definition is called in the single file, by module and name."""
    taken = Counter(name for module in modules.values() for name in module.defined)
    foreign: dict[str, str] = {}
    for module in modules.values():
        for local, statement in module.outer.items():
            if foreign.setdefault(local, statement) != statement:
                raise LogError(f"`{local}` is imported from two places: {statement}")
    final: dict[tuple[str, str], str] = {}
    for module in modules.values():
        for name in sorted(module.defined):
            clash = taken[name] > 1 or name in foreign or name in ("main", "modules")
            final[module.name, name] = _longer(module.name, name) if clash else name
    doubled = [name for name, times in Counter(final.values()).items() if times > 1]
    if doubled or set(final.values()) & foreign.keys():
        raise LogError(f"two modules define a name that cannot be told apart: {doubled}")
    return final


def _longer(module: str, name: str) -> str:
    bare = name.lstrip("_")
    front = "_" * (len(name) - len(bare))
    if bare.isupper():
        return f"{front}{module.upper()}_{bare}"
    if bare[:1].isupper():
        return front + "".join(word.capitalize() for word in module.split("_")) + bare
    return f"{front}{module}_{bare}"


def _imports(modules: Mapping[str, _Module]) -> str:
    """All imports from elsewhere, the standard library's first."""
    every = {statement for module in modules.values() for statement in module.outer.values()}
    standard, others = set[str](), set[str]()
    for statement in every - {"import sys"}:  # that one is at the top already
        top = statement.split()[1].partition(".")[0]
        (standard if top in sys.stdlib_module_names else others).add(statement)
    groups = [_joined(standard), _joined(others)]
    return "\n".join("".join(line + "\n" for line in group) for group in groups)


def _joined(statements: set[str]) -> list[str]:
    """The statements, sorted, one line for each module."""
    plain = sorted(s for s in statements if s.startswith("import "))
    wanted: dict[str, list[str]] = {}
    for statement in sorted(s for s in statements if s.startswith("from ")):
        front, _, name = statement.partition(" import ")
        wanted.setdefault(front, []).append(name)
    return plain + [f"{front} import {', '.join(names)}" for front, names in wanted.items()]


def _section(
    module: _Module, modules: Mapping[str, _Module], final: Mapping[tuple[str, str], str]
) -> str:
    names = {name: final[module.name, name] for name in module.defined}
    aliases: dict[str, Mapping[str, str]] = {}
    for local, (home, name) in module.inner.items():
        if name:
            names[local] = final[home, name]
        else:
            aliases[local] = {each: final[home, each] for each in modules[home].defined}
    visitor = Renamer(
        module.name, module.source, {k: v for k, v in names.items() if k != v}, aliases
    )
    visitor.visit(module.tree)
    lines = [line.encode() for line in module.source.splitlines()]
    for edit in sorted(set(visitor.edits), reverse=True):
        line = lines[edit.line - 1]
        lines[edit.line - 1] = line[: edit.start] + edit.new.encode() + line[edit.stop :]
    body = "".join(_statements(module.tree, lines)).strip("\n")
    about = textwrap.indent(ast.get_docstring(module.tree) or "", "# ", lambda _: True)
    about = "\n".join(line.rstrip() for line in about.splitlines())
    rule = "# " + "=" * 86
    gap = "\n\n" if re.match(r"@|def |class ", body) else "\n"
    return f"\n\n{rule}\n# {module.name}\n#\n{about}\n{rule}\n{gap}{body}\n"


def _statements(tree: ast.Module, lines: list[bytes]) -> Iterator[str]:
    """The statements of a module as text, but its docstring, its imports and its `__all__`."""
    before = False
    for number, node in enumerate(tree.body):
        listed = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        docstring = number == 0 and isinstance(node, ast.Expr)
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        while first > 1 and lines[first - 2].startswith(b"#"):
            first -= 1
        last = node.end_lineno or node.lineno
        text = b"\n".join(lines[first - 1 : last]).decode()
        if listed or docstring or isinstance(node, ast.Import | ast.ImportFrom):
            continue
        large = isinstance(node, ast.FunctionDef | ast.ClassDef)
        yield ("\n\n\n" if large or before else "\n") + text
        before = large
