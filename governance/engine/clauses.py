"""Reads the clauses that rules and limits share: approvals, obligations, waivers, claims.

Law: a clause is enforced whole or refused; who must agree, how soon and who may not is written out.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from governance.engine.fixes import distance_one
from governance.engine.model import ApprovalClause, Effect, Obligation, Seat
from governance.engine.reading import Document, Findings, Way
from governance.engine.scope import Scope
from governance.engine.shape import nearest
from governance.engine.values import duration

_Type = Literal["redact", "notify", "log", "tell_user"]
_TYPES: tuple[_Type, ...] = ("redact", "notify", "log", "tell_user")


def approval(data: dict[str, Any], rule: str) -> ApprovalClause:
    """The clause of a mapping whose shape was checked; `rule` is `policy/rule`."""
    seats = [Seat(role, int(count)) for count, role in (seat.split() for seat in data["needs"])]
    within = duration(data["answer_within"])
    review = duration(data.get("review_time", "0s"))
    assert within is not None
    assert review is not None
    return ApprovalClause(
        rule=rule,
        needs=tuple(seats),
        answer_within=within,
        not_by=tuple(data.get("not_by") or ()),
        reason_required=data.get("reason") == "required",
        checklist=tuple(data.get("checklist") or ()),
        review_time=review,
    )


def clause(
    scope: Scope, data: dict[str, Any], effect: Effect, rule: str, way: Way
) -> ApprovalClause | None:
    """The approval of a rule or limit: there exactly when its effect is require_approval."""
    given = data.get("approval")
    if effect is Effect.REQUIRE_APPROVAL and given is None:
        scope.wrong(way, "missing-key", "`approval` is missing: who must agree, and how soon",
                    "such as approval: {needs: [1 treasurer], answer_within: 4h}")  # fmt: skip
        return None
    if effect is not Effect.REQUIRE_APPROVAL and given is not None:
        scope.wrong((*way, "approval"), "does-not-apply",
                    f"`approval` does nothing where the effect is {effect.word}",
                    "remove it, or make the effect require_approval", key=True)  # fmt: skip
        return None
    if given is None:
        return None
    made = approval(given, rule)
    roles = [seat.role for seat in made.needs]
    if len(set(roles)) < len(roles):
        scope.wrong((*way, "approval", "needs"), "duplicate-role", "a role is named twice",
                    "write `2 treasurer`")  # fmt: skip
    return made


LOOSENERS: Final = frozenset({"child", "exception"})
"""What may stand in `may_be_waived_by` beside roles: a child's rule, an entry of `exceptions`."""


def loosened_by(data: dict[str, Any]) -> frozenset[str]:
    """Which of `LOOSENERS` a rule or limit names, from a mapping whose shape was checked."""
    given = data.get("may_be_waived_by", "nobody")
    return LOOSENERS & frozenset(given if isinstance(given, list) else [given])


def waivers(scope: Scope, data: dict[str, Any], effect: Effect, way: Way) -> tuple[str, ...]:
    """The roles that may waive a deny; none when nobody may."""
    given = data.get("may_be_waived_by", "nobody")
    if given == "nobody":
        return ()
    named = given if isinstance(given, list) else [given]
    roles = tuple(role for role in named if role not in LOOSENERS)
    if effect is Effect.ALLOW or (roles and effect is not Effect.DENY):
        scope.wrong((*way, "may_be_waived_by"), "does-not-apply",
                    f"only a deny can be waived, not {effect.word}", key=True)  # fmt: skip
    if "nobody" in named or not named:
        scope.wrong((*way, "may_be_waived_by"), "wrong-form", "write `nobody`, or roles")
    return roles


def obligations(
    scope: Scope, data: dict[str, Any], effect: Effect, way: Way
) -> tuple[Obligation, ...]:
    """What the runtime must do with an allowed action."""
    given = data.get("obligations") or []
    if given and effect is Effect.DENY:
        scope.wrong((*way, "obligations"), "does-not-apply",
                    "obligations do nothing where the action is denied", key=True)  # fmt: skip
    out = []
    for i, item in enumerate(given):
        at = (*way, "obligations", i)
        kinds = [kind for kind in _TYPES if kind in item]
        if len(kinds) != 1:
            scope.wrong(at, "wrong-shape", "an obligation is one of: " + ", ".join(_TYPES))
            continue
        kind = kinds[0]
        value = item[kind]
        if "patterns" in item and kind != "redact":
            scope.wrong((*at, "patterns"), "does-not-apply", "`patterns` belong to `redact`",
                        key=True)  # fmt: skip
        if isinstance(value, list):
            for j, name in enumerate(value):
                if not any(action.type_of(name) for action in scope.actions):
                    known = [f"args.{arg}" for action in scope.actions for arg in action.args]
                    scope.wrong((*at, kind, j), "unknown-field", f"`{name}` is not a field here",
                                nearest(name, known))  # fmt: skip
            properties: dict[str, str | tuple[str, ...]] = {"fields": tuple(value)}
            if kind == "redact" and "patterns" in item:
                properties["patterns"] = tuple(item["patterns"])
        else:
            properties = {"to" if kind == "notify" else "text": value}
        out.append(Obligation(item.get("id", kind), kind, properties))
    return tuple(out)


def trust(scope: Scope, data: dict[str, Any], way: Way, whole: bool) -> None:
    """A rule that tests claims says why it believes them, or counts only attested ones. `whole`:
    its condition could be read, so that all its claims are known."""
    trusted, attested = data.get("trust_claim"), data.get("attested_only")
    if scope.claims and not trusted and not attested:
        names = ", ".join(f"`{name}`" for name in sorted(scope.claims))
        scope.wrong(way, "claim-not-trusted",
                    f"{names} is what an agent claims of itself, so the rule could be talked around",
                    "add `trust_claim: <why>`, or `attested_only: true`")  # fmt: skip
    if trusted and attested:
        scope.wrong((*way, "attested_only"), "does-not-apply",
                    "`trust_claim` and `attested_only` exclude each other", key=True)  # fmt: skip
    if whole and not scope.claims and (trusted or attested):
        key = "trust_claim" if trusted else "attested_only"
        scope.wrong((*way, key), "does-not-apply", "no claim is tested here", "remove it",
                    key=True)  # fmt: skip


_NOBODY: Final = frozenset(
    (
        "no",
        "none",
        "no_one",
        "noone",
        "no-one",
        "never",
        "niemand",
        "keiner",
        "nein",
        "false",
        "null",
    )
)
_WORDS: Final = ("nobody", "child", "exception")


def not_nobody(document: Document, findings: Findings) -> None:
    """Add an error for each `may_be_waived_by` that is `nobody` in other words: read as a role, it
    would let whoever gets that role lift the rule."""
    for group in ("rules", "limits"):
        entries = document.data.get(group) if isinstance(document.data, dict) else None
        for i, entry in enumerate(entries if isinstance(entries, list) else ()):
            given = entry.get("may_be_waived_by") if isinstance(entry, dict) else None
            for at, word in enumerate(given if isinstance(given, list) else [given]):
                meant = "nobody" if str(word).lower() in _NOBODY else next(
                    (each for each in _WORDS if distance_one(str(word).lower(), each)), ""
                )  # fmt: skip
                if word is not None and meant:
                    way = (group, i, "may_be_waived_by", *([at] if isinstance(given, list) else []))
                    findings.add(document.path, document.place(way), "not-allowed",
                                 f"`{word}` would be a role that may lift this",
                                 f"did you mean `{meant}`?")  # fmt: skip
