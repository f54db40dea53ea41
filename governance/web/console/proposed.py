"""What was found out about a proposal, in words for its page.

Law: pure; what could not be found out is said in its place, and looser answers come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from governance.engine import words
from governance.service import accepting, carrying, proposals
from governance.web.console.rule_views import (
    ApprovalsRow,
    ChangesView,
    DiffRow,
    Found,
    ProofRow,
    ProposalView,
)
from governance.web.console.views import May, ProposalRow, Verdict

SHOWN: Final = 50
_LOOSER: Final = Verdict("deny", "Looser")
_STRICTER: Final = Verdict("plain", "Stricter")
_WORDS: Final = {"allow": "allowed", "require_approval": "a person asked", "deny": "refused"}
_PROOFS: Final = {
    "proved": Verdict("allow", "Proved"),
    "refuted": Verdict("deny", "Refuted"),
    "not proved": Verdict("unknown", "Not proved"),
}
_OUTCOMES: Final = {
    "same": "Every request is answered as before. That was proved.",
    "looser": "It only loosens.",
    "tighter": "Nothing becomes looser. That was proved.",
    "changed": "Some requests are answered more loosely, others more strictly.",
    "incomplete": "It was not proved that nothing becomes looser: there may be more than is shown.",
}
_NOTHING: Final = Found(missing="It was proposed under an older version, which did not look.")


def view(
    told: Mapping[str, Any],
    row: ProposalRow,
    *,
    is_open: bool,
    ended: str,
    may: tuple[May, May, May],
    changes: ChangesView,
) -> ProposalView:
    """The page of a proposal; `may` sign, refuse, withdraw."""
    kept = told["attached"]
    diff, known = kept.get("diff", {}), frozenset(told["not_new"])
    return ProposalView(
        index=row.index,
        release=told["release"],
        who=row.who,
        at=row.at,
        note=row.note,
        origin=row.origin,
        state=row.state,
        open=is_open,
        evidence=told["evidence"],
        changes=changes,
        newer=tuple(f"{carrying.said(each)}." for each in told["newer_lists"]),
        ended=ended,
        looser=int(diff.get("looser") or 0),
        given_up=len(kept.get("proofs", {}).get("given_up", ())),
        accepts=tuple((name, f"I accept that {said}.") for name, said in accepting.accepted(kept)),
        check=_found(kept.get("check"), lambda check: _check(check, known)),
        cases=_found(kept.get("cases"), _cases),
        proofs=_found(kept.get("proofs"), _proofs),
        proof_rows=(
            *map(_given_up, kept.get("proofs", {}).get("given_up", ())[:SHOWN]),
            *map(_proof, kept.get("proofs", {}).get("proofs", ())[:SHOWN]),
        ),
        diff=_found(diff or None, _diff),
        diff_rows=tuple(map(_difference, accepting.shown(diff, SHOWN))),
        backtest=_found(kept.get("backtest"), _backtest),
        backtest_rows=_backtest_rows(kept.get("backtest", {})),
        approvals=_found(kept.get("approvals"), _approvals),
        approval_rows=tuple(
            _role(each)
            for each in kept.get("approvals", {}).get("roles", ())
            if each["added_per_day"] or each["minutes_per_day"]
        ),
        warnings=tuple(line for line in told["warnings"] if line not in known),
        old_warnings=(
            *(line for line in told["warnings"] if line in known),
            *(_place(each) for each in _warned(kept) if proposals.said_of(each) in known),
        ),
        may_sign=may[0],
        may_refuse=may[1],
        may_withdraw=may[2],
    )


def _found(document: Mapping[str, Any] | None, say: Any) -> Found:
    if document is None:
        return _NOTHING
    if "why" in document:
        return Found(missing=f"Not found out: {document['why']}.")
    return Found(says=tuple(say(document)))


def _check(found: Mapping[str, Any], known: frozenset[str]) -> list[str]:
    lines = [_place(each) for each in found["warnings"] if proposals.said_of(each) not in known]
    count = len(found["warnings"]) + found["more"]
    first = f"No error. {count} warning{'' if count == 1 else 's'}"
    if len(lines) < len(found["warnings"]):
        first += f", {len(lines) or 'none'} of them new"
    return [first + (":" if lines else "."), *lines[:SHOWN]]


def _warned(kept: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(kept.get("check", {}).get("warnings", ()))


def _place(each: Mapping[str, Any]) -> str:
    return f"{each['path']}, line {each['line']}: {each['message']}"


def _cases(found: Mapping[str, Any]) -> list[str]:
    known = found.get("failed_before", ())
    lines = [f"{found['held']} of {found['ran']} cases hold."]
    if known:
        lines.append(
            "The others are cases of what was released before; nothing in this change broke them. They "
            "should be put right in a release of their own:"
        )
    return lines + [f"{each['path']}, line {each['line']}: {each['message']}" for each in known]


def _proofs(found: Mapping[str, Any]) -> list[str]:
    if not found["proofs"]:
        return ["Nothing is written that must never be allowed (policies/invariants.yaml)."]
    lines = [f"{found['proved']} of {len(found['proofs'])} invariants are proved."]
    if found.get("refuted_before"):
        lines.append(
            "Those that are refuted did not hold in what was in force, either. Nothing becomes looser "
            "by this; they should be put right in a release of their own."
        )
    return lines


def _proof(each: Mapping[str, Any]) -> ProofRow:
    return ProofRow(each["name"], each["title"], _PROOFS[each["result"]], each["why"])


def _given_up(name: str) -> ProofRow:
    said = "It is asked for by what is in force, and would not be any more, or otherwise."
    return ProofRow(name, "", Verdict("deny", "No longer asked for"), said)


def _diff(found: Mapping[str, Any]) -> list[str]:
    if found["against"] is None:
        return ["Nothing was in force to compare it with."]
    lines = [_OUTCOMES[found["outcome"]]]
    lines += [f"Not searched to the end: {name}, {why}." for name, why in found["open"].items()]
    return [*lines, *accepting.left_out(found, SHOWN)]


def _difference(each: Mapping[str, Any]) -> DiffRow:
    change = f"{_said(each['before'])}, then {_said(each['after'])}"
    if each["before"] == each["after"]:
        change = f"still {_said(each['after'])}"
    because = each["note"] or f"{each['was']} before, {each['by']} now"
    return DiffRow(
        how=_LOOSER if each["looser"] else _STRICTER,
        looser=bool(each["looser"]),
        action=each["action"],
        change=change,
        because=because,
        such=tuple((_noun(name), value) for name, value in each["witness"].items()),
    )


def _noun(field: str) -> str:
    return words.field(field) if "." in field else field


def _said(effect: str) -> str:
    return _WORDS.get(effect, effect)


def _backtest(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{found['changes']} of {found['reperformed']} decisions of {found['days']:g} "
        f"day{'' if found['days'] == 1 else 's'} would change: {found['looser']} looser, "
        f"{found['stricter']} stricter."
    ]
    if found["not_reperformed"]:
        lines.append(
            f"{found['not_reperformed']} could not be decided again: values were erased. They are "
            "counted, not guessed."
        )
    if not found["complete"]:
        lines.append(f"Only {found['entries']} entries were read in time.")
    return lines


def _backtest_rows(found: Mapping[str, Any]) -> tuple[tuple[str, str, str, str], ...]:
    """Decision, agent, what it was and would be, and because of which rule."""
    return tuple(
        (
            str(each["decision"]),
            each["agent"],
            f"{_said(each['was'])}, then {_said(each['now'])}",
            ", ".join(each["rules_now"][:2]),
        )
        for each in found.get("changed", ())[:20]
    )


def _approvals(found: Mapping[str, Any]) -> list[str]:
    per_day = found["per_day"]
    added = f"{per_day['added']:+g} a day" if per_day["added"] else "No more and no fewer"
    lines = [f"{added}; so far {per_day['was']:g} a day."]
    if not found.get("measured"):
        lines.append("Minutes are assumed: too few answers were measured here.")
    nobody = found.get("nobody") or ()
    if nobody:
        lines.append(f"Nobody holds: {', '.join(map(str, nobody))}.")
    return lines


def _role(each: Mapping[str, Any]) -> ApprovalsRow:
    holders = int(each["holders"])
    shared = (
        f"{each['minutes_per_day'] / holders:+.1f} min each of {holders}" if holders else "nobody"
    )
    return ApprovalsRow(
        each["role"], f"{each['added_per_day']:+g}", f"{each['minutes_per_day']:+g} min", shared
    )
