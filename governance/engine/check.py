"""Everything there is to say about policy files. The law: one list of findings, whoever asks.

Errors keep files from being released: what does not load, and cases that fail. Warnings and notes ask
a person to look; they are only looked for in files that load. What is known outside the files (who
holds a role, when a rule last spoke) comes in as values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from governance.engine import amounts, analyse, cases
from governance.engine.compile import Release, compile_bundle, manifest_digest
from governance.engine.fixes import with_fixes
from governance.engine.left_over import left_over
from governance.engine.lints import dates, in_order, lists, roles, silent
from governance.engine.load import load
from governance.engine.model import LoadFinding, PolicyErrors
from governance.engine.promises import promises
from governance.engine.reading import Document
from governance.engine.strangers import Bearers, misspelt, nobody_is
from governance.engine.titles import titles
from governance.engine.unseen import unseen
from governance.engine.wildcards import wildcards


@dataclass(frozen=True, slots=True)
class Around:
    """What is known outside the files; nothing is said about what is None.

    `held` are the roles that active people hold, `bearers` what the agents are. `last` maps each `policy/rule` of the release in
    force to the day it was last a reason (None: never), and `since` is the day of the first decision
    that was looked at.
    """

    held: frozenset[str] | None = None
    last: Mapping[str, date | None] | None = None
    since: date | None = None
    bearers: Bearers | None = None


NOTHING_KNOWN = Around()


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `release` is None while files do not load, and `results` are empty then."""

    findings: tuple[LoadFinding, ...]
    release: Release | None = None
    results: tuple[cases.CaseResult, ...] = field(default=())

    @property
    def errors(self) -> tuple[LoadFinding, ...]:
        """The findings that keep the files from being released."""
        return tuple(each for each in self.findings if each.severity == "error")


def check(
    files: Mapping[str, bytes],
    today: date | None,
    around: Around = NOTHING_KNOWN,
    *,
    deep: bool = True,
) -> Report:
    """Everything that is wrong with files on a day (None: whatever has lapsed), by file and place.

    `files` are bytes by path. Without `deep` the analysis of what rules do to each other is left out,
    which alone may take seconds for a thousand rules; an editor asks without.
    """
    documents: dict[str, Document] = {}
    try:
        bundle = load(files, today, documents)
    except PolicyErrors as errors:
        return Report(with_fixes(errors.findings, files, documents))
    release = compile_bundle(bundle, files, manifest_digest(files, bundle.lists))
    results = cases.run(release)
    found = [
        *(dates(bundle, documents, today) if today is not None else ()),
        *lists(bundle, documents, files),
        *titles(bundle),
        *wildcards(bundle),
        *failed(results),
        *promises(release, results, documents),
        *left_over(documents, files),
        *unseen(documents, files),
        *misspelt(bundle, around.held),
    ]
    if around.bearers is not None:
        found += nobody_is(bundle, around.bearers)
    if around.held is not None:
        found += roles(bundle, around.held)
    if today is not None and around.last is not None and around.since is not None:
        found += silent(bundle, around.last, today, around.since)
    if deep:
        found += remarks(release)
    return Report(in_order(with_fixes(found, files, documents)), release, results)


def failed(results: tuple[cases.CaseResult, ...]) -> Iterator[LoadFinding]:
    """An error for each case that does not go as its table says."""
    for each in cases.failures(results):
        yield LoadFinding(
            each.case.path,
            each.case.line,
            each.case.column,
            "case-failed",
            f"case `{each.case.name}` of `{each.policy}`: {each.problem}",
            "change the rule or what the case expects",
        )


def remarks(release: Release) -> Iterator[LoadFinding]:
    """What rules do to each other, as the analysis proves it, and what it could not tell."""
    looked = analyse.looked(release)
    yield from untold(looked.untold)
    for each in (*looked.remarks, *amounts.remarks(release)):
        shown = ", ".join(f"{name} {value}" for name, value in each.witness.items())
        hint = f"for instance {shown}" if shown else ""
        yield LoadFinding(
            each.path, each.line, each.column, each.code, each.message, hint, "warning"
        )


def untold(places: Iterable[analyse.Place]) -> Iterator[LoadFinding]:
    """A note for each file with rules whose search ended before it could tell."""
    by_file: dict[str, list[analyse.Place]] = {}
    for place in places:
        by_file.setdefault(place.file.path, []).append(place)
    for path, found in by_file.items():
        names = ", ".join(f"`{each.rule.id}`" for each in found)
        which = f"{len(found)} rules: whether they ever change" if len(found) > 1 else (
            "1 rule: whether it ever changes"
        )  # fmt: skip
        yield LoadFinding(
            path,
            found[0].rule.line,
            found[0].rule.column,
            "search-ended",
            f"{which} an answer could not be told, the search was too long: {names}",
            "write fewer alternatives into one rule, or look at them yourself",
            "note",
        )
