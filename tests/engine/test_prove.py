"""*Proved* holds for every request and state; *refuted* comes with a request that shows it."""

from __future__ import annotations

from datetime import timedelta

import engine_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide
from governance.engine.model import PolicyErrors
from governance.engine.prove import Proof, holds, prove

HEAD = "invariants: all\ntitle: T\nowner: o@corp.example\nreview_by: 2099-01-01\nnever:\n"


def invariant(when: str, more: str = "") -> str:
    """One invariant as a YAML item."""
    return f"  - {{id: INV-1, title: Never, when: {when}, because: test{more}}}\n"


def made(never: str, *files: bytes, **lists: bytes) -> Release:
    """A release of policy files and one invariant."""
    paths = {f"policies/f{i}.yaml": data for i, data in enumerate(files)}
    paths["policies/invariants.yaml"] = (HEAD + never).encode()
    listed = {f"policies/lists/{name}.yaml": data for name, data in lists.items()}
    return compile_release({world.CATALOGUE_PATH: world.CATALOGUE, **paths}, lists=listed)


def proof(never: str, *rules: str, budget: int = 50_000, **more: str) -> Proof:
    """What comes out for one invariant and one file that governs `pay`."""
    release = made(never, world.file("\n".join(rules), **more))
    (only,) = prove(release, None, world.AT, budget)
    if only.result == "refuted":
        seen = only.situation
        assert seen is not None
        verdict = decide(release, seen.request, seen.facts, seen.at)
        assert not holds(release.bundle.invariants[0].never[0], verdict)
    return only


SMALL = world.rule(1, "allow", "{action: pay, args.amount: {at_most: 500 EUR}}")
LARGE = invariant("{action: pay, args.amount: {above: 500 EUR}}", ", without: {people: 2}")


def asking(needs: str, above: str = "500 EUR", more: str = "") -> str:
    """A rule that asks for approval above an amount."""
    return (
        "  - {id: R-2, title: T, effect: require_approval, because: test, severity: low, "
        f"when: {{action: pay, args.amount: {{above: {above}}}{more}}}, "
        f"approval: {{needs: [{needs}], answer_within: 1h}}}}"
    )


@pytest.mark.parametrize(
    ("needs", "result"),
    [("2 boss", "proved"), ("1 boss, 1 cfo", "proved"), ("1 boss", "refuted")],
)
def test_how_many_people_must_agree(needs: str, result: str) -> None:
    """One person could move what two were promised to watch."""
    assert proof(LARGE, SMALL, asking(needs)).result == result


def test_a_gap_of_one_cent_is_found() -> None:
    """An amount that no rule names would go through, and the proof would have said otherwise."""
    loose = world.rule(1, "allow", "{action: pay, args.amount: {at_most: 501 EUR}}")
    found = proof(LARGE, loose, asking("2 boss", "500.01 EUR"))
    assert found.result == "refuted"
    assert (found.action, found.effect) == ("pay", "allow")
    assert found.witness["args.amount"] == "500.01 EUR"


def test_seats_in_two_approvals_are_not_two_people() -> None:
    """One person who holds both roles would be both pairs of eyes."""
    other = asking("1 cfo").replace("R-2", "R-3")
    assert proof(LARGE, SMALL, asking("1 boss"), other).result == "refuted"


def test_a_deny_that_others_may_lift_is_not_enough() -> None:
    """A waiver would be the way around everything that was proved."""
    never = "{action: pay, args.country: {is: KP}}"
    deny = world.rule(2, "deny", never, ", may_be_waived_by: [boss]")
    assert proof(invariant(never), SMALL, deny).result == "refuted"
    assert proof(invariant(never, ", may_be_waived_by: [boss]"), SMALL, deny).result == "proved"


@pytest.mark.parametrize("spoilt", ["args.amount", "session.labels"])
def test_what_cannot_be_told_counts(spoilt: str) -> None:
    """An agent would leave a field out, and what was proved would not hold for it."""
    tests = {"args.amount": "{above: 5 EUR}", "session.labels": "{contains_any: [untrusted]}"}
    never = invariant(f"{{action: pay, {spoilt}: {tests[spoilt]}}}")
    free = world.rule(1, "allow", "{action: pay, args.country: {is: DE}}")
    strict = world.rule(2, "deny", f"{{action: pay, {spoilt}: {tests[spoilt]}}}")
    assert proof(never, free).result == "refuted"
    assert proof(never, free, strict).result == "proved"


def test_limits_history_autonomy_and_the_clock_are_part_of_it() -> None:
    """A proof for a quiet afternoon would be taken for one of the night after."""
    never = invariant("{action: pay}", ", without: {people: 1}")
    limit = (
        "  - {id: LIM-1, title: L, measure: count, of: {action: pay}, per: [agent.id], "
        "in_last: 1h, at_most: 3, otherwise: deny, because: test}"
    )
    assert proof(never, SMALL, limits=limit).witness.get("limits.pay/LIM-1") is None
    only = "{action: pay, history: {did: look, in_last: 1h, by: any_agent}}"
    seen = proof(never, world.rule(1, "allow", only), governs="[pay, look]")
    assert seen.result == "refuted"
    assert seen.witness["history.pay/R-1"] == "happened"
    level = proof(
        never, world.rule(1, "allow", "{action: pay, agent.autonomy: {is: L2}}", "", "high")
    )
    assert level.result == "proved"  # at L2 a person decides what is of high risk
    level = proof(never, world.rule(1, "allow", "{action: pay, agent.autonomy: {is: L2}}"))
    assert level.result == "refuted"
    watching = "observe: {by: a, from: 2026-12-01, until: 2026-12-05}"
    deny = world.rule(1, "deny", "{action: pay}")
    seen = proof(never, deny, mode="observe", more=watching)
    assert seen.result == "refuted"
    assert seen.witness["time"] == "2026-12-01T00:00:00+00:00"


def test_an_exception_is_a_way_around_while_it_lasts() -> None:
    """What was proved would end with the first exception that somebody signs."""
    rule = asking("2 boss").replace("because: test", "may_be_waived_by: [exception], because: test")
    more = (
        "exceptions:\n  - {id: EXC-001, title: E, lifts: R-2, for: {agent.id: {is: tax-run}}, "
        "instead: allow, reason: r, ticket: T-1, from: 2026-11-25, expires: 2026-12-01}"
    )
    found = proof(LARGE, SMALL, rule, more=more)
    assert found.result == "refuted"
    assert found.witness["agent.id"] == "`tax-run`"
    over = made(LARGE, world.file("\n".join([SMALL, rule]), more=more))
    (later,) = prove(over, None, world.AT + timedelta(days=30))
    assert later.result == "proved"


def test_where_the_budget_ends_nothing_is_proved() -> None:
    """A broken-off search would be signed as a proof."""
    here = asking("2 boss", more=", args.country: {is: DE}")
    away = asking("2 boss", more=", args.country: {is_not: DE}").replace("R-2", "R-3")
    assert proof(LARGE, SMALL, here, away).result == "proved"
    found = proof(LARGE, SMALL, here, away, budget=1)
    assert (found.result, "budget" in found.why) == ("not proved", True)


def test_names_that_only_examples_can_tell_are_not_proved() -> None:
    """For some name that nobody tried it would not hold."""
    never = invariant("{action: pay, args.note: {name_like: ['a*b']}}")
    same = world.rule(2, "deny", "{action: pay, args.note: {name_like: ['a*b']}}")
    wider = world.rule(2, "deny", "{action: pay, args.note: {name_like: ['a*']}}")
    free = world.rule(1, "allow", "{action: pay, args.country: {is: DE}}")
    assert proof(never, free, same).result == "proved"
    assert proof(never, free, wider).result == "not proved"
    assert proof(never, free).result == "refuted"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("  - {id: INV-1, title: T, wen: {action: pay}, because: b}\n", "unknown-key"),
        ("  - {id: INV-1, title: T, when: {action: pai}, because: b}\n", "unknown-action"),
        ("  - {id: INV-1, title: T, when: {args.nothing: {is: 1}}, because: b}\n", "unknown-field"),
        (invariant("{action: pay, args.amount: {above: 5 kg}}"), "wrong-unit"),
        (invariant("{action: pay, args.amount: {above: 9 EUR, below: 2 EUR}}"), "never-matches"),
        (invariant("{action: pay}") * 2, "duplicate-id"),
        (invariant("{action: pay}", ", without: {people: 0}"), "wrong-size"),
        (invariant("{action: pay}", ", without: {needs: [1 a, 2 a]}"), "duplicate-role"),
    ],
)
def test_a_mistake_in_an_invariant_is_found_at_its_line(text: str, code: str) -> None:
    """A misspelt invariant would be proved of everything."""
    with pytest.raises(PolicyErrors) as error:
        made(text, world.file(SMALL))
    found = [each for each in error.value.findings if each.code == code]
    assert found, error.value
    assert all(each.path == "policies/invariants.yaml" and each.line >= 6 for each in found)


@st.composite
def wishes(draw: st.DrawFn) -> str:
    """A random invariant about `pay`."""
    when = draw(world.conditions(False)).replace("{", "{action: pay, ", 1)
    return invariant(
        when, draw(st.sampled_from(["", ", without: {people: 1}", ", may_be_waived_by: [boss]"]))
    )


@settings(max_examples=60, deadline=None)
@given(
    wishes(),
    world.worlds,
    st.lists(st.tuples(world.asked(), st.integers(0, 50)), min_size=12, max_size=12),
)
def test_what_is_proved_holds_for_every_request(
    never: str,
    files: tuple[bytes, ...],
    requests: list[tuple[tuple[str, dict[str, object], dict[str, object], bool], int]],
) -> None:
    """Somebody would stop watching for what was proved, and it would happen."""
    try:
        release = made(never, *files)
    except PolicyErrors:
        return
    (only,) = prove(release, None, world.AT)
    one = release.bundle.invariants[0].never[0]
    if only.result == "refuted":
        seen = only.situation
        assert seen is not None
        assert not holds(one, decide(release, seen.request, seen.facts, seen.at))
    bare = made(never, *files)
    tested = compile_release(
        {
            world.CATALOGUE_PATH: world.CATALOGUE,
            "policies/x.yaml": world.file(
                world.rule(
                    1, "deny", never.split("when: ")[1].split(", because")[0], ", trust_claim: t"
                )
                if "resource." in never
                else world.rule(1, "deny", never.split("when: ")[1].split(", because")[0]),
            ),
        }
    )
    for (action, arguments, facts, attested), seed in requests:
        asked = world.request(release, action, arguments, facts, attested)
        totals = world.facts_of(bare, asked, seed) | world.facts_of(tested, asked, seed)
        meant = any(
            finding.rule == "R-1" for finding in decide(tested, asked, totals, world.AT).findings
        )
        if only.result == "proved" and meant and action == "pay":
            assert holds(one, decide(release, asked, totals, world.AT))
