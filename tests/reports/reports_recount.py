"""The numbers of a report counted again, by somebody who has never seen `reports.tally`.

Plain loops over all entries, as slow and as obvious as possible.
"""

from __future__ import annotations

from typing import Any

from audit.entry import Entry
from reports.evidence import Period


def recount(entries: list[Entry], period: Period) -> dict[str, Any]:
    """Path in the JSON -> the number that must stand there."""
    rows = list(enumerate(entries))
    inside = [(i, e) for i, e in rows if period.start <= e.at < period.end]

    def of(kind: str, where: list[tuple[int, Entry]] = inside) -> list[tuple[int, Entry]]:
        return [(i, e) for i, e in where if e.kind == kind]

    def ref(entry: Entry, role: str) -> int:
        return int(entry.data["refs"].get(role, -1))

    decided = of("decision")
    effect = {
        w: [i for i, e in decided if e.data["effect"] == w]
        for w in ("allow", "require_approval", "deny")
    }
    allowed = set(effect["allow"])
    known = {ref(e, "decision") for _, e in of("outcome", rows)}
    outcomes = of("outcome")
    asked = {i for i, _ in of("approval.asked")}
    answers = [
        (i, e)
        for i, e in rows
        if e.kind in ("approval.granted", "approval.refused") and ref(e, "approval") in asked
    ]
    grants = [(i, e) for i, e in answers if e.kind == "approval.granted"]

    def shown(entry: Entry) -> float | None:
        times = [
            s.at
            for _, s in of("approval.shown", rows)
            if ref(s, "approval") == ref(entry, "approval")
            and s.data["person"] == entry.data["person"]
            and s.at <= entry.at
        ]
        return (entry.at - min(times)).total_seconds() if times else None

    def floor(entry: Entry) -> float:
        clauses = entries[ref(entry, "approval")].data["clauses"]
        return max(c["review_time"] for c in clauses) / 1e6

    seen = [(e, shown(e)) for _, e in grants if shown(e) is not None]
    timed = [(e, s) for e, s in seen if floor(e)]
    used = [e for i, e in decided if "approval" in e.data["refs"] and i in allowed]

    def quorate(entry: Entry) -> bool:
        approval = ref(entry, "approval")
        mine = [e for _, e in of("approval.granted", rows) if ref(e, "approval") == approval]
        seats = max(sum(s["count"] for s in c["needs"]) for c in entries[approval].data["clauses"])
        people = {e.data["person"] for e in mine}
        return any(e.data["complete"] for e in mine) and len(people) >= seats

    newest = {(ref(e, "decision"), e.data["person"]): e for _, e in of("decision.reviewed")}
    said = {d: {e.data["verdict"] for (n, _), e in newest.items() if n == d} for d, _ in newest}
    drawn = {d for _, e in of("sample.drawn") for d in e.data["decisions"]}
    ended = {
        w: [i for i, e in of(f"approval.{w}", rows) if ref(e, "approval") in asked]
        for w in ("refused", "expired", "cancelled")
    }
    granted = [i for i, e in grants if e.data["complete"]]
    closed = len(granted) + sum(len(v) for v in ended.values())
    return {
        "head.size": len(entries),
        "population.entries.n": len(inside),
        "population.before": sum(e.at < period.start for e in entries),
        "population.after": sum(e.at >= period.end for e in entries),
        "population.present": len(entries),
        "population.allowed.n": len(allowed),
        "population.with_outcome.k": len(allowed & known),
        "population.with_outcome.n": len(allowed),
        "population.without_outcome.n": len(allowed - known),
        "population.redeemed.n": len(of("permit.redeemed")),
        "population.outcomes.n": len(outcomes),
        "population.attested.k": sum(e.data["attested"] for _, e in outcomes),
        "population.attested.n": len(outcomes),
        "population.outcomes_without_allow.n": sum(
            entries[ref(e, "decision")].data["effect"] != "allow"
            and e.data["status"] != "not_executed"
            for _, e in outcomes
        ),
        "population.outcomes_observed.n": sum(
            entries[ref(e, "decision")].data["observed"] for _, e in outcomes
        ),
        "decisions.total.n": len(decided),
        "decisions.allow.n": len(effect["allow"]),
        "decisions.require_approval.n": len(effect["require_approval"]),
        "decisions.deny.n": len(effect["deny"]),
        "decisions.observed.n": sum(e.data["observed"] for _, e in decided),
        "oversight.asked.n": len(asked),
        "oversight.granted.k": len(granted),
        "oversight.granted.n": len(asked),
        "oversight.refused.k": len(ended["refused"]),
        "oversight.refused.n": len(asked),
        "oversight.expired.k": len(ended["expired"]),
        "oversight.expired.n": len(asked),
        "oversight.cancelled.k": len(ended["cancelled"]),
        "oversight.cancelled.n": len(asked),
        "oversight.open.n": len(asked) - closed,
        "oversight.answers.n": len(answers),
        "oversight.shown_first.k": len(seen),
        "oversight.shown_first.n": len(grants),
        "oversight.too_fast.k": sum(s < floor(e) for e, s in timed if s is not None),
        "oversight.too_fast.n": len(timed),
        "oversight.used.n": len(used),
        "oversight.quorum.k": sum(quorate(e) for e in used),
        "oversight.quorum.n": len(used),
        "oversight.people.n": len({e.data["person"] for _, e in answers}),
        "oversight.to_decide.n": sum(shown(e) is not None for _, e in answers),
        "oversight.waited.n": len(granted) + len(ended["refused"]),
        "reviews.given.n": len(newest),
        **{
            f"reviews.{word}.n": sum(e.data["verdict"] == word for e in newest.values())
            for word in ("right", "too_strict", "too_loose")
        },
        "reviews.replaced.n": len(of("decision.reviewed")) - len(newest),
        "reviews.decisions.n": len(said),
        "reviews.disputed.n": sum(len(words) > 1 for words in said.values()),
        "reviews.drawn.n": len(drawn),
        "reviews.looked_at.n": len(
            drawn & {ref(e, "decision") for _, e in of("decision.reviewed", rows)}
        ),
    }


def groups(entries: list[Entry], period: Period, *fields: str) -> dict[tuple[str, ...], list[int]]:
    """Decisions of the period by the values of `fields`: allow, require approval, deny."""
    found: dict[tuple[str, ...], list[int]] = {}
    effects = ["allow", "require_approval", "deny"]
    for e in entries:
        if e.kind == "decision" and period.start <= e.at < period.end:
            key = tuple(e.data[f] for f in fields)
            found.setdefault(key, [0, 0, 0])[effects.index(e.data["effect"])] += 1
    return found


def at_path(report: Any, path: str) -> Any:
    """The value of a JSON document under a dotted path."""
    for part in path.split("."):
        report = report[part]
    return report


class Cited:
    """Counts what a `cite` says, by its kinds, range and conditions alone (reports/README.md)."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.outcomes = {e.data["refs"]["decision"] for e in entries if e.kind == "outcome"}
        self.ended = {
            e.data["refs"]["approval"]
            for e in entries
            if e.kind in ("approval.refused", "approval.expired", "approval.cancelled")
            or (e.kind == "approval.granted" and e.data["complete"])
        }

    def count(self, cite: dict[str, Any]) -> int:
        """How many entries the citation describes."""
        if cite["first"] is None:
            return 0
        if cite["listed"]:
            named = [i for a, b in cite["ranges"] for i in range(a, b + 1)]
            return sum(self.entries[i].kind in cite["kinds"] for i in named)
        wanted = range(cite["first"], cite["last"] + 1)
        return sum(
            (self.entries[i].kind in cite["kinds"] or cite["kinds"] == ["any"])
            and all(self.holds(i, *condition, dict(cite["where"])) for condition in cite["where"])
            for i in wanted
        )

    def holds(self, index: int, word: str, value: str, where: dict[str, str]) -> bool:
        """One condition of `where`, for the entry at `index`."""
        entry = self.entries[index]
        data, refs = entry.data, entry.data.get("refs", {})
        decision = self.entries[refs["decision"]].data if "decision" in refs else {}
        findings = [f for f in data.get("findings", []) if not f.get("lifted")]
        denying = [f for f in findings if f["effect"] == "deny"]
        told = {
            "agent": lambda: self.agent(entry),
            "autonomy": lambda: data["autonomy"] or "none",
            "observed": lambda: str((decision or data)["observed"]).lower(),
            "attested": lambda: str(data["attested"]).lower(),
            "complete": lambda: str(data["complete"]).lower(),
            "role": lambda: value if value in data["roles"] else "",
            "at_from": lambda: value if stamp(entry) >= value else "",
            "at_before": lambda: value if stamp(entry) < value else "",
            "policy": lambda: value if any(self.found(f, where) for f in data["findings"]) else "",
            "rule": lambda: value if any(self.found(f, where) for f in data["findings"]) else "",
            "certain": lambda: str(any(f["certain"] for f in denying)).lower(),
            "obligation": lambda: next((o["type"] for o in data.get("obligations", [])), ""),
            "outcome": lambda: "known" if index in self.outcomes else "none",
            "allowed": lambda: str(
                decision["effect"] == "allow" or data["status"] == "not_executed"
            ).lower(),
            "approval": lambda: value if "approval" in refs and data["effect"] == "allow" else "",
            "shown": lambda: "first" if self.shown(index) is not None else "",
            "floor": lambda: "set" if self.floor(entry) else "",
            "below": lambda: "floor" if (self.shown(index) or 1e9) < self.floor(entry) else "",
            "state": lambda: "" if index in self.ended else "open",
        }
        return bool(told.get(word, lambda: data[word])() == value)

    def agent(self, entry: Entry) -> str:
        """Whose entry it is, by following references."""
        if "agent" in entry.data:
            return str(entry.data["agent"])
        refs = entry.data["refs"]
        return self.agent(self.entries[refs.get("decision", refs.get("approval"))])

    def found(self, finding: dict[str, Any], where: dict[str, str]) -> bool:
        """The finding is of the rule named."""
        return (finding["policy"], finding["rule"]) == (where["policy"], where["rule"])

    def shown(self, index: int) -> float | None:
        """Seconds from the first showing to the same person until the answer at `index`."""
        answer = self.entries[index]
        for e in self.entries[:index]:
            same = e.kind == "approval.shown" and e.data["refs"] == answer.data["refs"]
            if same and e.data["person"] == answer.data["person"]:
                return (answer.at - e.at).total_seconds()
        return None

    def floor(self, entry: Entry) -> float:
        """The reading time set for the request that `entry` answers, in seconds."""
        asked = self.entries[entry.data["refs"]["approval"]]
        return max(c["review_time"] for c in asked.data["clauses"]) / 1e6


def stamp(entry: Entry) -> str:
    """The time as the report writes it."""
    return entry.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cites_of(value: Any) -> list[dict[str, Any]]:
    """Every citation anywhere in a JSON document."""
    if isinstance(value, list):
        return [cite for each in value for cite in cites_of(each)]
    if not isinstance(value, dict):
        return []
    if "kinds" in value and "where" in value:
        return [value]
    return [cite for each in value.values() for cite in cites_of(each)]
