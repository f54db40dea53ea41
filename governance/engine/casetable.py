"""Reads case tables: what a policy promises, one line a case.

Law: every policy file has cases, and every column is a name that the engine knows. Columns are
`name`, `expect`, `by`, `neighbour` (kept for readers), `action`, `attested`, any field, `lists.x`,
`limits.LIM-1` (already used in the window), `history.PAY-005` (`yes`, `no`, `cannot tell`),
`gradual.next` (`new`, `old`, `cannot tell`), `obligations` (what must be owed: `redact`,
`redact iban`, `notify dpo`), `asks` (all that an approval needs), `waived_by`, `points` (how many
risk points), `lists.x.age` (how old a list is), `at` (the
moment) and `before` (what happened earlier, written out or named in the table's own `before:`). An
empty cell is a field that is not given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from governance.engine.catalogue import Catalogue
from governance.engine.model import Effect
from governance.engine.reach import histories_of
from governance.engine.reading import Document, Findings, Way
from governance.engine.rules import Case, Factor, PolicyFile, RiskTable, Rule
from governance.engine.scope import known_fields
from governance.engine.shape import TABLE, fits, nearest

PLAIN_COLUMNS = (
    "name", "expect", "by", "neighbour", "action", "attested", "at", "before", "asks",
    "waived_by", "obligations", "points",
)  # fmt: skip
OF_FILES = ("lists", "limits", "history", "gradual")
OTHER_COLUMNS = frozenset({"context.cwd", "context.obligations_supported"})


def read_tables(
    document: Document, catalogue: Catalogue, way: Way, findings: Findings
) -> tuple[Case, ...]:
    """The cases of one table or of a list of tables at `way`."""
    data: Any = document.data
    for step in way:
        data = data[step]
    if isinstance(data, list):
        each = [read_tables(document, catalogue, (*way, i), findings) for i in range(len(data))]
        return tuple(case for cases in each for case in cases)
    if not fits(document, TABLE, findings, way):
        return ()
    columns, always = data["columns"], data.get("always") or {}
    if not _columns(document, catalogue, columns, always, way, findings):
        return ()
    cases = [
        _case(document, columns, always, row, (*way, "rows", i), findings)
        for i, row in enumerate(data["rows"])
    ]
    return tuple(case for case in cases if case is not None)


def check_names(
    document: Document,
    way: Way,
    file: PolicyFile,
    everything: Iterable[PolicyFile],
    risk: RiskTable | None,
    findings: Findings,
) -> None:
    """Columns such as `lists.x` and `limits.LIM-1` name something of the file they test."""
    data: Any = document.data
    for step in way:
        data = data[step]
    if isinstance(data, list):
        for i in range(len(data)):
            check_names(document, (*way, i), file, everything, risk, findings)
        return
    if not isinstance(data, dict) or not isinstance(data.get("columns"), list):
        return
    looking_back: list[Rule | Factor] = [*file.rules]
    if risk is not None and risk.risk == file.policy:
        looking_back += risk.factors
    known = {
        "lists": list(file.lists),
        "limits": [limit.id for limit in file.limits],
        "history": [rule.id for rule in looking_back if histories_of(rule.when)],
        "gradual": [each.policy for each in everything if each.gradual is not None],
    }
    named: list[tuple[Way, Any, bool]] = [
        ((*way, "columns", i), name, False) for i, name in enumerate(data["columns"])
    ]
    named += [((*way, "always", name), name, True) for name in data.get("always") or {}]
    for at, name, key in named:
        group, _, rest = str(name).partition(".")
        rest = rest.removesuffix(".age") if group == "lists" else rest
        if group in known and rest not in known[group]:
            says = {
                "lists": "a list of",
                "limits": "a limit of",
                "gradual": "a gradual policy beside",
            }
            findings.add(document.path, document.place(at, key), "unknown-column",
                         f"`{rest}` is not {says.get(group, 'a rule with a history in')} "
                         f"`{file.policy}`",
                         nearest(rest, known[group]))  # fmt: skip


def _columns(
    document: Document,
    catalogue: Catalogue,
    columns: list[str],
    always: Mapping[str, Any],
    way: Way,
    findings: Findings,
) -> bool:
    known = {*PLAIN_COLUMNS, *OTHER_COLUMNS, *known_fields(catalogue.actions.values())}
    sound = True
    named = [((*way, "columns", i), name, False) for i, name in enumerate(columns)]
    named += [((*way, "always", name), name, True) for name in always]
    for at, name, key in named:
        place = document.place(at, key=key)
        if name not in known and name.partition(".")[0] not in OF_FILES:
            undeclared = name.startswith("args.") and name.count(".") == 1
            if not undeclared:
                findings.add(document.path, place, "unknown-column",
                             f"`{name}` is not a column", nearest(name, known))  # fmt: skip
                sound = False
        if (columns.count(name) + (name in always)) > 1:
            findings.add(document.path, place, "duplicate-key", f"`{name}` is there twice")
            sound = False
    for name in ("name", "expect", "action"):
        if name not in columns and name not in always:
            findings.add(document.path, document.place(way), "missing-key",
                         f"the column `{name}` is missing")  # fmt: skip
            sound = False
    return sound


def _case(
    document: Document,
    columns: list[str],
    always: Mapping[str, Any],
    row: list[Any],
    way: Way,
    findings: Findings,
) -> Case | None:
    place = document.place(way)
    if len(row) != len(columns):
        findings.add(document.path, place, "wrong-size",
                     f"the row has {len(row)} cells, the table {len(columns)} columns",
                     "a text with a comma needs quotes")  # fmt: skip
        return None
    cells = {**always, **dict(zip(columns, row, strict=True))}
    name, expect, by = str(cells.pop("name")), cells.pop("expect"), cells.pop("by", None)
    cells.pop("neighbour", None)
    if not _before(document, cells, way, findings):
        return None
    if expect not in ("allow", "require_approval", "deny"):
        at = (*way, columns.index("expect")) if "expect" in columns else way
        findings.add(document.path, document.place(at), "not-allowed",
                     f"`{expect}` is not an effect",
                     nearest(str(expect), ("allow", "require_approval", "deny")))  # fmt: skip
        return None
    wanted = by if isinstance(by, list) else [] if by is None else [by]
    return Case(
        name=name,
        cells={key: value for key, value in cells.items() if value is not None},
        expect=Effect.of(expect),
        by=tuple(str(item) for item in wanted),
        path=document.path,
        line=place[0],
        column=place[1],
        columns=frozenset((*columns, *always)),
    )


def _before(document: Document, cells: dict[str, Any], way: Way, findings: Findings) -> bool:
    """Put what happened in place of the names that the table's `before:` gives it."""
    said = cells.get("before")
    if said is None:
        return True
    table: Any = document.data
    for step in way[:-2]:
        table = table[step]
    named = table.get("before") or {}
    out: list[Any] = []
    for each in said if isinstance(said, list) else [said]:
        if not isinstance(each, str):
            out.append(each)
        elif each in named:
            entry = named[each]
            out += entry if isinstance(entry, list) else [entry]
        else:
            findings.add(document.path, document.place(way), "unknown-before",
                         f"`{each}` is not in the table's `before:`", nearest(each, named)
                         or "write {action: payment.create, ago: 2h}, or name it there")  # fmt: skip
            return False
    cells["before"] = out
    return True
