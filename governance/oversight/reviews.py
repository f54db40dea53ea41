"""Reviews: people judge what was decided, and a sample says what they look at besides complaints.

Law: a review is of what the rules said, given by somebody who had no part in it; a later one by the
same person takes the place of the earlier where reviews are counted, and the log keeps both. A sample
is drawn by `draw` from a seed that its entry gives, so everybody can draw it again.

- `decision.reviewed`: `verdict` on the effect, `should_be` what it should have been instead;
  `refs.sample` when the decision was in the sample of the time.
- `sample.drawn`: `decisions` out of those in the entries from `first` up to `size`, whose root is
  `root`; `nonce` was drawn by the service, or chosen by who asked for the sample.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from heapq import heappush, heappushpop
from typing import Any, Final

from governance.oversight import people
from governance.oversight.errors import Refused
from governance.oversight.model import Sample, State
from governance.oversight.shapes import (
    Check,
    commitment,
    count,
    digest,
    index,
    listed,
    one_of,
    person_id,
    record,
    text,
)

RIGHT: Final = "review decisions"
VERDICTS: Final = ("right", "too_strict", "too_loose")
EFFECTS: Final = ("allow", "require_approval", "deny")
"""Effects from the loosest to the strictest."""
MOST: Final = 200
"""So many decisions a sample has at most."""

# kind -> shape of `data`
KINDS: Final[Mapping[str, Check]] = {
    "decision.reviewed": record(
        {
            "refs": record({"decision": index, "sample?": index}),
            "person": person_id,
            "verdict": one_of(*VERDICTS),
            "should_be?": one_of(*EFFECTS),
            "commitments": record({"reason": commitment}),
        }
    ),
    "sample.drawn": record(
        {
            "person": person_id,
            "first": index,
            "size": count,
            "root": digest,
            "nonce": text(64),
            "count": count,
            "decisions": listed(index, at_least=1, at_most=MOST),
        }
    ),
}


def require_fitting(effect: str, verdict: str, should_be: str | None) -> None:
    """Refuse a verdict that `effect` cannot deserve, and a better effect that contradicts it."""
    if verdict == "right":
        better: tuple[str, ...] = ()
    elif verdict == "too_strict":
        better = EFFECTS[: EFFECTS.index(effect)]
    else:
        better = EFFECTS[EFFECTS.index(effect) + 1 :]
    if verdict != "right" and not better:
        raise Refused(
            "conflict",
            f"the decision was `{effect}`, which cannot be {verdict.replace('_', ' ')}",
            field="verdict",
        )
    if should_be is not None and should_be not in better:
        expected = " or ".join(f"`{word}`" for word in better) or "nothing beside `right`"
        raise Refused(
            "bad-field",
            f"`{should_be}` does not go with `{verdict}` of `{effect}`; expected {expected}",
            field="should_be",
        )


def require_independent(state: State, who: str, agent: str, took_part: frozenset[str]) -> None:
    """Refuse whoever lacks the role, answers for the agent, or had a part in the decision.

    `took_part`: who opened its sessions, and who let it pass by a grant or an override.
    """
    people.require(state, who, RIGHT)
    known = state.agents.get(agent)
    if known is not None and people.answers_for(known, who):
        raise Refused("needs-another", f"you answer for `{agent}`; another person reviews it")
    if who in took_part:
        raise Refused(
            "needs-another", "you asked for this or let it pass; another person reviews it"
        )


def seed(root: str, nonce: str) -> bytes:
    """What a sample is drawn with: SHA-256 over the root (hex) of the log and the nonce."""
    return hashlib.sha256(bytes.fromhex(root) + nonce.encode()).digest()


def draw(seed: bytes, most: int, decisions: Iterable[tuple[int, str, str]]) -> list[int]:
    """At most so many of `decisions` (index, agent, effect), ascending, by turns from each stratum.

    A stratum is an agent and an effect, so what is rare is looked at, too. Within one, the order is
    that of SHA-256(seed ‖ index as 8 bytes); each stratum gives its next as long as there is room,
    the one whose next has the smallest hash first.
    """
    strata: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for number, agent, effect in decisions:
        mark = hashlib.sha256(seed + number.to_bytes(8, "big")).digest()
        item = (-int.from_bytes(mark, "big"), number)  # the largest hash first to go
        kept = strata.setdefault((agent, effect), [])
        (heappush if len(kept) < most else heappushpop)(kept, item)
    turns = (
        (turn, -mark, number)
        for kept in strata.values()
        for turn, (mark, number) in enumerate(sorted(kept, reverse=True))
    )
    return sorted(number for _, _, number in sorted(turns)[:most])


# the fold


def drawn(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """sample.drawn: the newest sample is the one that waits."""
    return replace(state, sample=Sample(index, data["person"], at, tuple(data["decisions"])))


def reviewed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """decision.reviewed: one decision of the sample less to look at."""
    sample = state.sample
    if sample is None or data["refs"].get("sample") != sample.index:
        return state
    seen = sample.reviewed | {data["refs"]["decision"]}
    return replace(state, sample=replace(sample, reviewed=seen))
