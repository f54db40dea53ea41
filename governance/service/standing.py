"""What a report takes from the state sealed at a cut, for entries that can no longer be read.

Law: it is the state the log names, folded from nothing else; a log that was never cut has none.
"""

from __future__ import annotations

from governance.oversight.model import Agent, Hold, State
from governance.oversight.times import from_micros
from governance.service.explaining import state_at
from governance.store.pruning import announced
from governance.store.reader import Reader
from reports.standing import Standing, StandingAgent, StandingHold, StandingStop
from reports.tally.kept import words_of


def standing(reader: Reader) -> Standing | None:
    """Agents, people, release, stops, rules and holds as of the log's minimum, or None."""
    with reader.connection() as db:
        cut = announced(db)
    if cut is None:
        return None
    state = state_at(reader, cut.minimum)
    rules = state.retention.rules
    return Standing(
        cut.minimum,
        from_micros(cut.last_at),
        reader.frontier(cut.minimum),
        tuple(_agent(agent) for _, agent in sorted(state.agents.items())),
        {who: (max(0, p.index), tuple(sorted(p.roles))) for who, p in sorted(state.people.items())},
        _release(state),
        tuple(
            StandingStop(
                stop.index,
                stop.at,
                stop.scope,
                stop.scope_id or "",
                stop.person or "service",
                stop.drill,
            )
            for _, stop in sorted(state.stops.items())
        ),
        {} if rules is None else dict(rules.classes),
        None if rules is None or rules.duty is None else (rules.duty.law, rules.duty.days),
        rules is not None and rules.schedule,
        None if rules is None else rules.index,
        tuple(_hold(hold) for _, hold in sorted(state.retention.holds.items())),
    )


def _agent(agent: Agent) -> StandingAgent:
    brief = agent.brief
    return StandingAgent(
        agent.id,
        max(0, agent.index),
        agent.team,
        agent.owner,
        agent.deputy,
        agent.agent_class,
        agent.annex,
        agent.autonomy,
        agent.state,
        None if brief is None else brief.as_of,
        None if brief is None else brief.valid_until,
    )


def _release(state: State) -> tuple[str, int] | None:
    if state.release is None or state.release_index is None:
        return None
    return state.release, state.release_index


def _hold(hold: Hold) -> StandingHold:
    scope = {"type": hold.scope, "id": hold.scope_id, "first": hold.first, "last": hold.last}
    return StandingHold(hold.index, hold.at, words_of(scope))
