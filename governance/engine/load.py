"""Policy files in, a checked bundle out. The law: everything is found, or nothing is wrong.

Bytes come in by path; nothing is read from disk. Catalogue files are under `actions/`, lists under
`lists/`, case tables under `cases/`, every other `.yaml` file is a policy, or the table of risk
points if it has the key `risk` and no `policy`, or invariants if it has that key and no `policy`. A
leading `policies/` is the same as none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from governance.engine import clauses, unclear
from governance.engine.actions import read_catalogue
from governance.engine.casetable import check_names, read_tables
from governance.engine.catalogue import Catalogue
from governance.engine.invariants import read_invariants
from governance.engine.lists import ListBook, ListFile, read_list
from governance.engine.memory import Memory
from governance.engine.model import Mode, PolicyErrors
from governance.engine.parents import Family
from governance.engine.policyfile import Reader, read_policy
from governance.engine.reading import Document, Findings, Place
from governance.engine.risktable import read_risk
from governance.engine.rules import Case, Invariants, PolicyFile, RiskTable
from governance.engine.schemas import INVARIANTS
from governance.engine.shape import CASES, POLICY, RISK, fits, nearest
from governance.engine.stages import replaced

MAX_TOTAL = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """Checked policy files (by policy name), the catalogue, the list files (by list name), the
    table of risk points, if there is one, and what must never be allowed."""

    files: tuple[PolicyFile, ...]
    catalogue: Catalogue
    lists: Mapping[str, ListFile] = field(hash=False)
    risk: RiskTable | None = None
    invariants: tuple[Invariants, ...] = ()


def load(
    files: Mapping[str, bytes],
    at: date | None = None,
    documents: dict[str, Document] | None = None,
    *,
    memory: Memory | None = None,
) -> Bundle:
    """The bundle of these files, by path.

    `at` is the day of a check; None means that the files were checked before (a restart, a replay)
    and skips what lapses with time. `documents` is filled with every file that is YAML, by path.
    `memory` keeps what was read, for the next load of nearly the same files. Raises PolicyErrors with
    every finding.
    """
    findings = Findings()
    memory = memory or Memory()
    memory.begin(files, at)
    groups = _read(files, findings, memory)
    if documents is not None:
        documents |= {each.path: each for group in groups.values() for each in group}
    catalogue = read_catalogue(groups["actions"], findings)
    lists = _lists(groups["lists"], findings, at)
    # With a broken catalogue every rule would look wrong: say only what is wrong at the root.
    if findings.items:
        raise PolicyErrors(findings.sorted())
    policies, histories = _policies(groups["policies"], catalogue, lists, at, findings, memory)
    risk = _risk(groups["risk"], policies, catalogue, lists, at, findings, histories)
    invariants = _invariants(groups["invariants"], catalogue, lists, at, findings)
    shells = [*policies, *([risk.shell] if risk is not None else [])]
    named = {file.policy: file for file in shells}
    cases = _cases(groups, catalogue, named, findings, memory)
    if at is not None:
        _names(groups, named, risk, findings)
        read = {each.path: each for group in groups.values() for each in group}
        unclear.look_at_all(read, files, findings)
        for document in groups["policies"]:
            clauses.not_nobody(document, findings)
    _fed(policies, histories, findings)
    if not findings.items:
        for file in shells:
            if not cases.get(file.policy):
                findings.add(file.path, (1, 1), "no-cases", f"`{file.policy}` has no cases",
                             "add a table under `cases:`: what must happen, one line a case")  # fmt: skip
    if findings.items:
        raise PolicyErrors(findings.sorted())
    done = (replace(file, cases=cases[file.policy]) for file in policies)
    return Bundle(
        tuple(sorted(done, key=lambda file: file.policy)),
        catalogue,
        lists,
        risk and replace(risk, cases=cases[risk.risk]),
        invariants,
    )


def group_of(path: str) -> str | None:
    """Which kind of file a path is: actions, lists, cases, policies; None for any other file."""
    parts = path.removeprefix("policies/").split("/")
    if not path.endswith((".yaml", ".yml")):
        return None
    return parts[0] if len(parts) > 1 and parts[0] in ("actions", "lists", "cases") else "policies"


def _read(
    files: Mapping[str, bytes], findings: Findings, memory: Memory
) -> dict[str, list[Document]]:
    groups: dict[str, list[Document]] = {
        "actions": [], "lists": [], "cases": [], "policies": [], "risk": [], "invariants": [],
    }  # fmt: skip
    total = sum(len(data) for data in files.values())
    for path in sorted(files):
        group = group_of(path)
        if group is None:
            continue
        if total > MAX_TOTAL and len(files[path]) <= MAX_TOTAL // 8:
            continue
        document = memory.read(path, files[path], findings)
        if document is not None:
            groups[_kind(document.data) if group == "policies" else group].append(document)
    if total > MAX_TOTAL and not findings.items:
        findings.add(sorted(files)[0], (1, 1), "too-large", "all files together have over 32 MiB")
    return groups


def _kind(data: object) -> str:
    """What stands among the policies: one of them, risk points, or invariants."""
    if isinstance(data, dict) and "policy" not in data:
        for name in ("risk", "invariants"):
            if name in data:
                return name
    return "policies"


def _lists(documents: list[Document], findings: Findings, at: date | None) -> dict[str, ListFile]:
    lists: dict[str, ListFile] = {}
    for document in documents:
        made = read_list(document, findings, at)
        if made is None:
            continue
        if made.name in lists:
            findings.add(document.path, document.place(("list",)), "duplicate-list",
                         f"`{made.name}` is already in {lists[made.name].path}")  # fmt: skip
        lists[made.name] = made
    return lists


def _policies(
    documents: list[Document],
    catalogue: Catalogue,
    lists: Mapping[str, ListFile],
    at: date | None,
    findings: Findings,
    memory: Memory,
) -> tuple[list[PolicyFile], list[tuple[PolicyFile, str, Place]]]:
    policies: dict[str, PolicyFile] = {}
    readers: dict[str, Reader] = {}
    histories: list[tuple[PolicyFile, str, Place]] = []
    sound = [document for document in documents if fits(document, POLICY, findings)]
    family = Family({document.data["policy"]: document for document in reversed(sound)})
    broken = len(sound) < len(documents)
    for document in sound:
        if not broken:  # else a parent may be there, but cannot be read
            family.check(document, findings)
        made, reader = memory.policy(document, findings, _one_policy(catalogue, lists, family, at))
        if made is None:
            broken = True
            continue
        if made.policy in policies:
            findings.add(document.path, document.place(("policy",)), "duplicate-policy",
                         f"`{made.policy}` is already in {policies[made.policy].path}",
                         "one policy is one file")  # fmt: skip
            continue
        # A reader out of memory must tell this load what it finds from now on.
        policies[made.policy], readers[made.policy] = made, replace(reader, findings=findings)
        histories += [(made, action, place) for action, place in reader.histories]
    if not broken:
        replaced(policies, readers, findings)
    return list(policies.values()), histories


def _one_policy(
    catalogue: Catalogue, lists: Mapping[str, ListFile], family: Family, at: date | None
) -> Callable[[Document, Findings], tuple[PolicyFile | None, Reader]]:
    def make(document: Document, findings: Findings) -> tuple[PolicyFile | None, Reader]:
        book = ListBook(document, findings, lists, inherited=family.lists(document))
        reader = Reader(document, findings, catalogue, book, family=family)
        return read_policy(reader, at), reader

    return make


def _risk(
    documents: list[Document],
    policies: list[PolicyFile],
    catalogue: Catalogue,
    lists: Mapping[str, ListFile],
    at: date | None,
    findings: Findings,
    histories: list[tuple[PolicyFile, str, Place]],
) -> RiskTable | None:
    table: RiskTable | None = None
    for document in documents:
        if not fits(document, RISK, findings):
            continue
        reader = Reader(document, findings, catalogue, ListBook(document, findings, lists))
        made = read_risk(reader, at)
        if made is None:
            continue
        taken = {file.policy: file.path for file in policies}
        taken |= {table.risk: table.path} if table is not None else {}
        if table is not None or made.risk in taken:
            where = table.path if table is not None else taken[made.risk]
            findings.add(document.path, document.place(("risk",)), "duplicate-risk",
                         f"risk points are already in {where}" if table is not None
                         else f"`{made.risk}` is the name of a policy, in {where}",
                         "one release has one table of risk points, with a name of its own")  # fmt: skip
            continue
        table = made
        histories += [(made.shell, action, place) for action, place in reader.histories]
    return table


def _invariants(
    documents: list[Document],
    catalogue: Catalogue,
    lists: Mapping[str, ListFile],
    at: date | None,
    findings: Findings,
) -> tuple[Invariants, ...]:
    made: dict[str, Invariants] = {}
    for document in documents:
        if not fits(document, INVARIANTS, findings):
            continue
        reader = Reader(document, findings, catalogue, ListBook(document, findings, lists))
        one = read_invariants(reader, at)
        if one is None:
            continue
        if one.name in made:
            findings.add(document.path, document.place(("invariants",)), "duplicate-invariants",
                         f"`{one.name}` is already in {made[one.name].path}",
                         "give each file of invariants a name of its own")  # fmt: skip
        made[one.name] = one
    return tuple(made[name] for name in sorted(made))


def _cases(
    groups: Mapping[str, list[Document]],
    catalogue: Catalogue,
    policies: Mapping[str, PolicyFile],
    findings: Findings,
    memory: Memory,
) -> dict[str, tuple[Case, ...]]:
    def tables(document: Document, way: str) -> tuple[Case, ...]:
        return memory.tables(
            document, findings, lambda one, told: read_tables(one, catalogue, (way,), told)
        )

    cases: dict[str, tuple[Case, ...]] = {}
    for document in (*groups["policies"], *groups["risk"]):
        if isinstance(document.data, dict) and isinstance(document.data.get("cases"), dict | list):
            name = str(document.data.get("policy", document.data.get("risk")))
            cases[name] = tables(document, "cases")
    for document in groups["cases"]:
        if not fits(document, CASES, findings):
            continue
        name = document.data["policy"]
        if name not in policies and not findings.items:
            findings.add(document.path, document.place(("policy",)), "unknown-policy",
                         f"there is no policy `{name}`", nearest(name, policies))  # fmt: skip
        cases[name] = cases.get(name, ()) + tables(document, "tables")
    return cases


def _names(
    groups: Mapping[str, list[Document]],
    policies: Mapping[str, PolicyFile],
    risk: RiskTable | None,
    findings: Findings,
) -> None:
    """Columns that name a list, a limit, a history or a gradual policy name one that is there."""
    for group, way in (("policies", "cases"), ("risk", "cases"), ("cases", "tables")):
        for document in groups[group]:
            data = document.data if isinstance(document.data, dict) else {}
            file = policies.get(str(data.get("policy", data.get("risk"))))
            if file is not None and way in data:
                check_names(document, (way,), file, policies.values(), risk, findings)


def _fed(
    policies: list[PolicyFile],
    histories: list[tuple[PolicyFile, str, Place]],
    findings: Findings,
) -> None:
    """A history of an action that no file in force governs can never be anything but empty."""
    governed = {action for file in policies if file.mode is not Mode.DRAFT
                for action in file.governs}  # fmt: skip
    for file, action, place in histories:
        own = file.governs if file.mode is Mode.DRAFT else ()
        if action not in governed and action not in own:
            findings.add(file.path, place, "never-fed",
                         f"`{action}` is never allowed: no file in force governs it",
                         "so nothing feeds this history")  # fmt: skip
