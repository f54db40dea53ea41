"""The policy files of this repository, read once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from governance.engine import cases
from governance.engine.compile import Release, compile_release
from governance.engine.rules import Case, PolicyFile

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "policies"


@cache
def files() -> dict[str, bytes]:
    """Every YAML file under `policies/`, by its path from the repository's root."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*.yaml"))
    }


@cache
def release() -> Release:
    """All of them together as one release."""
    return compile_release(files())


@cache
def results() -> tuple[cases.CaseResult, ...]:
    """How every shipped case goes."""
    return cases.run(release())


def with_cases(cases_of: dict[str, list[Case]]) -> Release:
    """The shipped release with other cases, by policy."""
    bundle = release().bundle
    changed = tuple(replace(f, cases=tuple(cases_of.get(f.policy, ()))) for f in bundle.files)
    return replace(release(), bundle=replace(bundle, files=changed))


def policy(name: str) -> PolicyFile:
    """One shipped policy file."""
    return next(file for file in release().bundle.files if file.policy == name)


@dataclass(frozen=True)
class Near:
    """One row of a case table that says what kind of neighbour it is."""

    policy: str
    name: str
    rule: str
    kind: str
    expect: str


def neighbours() -> Iterator[Near]:
    """Every row with a `neighbour` cell."""
    for path, data in files().items():
        if "/cases/" not in path:
            continue
        document: Any = yaml.load(data, Loader=yaml.BaseLoader)
        for table in document["tables"]:
            columns = table["columns"]
            for row in table["rows"] if "neighbour" in columns else ():
                cells = dict(zip(columns, row, strict=True))
                yield Near(
                    document["policy"],
                    cells["name"],
                    cells["by"],
                    cells["neighbour"],
                    cells["expect"],
                )
