"""One difference between two releases: what both verdicts on a witness show of it. The law: what is
shown was decided by both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from governance.engine.model import Effect, Obligation, Verdict
from governance.engine.standing import LADDER, Duty, Item, asks_as_much
from governance.engine.witness import Witness

Kind = Literal["verdict", "approval", "waiver", "obligation", "catalogue"]
Pair = tuple[Effect, Effect]
"""The stricter answer and the laxer one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Requests for one action whose answer changes in one way.

    `kind`: the `verdict` itself, who must give an `approval` and how, who may lift a deny
    (`waiver`), an `obligation`, or what the `catalogue` says of the action. `before` and `after` are
    effects; `was` and `by` name what decided and what decides now. `witness` is one such request, by
    field in words; `situation` is the same, to be decided again (None for the catalogue).
    """

    action: str
    before: str
    after: str
    looser: bool
    was: str
    by: str
    witness: Mapping[str, str]
    kind: Kind = "verdict"
    note: str = ""
    situation: Witness | None = field(default=None, compare=False, repr=False)


class Sought(NamedTuple):
    """What is looked for: a difference of one kind because of one item, perhaps with exactly these
    answers, perhaps where a rule of that name `speaks` for certain."""

    name: str
    looser: bool
    kind: Kind
    wanted: Pair | None = None
    speaks: bool = False


def pair(seen: Witness, looser: bool) -> Pair:
    before, after = seen.verdicts
    return (before.effect, after.effect) if looser else (after.effect, before.effect)


def plain(duty: Obligation) -> tuple[str, str, tuple[tuple[str, object], ...]]:
    return duty.id, duty.type, tuple(sorted(duty.properties.items()))


def shown_by(seen: Witness, item: Item, key: Sought, duty: Duty | None) -> Difference | None:
    """The difference that both verdicts on the witness show, or None if they show none of the
    kind."""
    before, after = seen.verdicts
    looser, kind, note = key.looser, key.kind, ""
    was, by = _decides(before), _decides(after)
    if kind == "verdict":
        shown = after.effect < before.effect if looser else after.effect > before.effect
        if key.wanted is not None:
            shown = shown and pair(seen, looser) == key.wanted
        if key.speaks:
            shown = shown and any(f.name == item.name and f.certain and not f.lifted
                                  for f in after.findings)  # fmt: skip
            by = item.name if after.effect is item.effect else by
            note = "" if by == item.name else f"`{item.name}` would allow it"
    else:
        shown = _asked(kind, item, duty, *((before, after) if looser else (after, before)))
        note = _note(kind, item, duty, looser)
        was, by = (item.name, by) if looser else (was, item.name)
    if not shown:
        return None
    return Difference(
        action=seen.action,
        before=before.effect.word,
        after=after.effect.word,
        looser=looser,
        was=was,
        by=by,
        witness=seen.cells,
        kind=kind,
        note=note,
        situation=seen,
    )


def _asked(kind: Kind, item: Item, duty: Duty | None, strict: Verdict, lax: Verdict) -> bool:
    """Whether the first verdict asks for something that the second does not."""
    if kind == "obligation" and duty is not None:
        owed = [plain(each) for each in lax.obligations]
        return plain(duty.obligation) in [plain(e) for e in strict.obligations] and (
            plain(duty.obligation) not in owed and lax.effect is not Effect.DENY
        )
    if strict.effect is not item.effect or lax.effect is not item.effect:
        return False
    if kind == "approval":
        clauses = [each for each in lax.clauses if not each.rule.startswith("service/")]
        asked = item.name != LADDER and not any(asks_as_much(c, item.clause) for c in clauses)
        return asked and _has(strict, item)
    denies = [f for f in lax.findings if f.effect is Effect.DENY and not f.lifted]
    return not any(set(f.waivable_by) <= item.waivable_by for f in denies) and _has(strict, item)


def _note(kind: Kind, item: Item, duty: Duty | None, looser: bool) -> str:
    """What is asked no more, or is asked now."""
    if kind == "obligation" and duty is not None:
        return f"`{duty.obligation.id}` is owed {'no more' if looser else 'now'}"
    if kind == "approval":
        more = "is asked of an approval no more" if looser else "is asked of an approval now"
        return f"what `{item.name}` asks {more}"
    if duty is not None:
        return f"who cannot carry out `{duty.obligation.id}` is refused for it {'no more' if looser else 'now'}"
    return f"{'more' if looser else 'fewer'} people may lift the deny of `{item.name}`"


def _has(verdict: Verdict, item: Item) -> bool:
    return any(f.name == item.name and not f.lifted for f in verdict.findings)


def _decides(verdict: Verdict) -> str:
    stands = (f for f in verdict.findings if f.effect is verdict.effect and not f.lifted)
    return next((f.name for f in stands), "")
