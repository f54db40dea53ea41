from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files

import pytest
from reports_world import END, MADE, PEOPLE, START, C, Log, company

from reports.articles import AS_OF, DUTIES, HIGH_RISK_FROM
from reports.controls import CONTROLS
from reports.duties import TESTS
from reports.evidence import STATUSES, to_json
from reports.periodic import periodic


def made(log, **changes):
    return periodic(log.rows(), log.parameters(**changes))


def row(evidence, id_):
    return next(r for r in (*evidence.controls, *evidence.duties) if r.id == id_)


def test_an_empty_log_evidences_nothing():
    """A workspace that never ran would be reported as compliant."""
    evidence = made(Log())
    for r in (*evidence.controls, *evidence.duties):
        waits = r.applies_from > MADE.date().isoformat() and r.applies_from[0].isdigit()
        assert r.status == ("not yet in force" if waits else "not evidenced"), r.id
        assert r.k == 0
    assert {r.status for r in evidence.controls} == {"not evidenced"}


def test_an_empty_log_evidences_nothing_once_all_duties_bind():
    """A duty in force would be anything but not evidenced where nothing is recorded."""
    evidence = made(Log(), made_at=datetime(2028, 1, 1, tzinfo=UTC))
    assert {r.status for r in (*evidence.controls, *evidence.duties)} == {"not evidenced"}


def test_not_yet_in_force_is_not_judged():
    """A duty of December 2027 would be judged in 2026, or printed as met."""
    evidence = made(company(60))
    for duty in DUTIES:
        if duty.applies_from == HIGH_RISK_FROM:
            assert row(evidence, duty.id).status in ("not yet in force", "not applicable")
    later = made(company(60), made_at=datetime(2027, 12, 2, tzinfo=UTC))
    assert "not yet in force" not in {r.status for r in later.duties}


def test_dates_are_those_of_the_regulation_as_changed():
    """A report would tell an auditor the wrong day from which a duty binds."""
    dates = {d.source: d.applies_from for d in DUTIES}
    assert dates["AI Act Art. 4"] == date(2025, 2, 2)
    assert dates["AI Act Art. 50(1)"] == date(2026, 8, 2)
    for article in ("12(1)", "14(4)(e)", "19(1)", "26(6)", "27"):
        assert dates[f"AI Act Art. {article}"] == date(2027, 12, 2)
    assert date(2026, 11, 20) == AS_OF


def test_every_duty_can_be_judged_and_found():
    """A duty of the catalogue would have no test, a name twice, or no place in the README."""
    ids = [d.id for d in (*CONTROLS, *DUTIES)]
    assert len(ids) == len(set(ids))
    readme = (files("reports") / "README.md").read_text()
    for duty in (*CONTROLS, *DUTIES):
        assert duty.test in TESTS
        line = f"| {duty.source} | {duty.section} | `{duty.test}` | {duty.duty} |"
        assert line in readme, "the table of reports/README.md is not that of the catalogue"
        assert f"\n| `{duty.test}` | " in readme, duty.test
        assert duty.section in "2345678"
        assert duty.duty
        assert duty.proof


def test_evidenced_needs_the_whole_population():
    """One approval without its quorum among many would still be reported as evidenced."""
    log = company(120)
    assert row(made(log), "C4").status == "evidenced"
    session = log.agent("late-1")
    decision = log.decide("late-1", "require_approval", session=session)
    approval = log.ask(decision, "late-1", seats=2)
    log.show(approval, PEOPLE[1])
    log.answer(approval, PEOPLE[1], "granted")
    log.decide("late-1", "allow", session=session, refs={"approval": approval})
    after = row(made(log), "C4")
    assert after.status == "partly"
    assert after.n - after.k == 1
    assert any(e.kind == "quorum" for e in made(log).exceptions)


def test_evidenced_needs_the_whole_period():
    """A log that began in the middle of a period would evidence all of it."""
    log = company(60)
    early = replace(log.parameters().period, start=START - timedelta(days=40))
    evidence = made(log, period=early)
    assert "evidenced" not in {r.status for r in (*evidence.controls, *evidence.duties)}
    assert any("only from" in lack for lack in row(evidence, "C2").lacks)
    assert any(s.title == "Part of the period." for s in evidence.not_shown)


def test_evidenced_needs_a_control_seen_recently():
    """A drill of last year would evidence this quarter's stop."""
    log = company(60)
    period = replace(log.parameters().period, end=END + timedelta(days=200))
    stop = row(made(log, period=period, made_at=period.end), "C7")
    assert stop.status == "partly"
    assert any("not seen working" in lack for lack in stop.lacks)


def test_a_stop_nobody_tested_was_not_seen_working():
    """A stop during which nothing was asked would evidence that stops hold."""
    log = Log()
    log.agent("payments-1")
    data = {"scope": {"type": "everything"}, "commitments": {"reason": C}, "drill": False}
    log.person("stop.raised", PEOPLE[0], data)
    assert row(made(log), "C7").status == "partly"


def test_an_allow_after_a_stop_is_never_hidden():
    """An action allowed in a stopped scope would not be the first thing a reader sees."""
    log = company(60)
    session = log.agent("late-1")
    data = {
        "scope": {"type": "agent", "id": "late-1"},
        "commitments": {"reason": C},
        "drill": False,
    }
    stop = log.person("stop.raised", PEOPLE[0], data)
    passed = log.decide("late-1", "allow", session=session)
    log.add("permit.redeemed", {"refs": {"decision": passed}}, type="gateway", id="g-1")
    evidence = made(log)
    listed = next(s for s in evidence.stops if s.index == stop)
    assert listed.passed.n == 2
    assert evidence.exceptions[0].kind == "stopped"
    assert evidence.exceptions[0].cite.ranges == ((passed, passed + 1),)
    assert row(evidence, "C7").status == "partly"
    assert any("while stopped" in s.title for s in evidence.attention)


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        ({"type": "everything"}, True),
        ({"type": "team", "id": "finance"}, True),
        ({"type": "team", "id": "claims"}, False),
        ({"type": "action", "id": "payments.pay"}, True),
        ({"type": "action", "id": "payments.*"}, True),
        ({"type": "action", "id": "pay"}, False),
        ({"type": "action", "id": "mail.send"}, False),
        ({"type": "agent", "id": "payments-2"}, False),
    ],
)
def test_stops_are_held_against_their_scope(scope, stopped):
    """A stop of a team or an action would not be checked, or would accuse others."""
    log = Log()
    session = log.agent("payments-1")
    reason = {"commitments": {"reason": C}, "drill": False}
    log.person("stop.raised", PEOPLE[0], {"scope": scope, **reason})
    log.decide("payments-1", "allow", session=session)
    assert made(log).stops[0].passed.n == stopped


def test_a_stop_of_a_session_is_held_against_that_session():
    """A stopped session would go on, unseen."""
    log = Log()
    session = log.agent("payments-1")
    scope = {"type": "session", "id": str(session)}
    reason = {"commitments": {"reason": C}, "drill": False}
    log.person("stop.raised", PEOPLE[0], {"scope": scope, **reason})
    log.decide("payments-1", "allow", session=session)
    log.decide("payments-1", "allow", session=session + 1)
    assert made(log).stops[0].passed.n == 1


def test_a_stop_of_a_session_covers_what_it_delegated():
    """Work handed to another session would go on after its origin was stopped."""
    log = Log()
    session = log.agent("payments-1")
    opened = {
        "agent": "payments-1",
        "opened_by": "agent",
        "labels": [],
        "refs": {"session": session},
        "depth": 1,
        "standing": False,
    }
    child = log.add("session.opened", opened)
    scope = {"type": "session", "id": str(session)}
    reason = {"commitments": {"reason": C}, "drill": False}
    log.person("stop.raised", PEOPLE[0], {"scope": scope, **reason})
    log.decide("payments-1", "allow", session=child)
    assert made(log).stops[0].passed.n == 1


def test_a_lifted_stop_no_longer_counts():
    """Work after a stop was lifted would be called a violation."""
    log = Log()
    session = log.agent("payments-1")
    scope = {"scope": {"type": "everything"}, "commitments": {"reason": C}, "drill": False}
    stop = log.person("stop.raised", PEOPLE[0], scope)
    lift = {"refs": {"stop": stop}, "commitments": {"reason": C}, "alone": True}
    log.person("stop.lifted", PEOPLE[1], lift)
    log.decide("payments-1", "allow", session=session)
    evidence = made(log)
    assert evidence.stops[0].passed.n == 0
    assert [e.cause for e in evidence.exceptions if e.kind == "alone"] == ["lifting a stop"]


def test_executed_without_an_allow_is_an_exception():
    """An agent that ran what was denied would look obedient."""
    log = company(60)
    session = log.agent("late-1")
    log.outcome(log.decide("late-1", "deny", session=session))
    evidence = made(log)
    assert evidence.population.outcomes_without_allow.n == 1
    assert row(evidence, "C1").status == "partly"


def test_a_grant_nobody_was_shown_is_an_exception():
    """Somebody could grant blindly, and the report would call it read."""
    log = company(60)
    session = log.agent("late-1")
    approval = log.ask(log.decide("late-1", "require_approval", session=session), "late-1")
    log.show(approval, PEOPLE[2])
    log.answer(approval, PEOPLE[1], "granted")
    evidence = made(log)
    assert any(e.kind == "unread" and e.agent == "late-1" for e in evidence.exceptions)
    assert row(evidence, "C5").status == "partly"


def test_a_grant_that_is_cancelled_later_counts_once():
    """An approval would be counted as granted and as cancelled, and fewer than none be open."""
    log = Log()
    session = log.agent("late-1")
    approval = log.ask(log.decide("late-1", "require_approval", session=session), "late-1")
    log.show(approval, PEOPLE[1])
    log.answer(approval, PEOPLE[1], "granted")
    log.add("approval.cancelled", {"refs": {"approval": approval}, "why": "requester"})
    o = made(log).oversight
    assert (o.asked.n, o.granted.k, o.cancelled.k, o.open.n) == (1, 1, 0, 0)


def test_an_agent_confirmed_by_one_person_is_an_exception():
    """An agent put to work by one person alone would count as confirmed."""
    log = Log()
    session = log.agent("payments-1")
    alone = log.entries[1]
    log.entries[1] = replace(alone, data={**alone.data, "alone": True})
    log.decide("payments-1", "allow", session=session)
    evidence = made(log)
    kinds = {e.kind for e in evidence.exceptions}
    assert {"alone", "unconfirmed"} <= kinds
    assert row(evidence, "C9").status == "not evidenced"


def test_applicability_follows_the_recorded_class():
    """A duty would be waved away without a recorded reason, or kept for agents it cannot touch."""
    low, high, unknown, biometric = Log(), Log(), Log(), Log()
    low.agent("a", **{"class": "minimal"})
    high.agent("a", **{"class": "high", "annex": "III 4(a)"})
    unknown.agent("a", **{"class": "not_classified"})
    biometric.agent("a", **{"class": "high", "annex": "III 1(a)"})
    status = {
        name: [row(made(log), d).status for d in ("AIA-14-4-e", "AIA-14-5")]
        for name, log in (("low", low), ("high", high), ("?", unknown), ("bio", biometric))
    }
    assert status == {
        "low": ["not applicable", "not applicable"],
        "high": ["not yet in force", "not applicable"],
        "?": ["not yet in force", "not yet in force"],
        "bio": ["not yet in force", "not yet in force"],
    }
    assert "classified" in row(made(low), "AIA-14-5").shows


def test_what_cannot_be_shown_is_never_evidenced():
    """A duty the log can show only in part would be called evidenced for the whole."""
    late = made(company(120), made_at=datetime(2028, 1, 1, tzinfo=UTC))
    for duty in DUTIES:
        if duty.at_most or duty.test == "not_recorded":
            assert row(late, duty.id).status != "evidenced", duty.id


def test_there_is_no_score():
    """A reader would be given one number in place of the evidence."""
    evidence = made(company(60))
    text = to_json(evidence).decode().lower()
    for word in ("score", "compliance rate", "compliant"):
        assert word not in text, word
    assert all(r.status in STATUSES for r in (*evidence.controls, *evidence.duties))


def test_limits_are_never_empty():
    """A report would claim to show everything."""
    for log in (Log(), company(60)):
        limits = made(log).not_shown
        assert len(limits) >= 7
        assert all(s.title and s.text for s in limits)


def test_days_that_have_not_happened_are_not_kept():
    """A log of an hour, in a quarter that goes on, would be called 41 days old."""
    log = company(60)
    period = replace(log.parameters().period, end=log.at + timedelta(days=41))
    evidence = made(log, period=period, made_at=log.at + timedelta(minutes=1))
    kept = row(evidence, "AIA-26-6")
    days = (log.entries[-1].at - log.entries[0].at).days
    assert kept.k == days
    assert f"entries of {days} day" in kept.shows
    assert any("had not ended" in lack for lack in row(evidence, "C2").lacks)
    assert any("had not ended" in said.text for said in evidence.shows)


def test_a_log_that_fell_silent_does_not_grow_older():
    """Two entries of one day would count as half a year of records because a report was late."""
    log = Log()
    log.agent("payments-1")
    late = log.at + timedelta(days=200)
    period = replace(log.parameters().period, end=late)
    assert row(made(log, period=period, made_at=late), "AIA-19-1").k == 0


def test_shown_for_an_instant_is_not_read():
    """Approvals given two milliseconds after they appeared would be reported as read."""
    log = Log()
    session = log.agent("payments-1")
    for _ in range(3):
        approval = log.ask(
            log.decide("payments-1", "require_approval", session=session), "payments-1", review=0
        )
        log.show(approval, PEOPLE[1])
        log.answer(approval, PEOPLE[1], "granted", after=0.002)
    evidence = made(log)
    read = row(evidence, "C5")
    assert read.status == "partly"
    assert any("no rule set a reading time for 3 of 3 grants" in lack for lack in read.lacks)
    assert any("0.002 s" in lack for lack in read.lacks)
    assert any(said.title == "Granted within seconds." for said in evidence.attention)


def test_roles_two_people_gave_are_no_exception():
    """A list of what one person did alone would be full of what two people did."""
    log = Log()
    by = {"type": "person", "id": PEOPLE[0]}
    asked = {"person": PEOPLE[1], "roles": [], "waiting": ["treasury"], "alone": False}
    first = log.add("person.added", asked, **by)
    both = {"refs": {"person": first}, "person": PEOPLE[1], "roles": ["treasury"], "alone": False}
    log.add("person.changed", both, type="person", id=PEOPLE[2])
    assert not [e for e in made(log).exceptions if e.kind == "roles"]
    alone = {"person": PEOPLE[1], "roles": ["cfo"], "alone": True}
    log.add("person.changed", alone, **by)
    assert [e.cause for e in made(log).exceptions if e.kind == "roles"] == ["changed"]
