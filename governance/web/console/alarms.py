"""What somebody should look at although no request waits for it.

Law: an alarm is read from the state, the rules in force and the lists, each time anew; it names the
entry that it stands on and goes when its cause goes. None is raised from a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from governance.oversight import agents as agent_rules
from governance.oversight import autonomy
from governance.oversight.times import from_micros
from governance.web.console import ruled_files
from governance.web.console.framing import LEVELS
from governance.web.console.home_views import Alarm, AlarmItem
from governance.web.console.present import Clockface, number
from governance.web.console.saying import sentence
from governance.web.console.stating import title_of
from governance.web.health import ANCHORS, degraded

if TYPE_CHECKING:
    from governance.oversight.model import Agent
    from governance.service.desk import Desk

SHOWN: Final = 5
"""Items of one alarm that are listed; the others are counted."""
AHEAD: Final = timedelta(days=14)
"""How long before it runs out autonomy is spoken of."""
LATELY: Final = timedelta(days=7)
"""How long a request that nobody answered is spoken of."""
_LOOKED: Final = 1_000
_WORRIES: Final = {
    "invariants": "What must never be allowed can happen",
    "policy files": "The files of the rules in force are not where they were kept",
}


def alarms(desk: Desk, clock: Clockface, at: datetime) -> tuple[Alarm, ...]:
    """All alarms of this moment, the gravest first. What is wrong with the outside anchors stands
    on every page and not here."""
    living = [
        agent
        for _, agent in sorted(desk.state.agents.items())
        if agent.state not in ("draft", "retired")
    ]
    found: list[Alarm | None] = [
        Alarm(_WORRIES.get(name, name.capitalize()), sentence(complaint))
        for name, complaint in degraded(desk).items()
        if name != ANCHORS
    ]
    found += [
        _unowned(desk, living),
        _unanswered(desk, clock, at),
        _running_out(living, clock, at),
        _old_briefs(living, clock, at),
        _unreviewed(desk, at),
        _unconfirmed(desk, clock),
    ]
    return tuple(alarm for alarm in found if alarm is not None)


def _alarm(items: Sequence[AlarmItem], one: str, many: str, text: str) -> Alarm | None:
    """An alarm about `items`, or none; `one` and `many` are its heading with `{}` for the number."""
    if not items:
        return None
    heading = (one if len(items) == 1 else many).format(number(len(items)))
    return Alarm(heading, text, tuple(items[:SHOWN]), max(0, len(items) - SHOWN))


def _of(agent: Agent, index: int, note: str = "") -> AlarmItem:
    said = f"{note}, entry {number(index)}" if note else f"entry {number(index)}"
    return AlarmItem(agent.id, said, _decisions(agent))


def _decisions(agent: Agent) -> str:
    return f"/decisions?agent={quote(agent.id, safe='')}"


def _unowned(desk: Desk, living: list[Agent]) -> Alarm | None:
    return _alarm(
        [_of(agent, agent.index) for agent in living if agent.owner not in desk.state.people],
        "{} agent has nobody who answers for it",
        "{} agents have nobody who answers for them",
        "Whoever owned it has left. Two people give it another owner: `governance agent change`.",
    )


def _unanswered(desk: Desk, clock: Clockface, at: datetime) -> Alarm | None:
    lines = [
        line
        for line in desk.workspace.views.approvals(state="expired", limit=_LOOKED)
        if from_micros(line.at) > at - LATELY
    ]
    items = [
        AlarmItem(
            (place < SHOWN and title_of(desk, line.decision)) or f"Approval {line.index}",
            f"{line.agent}, approval {number(line.index)}, asked {clock.plain(from_micros(line.at))}",
            f"/approvals/{line.index}",
        )
        for place, line in enumerate(lines)
    ]
    return _alarm(
        items,
        "{} request ran out unanswered",
        "{} requests ran out unanswered",
        "Asked in the last 7 days. No answer in time is a no.",
    )


def _running_out(living: list[Agent], clock: Clockface, at: datetime) -> Alarm | None:
    def items() -> Iterator[AlarmItem]:
        for agent in living:
            until = agent.autonomy_until
            if until is None or until > at + AHEAD:
                continue
            now = autonomy.level(agent, at)
            if at < until:
                note = f"{agent.autonomy} until {clock.plain(until)}"
            else:
                note = f"{agent.autonomy} ran out {clock.plain(until)}; now {now}, {LEVELS[now]}"
            yield AlarmItem(agent.id, note, _decisions(agent))

    return _alarm(
        list(items()),
        "The autonomy of {} agent runs out",
        "The autonomy of {} agents runs out",
        "Within 14 days, or already. Raising it again takes two people: `governance agent autonomy`.",
    )


def _old_briefs(living: list[Agent], clock: Clockface, at: datetime) -> Alarm | None:
    return _alarm(
        [
            _of(agent, brief.index, f"valid until {clock.plain(brief.valid_until)}")
            for agent in living
            if (brief := agent.brief) and brief.valid_until and brief.valid_until <= at
        ],
        "{} agent works from a brief that ran out",
        "{} agents work from briefs that ran out",
        "Its owner gives it the current one: `governance agent brief`.",
    )


def _unreviewed(desk: Desk, at: datetime) -> Alarm | None:
    if desk.state.release is None:
        return None
    bundle = desk.releases.get(desk.state.release).release.bundle
    late = [file for file in ruled_files.files(bundle) if file.review_by < at.date()]
    return _alarm(
        [
            AlarmItem(
                ruled_files.name_of(file),
                f"by {file.review_by}, {file.owner}",
                f"/policies/in-force/{quote(ruled_files.name_of(file), safe='')}",
            )
            for file in late
        ],
        "{} policy was to be looked at again",
        "{} policies were to be looked at again",
        "Each has a day by which its owner reads it again and says so in a new release.",
    )


def _unconfirmed(desk: Desk, clock: Clockface) -> Alarm | None:
    def items() -> Iterator[AlarmItem]:
        for _, agent in sorted(desk.state.agents.items()):
            waits = agent_rules.waiting(agent)
            if waits is not None:
                at = clock.plain(desk.reader.entry(waits[0]).at)
                note = f"proposed {at}, entry {number(waits[0])}"
                yield AlarmItem(agent.id, note, f"/agents/{quote(agent.id, safe='')}")

    return _alarm(
        list(items()),
        "{} agent waits for a second person",
        "{} agents wait for a second person",
        "Taken on, or changed, by one person; nothing of it holds until another confirms it.",
    )
