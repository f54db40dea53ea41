"""A release in sentences, rule by rule. The law: no rule is shown without who answers for it and why.

`Said` cannot be made without an owner and a reason, and every surface that shows rules shows `Said`s.
The sentences are those of `words`; nothing here adds to what the rules say or leaves anything out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from governance.engine import words, words_of_files
from governance.engine.catalogue import ActionType
from governance.engine.compile import Release
from governance.engine.model import Effect
from governance.engine.reach import conjuncts
from governance.engine.rules import (
    Any,
    Condition,
    Invariants,
    ListUse,
    PolicyFile,
    RiskTable,
)

Kind = Literal["rule", "limit", "exception", "factor", "invariant"]


@dataclass(frozen=True, slots=True)
class Said:
    """One rule, limit, exception, risk factor or invariant. `effect` is what it brings (`allow`,
    `require_approval`, `deny`; empty for factors and invariants)."""

    kind: Kind
    policy: str
    owner: str
    id: str
    title: str
    effect: str
    severity: str
    sentence: str
    because: str
    controls: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    """The points of which the sentence says that at least one holds."""

    def __post_init__(self) -> None:
        for name in ("policy", "owner", "id", "title", "sentence", "because"):
            if not getattr(self, name).strip():
                raise ValueError(f"a rule is not shown without its {name}")


@dataclass(frozen=True, slots=True)
class ListSaid:
    """One list of a file: where its members come from, and how old they may be. `shown` are all of
    them where they are part of the file and point to nobody, else none."""

    name: str
    source: str
    members: int
    shown: tuple[str, ...]
    as_of: str
    max_age: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """One file: what it is about in a paragraph, everything it says, its lists."""

    kind: Literal["policy", "risk", "invariants"]
    name: str
    title: str
    owner: str
    review_by: date
    mode: str
    about: str
    said: tuple[Said, ...]
    more: tuple[str, ...] = ()
    lists: tuple[ListSaid, ...] = ()
    controls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.owner.strip():
            raise ValueError("a file is not shown without its owner")


def chapters(release: Release) -> tuple[Chapter, ...]:
    """Every file of a release: policies in their order, the risk points, the invariants."""
    known = release.catalogue.actions
    out = [policy(file, known) for file in release.bundle.files]
    if release.bundle.risk is not None:
        out.append(risk(release.bundle.risk, known))
    out += [invariants(file, known) for file in release.bundle.invariants]
    return tuple(out)


def policy(file: PolicyFile, known: Mapping[str, ActionType]) -> Chapter:
    """One policy file."""
    about = words_of_files.file(file, known)[0].removeprefix(f"{file.title}. ")
    return Chapter(
        kind="policy",
        name=file.policy,
        title=file.title,
        owner=file.owner,
        review_by=file.review_by,
        mode=file.mode.value,
        about=about,
        said=tuple(_of_policy(file, known)),
        lists=tuple(_list(use) for _, use in sorted(file.lists.items())),
        controls=file.controls,
    )


def _of_policy(file: PolicyFile, known: Mapping[str, ActionType]) -> Iterator[Said]:
    for rule in file.rules:
        text = _without_why(words.rule(rule, known, file.lists), rule.because)
        text, points = _in_points(text, rule.when, known, file.lists)
        yield Said(
            "rule", file.policy, file.owner, rule.id, rule.title, rule.effect.word,
            rule.severity.word, text, rule.because, rule.controls, points,
        )  # fmt: skip
    for limit in file.limits:
        text = words.limit(limit, known, file.lists)
        yield Said(
            "limit", file.policy, file.owner, limit.id, limit.title, limit.otherwise.word,
            limit.severity.word, _without_why(text, limit.because), limit.because, limit.controls,
        )  # fmt: skip
    for one in file.exceptions:
        text = words_of_files.exception(one, known, file.lists)
        because = f"{one.reason} (ticket {one.ticket})"
        yield Said(
            "exception", file.policy, file.owner, one.id, one.title, one.instead.word, "",
            _without_why(text, because), because,
        )  # fmt: skip


def _in_points(
    text: str, when: Condition, known: Mapping[str, ActionType], lists: Mapping[str, ListUse]
) -> tuple[str, tuple[str, ...]]:
    """A sentence with many alternatives, and those as points; any other sentence as it is."""
    for part in conjuncts(when):
        if isinstance(part, Any) and len(part.parts) >= MANY:
            whole = words.condition(part, known, lists)
            if whole in text:
                points = tuple(words.condition(each, known, lists) for each in part.parts)
                return text.replace(whole, "at least one of these points holds", 1), points
    return text, ()


MANY: Final = 3
"""So many alternatives are told as points."""


def risk(table: RiskTable, known: Mapping[str, ActionType]) -> Chapter:
    """The table of risk points; `more` are its levels of autonomy and who is asked."""
    whole = words_of_files.risk(table, known)
    said = tuple(
        Said(
            "factor", table.risk, table.owner, one.id, one.title, "", "",
            _without_why(words_of_files.factor(one, known, table.lists), one.because), one.because,
            one.controls,
        )
        for one in table.factors
    )  # fmt: skip
    return Chapter(
        kind="risk",
        name=table.risk,
        title=table.title,
        owner=table.owner,
        review_by=table.review_by,
        mode="enforce",
        about=whole[0].removeprefix(f"{table.title}. "),
        said=said,
        more=whole[1 + len(table.factors) :],
        lists=tuple(_list(use) for _, use in sorted(table.lists.items())),
    )


def invariants(file: Invariants, known: Mapping[str, ActionType]) -> Chapter:
    """One file of what must never be allowed."""
    said = []
    for one in file.never:
        if one.needs:
            then = f"{words.seats(one.needs)} agree first, or it is refused"
        elif one.people:
            people = "person agrees" if one.people == 1 else "different people agree"
            then = f"at least {one.people} {people} first, or it is refused"
        else:
            then = "it is always refused"
        who = f"only {words.roles(one.waivable_by)}" if one.waivable_by else "nobody"
        sentence = (
            f"If {words.condition(one.when, known, file.lists)}, or if that cannot be told, {then}; "
            f"{who} may lift such a refusal."
        )
        said.append(
            Said("invariant", file.name, file.owner, one.id, one.title, "", "", sentence, one.because,
                 one.controls)
        )  # fmt: skip
    return Chapter(
        kind="invariants",
        name=file.name,
        title=file.title,
        owner=file.owner,
        review_by=file.review_by,
        mode="proved",
        about="These decide nothing. Every release is proved against them before it is signed: "
        f"whatever the policies say, none of this may ever be allowed. {file.owner} answers for them.",
        said=tuple(said),
        lists=tuple(_list(use) for _, use in sorted(file.lists.items())),
    )


def _list(use: ListUse) -> ListSaid:
    printed = not use.source and use.kind.name not in words.PEOPLES
    shown = tuple(words.value(item).strip("`") for item in use.members) if printed else ()
    inherited = f"from `{use.inherited}`" if use.inherited else "in this file"
    return ListSaid(
        name=use.name,
        source=use.source or inherited,
        members=len(use.members),
        shown=shown,
        as_of=use.as_of.isoformat() if use.as_of is not None else "",
        max_age=words.duration(use.max_age) if use.max_age is not None else "",
    )


def _without_why(paragraph: str, because: str) -> str:
    """The reason stands apart."""
    return paragraph.removesuffix(f"Why: {because}").strip()


EFFECTS: Mapping[str, str] = {
    Effect.ALLOW.word: "allows",
    Effect.REQUIRE_APPROVAL.word: "asks a person",
    Effect.DENY.word: "refuses",
    "": "",
}
"""What a rule does, in a word or two."""
