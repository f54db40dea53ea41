"""Cases that promise nothing. The law: a case that would pass anyhow is named, and only such a case.

A case proves something when a change to some rule would make it fail. Three kinds do not: one whose
answer the default gives anyhow while no rule is near; one that passes only because its table forgot a
column, so that a rule cannot tell; and one that is there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from governance.engine.cases import CaseResult
from governance.engine.catalogue import Catalogue
from governance.engine.compile import Candidate, Release
from governance.engine.earlier import at_of
from governance.engine.fixes import distance_one
from governance.engine.keys import Context
from governance.engine.model import SERVICE, Effect, LoadFinding
from governance.engine.reading import Document
from governance.engine.rules import PolicyFile
from governance.engine.shape import nearest

EDGES: Final = "-edges.yaml"
"""Files of boundary cases: the edges of two rules may be one request, and often are."""
LEAST: Final = len("args.abc")
"""Shorter names are one letter from too many others."""


def promises(
    release: Release, results: Iterable[CaseResult], documents: Mapping[str, Document]
) -> Iterator[LoadFinding]:
    """A finding for each case that passes and shows nothing, in the order of the results."""
    files = {file.policy: file for file in release.bundle.files}
    seen: dict[tuple[str, str], str] = {}
    for result in results:
        if not result.passed or result.policy not in files:
            continue
        file = files[result.policy]
        cells = sorted(result.case.cells.items(), key=lambda item: item[0])
        key = (result.policy, repr((cells, sorted(result.case.by))))
        tried = result.case.path.endswith(EDGES)
        if key in seen and not tried:
            yield _finding(result, "case-twice", f"says the same as case `{seen[key]}`",
                           "remove one of the two")  # fmt: skip
            continue
        if not tried:
            seen[key] = result.case.name
        forgotten = _forgotten(file, result)
        if forgotten:
            names = ", ".join(f"`{name}`" for name in forgotten)
            verb = "have no column" if len(forgotten) > 1 else "has no column"
            yield _finding(result, "case-by-doubt", f"passes only because {names} {verb}, so that "
                           "nobody can tell", "add the column; write `~` where nothing is given")  # fmt: skip
        elif _anyhow(file, result):
            yield _finding(result, "case-proves-nothing", f"gets {result.verdict.effect.word} from "
                           f"the default of `{file.policy}`, whatever its rules say",
                           "bring it near a rule, or name in `by` what must speak")  # fmt: skip
    for document in documents.values():
        yield from _columns(document, release.catalogue)


def _finding(result: CaseResult, code: str, says: str, hint: str) -> LoadFinding:
    case = result.case
    return LoadFinding(case.path, case.line, case.column, code, f"case `{case.name}` {says}", hint,
                       "note" if code == "case-twice" else "warning")  # fmt: skip


def _forgotten(file: PolicyFile, result: CaseResult) -> tuple[str, ...]:
    """The arguments without a column because of which every reason of the case cannot tell."""
    wanted = {name if "/" in name else f"{file.policy}/{name}" for name in result.case.by}
    reasons = [
        finding
        for finding in result.verdict.findings
        if finding.effect is result.verdict.effect and not finding.lifted
        and (not wanted or finding.name in wanted or finding.policy == SERVICE)
    ]  # fmt: skip
    forgotten: list[str] = []
    for finding in reasons:
        missing = [
            name for name in finding.unknown
            if name.startswith("args.") and name not in result.case.columns
        ]  # fmt: skip
        if finding.certain or len(missing) < len(finding.unknown) or not missing:
            return ()
        forgotten += missing
    return tuple(dict.fromkeys(forgotten))


def _anyhow(file: PolicyFile, result: CaseResult) -> bool:
    """True when the default gives this answer, `by` names nothing, and no rule of the file is one
    condition away from matching the request."""
    verdict = result.verdict
    if result.case.by or verdict.effect is not file.default or verdict.observed:
        return False
    if result.request.action not in file.governs:
        return False
    if any(f.rule != "default" and f.effect is verdict.effect for f in verdict.findings):
        return False
    context = Context(result.request, {}, at_of(result.case.cells))
    every = result.variant.candidates(result.request.action)
    own = [each for each in every if each.policy == file.policy]
    return not any(_near(each, result, context) for each in own if _matters(each, verdict.effect))


def _matters(candidate: Candidate, effect: Effect) -> bool:
    """Whether this rule, if it matched, would change an answer that the default gave."""
    return candidate.finding.effect is not effect or effect is Effect.DENY


def _near(candidate: Candidate, result: CaseResult, context: Context) -> bool:
    node, fields = candidate.node, result.request.fields
    parts = node.parts or (node,)
    return sum(part.test(fields, context) is not True for part in parts) <= 1


def _columns(document: Document, catalogue: Catalogue) -> Iterator[LoadFinding]:
    """Columns for an argument that no action has, one letter from one that an action has."""
    known = {f"args.{name}" for action in catalogue.actions.values() for name in action.args}
    data = document.data if isinstance(document.data, dict) else {}
    top = "cases" if "cases" in data else "tables"
    tables = data.get(top) or []
    each = enumerate(tables) if isinstance(tables, list) else [(None, tables)]
    for at, table in each:
        way = (top,) if at is None else (top, at)
        columns = table.get("columns") or [] if isinstance(table, dict) else []
        for i, name in enumerate(columns):
            near = [other for other in sorted(known) if distance_one(str(name), other)]
            if len(str(name)) > LEAST and name not in known and near:
                if set(near) & set(columns):
                    continue
                line, column = document.place((*way, "columns", i))
                yield LoadFinding(document.path, line, column, "odd-column",
                                  f"no action has `{name}`, so the column is an argument that "
                                  "nobody declared", nearest(str(name), near), "warning")  # fmt: skip
