"""Testing policy files: their cases, what the cases look at, and what lies at the edges.

Law: nothing here touches a log. Files come in as bytes by path; answers go out as plain values. What a
person confirmed becomes a case like any other, in a file of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from governance.engine import boundaries, cases, words
from governance.engine.boundaries import Boundary
from governance.engine.compile import Release
from governance.engine.coverage import Coverage, Seen, Share, cover
from governance.engine.format import formatted
from governance.engine.reading import Findings, read
from governance.engine.rules import Case
from governance.service.drafts import compiled
from governance.service.problem import Problem


def _require(release: Release, policy: str | None) -> None:
    named = [file.policy for file in cases.tested(release)]
    if policy is not None and policy not in named:
        known = ", ".join(f"`{name}`" for name in named)
        raise Problem("unknown", f"there is no policy `{policy}`; there are {known}")


def run(
    files: Mapping[str, bytes],
    policy: str | None = None,
    *,
    coverage: bool = False,
    edges: bool = False,
) -> dict[str, Any]:
    """Run the case tables of all files (or of one policy).

    `{results: [{policy, case, path, line, passed, expected, problem}], uncovered: [policy/rule]}`,
    with `coverage` (`{rules, branches, uncertainty: {seen, of, percent}, least, looked: [...]}`) and
    `edges` (`[{policy, rule, field, value, effect, matches, case, by, known, owner, row}]`) if asked for.
    """
    release = compiled(files)
    _require(release, policy)
    ran = cases.run(release, policy)
    missed = cases.uncovered(release, ran)
    out: dict[str, Any] = {
        "results": [
            {
                "policy": each.policy,
                "case": each.case.name,
                "path": each.case.path,
                "line": each.case.line,
                "passed": each.passed,
                "expected": each.case.expect.word,
                "problem": each.problem,
            }
            for each in ran
        ],
        "uncovered": [name for name in missed if policy in (None, name.partition("/")[0])],
    }
    if coverage:
        out["coverage"] = _coverage(cover(release, ran, policy))
    if edges:
        found = boundaries.boundaries(release, ran)
        out["edges"] = [_edge(each) for each in found]
    return out


def _coverage(made: Coverage) -> dict[str, Any]:
    return {
        "rules": _share(made.rules),
        "branches": _share(made.branches),
        "uncertainty": _share(made.uncertainty),
        "least": made.least,
        "looked": [
            {
                "policy": each.policy,
                "rule": each.rule,
                "path": each.path,
                "line": each.line,
                "reasons": each.reasons,
                "conditions": [_seen(seen) for seen in each.conditions.values()],
            }
            for each in made.looked
        ],
    }


def _share(share: Share) -> dict[str, int]:
    return {"seen": share.seen, "of": share.of, "percent": share.percent}


def _seen(seen: Seen) -> dict[str, Any]:
    never = [word for word, count in (("yes", seen.yes), ("no", seen.no)) if not count]
    never += ["cannot tell"] if seen.unsure and not seen.doubt else []
    return {
        "condition": seen.says,
        "yes": seen.yes,
        "no": seen.no,
        "cannot_tell": seen.doubt,
        "never": never,
    }


def _edge(each: Boundary) -> dict[str, Any]:
    return {
        "policy": each.policy,
        "rule": each.rule,
        "field": each.field,
        "value": words.value(each.value),
        "effect": each.effect.word,
        "matches": each.matches,
        "case": each.case,
        "by": list(each.by),
        "known": each.known,
        "owner": each.owner,
        "row": row_of(each.made),
    }


def row_of(case: Case) -> dict[str, str]:
    """A case as a row of a table: each cell by its column, as it is written there."""
    rest = {name: value for name, value in sorted(case.cells.items()) if name != "action"}
    by = case.by[0] if len(case.by) == 1 else list(case.by)
    said = {"name": case.name, "action": case.cells["action"], **rest}
    return {
        name: cell(value) for name, value in {**said, "expect": case.expect.word, "by": by}.items()
    }


def edges_path(policy: str) -> str:
    """Where the boundary cases of a policy are kept that people confirmed."""
    return f"policies/cases/{policy}-edges.yaml"


def confirmed(files: Mapping[str, bytes], policy: str, rows: Sequence[Mapping[str, str]]) -> bytes:
    """The file of a policy's confirmed boundary cases with these rows added (as `row_of` gives them).

    Raises `Problem` if the file there cannot be added to, or if a row would not hold.
    """
    path = edges_path(policy)
    before = files.get(path)
    head = (
        f"# Boundary cases of {policy} that somebody confirmed: governance policy test --confirm\n"
        f"policy: {policy}\n\ntables:\n"
    )
    if before is not None:
        document = read(path, before, Findings())
        data = None if document is None else document.data
        if not isinstance(data, dict) or not isinstance(data.get("tables"), list):
            raise Problem(
                "conflict", f"`{path}` holds no list of `tables` that rows can be added to"
            )
        if list(data)[-1] != "tables":
            raise Problem("conflict", f"`{path}` must end with its `tables` to be added to")
        head = before.decode("utf-8-sig").rstrip() + "\n\n"
    made = formatted(path, (head + "".join(_tables(rows))).encode())
    release = compiled({**files, path: made})
    failed = [each for each in cases.run(release, policy) if not each.passed]
    new = [each for each in failed if each.case.path == path]
    if new:
        raise Problem("conflict", f"the case `{new[0].case.name}` would not hold: {new[0].problem}")
    return made


def _tables(rows: Iterable[Mapping[str, str]]) -> Iterable[str]:
    """Rows with the same columns stand in one table."""
    grouped: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for row in rows:
        grouped.setdefault(tuple(row), []).append(row)
    for columns, listed in grouped.items():
        yield f"  - columns: [{', '.join(columns)}]\n    rows:\n"
        for row in listed:
            yield f"      - [{', '.join(row.values())}]\n"


_WORD = re.compile(r"[A-Za-z][A-Za-z0-9 ._/@-]*(?<! )")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def cell(value: Any) -> str:
    """A value in a row, in flow style: plain where it reads back as the same text, else quoted."""
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(cell, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {cell(item)}' for name, item in value.items())}}}"
    text = str(value)
    if _WORD.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    if re.fullmatch(r"[0-9]+(\.[0-9]+)? [A-Z]{3}", text):
        return text
    return json.dumps(text, ensure_ascii=False)
