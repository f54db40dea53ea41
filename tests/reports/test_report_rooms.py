import ast
from importlib.resources import files
from pathlib import Path

import pytest

ROOM = Path(str(files("reports")))
MODULES = sorted(path.relative_to(ROOM).as_posix() for path in ROOM.rglob("*.py"))
PURE = [m for m in MODULES if not m.startswith("pdf/")]


def imports(module):
    tree = ast.parse((ROOM / module).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("module", PURE)
def test_only_the_pages_know_reportlab(module):
    """A number could depend on how it is printed, and evidence would need a typesetter."""
    assert not any(name.split(".")[0] == "reportlab" for name in imports(module))
    assert "reports.pdf" not in ".".join(imports(module))


@pytest.mark.parametrize("module", PURE)
def test_evidence_is_pure(module):
    """The same log could give another report tomorrow, or on another machine."""
    roots = {name.split(".")[0] for name in imports(module)}
    assert not roots & {"os", "io", "pathlib", "random", "secrets", "time", "sqlite3", "governance"}
    assert ".now(" not in (ROOM / module).read_text()


def test_fonts_come_with_their_licences():
    """The package could not be passed on, or a report not be printed after an installation."""
    names = {path.name for path in (ROOM / "fonts").iterdir()}
    assert {"Carlito-OFL.txt", "NotoSansMono-OFL.txt", "srgb.icc"} <= names
    for path in (ROOM / "fonts").glob("*.ttf"):
        licence = ROOM / "fonts" / (path.name.split("-")[0] + "-OFL.txt")
        assert "SIL OPEN FONT LICENSE Version 1.1" in licence.read_text(), path.name
