"""Reviews: which verdicts fit, who may give one, how a sample is drawn, and what waits."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from immutables import Map

from audit.entry import Entry
from governance.oversight import reviews, snapshot
from governance.oversight.errors import Refused
from governance.oversight.model import Person, Sample, State
from governance.oversight.state import apply

AT = datetime(2026, 11, 20, tzinfo=UTC)
JONAS, EVA = "p-jonas22222", "p-eva3333333"
ROOT = "ab" * 32
STAFF = State(
    people=Map({JONAS: Person(JONAS, 0, frozenset({"risk_editor"})),
                EVA: Person(EVA, 1, frozenset({"auditor", "treasurer"}))})
)  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "verdict", "should_be"),
    list(itertools.product(reviews.EFFECTS, reviews.VERDICTS, (None, *reviews.EFFECTS))),
)
def test_a_verdict_and_what_should_be_never_contradict_each_other(effect, verdict, should_be):
    """If an allowed action could be too strict, a lesson would point the wrong way."""
    strictness = reviews.EFFECTS.index
    fits = {
        "right": should_be is None,
        "too_strict": strictness(should_be or "allow") < strictness(effect),
        "too_loose": strictness(should_be or "deny") > strictness(effect),
    }[verdict]
    if fits:
        reviews.require_fitting(effect, verdict, should_be)
    else:
        with pytest.raises(Refused):
            reviews.require_fitting(effect, verdict, should_be)


def test_only_the_roles_for_it_review_and_nobody_who_had_a_part():
    """If an auditor's or an approver's role were enough, whoever reads would make policy."""
    reviews.require_independent(STAFF, JONAS, "pay-1", frozenset())
    with pytest.raises(Refused, match="takes the role"):
        reviews.require_independent(STAFF, EVA, "pay-1", frozenset())
    with pytest.raises(Refused, match="another person"):
        reviews.require_independent(STAFF, JONAS, "pay-1", frozenset({JONAS}))
    with pytest.raises(Refused, match="not an active person"):
        reviews.require_independent(STAFF, "p-gone444444", "pay-1", frozenset())


def again(seed: bytes, most: int, decisions: list[tuple[int, str, str]]) -> list[int]:
    """The sample as docs/reviews.md describes it, drawn by somebody who has never seen `draw`."""
    marks = {n: hashlib.sha256(seed + n.to_bytes(8, "big")).digest() for n, _, _ in decisions}
    strata: dict[tuple[str, str], list[int]] = {}
    for n, agent, effect in decisions:
        strata.setdefault((agent, effect), []).append(n)
    for each in strata.values():
        each.sort(key=lambda n: marks[n])
    out: list[int] = []
    while len(out) < most and any(strata.values()):
        turn = sorted((each.pop(0) for each in strata.values() if each), key=lambda n: marks[n])
        out += turn[: most - len(out)]
    return sorted(out)


FLOOD = [(n, "loud", "allow") for n in range(3_000)]
QUIET = [(5_000 + n, f"quiet-{n % 3}", reviews.EFFECTS[n % 2 * 2]) for n in range(12)]


@pytest.mark.parametrize("most", [1, 5, 7, 20, 200])
def test_a_sample_is_drawn_again_from_what_its_entry_says(most):
    """If nobody could draw it again, whoever drew it could have picked what looks good."""
    for nonce in ("one", "two"):
        seed = reviews.seed(ROOT, nonce)
        assert seed == hashlib.sha256(bytes.fromhex(ROOT) + nonce.encode()).digest()
        drawn = reviews.draw(seed, most, FLOOD + QUIET)
        assert drawn == again(seed, most, FLOOD + QUIET)
        assert drawn == reviews.draw(seed, most, reversed(FLOOD + QUIET)), "in whatever order"
        assert len(drawn) == len(set(drawn)) == most
    assert reviews.draw(reviews.seed(ROOT, "one"), 20, FLOOD) != reviews.draw(
        reviews.seed(ROOT, "two"), 20, FLOOD
    ), "another nonce draws other decisions"


def test_a_flood_of_one_agent_fills_no_sample():
    """If asking often pushed others out, a hijacked agent could hide in its own noise."""
    drawn = reviews.draw(reviews.seed(ROOT, "n"), 14, FLOOD + QUIET)
    assert sum(number < 3_000 for number in drawn) <= 3
    assert {name for n, name, _ in QUIET if n in drawn} == {"quiet-0", "quiet-1", "quiet-2"}
    assert reviews.draw(b"", 5, []) == []


def _then(state: State, kind: str, data: dict) -> State:
    return apply(state, state.size, Entry(kind, AT, {"type": "person", "id": JONAS}, data))


def _reviewed(state: State, decision: int, **refs: int) -> State:
    said = {"verdict": "right", "commitments": {"reason": "A" * 43}}
    refs = {"decision": decision, **refs}
    return _then(state, "decision.reviewed", {"refs": refs, "person": JONAS, **said})


def test_a_sample_waits_until_each_of_its_decisions_is_reviewed():
    """If the newest sample were not in the state, nobody would be told what to look at."""
    drawn = {"person": JONAS, "first": 0, "size": 9, "root": ROOT, "nonce": "n", "count": 3}
    state = _then(STAFF, "sample.drawn", {**drawn, "decisions": [2, 5, 7]})
    assert state.sample is not None
    number = state.sample.index
    assert _reviewed(state, 5).sample == state.sample, "a review that names no sample"
    state = _reviewed(state, 5, sample=number)
    assert state.sample.waiting == (2, 7)
    assert _reviewed(state, 5, sample=number).sample.waiting == (2, 7)
    assert snapshot.load(snapshot.dump(state)) == state
    later = _then(state, "sample.drawn", {**drawn, "decisions": [1]})
    assert later.sample.waiting == (1,)
    assert _reviewed(later, 2, sample=number).sample == later.sample, "one of the earlier sample"


def test_what_was_drawn_from_a_log_that_was_restored_waits_no_longer():
    """If it still waited, the numbers would be those of other decisions in the new log."""
    state = replace(STAFF, sample=Sample(3, JONAS, AT, (1, 2)))
    data = {"origin": "log.example/new", "size": 9, "root": ROOT, "backup": ROOT, "state": ROOT}
    new = apply(state, 0, Entry("service.restored", AT, {"type": "service", "id": "s"}, data))
    assert new.sample is None


def test_a_state_without_a_sample_has_the_bytes_it_always_had():
    """If the new field were written while empty, sealed digests of old states would not hold."""
    assert b"sample" not in snapshot.dump(STAFF)
