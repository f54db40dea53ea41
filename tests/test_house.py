"""The house: what every room has in common, held by a test instead of by memory."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("governance", "audit", "reports")
LONGEST = 500
# One copyable file is the promise of the SDK, so it may be longer than a room's module.
LONGER = {"governance/client.py"}
# The one place where a test may say that a program it needs is not installed.
MAY_SKIP = ROOT / "tests" / "optional.py"
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "audit/FORMAT.md")
DOCUMENTS += ("policies/README.md", "reports/README.md")


def modules(*folders: str) -> list[Path]:
    """Every Python file below the folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    """The path as people write it."""
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_top_level_is_as_the_owner_fixed_it() -> None:
    """A stranger would not find a room where they were told it is."""
    for wanted in ("pyproject.toml", "Dockerfile", "README.md", "Makefile", *ROOMS, "policies"):
        assert (ROOT / wanted).exists(), wanted
    assert list((ROOT / "policies").rglob("*.py")) == []


@pytest.mark.parametrize("path", modules(*ROOMS), ids=name)
def test_a_module_opens_with_its_law_and_stays_short(path: Path) -> None:
    """A reader would have to guess what a file promises, or would need a table of contents."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{name(path)} has no docstring"
    if name(path) not in LONGER:
        assert text.count("\n") <= LONGEST, f"{name(path)} has {text.count(chr(10))} lines"


@pytest.mark.parametrize("path", modules("tests"), ids=name)
def test_a_test_says_what_would_be_wrong(path: Path) -> None:
    """A failing test would not tell anybody why it matters."""
    silent = [
        function.name
        for function in functions(ast.parse(path.read_text(encoding="utf-8")))
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert not silent, f"{name(path)}: {', '.join(silent)}"


@pytest.mark.parametrize("path", modules(*ROOMS, "tests", "benchmarks"), ids=name)
def test_nothing_is_unfinished_or_skipped(path: Path) -> None:
    """A part that is missing would pass for one that works."""
    if path in {Path(__file__), MAY_SKIP}:
        return
    text = path.read_text(encoding="utf-8")
    found = re.findall(
        r"#\s*(?:TODO|FIXME)|\bNotImplementedError\b|pytest\.skip|mark\.(?:skip|xfail)", text
    )
    assert not found, f"{name(path)}: {found}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document: str) -> None:
    """A reader would follow a link into nothing."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), f"{document}: {target}"


def test_no_file_names_the_machine_it_was_written_on() -> None:
    """A path of one machine in a file would be wrong on every other."""
    places = re.compile(r"(?<![\w.])/(?:work|root)/\w")
    for path in [*modules(*ROOMS, "tests", "benchmarks"), *(ROOT / d for d in DOCUMENTS)]:
        if path != Path(__file__):
            found = places.findall(path.read_text(encoding="utf-8"))
            allowed = "tests" in path.parts  # command lines under test may name such paths
            assert allowed or not found, name(path)


def test_every_dependency_is_used() -> None:
    """An unused dependency would be trusted and updated for nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^\w-]", item)[0] for item in project["dependencies"]}
    imported = {"pyyaml": "yaml", "argon2-cffi": "argon2"}
    # uvicorn loads these two by itself when they are installed.
    names -= {"uvloop", "httptools"}
    source = "\n".join(path.read_text(encoding="utf-8") for path in modules(*ROOMS))
    for each in names:
        module = imported.get(each, each.replace("-", "_"))
        assert re.search(rf"^\s*(?:import|from) {module}\b", source, re.M), f"{each} is not used"
