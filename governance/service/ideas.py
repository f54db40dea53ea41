"""What a pattern of human acts suggests: a rule that does by itself what people did every time.

Law: an idea rests on acts that all say the same. Where a review says otherwise of something that the
new rule would reach, people disagree: that is told, and nothing is suggested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from governance.engine.catalogue import ActionType
from governance.engine.compile import Release
from governance.engine.model import Effect
from governance.engine.rules import Rule
from governance.service import lessons
from governance.service.bounding import Unbounded, bounds, split
from governance.service.lessons import Act, Kind, Pattern, Threshold

SHOWN: Final = 12
"""Entries that a sentence names; all of them are in the proposal."""


@dataclass(frozen=True, slots=True)
class Idea:
    """What a pattern suggests: the effect of the new rule, and the acts it rests on."""

    pattern: Pattern
    effect: Effect
    acts: tuple[Act, ...]
    loosens: bool
    said: str
    note: str = ""
    against: tuple[Act, ...] = ()
    """Reviews that say otherwise; one that lies within what the acts share refutes the idea."""


class _Way(NamedTuple):
    """What follows if people did `acts` where a rule had said `seen`, and no review was `against`."""

    seen: str
    acts: tuple[Kind, ...]
    against: tuple[Kind, ...]
    effect: Effect
    loosens: bool

    @property
    def least(self) -> Threshold:
        return lessons.LOOSEN if self.loosens else lessons.TIGHTEN


_ASK: Final = "require_approval"
_WAYS: Final = (
    _Way(_ASK, ("granted", "too_strict"), ("too_loose", "right"), Effect.ALLOW, True),
    _Way(_ASK, ("refused", "too_loose"), ("too_strict", "right"), Effect.DENY, False),
    _Way("deny", ("overridden", "too_strict"), ("right",), Effect.REQUIRE_APPROVAL, True),
    _Way("allow", ("taken_back", "too_loose"), ("right",), Effect.REQUIRE_APPROVAL, False),
)
_SAID: Final[Mapping[Kind, str]] = {
    "granted": "always approved these",
    "refused": "always refused these",
    "overridden": "let these refused actions pass, one by one",
    "taken_back": "took these back after they were allowed",
    "too_strict": "reviewed these as too strict",
    "too_loose": "reviewed these as too loose",
}


def ideas(pattern: Pattern, release: Release) -> Iterator[Idea]:
    """What a pattern suggests, if enough people did the same and nobody did otherwise."""
    action = release.catalogue.actions.get(pattern.action)
    if action is None:
        return
    spoiled = bool(pattern.of("taken_back", effect="allow"))
    for way in _WAYS:
        acts, note = pattern.of(*way.acts, effect=way.seen), ""
        against = pattern.of(*way.against, effect=way.seen)
        if way.effect is Effect.ALLOW:
            acts, note = split(acts, pattern.of("refused", effect=way.seen), action)
        elif way.effect is Effect.DENY and pattern.of("granted", effect=way.seen):
            continue
        if acts and not lessons.enough(acts, way.least) and not (way.loosens and spoiled):
            said, effect = _said(acts), way.effect
            if effect is Effect.REQUIRE_APPROVAL:
                effect, note = _wanted(acts, way)
            yield Idea(pattern, effect, tuple(acts), way.loosens, said, note, tuple(against))


def _wanted(acts: Sequence[Act], way: _Way) -> tuple[Effect, str]:
    """The effect that reviewers who would go further than to ask get, and what is to be told of them.

    A refusal follows where all of them want one. What was refused is asked first, whoever wants it
    allowed: nobody has looked at such an action before it ran.
    """
    beyond = Effect.ALLOW if way.loosens else Effect.DENY
    wanted = sum(act.should_be == beyond.word for act in acts)
    if beyond is Effect.DENY and wanted == len(acts):
        return beyond, ""
    verb = "allowed" if way.loosens else "refused"
    return way.effect, f"{wanted} of {len(acts)} say that it should be {verb}" if wanted else ""


def _said(acts: Iterable[Act]) -> str:
    kinds = {act.kind for act in acts}
    return "people " + " or ".join(said for kind, said in _SAID.items() if kind in kinds)


def require_agreed(idea: Idea, action: ActionType, rule: Rule, shared: Mapping[str, Any]) -> None:
    """Refuse an idea that a review contradicts: one that would not widen what the acts
    share (`shared`)."""

    def within(act: Act) -> bool:
        try:
            return bounds((*idea.acts, act), action, rule.when, loosen=idea.loosens) == shared
        except Unbounded:
            return False

    against = [act for act in idea.against if within(act)]
    if against:
        counted = Counter(act.kind for act in (*idea.acts, *against))
        said = ", ".join(f"{counted[kind]} {kind.replace('_', ' ')}" for kind in sorted(counted))
        entries = ", ".join(str(act.entry) for act in against[:SHOWN])
        raise Unbounded(f"people disagree about what lies within it: {said} (entries {entries})")


def too_little(pattern: Pattern) -> str:
    """Why a pattern suggests nothing."""
    granted, refused = pattern.acts.get("granted", ()), pattern.acts.get("refused", ())
    if granted and refused:
        return f"people approved {len(granted)} and refused {len(refused)} of these"
    for way in _WAYS:
        acts = pattern.of(*way.acts, effect=way.seen)
        if acts:
            return lessons.enough(acts, way.least) or "people took some of these back"
    return "nothing was done often enough"
