"""Reads the table of risk points: factors, levels, and the least oversight at each.

Law: it only tightens. Less autonomy and more risk never bring less oversight: what is written for
one cell holds for every stricter one, and a cell that says less is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from governance.engine import clauses, conditions, rules
from governance.engine.common import numbered, reaches, review
from governance.engine.fields import AUTONOMY
from governance.engine.model import ApprovalClause, Effect, Risk
from governance.engine.reading import Way

if TYPE_CHECKING:
    from governance.engine.policyfile import Reader

_EFFECTS: Final = {"nothing": Effect.ALLOW, **{e.word: e for e in Effect if e is not Effect.ALLOW}}
_WORDS: Final = {effect: word for word, effect in _EFFECTS.items()}


def read_risk(reader: Reader, at: date | None) -> rules.RiskTable | None:
    """The table of a document whose shape was checked, or None after findings were added."""
    data, before = reader.document.data, len(reader.findings.items)
    review_by = review(reader, at)
    numbered(reader, "factors")
    factors = [_factor(reader, one, ("factors", i)) for i, one in enumerate(data["factors"])]
    levels = _levels(reader, data["levels"])
    matrix = _matrix(reader, data["matrix"])
    given = _clauses(reader, data, matrix)
    _used(reader, data, levels, sum(factor["points"] for factor in data["factors"]))
    reader.book.check_unused()
    if len(reader.findings.items) > before or review_by is None:
        return None
    return rules.RiskTable(
        risk=data["risk"],
        title=data["title"],
        owner=data["owner"],
        review_by=review_by,
        factors=tuple(factor for factor in factors if factor is not None),
        levels=levels,
        matrix=matrix,
        clauses=given,
        lists=dict(reader.book.used),
        cases=(),
        path=reader.document.path,
    )


def _factor(reader: Reader, data: dict[str, Any], way: Way) -> rules.Factor | None:
    scope = reader.scope(reader.everything)
    when = conditions.read(scope, data["when"], (*way, "when"))
    clauses.trust(scope, data, way, when is not None)
    if when is None:
        return None
    reaches(reader, scope, when, (*way, "when"))
    line, column = reader.document.place(way)
    return rules.Factor(
        id=data["id"],
        title=data["title"],
        points=data["points"],
        when=when,
        because=data["because"],
        trust_claim=data.get("trust_claim", ""),
        attested_only=data.get("attested_only", False),
        controls=tuple(data.get("controls") or ()),
        line=line,
        column=column,
    )


def _levels(reader: Reader, data: Mapping[str, int]) -> dict[Risk, int]:
    levels = {level: data[level.word] for level in Risk if level.word in data}
    last = 0
    for level, points in levels.items():
        if points <= last:
            reader.wrong(("levels", level.word), "not-monotone",
                         f"`{level.word}` must begin at more than {last} points")  # fmt: skip
        last = points
    return levels


def _matrix(
    reader: Reader, data: Mapping[str, Mapping[str, str]]
) -> dict[str, Mapping[Risk, Effect]]:
    """The whole matrix: every cell at least what is written for more autonomy or for less risk."""
    whole: dict[str, Mapping[Risk, Effect]] = {}
    above: Mapping[Risk, Effect] = dict.fromkeys(Risk, Effect.ALLOW)
    for autonomy in reversed(AUTONOMY):
        row, least = dict[Risk, Effect](), Effect.ALLOW
        for level in Risk:
            least = max(least, above[level])
            word = data.get(autonomy, {}).get(level.word)
            said = least if word is None else _EFFECTS[word]
            if said < least:
                reader.wrong(("matrix", autonomy, level.word), "not-monotone",
                             f"`{word}` is less than `{_WORDS[least]}`, which holds for more "
                             "autonomy or less risk",
                             "make it as strict, or leave it out")  # fmt: skip
            row[level] = least = max(least, said)
        whole[autonomy] = above = row
    return whole


def _clauses(
    reader: Reader, data: dict[str, Any], matrix: Mapping[str, Mapping[Risk, Effect]]
) -> dict[Risk, ApprovalClause]:
    """Who is asked at each level: its own clause, or that of the level below."""
    given = data.get("approval") or {}
    name = f"{data['risk']}/risk"
    out: dict[Risk, ApprovalClause] = {}
    last: ApprovalClause | None = None
    for level in Risk:
        asked = any(row[level] is Effect.REQUIRE_APPROVAL for row in matrix.values())
        if level.word in given:
            own = clauses.approval(given[level.word], name)
            if last is not None and not _covers(own, last):
                reader.wrong(("approval", level.word), "not-monotone",
                             f"{level.word} risk asks for less than a lower one",
                             "ask at least for the same people, reason, time and checks")  # fmt: skip
            last = own
            if not asked:
                reader.wrong(("approval", level.word), "does-not-apply",
                             f"nobody is asked at {level.word} risk", "remove it", key=True)  # fmt: skip
        if asked and last is None:
            reader.wrong(("matrix",), "missing-key",
                         f"`approval` is missing for {level.word} risk: who must agree, how soon",
                         f"such as approval: {{{level.word}: {{needs: [1 risk_officer], "
                         "answer_within: 4h}}")  # fmt: skip
        elif asked and last is not None:
            out[level] = last
    return out


def _covers(higher: ApprovalClause, lower: ApprovalClause) -> bool:
    """True when whoever meets the one clause meets the other: else an agent could, by garbling a
    field, raise its points to be asked less."""
    seats = {seat.role: seat.count for seat in higher.needs}
    return (
        all(seats.get(seat.role, 0) >= seat.count for seat in lower.needs)
        and set(lower.not_by) <= set(higher.not_by)
        and set(lower.checklist) <= set(higher.checklist)
        and higher.reason_required >= lower.reason_required
        and higher.review_time >= lower.review_time
    )


def _used(reader: Reader, data: dict[str, Any], levels: Mapping[Risk, int], most: int) -> None:
    """Every level that the matrix names can be reached, and all points together reach one."""
    reachable = {"low", *(level.word for level, least in levels.items() if least <= most)}
    for autonomy, row in data["matrix"].items():
        for word in row:
            if word not in reachable:
                says = (
                    "has no points under `levels`"
                    if word not in data["levels"]
                    else (
                        f"begins at {data['levels'][word]} points, all factors together give {most}"
                    )
                )
                reader.wrong(("matrix", autonomy, word), "never-matches",
                             f"`{word}` {says}", key=True)  # fmt: skip
