"""Names in rules that nobody bears: a role one letter wrong, a label or an agent that does not exist.

Law: a warning. Whoever a rule names may come tomorrow; but a rule for nobody protects nobody, and the
likeliest reason is a slip of the finger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from governance.engine.fixes import distance_one
from governance.engine.load import Bundle
from governance.engine.model import LoadFinding
from governance.engine.reach import tests_of
from governance.engine.rules import Limit, PolicyFile, Rule
from governance.engine.shape import nearest

FIELDS: Final[Mapping[str, str]] = {
    "agent.id": "agent", "agent.team": "team", "agent.labels": "label",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bearers:
    """Who is there: the ids, teams and labels of the agents that a workspace knows."""

    ids: frozenset[str]
    teams: frozenset[str]
    labels: frozenset[str]

    def of(self, field: str) -> frozenset[str]:
        """The values that some agent has in a field of `FIELDS`."""
        return {"agent.id": self.ids, "agent.team": self.teams}.get(field, self.labels)


def roles_of(bundle: Bundle) -> dict[str, list[tuple[PolicyFile, Rule | Limit | None]]]:
    """Every role that the files ask, with the rules (None: the default) that ask it."""
    wanted: dict[str, list[tuple[PolicyFile, Rule | Limit | None]]] = {}
    for file in bundle.files:
        for asked in (*file.speakers, None):
            clause = file.default_clause if asked is None else asked.clause
            seats = [seat.role for seat in clause.needs] if clause is not None else []
            waivers = () if asked is None else asked.waivable_by
            for role in dict.fromkeys((*seats, *waivers)):
                wanted.setdefault(role, []).append((file, asked))
    return wanted


def near_roles(bundle: Bundle, held: frozenset[str] | None) -> dict[str, str]:
    """Each role that stands once and nobody has, one letter from one that somebody has or that
    stands more often: the role, and that other one."""
    wanted = roles_of(bundle)
    known = [each for each in wanted if len(wanted[each]) > 1] + sorted(held or ())
    out: dict[str, str] = {}
    for role, askers in sorted(wanted.items()):
        if len(askers) == 1 and len(role) > 3 and role not in (held or ()):
            near = next((each for each in known if distance_one(role, each)), None)
            if near is not None:
                out[role] = near
    return out


def misspelt(bundle: Bundle, held: frozenset[str] | None) -> Iterator[LoadFinding]:
    """A warning for each of `near_roles`, where it is asked."""
    wanted = roles_of(bundle)
    for role, near in near_roles(bundle, held).items():
        file, asked = wanted[role][0]
        line, column = (asked.line, asked.column) if asked else (1, 1)
        yield LoadFinding(file.path, line, column, "misspelt-role",
                          f"`{role}` is asked here only, one letter from `{near}`",
                          f"did you mean `{near}`?", "warning")  # fmt: skip


def nobody_is(bundle: Bundle, there: Bearers) -> Iterator[LoadFinding]:
    """Agents, teams and labels that files, rules and exceptions name and no agent has, each once."""
    told: set[tuple[str, str]] = set()
    for file in bundle.files:
        conditions = [(file.applies_to, 1, 1, "the file")]
        conditions += [(rule.when, rule.line, rule.column, f"`{rule.id}`") for rule in file.rules]
        conditions += [(each.of, each.line, each.column, f"`{each.id}`") for each in file.limits]
        conditions += [
            (each.who, each.line, each.column, f"`{each.id}`") for each in file.exceptions
        ]
        for condition, line, column, name in conditions:
            for test in tests_of(condition):
                if test.field not in FIELDS or test.op not in _NAMING:
                    continue
                have = there.of(test.field)
                for value in map(str, test.constants):
                    if value in have or (test.field, value) in told:
                        continue
                    told.add((test.field, value))
                    yield LoadFinding(file.path, line, column, "nobody-has",
                                      f"{name} names the {FIELDS[test.field]} `{value}`, and no "
                                      f"agent {'is that' if test.field == 'agent.id' else 'has it'}",
                                      nearest(value, have) or "give it to an agent, or take it out",
                                      "warning")  # fmt: skip


_NAMING: Final = frozenset(
    ("is", "is_not", "one_of", "none_of", "contains_any", "contains_all", "contains_none")
)
