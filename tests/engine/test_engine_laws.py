"""The laws of the engine on random files and random requests."""

from __future__ import annotations

import os
import random
from typing import Any

import engine_world as world
import pytest
import reference
import yaml
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from spoil import spoilt

from audit.canonical import canonical
from governance.engine import index, meaning
from governance.engine.cases import AGENT
from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide
from governance.engine.model import Effect, PolicyErrors, Verdict
from governance.service.judging import Judged, written


@pytest.fixture(autouse=True)
def _index_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random files are small; the laws must hold for the index, too."""
    monkeypatch.setattr(index, "_SMALL", 0)


LAWS = settings(
    max_examples=int(os.environ.get("ENGINE_EXAMPLES", "30")),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
)


ANY = st.one_of(world.worlds, world.families())
"""Random releases, half of them with exceptions, children, risk points and shares."""


def compiled(files: tuple[bytes, ...]) -> Release:
    """The release, unless the random files contradict themselves."""
    try:
        return world.release(*files)
    except PolicyErrors as errors:
        found = {finding.code for finding in errors.findings}
    unexpected = found - {"never-matches", "not-inapplicable", "never-fed", "not-governed"}
    assert not unexpected, unexpected
    return reject()


def answer(made: Release, asked: tuple[Any, ...], seed: int) -> Verdict:
    one = world.request(made, *asked)
    return decide(made, one, world.facts_of(made, one, seed), world.AT)


def judged(made: Release, asked: tuple[Any, ...], seed: int) -> Judged:
    """The verdict with what the log records beside it."""
    one = world.request(made, *asked)
    facts = world.facts_of(made, one, seed)
    return Judged(one, decide(made, one, facts, world.AT), tuple(facts.items()))


@LAWS
@given(ANY, st.lists(world.asked(), min_size=5, max_size=10), st.integers(0, 99))
def test_the_compiled_decider_agrees_with_the_reference(
    files: tuple[bytes, ...], asked: list[Any], seed: int
) -> None:
    """The index, the closures or a shortcut would decide differently from what a file says."""
    made = compiled(files)
    for each in asked:
        one = world.request(made, *each)
        facts = world.facts_of(made, one, seed)
        verdict = decide(made, one, facts, world.AT)
        wanted = reference.decide(made, one, facts, world.AT)
        found = [(finding.name, finding.effect, finding.lifted_by) for finding in verdict.findings]
        assert found == wanted.findings
        assert (verdict.effect, verdict.risk) == (wanted.effect, wanted.risk)
        asking = [f.name for f in verdict.findings if f.clause and not f.lifted]
        assert [clause.rule for clause in verdict.clauses] == asking
        assert list(verdict.obligations) == wanted.obligations
        assert verdict.sides in ((), tuple(wanted.sides.items()))
        if any(one.action in file.governs for file in made.bundle.files if file.gradual):
            assert dict(verdict.sides) == wanted.sides


@LAWS
@given(ANY, world.asked(), st.integers(0, 99))
def test_less_or_invented_information_never_loosens(
    files: tuple[bytes, ...], asked: Any, seed: int
) -> None:
    """An agent that leaves out, garbles or invents a field would get more than one that does not."""
    made = compiled(files)
    action, arguments, facts, attested = asked
    facts = {**AGENT, **{name: value for name, value in facts.items() if value is not None}}
    before = answer(made, (action, arguments, facts, attested), seed)
    declared = made.catalogue.actions[action]
    for what, worse, fewer in spoilt(declared, arguments, facts):
        gone = {name: None for name in facts if name not in fewer}
        after = answer(made, (action, worse, {**fewer, **gone}, attested), seed)
        assert after.effect >= before.effect, what
        # Where nobody may lift what denies, it does not matter who else would have been asked.
        final = any(f.effect is Effect.DENY and not f.waivable_by for f in after.findings)
        if after.effect is before.effect and not final:
            asked = {c.rule for c in after.clauses}
            stand = {f.name for f in after.findings if not f.lifted}
            for clause in before.clauses:
                # What an exception asked for instead of a rule is gone where that rule stands again.
                lifted = {f.name for f in before.findings if f.lifted_by == clause.rule}
                assert clause.rule in asked or lifted & stand, what
        if after.effect is not Effect.DENY:
            assert set(map(repr, before.obligations)) <= set(map(repr, after.obligations)), what


@LAWS
@given(ANY, world.asked(), st.integers(0, 99))
def test_a_claim_loosens_nothing_without_trust(
    files: tuple[bytes, ...], asked: Any, seed: int
) -> None:
    """An agent would talk itself past a rule by stating who owns the resource."""
    made = compiled(files)
    action, arguments, facts, _ = asked
    without = answer(made, (action, arguments, {**facts, "resource.owner": None}, False), seed)
    for owner in ("anna", "bea", 7, None):
        claims = {**facts, "resource.owner": owner, "context.confidence": 1, "subject.id": "root"}
        claimed = answer(made, (action, arguments, claims, False), seed)
        assert claimed.effect >= without.effect


@LAWS
@given(ANY, world.policy_files(9), world.asked(), st.integers(0, 99))
def test_adding_a_file_never_loosens_a_governed_action(
    files: tuple[bytes, ...], added: bytes, asked: Any, seed: int
) -> None:
    """A team could undo another team's policy by adding a file of its own."""
    few, more = compiled(files), compiled((*files, added))
    before = answer(few, asked, seed)
    assume("service/governed" not in {finding.name for finding in before.findings})
    assert answer(more, asked, seed).effect >= before.effect


@LAWS
@given(
    ANY,
    st.lists(world.asked(), min_size=5, max_size=10),
    st.integers(0, 99),
    st.randoms(use_true_random=False),
)
def test_order_never_matters(
    files: tuple[bytes, ...], asked: list[Any], seed: int, rng: random.Random
) -> None:
    """Moving a rule, a key or a file would change what is allowed, or what the log says of it."""
    made = compiled(files)
    mixed = [shuffled(yaml.load(data, Loader=yaml.BaseLoader), rng) for data in files]
    rng.shuffle(mixed)
    paths = {f"policies/g{i}.yaml": yaml.dump(data, sort_keys=False).encode()
             for i, data in enumerate(mixed)}  # fmt: skip
    again = compile_release({**paths, world.CATALOGUE_PATH: world.CATALOGUE})
    assert list(made.series) == list(again.series)
    assert meaning.of_bundle(made.bundle) == meaning.of_bundle(again.bundle)
    for each in asked:
        one, other = judged(made, each, seed), judged(again, each, seed)
        assert one.verdict == other.verdict
        assert canonical(written(one)) == canonical(written(other))


def shuffled(data: Any, rng: random.Random) -> Any:
    """The same mapping with keys, rules and branches in another order; texts quoted as they were."""
    if isinstance(data, dict):
        items = [(key, shuffled(value, rng)) for key, value in data.items()]
        rng.shuffle(items)
        for name in ("rules", "limits", "any", "exceptions", "factors", "extends", "governs"):
            for key, value in items:
                if key == name:
                    rng.shuffle(value)
        return dict(items)
    if isinstance(data, list):
        return [shuffled(item, rng) for item in data]
    return plain(data)


def plain(text: str) -> Any:
    """What YAML 1.2 reads from a bare word, so that dumping it again does not quote it."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isdigit() else text
