"""A difference has a witness that both releases have decided; *the same* is never said wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import engine_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide, needs
from governance.engine.difference import Difference, Differences, diff
from governance.engine.model import Effect, PolicyErrors, Verdict

ALLOW = "{action: pay, args.amount: {at_most: 500 EUR}}"
ASK = "{action: pay, args.amount: {above: 500 EUR}}"


def one(*rules: str, **more: str) -> Release:
    """A release of one file that governs `pay`."""
    return world.release(world.file("\n".join(rules), **more))


def kinds(found: Differences) -> set[tuple[str, bool]]:
    """What kinds of difference there are, and which way."""
    return {(each.kind, each.looser) for each in found.found}


def again(old: Release, new: Release, each: Difference) -> tuple[Verdict, Verdict]:
    """Both verdicts on the witness of a difference."""
    seen = each.situation
    assert seen is not None
    return (
        decide(old, seen.request, seen.facts, seen.at),
        decide(new, seen.request, seen.facts, seen.at),
    )


def asking(needs: str, more: str = "") -> str:
    """A rule that asks for an approval above 500 EUR."""
    return (
        "  - {id: R-2, title: Rule 2, effect: require_approval, when: "
        f"{ASK}, because: test, severity: low, approval: {{needs: [{needs}], answer_within: 1h{more}}}}}"
    )


SMALL = world.rule(1, "allow", ALLOW)


@pytest.mark.parametrize(
    ("before", "after", "looser"),
    [
        ("2 boss", "1 boss", True),
        ("1 boss, 1 cfo", "1 boss", True),
        ("1 boss", "2 boss", False),
    ],
)
def test_who_must_approve_is_a_difference(before: str, after: str, looser: bool) -> None:
    """Half of the four eyes could be taken away and the release would look the same."""
    found = diff(one(SMALL, asking(before)), one(SMALL, asking(after)), world.AT)
    assert kinds(found) == {("approval", looser)}
    assert found.outcome == ("looser" if looser else "tighter")


def test_a_longer_time_to_answer_and_a_dropped_condition_are_looser() -> None:
    """An approval would quietly become easier to get."""
    strict = one(SMALL, asking("1 boss", ", not_by: [requester], reason: required"))
    for more in (", not_by: [requester]", ", reason: required"):
        assert diff(strict, one(SMALL, asking("1 boss", more)), world.AT).outcome == "looser"


def test_who_may_lift_a_deny_is_a_difference() -> None:
    """A deny that nobody could lift could be lifted, and nobody would have been told."""
    deny = "{action: pay, args.country: {is: KP}}"
    hard = one(SMALL, world.rule(2, "deny", deny), default="deny")
    soft = one(SMALL, world.rule(2, "deny", deny, ", may_be_waived_by: [boss]"))
    found = diff(hard, soft, world.AT)
    assert kinds(found) == {("waiver", True)}
    assert kinds(diff(soft, hard, world.AT)) == {("waiver", False)}


def test_an_obligation_that_is_dropped_is_looser() -> None:
    """Account numbers would go out in the clear from the day of a release that changed nothing."""
    duty = world.rule(1, "allow", ALLOW, ", obligations: [{redact: [args.note]}]")
    found = diff(one(duty), one(SMALL), world.AT)
    assert ("obligation", True) in kinds(found)
    assert found.outcome == "looser"


def _limited(most: str, window: str = "in_last: 24h", per: str = "[args.iban]") -> Release:
    return one(
        SMALL,
        limits="  - {id: LIM-1, title: L, measure: sum args.amount, of: {action: pay}, "
        f"per: {per}, {window}, at_most: {most}, otherwise: deny, because: test}}",
    )


def test_a_raised_limit_is_looser_and_the_witness_has_used_it_up() -> None:
    """What a hijacked agent can lose in a day could grow without a word."""
    found = diff(_limited("1000 EUR"), _limited("2000 EUR"), world.AT)
    assert found.outcome == "looser"
    only, watched = [each for each in found.found if each.kind == "verdict"]
    assert (watched.after, watched.by) == ("require_approval", "service/autonomy")
    assert only.witness["limits.pay/LIM-1"] == "used up"
    before, after = again(_limited("1000 EUR"), _limited("2000 EUR"), only)
    assert (before.effect, after.effect) == (Effect.DENY, Effect.ALLOW)


def test_a_longer_window_is_tighter_and_nothing_else() -> None:
    """A state that cannot be (less in two days than in one) would make every change look both ways."""
    found = diff(_limited("1000 EUR"), _limited("1000 EUR", "in_last: 48h"), world.AT)
    assert found.outcome == "tighter"


def _listed(as_of: str, members: str) -> Release:
    lists = (f"list: erp/known\nas_of: {as_of}\ntype: iban\nmembers: [{members}]\n").encode()
    rule = world.rule(1, "allow", "{action: pay, args.iban: {one_of: $known}}")
    text = world.file(rule, more="lists: {known: {from: erp/known, max_age: 24h}}")
    return world.release(text, known=lists)


def test_a_list_counts_with_its_members_and_its_age() -> None:
    """Whoever keeps the list could let anybody be paid, and no release would show it."""
    old = _listed("2026-11-20T08:00:00Z", world.IBAN)
    more = _listed("2026-11-20T08:00:00Z", f"{world.IBAN}, {world.OTHER_IBAN}")
    assert diff(old, more, world.AT).outcome == "looser"
    fresh = diff(old, _listed("2026-11-20T09:00:00Z", world.IBAN), world.AT)
    assert fresh.outcome == "looser"
    assert fresh.found[0].witness["time"].startswith("2026-11-21T08:00:00")


def test_what_the_catalogue_says_counts() -> None:
    """A session would no longer be marked as private, or an argument no longer be unknown."""
    rules = world.file(SMALL)
    files = {"policies/f0.yaml": rules, world.CATALOGUE_PATH: world.CATALOGUE}
    old = compile_release(files)
    for before, after in (
        (b"attaches: [paid]", b"attaches: []"),
        (
            b"required: false, max_length: 50}",
            b"required: false, max_length: 50}\n      bcc: {type: text, class: private, required: false}",
        ),
    ):
        changed = world.CATALOGUE.replace(before, after, 1)
        assert changed != world.CATALOGUE
        found = diff(old, compile_release({**files, world.CATALOGUE_PATH: changed}), world.AT)
        assert ("catalogue", True) in kinds(found)
        assert found.outcome != "same"


def test_the_order_numbers_and_words_of_rules_are_no_difference() -> None:
    """Every tidy-up would have to be signed as a change of what agents may do."""
    deny = world.rule(2, "deny", "{action: pay, args.country: {one_of: [KP, IR]}}")
    other = world.rule(7, "deny", "{args.country: {one_of: [IR, KP]}, action: pay}")
    found = diff(one(SMALL, deny), one(other.replace("Rule 7", "Never"), SMALL), world.AT)
    assert found.outcome == "same"
    split = [
        world.rule(n, "deny", f"{{action: pay, args.country: {{is: {c}}}}}")
        for n, c in ((3, "KP"), (4, "IR"))
    ]
    assert diff(one(SMALL, deny), one(SMALL, *split), world.AT).outcome == "same"


def test_where_the_budget_ends_nothing_is_claimed() -> None:
    """A search that was broken off would be read as a proof."""
    old, new = one(SMALL), one(world.rule(1, "allow", ALLOW.replace("500", "600")))
    found = diff(old, new, world.AT, budget=1)
    assert found.outcome == "incomplete"
    assert "budget" in found.open["pay"]
    assert diff(old, new, world.AT).outcome == "looser"


def test_names_that_are_patterns_are_not_taken_to_be_the_same() -> None:
    """Two patterns that no example tells apart could still differ for some name."""
    old = one(SMALL, world.rule(2, "deny", "{action: pay, args.note: {name_like: ['*ab*']}}"))
    new = one(SMALL, world.rule(2, "deny", "{action: pay, args.note: {name_like: ['*a*b*']}}"))
    assert diff(old, new, world.AT).outcome in ("tighter", "incomplete", "changed")


def _signature(verdict: Verdict) -> tuple[object, ...]:
    clauses = {repr(replace(c, rule="")) for c in verdict.clauses}
    denies = {f.waivable_by for f in verdict.findings if f.effect is Effect.DENY}
    asks = verdict.effect is Effect.REQUIRE_APPROVAL
    return (
        verdict.effect,
        {repr(duty) for duty in verdict.obligations},
        clauses if asks else set(),
        () in denies if verdict.effect is Effect.DENY else None,
    )


@st.composite
def pairs(draw: st.DrawFn) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Two sets of files: quite different, or with one rule changed, removed or moved."""
    first = draw(world.worlds)
    change = draw(st.sampled_from(["other", "drop", "change", "change", "move"]))
    if change == "other":
        return first, draw(world.worlds)
    files = list(first)
    at = draw(st.integers(0, len(files) - 1))
    lines = files[at].decode().split("\n")
    rules = [n for n, line in enumerate(lines) if line.startswith("  - {id: R-")]
    spot = draw(st.sampled_from(rules))
    if change == "change":
        number = int(lines[spot].split("R-")[1].split(",")[0])
        lines[spot] = draw(world.rules(number))
    elif change == "move":
        lines[rules[0]], lines[spot] = lines[spot], lines[rules[0]]
    elif len(rules) > 1:
        del lines[spot]
    files[at] = "\n".join(lines).encode()
    return first, tuple(reversed(files))


Asked = tuple[str, dict[str, object], dict[str, object], bool]


def answers(
    old: Release, new: Release, requests: list[tuple[Asked, int]]
) -> Iterator[tuple[str, Verdict, Verdict]]:
    """What both releases say about each request, over the same past."""
    for (action, arguments, facts, attested), seed in requests:
        asked = world.request(old, action, arguments, facts, attested)
        queries = [q for release in (old, new) for q in needs(release, asked, world.AT)]
        totals = {query: world.total_of(query, seed) for query in queries}
        before, after = (decide(r, asked, totals, world.AT) for r in (old, new))
        yield action, before, after


@settings(max_examples=60, deadline=None)
@given(pairs(), st.lists(st.tuples(world.asked(), st.integers(0, 50)), min_size=12, max_size=12))
def test_what_is_claimed_of_two_releases_holds_for_every_request(
    files: tuple[tuple[bytes, ...], tuple[bytes, ...]],
    requests: list[tuple[Asked, int]],
) -> None:
    """People would sign a release as *the same* or *only tighter*, and it would let more through."""
    try:
        old, new = world.release(*files[0]), world.release(*files[1])
    except PolicyErrors:
        return
    found = diff(old, new, world.AT)
    for each in found.found:
        before, after = again(old, new, each)
        assert (before.effect.word, after.effect.word) == (each.before, each.after)
        if each.kind == "verdict":
            assert (after.effect < before.effect) is each.looser
        else:
            assert _signature(before) != _signature(after)
    known = {(each.action, each.looser) for each in found.found}
    for action, before, after in answers(old, new, requests):
        if action in found.open:
            continue
        if before.effect is not after.effect:
            assert (action, after.effect < before.effect) in known
        elif not any(each.action == action for each in found.found):
            assert _signature(before) == _signature(after)


def test_an_obligation_beneath_a_deny_that_people_may_lift_is_no_small_print() -> None:
    """Whoever lifts the deny would find nothing beneath it any more, where *the same* was claimed."""
    deny = world.rule(1, "deny", "{action: pay}", ", may_be_waived_by: [boss]")
    redact = world.rule(2, "allow", "{action: pay}", ", obligations: [{redact: [args.note]}]")
    asks = "default_approval: {needs: [1 boss], answer_within: 1h}"
    old, new = (
        one(*rules, default="require_approval", more=asks) for rules in ((deny, redact), (deny,))
    )
    for before, after, looser in ((old, new, True), (new, old, False)):
        (found,) = diff(before, after, world.AT).found
        assert (found.kind, found.looser) == ("waiver", looser)
        assert found.witness == {"context.obligations_supported": "without redact"}
        firm = [() in {f.waivable_by for f in v.findings if f.effect is Effect.DENY}
                for v in again(before, after, found)]  # fmt: skip
        assert firm == [looser, not looser]


def test_obligations_of_one_id_and_two_types_are_not_one() -> None:
    """Whoever lifts the deny would find a redaction gone, where *the same* was claimed, for a
    notice of the same name: a runtime that can give notice was refused for want of redaction only."""
    deny = world.rule(1, "deny", "{action: pay}", ", may_be_waived_by: [boss]")
    redact = world.rule(
        2, "allow", "{action: pay}", ", obligations: [{redact: [args.note], id: x}]"
    )
    notify = world.rule(3, "allow", "{action: pay}", ", obligations: [{notify: boss, id: x}]")
    asks = "default_approval: {needs: [1 boss], answer_within: 1h}"
    old, new = (
        one(*rules, default="require_approval", more=asks)
        for rules in ((deny, redact, notify), (deny, notify))
    )
    assert kinds(diff(old, new, world.AT)) == {("waiver", True)}
    assert kinds(diff(new, old, world.AT)) == {("waiver", False)}


def test_a_past_whose_key_cannot_be_told_is_part_of_the_space() -> None:
    """A rule that bites only where the payee is unknown would be called no rule at all."""
    nested = f"any: [{{args.iban: {{is: {world.IBAN}}}, any: [{{args.iban: {{is: {world.OTHER_IBAN}}}}}]}}]"
    past = "history: {did: pay, same: args.iban, in_last: 24h, by: any_agent}"
    deny = world.rule(2, "deny", f"{{action: pay, {past}, {nested}}}")
    found = diff(one(SMALL), one(SMALL, deny), world.AT)
    assert found.outcome == "tighter"
    assert found.found[0].witness["args.iban"] == "cannot be told"


POINTS = """risk: points
title: R
owner: o@corp.example
review_by: 2099-01-01
factors:
  - {id: RISK-1, title: A, points: 50, when: {args.amount: {above: 80 EUR}}, because: b}
  - {id: RISK-2, title: B, points: 50, when: {args.country: {is_not: DE}}, because: b}
levels: {high: 60, critical: 100}
matrix: {L3: {high: require_approval}, L4: {critical: %s}}
approval: {high: {needs: [1 risk], answer_within: 1h}}
cases: {columns: [name, action, expect], rows: [[x, look, deny]]}
"""


def _pointed(cell: str, points: int = 50) -> Release:
    text = POINTS.replace("points: 50", f"points: {points}", 1) % cell
    files = {"policies/f0.yaml": world.file(SMALL), world.CATALOGUE_PATH: world.CATALOGUE}
    return compile_release({**files, "policies/risk.yaml": text.encode()})


def test_risk_points_count_with_what_they_bring() -> None:
    """The least oversight of the riskiest actions could be lowered unseen."""
    asks, denies = _pointed("require_approval"), _pointed("deny")
    assert diff(asks, denies, world.AT).outcome == "tighter"
    found = diff(denies, asks, world.AT)
    assert [(e.before, e.after, e.was) for e in found.found if e.kind == "verdict"] == [
        ("deny", "require_approval", "points/risk")
    ]
    assert diff(asks, _pointed("require_approval", 60), world.AT).outcome == "tighter"
    assert diff(asks, _pointed("require_approval", 51), world.AT).outcome == "same"


def rows(found: Differences, action: str = "pay") -> list[tuple[str, str, str]]:
    """Before, after and by what, of each verdict that changes."""
    every = [each for each in found.found if each.kind == "verdict" and each.action == action]
    return [(each.before, each.after, each.by) for each in every]


TOUCHY = world.rule(4, "require_approval", "{action: pay, args.channel: {is: swift}}")


@pytest.mark.parametrize("governed", [True, False])
def test_what_is_allowed_from_now_on_stands_first(governed: bool) -> None:
    """A second person would sign *refused, then asked*, and agents would pay alone from that day."""
    fewer = world.rule(
        1, "allow", "{action: pay, args.amount: {at_most: 1 EUR}, args.country: {is: FR}}"
    )
    new = one(fewer, SMALL.replace("R-1", "R-2"), asking("1 boss").replace("R-2", "R-3"), TOUCHY)
    look = world.file(world.rule(1, "allow", "{action: look}"), policy="look", governs="[look]")
    old = one(fewer) if governed else world.release(look)
    found = diff(old, new, world.AT)
    before = "pay/default" if governed else "service/governed"
    assert rows(found)[0][:2] == ("deny", "allow")
    assert ("deny", "allow", "pay/R-2") in rows(found)
    assert {row[2] for row in rows(found)} >= {"pay/R-2", "pay/R-3", "pay/R-4"}
    assert {e.was for e in found.found if e.action == "pay" and e.before == "deny"} == {before}


def test_every_new_rule_that_lets_something_through_is_shown() -> None:
    """One new allow would hide the other nineteen from whoever signs."""
    new = [world.rule(n, "allow", f"{{action: pay, args.amount: {{is: {n} EUR}}}}") for n in range(1, 21)]  # fmt: skip
    found = diff(one(new[0]), one(*new), world.AT)
    allowed = {by for _, after, by in rows(found) if after == "allow"}
    assert allowed == {f"pay/R-{n}" for n in range(2, 21)}
    wider = [world.rule(1, "allow", "{action: pay, args.amount: {at_most: 20 EUR}}")]
    assert diff(one(*wider), one(*wider, *new[1:]), world.AT).outcome == "same"


def test_an_allow_that_somebody_must_still_agree_to_is_named() -> None:
    """A rule that opens an action to agents on probation would stand nowhere in what is signed."""
    new = one(
        SMALL, world.rule(2, "require_approval", "{action: pay, agent.autonomy: {at_least: L2}}")
    )
    found = diff(one(asking("1 boss"), TOUCHY), new, world.AT)
    notes = [each.note for each in found.found if each.kind == "verdict"]
    assert "`pay/R-1` would allow it" in notes


@settings(max_examples=60, deadline=None)
@given(pairs(), st.lists(st.tuples(world.asked(), st.integers(0, 50)), min_size=12, max_size=12))
def test_every_pair_of_answers_has_a_line_of_its_own(
    files: tuple[tuple[bytes, ...], tuple[bytes, ...]],
    requests: list[tuple[Asked, int]],
) -> None:
    """What is refused today and allowed tomorrow would hide behind what is asked about."""
    try:
        old, new = world.release(*files[0]), world.release(*files[1])
    except PolicyErrors:
        return
    found = diff(old, new, world.AT)
    known = {(e.action, e.before, e.after) for e in found.found if e.kind == "verdict"}
    for action, was, now in answers(old, new, requests):
        if was.effect is now.effect or action in found.open:
            continue
        if any(each.name == "service/obligation" for each in (*was.findings, *now.findings)):
            # A runtime that cannot carry an obligation out: what is owed has a line of its own kind.
            owed = {e.looser for e in found.found if (e.action, e.kind) == (action, "obligation")}
            assert (now.effect < was.effect) in owed
        else:
            assert (action, was.effect.word, now.effect.word) in known
