"""Approvals, read from the desk and put into words.

Law: what is shown to a person is the evidence that the service fixed and digested, nothing more
that could sway an answer; who may answer, and who may not and why, comes from the same rules that
the answer will meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from governance.oversight import approvals
from governance.oversight.errors import Refused
from governance.oversight.times import MICROSECOND, from_micros, parse, write
from governance.service import asking, describing
from governance.service.desk import Caller
from governance.service.people import name_of
from governance.service.reading import entry_of, opened
from governance.web.console import saying
from governance.web.console.framing import LEVELS, YES
from governance.web.console.present import Clockface, span
from governance.web.console.stating import (
    facts,
    heading,
    said,
    source_of,
    texts,
    title_of,
    windows,
    worth_showing,
)
from governance.web.console.telling import PATIENCE, Told, story
from governance.web.console.views import (
    ApprovalRow,
    ApprovalView,
    Claim,
    ClosedPage,
    ClosedRow,
    Fact,
    Known,
    May,
    RuleWhy,
    Seat,
    Verdict,
)

if TYPE_CHECKING:
    from governance.oversight.model import Approval, State
    from governance.service.desk import Desk
    from governance.store.readmodel import ApprovalLine

COUNTED = 1_000
"""How many of the newest lines are counted for an agent's history."""
COUNT_WORDS = {
    "granted": "granted",
    "used": "granted and used",
    "refused": "refused",
    "expired": "ran out",
    "open": "open",
    "allow": "allowed",
    "require_approval": "held for a person",
    "deny": "refused",
}
CLOSED_ROWS = 50
LOOKED_FOR_CLOSED = 100
"""Lines that one page looks through; those still open are passed over."""
SOON = timedelta(hours=2)
LONGEST_CLAIM = 600
ENDED = {
    "granted": Verdict("allow", "Granted, not used yet"),
    "used": Verdict("allow", "Granted and used"),
    "refused": Verdict("deny", "Refused"),
    "expired": Verdict("deny", "Ran out: a no"),
    "cancelled": Verdict("plain", "Withdrawn"),
}
OPEN = Verdict("ask", "Open")


def rows(desk: Desk, person: str, at: datetime) -> tuple[ApprovalRow, ...]:
    """Approvals that wait for people, least time left first."""
    state = desk.state
    waiting = [a for a in state.approvals.values() if not a.granted and at < a.until]
    waiting.sort(key=lambda approval: (approval.until, approval.index))
    return tuple(_row(desk, state, person, approval, at) for approval in waiting)


def closed(desk: Desk, before: int | None) -> ClosedPage:
    """A page of approvals that are over, newest first, from the lists that follow the log."""
    views = desk.workspace.views
    views.wait_for(desk.state.size, PATIENCE)
    lines = views.approvals(before=before, limit=LOOKED_FOR_CLOSED)
    over = [line for line in lines if line.state in ENDED]
    older = lines[-1].index if len(lines) == LOOKED_FOR_CLOSED else None
    if len(over) > CLOSED_ROWS:
        over = over[:CLOSED_ROWS]
        older = over[-1].index
    return ClosedPage(tuple(_closed_row(desk, line) for line in over), older)


def _closed_row(desk: Desk, line: ApprovalLine) -> ClosedRow:
    return ClosedRow(
        index=line.index,
        title=title_of(desk, line.decision),
        decision=line.decision,
        agent=line.agent,
        state=ENDED[line.state],
        asked_at=from_micros(line.at),
        closed_by=line.closed_by,
    )


def waiting_for(state: State, person: str, at: datetime) -> int:
    """How many approvals this person may answer now."""
    return sum(
        may_answer(state, approval, person).yes
        for approval in state.approvals.values()
        if not approval.granted and at < approval.until
    )


def _row(desk: Desk, state: State, person: str, approval: Approval, at: datetime) -> ApprovalRow:
    decided = entry_of(desk, approval.decision, "decision").data
    asks = [f for f in decided["findings"] if f["effect"] == "require_approval"]
    first = asks[0] if asks else decided["findings"][0]
    title, _ = texts(desk, decided["release"]).get(f"{first['policy']}/{first['rule']}", ("", ""))
    action = describing.action_of(desk, decided)
    left = approvals.missing(state, approval)
    return ApprovalRow(
        index=approval.index,
        title=heading(decided, action),
        agent=approval.agent,
        why=saying.capped(saying.rule_title(first["policy"], first["rule"], title), 160),
        rule=first["rule"],
        needed=", ".join(f"{seat.count} {saying.words(seat.role)}" for seat in left),
        asked_at=approval.asked_at,
        answer_by=approval.until,
        soon=approval.until - at < SOON,
        may=may_answer(state, approval, person),
    )


def may_answer(state: State, approval: Approval, person: str) -> May:
    """Whether a person may answer now, and the sentence why not."""
    why_not = asking.may_answer(state, approval, person)
    return YES if why_not is None else May(False, saying.sentence(why_not))


def _roles(state: State, approval: Approval, person: str) -> tuple[str, ...]:
    """The roles in which a person may answer."""
    out = []
    for role in sorted(state.people[person].roles):
        try:
            out.append(approvals.role_for(state, approval, person, role))
        except Refused:
            continue
    return tuple(out)


def view(desk: Desk, clock: Clockface, person: str, index: int, at: datetime) -> ApprovalView:
    """One approval. While it is open, that it was shown to this person is recorded."""
    shown = asking.show(desk, Caller("person", person), index)
    return _Page(desk, clock, person, index, at, shown).view()


class _Page:
    """One approval's page in the making."""

    def __init__(
        self,
        desk: Desk,
        clock: Clockface,
        person: str,
        index: int,
        at: datetime,
        shown: Mapping[str, Any],
    ) -> None:
        self.desk, self.clock, self.person, self.at = desk, clock, person, at
        self.index, self.shown = index, shown
        # After showing: the state then has this person's showing in it.
        self.state = desk.state
        self.approval = self.state.approvals.get(index)
        self.standing: str = shown["state"]
        self.asked = entry_of(desk, index, "approval.asked")
        self.grants = shown["grants"] if self.approval else _past_grants(desk, index)
        self.decided = entry_of(desk, shown["decision"], "decision").data
        self.action = describing.action_of(desk, self.decided)

    def view(self) -> ApprovalView:
        """The finished page."""
        shown, open_now = self.shown, self.standing == "open"
        answer_by = parse(shown["answer_by"])
        seats = self._seats()
        return ApprovalView(
            index=self.index,
            decision=shown["decision"],
            title=heading(self.decided, self.action) + ("?" if open_now else ""),
            state=OPEN if open_now else ENDED[self.standing],
            open=open_now,
            asked_at=self.asked.at,
            answer_by=answer_by,
            soon=answer_by - self.at < SOON,
            risk=shown["risk"],
            agent=shown["agent"]["agent"],
            autonomy=shown["agent"].get("autonomy") or "",
            notice=self._notice(),
            attested=self.decided["attested"],
            facts=facts(shown["facts"], arguments=True),
            rules=tuple(self._rules()),
            known=tuple(self._known()),
            agent_facts=tuple(self._agent()),
            history=tuple(self._history()),
            seats=seats,
            barred=self._barred(),
            filled=sum(seat.filled for seat in seats),
            claim=self._claim(),
            checklist=tuple(
                dict.fromkeys(item for clause in shown["clauses"] for item in clause["checklist"])
            ),
            story=story(self.desk, Told(self.index, self.asked)),
            release=(shown["release"] or "")[:12],
            digest=shown["digest"],
            evidence=shown["evidence"],
            roles=_roles(self.state, self.approval, self.person) if self.approval else (),
            after_grant=self._after_grant(),
            after_refuse=self._after_refuse(),
            may=self._may(),
        )

    def _may(self) -> May:
        if self.standing == "open" and self.approval is not None:
            return may_answer(self.state, self.approval, self.person)
        said = {
            "granted": "It is granted and waits to be used.",
            "used": "It was granted, and the grant was used.",
            "refused": "It was refused.",
            "expired": "Nobody answered in time. That is a no.",
            "cancelled": "It was withdrawn.",
        }
        return May(False, "This request is closed. " + said[self.standing])

    def _notice(self) -> str:
        before = self.shown["refused_before"]
        if before:
            times = "once" if before == 1 else f"{before} times"
            return f"Refused {times} before: the same action, or one like it."
        unsure = sorted({n for finding in self.shown["findings"] for n in finding["unknown"]})
        if unsure:
            names = saying.listing([saying.label(name).lower() for name in unsure])
            return f"Something could not be told: {names}. The rules counted it against the agent."
        return ""

    def _rules(self) -> list[RuleWhy]:
        return [
            RuleWhy(
                rule=each["rule"],
                policy=each["policy"],
                title=saying.rule_title(each["policy"], each["rule"], each["title"]),
                because=saying.capped(each["because"], 400),
                owner=describing.owner_of(self.desk, self.shown["release"], each["policy"]),
                severity="",
                unsure=tuple(saying.label(field) for field in each["unknown"]),
            )
            for each in self.shown["findings"]
            if each["effect"] == "require_approval"
        ]

    def _known(self) -> list[Known]:
        session, out = self.shown["session"], []
        if session["labels"]:
            labels = saying.listing([saying.words(label) for label in session["labels"]])
            out.append(Known("This session", f"Marked as {labels}", "ours", "Recorded here"))
        if session["depth"]:
            steps = f"{session['depth']} step{'s' if session['depth'] > 1 else ''}"
            out.append(Known("Delegation", f"Handed on by {steps}", "ours", "Recorded here"))
        out += [said(fact) for fact in self._beside() if source_of(fact) != "claimed"]
        out += windows(self.desk, self.clock, self.shown["totals"], self.shown["release"])
        return out

    def _beside(self) -> list[Mapping[str, Any]]:
        """What was stated beside the arguments."""
        beside = (f for f in self.shown["facts"] if not f["field"].startswith("args."))
        return worth_showing(beside, self.shown["action"])

    def _agent(self) -> list[Fact]:
        agent = self.shown["agent"]
        out = [Fact("Accountable", name_of(self.desk, agent["owner"]))] if "owner" in agent else []
        if agent.get("deputy"):
            out.append(Fact("Deputy", name_of(self.desk, agent["deputy"])))
        if agent.get("purpose"):
            out.append(Fact("Taken on for", saying.capped(agent["purpose"], 300)))
        if agent.get("team"):
            out.append(Fact("Team", agent["team"]))
        level, until = agent.get("autonomy"), agent.get("autonomy_until")
        if level:
            note = f"granted until {self.clock.plain(parse(until))}" if until else ""
            out.append(Fact("Autonomy", f"{level}, {LEVELS.get(level, '')}", note=note))
        if agent.get("class") == "high":
            out.append(Fact("EU AI Act", "High risk (Annex III)"))
        return out

    def _history(self) -> list[Fact]:
        """How this agent's last requests and decisions ended, from the lists."""
        views, agent = self.desk.workspace.views, self.shown["agent"]["agent"]
        decided = Counter(line.effect for line in views.decisions(agent=agent, limit=COUNTED))
        asked = Counter(
            line.state for line in views.approvals(limit=COUNTED) if line.agent == agent
        )
        out = []
        for label, counted, words in (
            ("Requests for approval", asked, ("granted", "used", "refused", "expired", "open")),
            ("Decisions", decided, ("allow", "require_approval", "deny")),
        ):
            said = [f"{counted[word]} {COUNT_WORDS[word]}" for word in words if counted[word]]
            if said:
                total = sum(counted.values())
                out.append(Fact(label, f"{total}: {', '.join(said)}"))
        return out

    def _seats(self) -> tuple[Seat, ...]:
        """What is needed role by role, and who fills it."""
        wanted: dict[str, int] = {}
        for clause in self.shown["clauses"]:
            for seat in clause["needs"]:
                wanted[seat["role"]] = max(wanted.get(seat["role"], 0), seat["count"])
        out = []
        for role, count in sorted(wanted.items()):
            given = [grant for grant in self.grants if grant["role"] == role]
            for place in range(count):
                filled = place < len(given)
                note = self._grant(given[place]) if filled else self._who_may(role)
                out.append(Seat(f"One {saying.words(role)}", filled, note))
        return tuple(out)

    def _grant(self, grant: Mapping[str, Any]) -> str:
        who = "you" if grant["person"] == self.person else name_of(self.desk, grant["person"])
        at = self.clock.plain(parse(grant["at"]))
        quote = f": “{saying.capped(grant['reason'], 300)}”" if grant["reason"] else ""
        return f"granted by {who}, {at}, entry {grant['index']}{quote}"

    def _who_may(self, role: str) -> str:
        if self.standing != "open" or self.approval is None:
            return "not answered"
        able = []
        for person in sorted(self.state.people):
            held = role in self.state.people[person].roles
            if held and may_answer(self.state, self.approval, person).yes:
                able.append("you" if person == self.person else name_of(self.desk, person))
        able.sort(key=lambda name: name != "you")
        if not able:
            return "not answered; nobody who may answer has this role now"
        more = f" and {len(able) - 4} more" if len(able) > 4 else ""
        return f"not answered; may answer: {', '.join(able[:4])}{more}"

    def _barred(self) -> tuple[str, ...]:
        """People with a fitting role whom the rule keeps out, and as what."""
        if self.approval is None or self.approval.agent not in self.state.agents:
            return ()
        agent = self.state.agents[self.approval.agent]
        out: dict[str, str] = {}
        for clause in self.approval.clauses:
            for person in approvals.excluded(clause, agent, self.approval.requester):
                owns = person in (agent.owner, agent.deputy)
                out[person] = "who answers for the agent" if owns else "who asked for it"
        return tuple(
            f"{'You' if who == self.person else name_of(self.desk, who)}, {why}"
            for who, why in sorted(out.items())
        )

    def _claim(self) -> Claim | None:
        text = self.shown["note"] or ""
        stated = facts(fact for fact in self._beside() if source_of(fact) == "claimed")
        if not text and not stated:
            return None
        return Claim(text[:LONGEST_CLAIM], len(text), stated)

    def _after_grant(self) -> tuple[str, ...]:
        lines = []
        if self.approval is not None:
            left = approvals.missing(self.state, self.approval)
            if sum(seat.count for seat in left) > 1:
                names = saying.listing([f"{s.count} {saying.words(s.role)}" for s in left])
                lines.append(f"Your yes is one of those needed ({names}); nothing happens yet.")
        use = span(approvals.USE_WITHIN)
        lines.append(
            f"When all have agreed, the agent may carry out exactly this action, once, within {use}."
            " The rules are checked again at that moment; a stop still wins."
        )
        review = max((clause["review_time"] for clause in self.shown["clauses"]), default=0)
        if review:
            lines.append(f"The rule asks for {span(review * MICROSECOND)} of reading first.")
        return tuple(lines)

    def _after_refuse(self) -> tuple[str, ...]:
        wait = span(approvals.COOL_DOWN * (self.shown["refused_before"] + 1))
        return (
            "The agent may not, and the request closes; one no is enough.",
            f"The same action, or one like it, may be asked for again after {wait} at the"
            " earliest, and comes back marked as refused.",
        )


def _past_grants(desk: Desk, index: int) -> list[dict[str, Any]]:
    """The grants of a request that is closed, from the entries that refer to it."""
    views = desk.workspace.views
    views.wait_for(desk.state.size, PATIENCE)
    out = []
    for number, _ in views.referring_to(index):
        entry = desk.reader.entry(number)
        if entry.kind == "approval.granted":
            data = entry.data
            out.append(
                {
                    "index": number,
                    "person": data["person"],
                    "role": data["role"],
                    "at": write(entry.at),
                    "reason": opened(desk, number, "reason"),
                }
            )
    return out


def note(desk: Desk, index: int) -> str:
    """All of what the agent says about an approval."""
    entry_of(desk, index, "approval.asked")
    said = opened(desk, index, "note")
    return said if isinstance(said, str) else "Nothing is kept: it said nothing, or it was erased."
