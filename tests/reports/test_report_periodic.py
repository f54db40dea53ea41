import json
import re
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from reports_recount import Cited, at_path, cites_of, groups, recount
from reports_world import END, PEOPLE, PERIOD, RULES, START, Log, company

from audit.entry import Entry
from reports import duties
from reports.evidence import Period, ReleaseRow, to_json
from reports.opening import opened, people, reasons
from reports.periodic import RuleFact, periodic

SECTIONS = ("population", "decisions", "oversight", "reviews")


@pytest.fixture(scope="module")
def log():
    return company()


@pytest.fixture(scope="module")
def report(log):
    return json.loads(to_json(periodic(log.rows(), log.parameters(rules=RULES))))


def test_every_number_is_recounted_from_the_entries(log, report):
    """A figure of the report would not be what the entries say, and nobody would notice."""
    for path, expected in recount(log.entries, PERIOD).items():
        assert at_path(report, path) == expected, path


def test_a_raise_stands_once_it_is_confirmed():
    """The report would list an agent at the level that somebody only asked for, or at the old one."""
    log = Log()
    log.agent("payments-1")
    raised = {
        "agent": "payments-1", "level": "L4", "until": "2099-01-01T00:00:00.000000Z",
        "evidence": {"reviewed": 200}, "pending": True,
    }  # fmt: skip
    asked = log.add("autonomy.granted", raised, type="person", id=PEOPLE[0])
    levels = [periodic(log.rows(), log.parameters()).agents[0].autonomy]
    confirm = {"refs": {"autonomy": asked}, "agent": "payments-1", "alone": False}
    log.add("agent.onboarded", confirm, type="person", id=PEOPLE[1])
    levels.append(periodic(log.rows(), log.parameters()).agents[0].autonomy)
    assert levels == ["L2", "L4"]


def test_the_recount_leaves_no_figure_out(log, report):
    """A figure could be added to the report that nothing checks."""
    known = recount(log.entries, PERIOD)
    for section in SECTIONS:
        for name, value in report[section].items():
            for part in ("n", "k"):
                if isinstance(value, dict) and part in value:
                    assert f"{section}.{name}.{part}" in known


def test_a_count_is_as_large_as_its_citation(report):
    """A number would cite more or fewer entries than it counts."""
    seen = 0
    for section in SECTIONS:
        for name, value in report[section].items():
            if isinstance(value, dict) and "cite" in value:
                counted = value["k"] if "k" in value else value["n"]
                if name not in ("to_decide", "waited", "people", "with_outcome"):
                    assert value["cite"]["count"] == counted, name
                    seen += 1
    assert seen > 20


@pytest.mark.parametrize("agent", [None, "payments-1"])
def test_every_citation_can_be_counted_again(log, agent):
    """A citation would name other entries than those its number was counted from."""
    parameters = log.parameters(rules=RULES, agent=agent)
    cites = cites_of(json.loads(to_json(periodic(log.rows(), parameters))))
    again = Cited(log.entries)
    assert len(cites) > 100
    for cite in cites:
        assert again.count(cite) == cite["count"], cite


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_logs_recount_as_well(seed):
    """The report would be right for one log and wrong for the next."""
    other = company(80, seed)
    found = json.loads(to_json(periodic(other.rows(), other.parameters())))
    for path, expected in recount(other.entries, PERIOD).items():
        assert at_path(found, path) == expected, path


@pytest.mark.parametrize(
    ("table", "fields"),
    [("agents", ["agent"]), ("actions", ["action"]), ("matrix", ["autonomy", "risk"])],
)
def test_every_cut_is_recounted(log, report, table, fields):
    """One of the tables of decisions would not agree with the entries."""
    expected = groups(log.entries, PERIOD, *fields)
    rows = report["decisions"][table]
    found = {tuple(r["key"]): [r["allow"], r["require_approval"], r["deny"]] for r in rows}
    assert found == expected


def test_every_cut_adds_up_to_the_total(report):
    """A decision would be missing from a table or stand in it twice."""
    d = report["decisions"]
    for table in ("agents", "actions", "matrix", "series"):
        parts = [r["allow"] + r["require_approval"] + r["deny"] for r in d[table]]
        assert sum(parts) == d["total"]["n"], table


def test_rules_are_recounted(log, report):
    """A rule would be shown to decide more or less often than the entries say."""
    found = {(r["policy"], r["rule"]): r["found"] for r in report["decisions"]["rules"]}
    expected = {}
    for e in log.entries:
        if e.kind == "decision":
            for f in e.data["findings"]:
                key = (f["policy"], f["rule"])
                expected[key] = expected.get(key, 0) + 1
    assert found == expected
    assert report["decisions"]["never_fired"] == ["payments/PAY-009"]


def test_dropping_any_entry_changes_the_report(log):
    """An entry could vanish from the log without a figure of the report changing."""
    parameters = log.parameters()
    whole = to_json(periodic(log.rows(), parameters))
    for index in range(0, len(log.entries), 37):
        assert to_json(periodic(log.rows(without=index), parameters)) != whole, index


def test_dropping_an_entry_changes_its_own_number(log):
    """A number would not depend on the entries it claims to count."""
    parameters, wanted = log.parameters(), {}
    for index, entry in enumerate(log.entries):
        wanted.setdefault(entry.kind, index)
    whole = json.loads(to_json(periodic(log.rows(), parameters)))["population"]["kinds"]
    before = {k["cite"]["kinds"][0]: k["n"] for k in whole}
    for kind, index in wanted.items():
        if kind not in before:
            continue
        rows = json.loads(to_json(periodic(log.rows(without=index), parameters)))
        after = {k["cite"]["kinds"][0]: k["n"] for k in rows["population"]["kinds"]}
        inside = START <= log.entries[index].at < END
        assert after.get(kind, 0) == before[kind] - inside, kind


def test_every_exception_is_listed(log, report):
    """An exception would be sampled, summarised or left out."""
    listed = {}
    for row in report["exceptions"]:
        indexes = [i for a, b in row["cite"]["ranges"] for i in range(a, b + 1)]
        assert row["cite"]["listed"]
        assert len(indexes) == row["cite"]["count"]
        listed.setdefault(row["kind"], set()).update(indexes)
    rows = list(enumerate(log.entries))
    assert listed["unattested"] == {
        i for i, e in rows if e.kind == "outcome" and not e.data["attested"]
    }
    assert listed["observe"] == {i for i, e in rows if e.kind == "decision" and e.data["observed"]}
    assert listed["cannot-tell"] == {
        i for i, e in rows if e.kind == "decision" and not e.data["findings"][0]["certain"]
    }
    known = {e.data["refs"]["decision"] for _, e in rows if e.kind == "outcome"}
    assert listed["no-outcome"] == {
        i
        for i, e in rows
        if e.kind == "decision" and e.data["effect"] == "allow" and i not in known
    }
    given = ("person.added", "person.changed")
    assert listed["roles"] == {i for i, e in rows if e.kind in given and e.by["type"] == "person"}
    assert listed["credential"] == {
        i
        for i, e in rows
        if e.kind == "key.issued"
        and e.by["type"] == e.data["holder"]["type"] == "person"
        and e.by["id"] != e.data["holder"]["id"]
    }
    assert listed["trust-claim"] == {i for i, e in rows if e.kind == "policy.released"}


def test_every_override_and_reversal_is_listed(log, report):
    """A denial lifted by people would not be in the report."""
    first = [
        i
        for i, e in enumerate(log.entries)
        if (e.kind == "override.granted" and "override" not in e.data["refs"])
        or e.kind == "decision.reversed"
    ]
    assert [a["index"] for a in report["acts"]] == first
    assert all(len(a["by"]) == 2 for a in report["acts"] if a["kind"] == "override.granted")


def test_the_same_entries_give_the_same_bytes(log):
    """Two people making the same report would hold two different documents."""
    one = to_json(periodic(log.rows(), log.parameters(rules=RULES)))
    two = to_json(periodic(iter(list(log.rows())), log.parameters(rules=RULES)))
    assert one == two
    assert one.endswith(b"\n")


def test_an_agents_report_counts_only_that_agent(log):
    """A dossier would mix in what other agents did."""
    evidence = periodic(log.rows(), log.parameters(agent="payments-1"))
    mine = [e for e in log.entries if e.kind == "decision" and e.data["agent"] == "payments-1"]
    assert evidence.decisions.total.n == len(mine)
    assert [a.agent for a in evidence.agents] == ["payments-1"]
    assert {row.agent for row in evidence.exceptions if row.agent} == {"payments-1"}
    assert all(act.agent == "payments-1" for act in evidence.acts)
    assert any(s.title == "Other agents." for s in evidence.not_shown)


def test_a_period_counts_only_what_lies_in_it(log):
    """A quarter's report would count the days before or after it."""
    middle = START + timedelta(days=10)
    half = Period(START, middle, "ten days")
    evidence = periodic(log.rows(), log.parameters(period=half))
    inside = [e for e in log.entries if START <= e.at < middle]
    assert evidence.population.entries.n == len(inside)
    assert evidence.decisions.total.n == sum(e.kind == "decision" for e in inside)
    for path, expected in recount(log.entries, half).items():
        assert at_path(json.loads(to_json(evidence)), path) == expected, path


def test_a_gap_in_the_sequence_is_named(log):
    """An entry cut out of the log would leave no trace in the report."""
    evidence = periodic(log.rows(without=100), log.parameters())
    assert evidence.population.missing == ((100, 100),)
    assert evidence.head.recomputed == "not done"
    assert any(s.title == "An unbroken record." for s in evidence.not_shown)


def test_a_tail_cut_off_is_named(log):
    """A log that ends before its own head would look complete."""
    rows = list(log.rows())[:-3]
    size = len(log.entries)
    evidence = periodic(rows, log.parameters())
    assert evidence.population.missing == ((size - 3, size - 1),)


def test_an_altered_entry_makes_the_root_differ(log):
    """An entry could be changed and the report would still call the record unaltered."""
    rows = list(log.rows())
    index, _, entry = rows[50]
    rows[50] = (index, b"\0" * 32, entry)
    evidence = periodic(rows, log.parameters())
    assert evidence.head.recomputed == "differs"
    record = next(row for row in evidence.controls if row.id == "C2")
    assert record.status == "not evidenced"


def test_a_repeated_index_is_counted_once_and_named(log):
    """An entry read twice would count twice."""
    rows = list(log.rows())
    evidence = periodic([*rows[:10], rows[9], *rows[10:]], log.parameters())
    assert evidence.population.repeated == 1
    assert evidence.population.present == len(rows)


def test_only_rules_of_releases_in_force_are_spoken_of(log):
    """A report could speak of rules that were never in force."""
    rules = {**RULES, "f" * 64: (RuleFact("other", "OTH-1", "", "enforce", "because"),)}
    evidence = periodic(log.rows(), log.parameters(rules=rules))
    assert evidence.decisions.never_fired == ("payments/PAY-009",)
    assert b"OTH-1" not in to_json(evidence)


def test_names_and_reasons_are_only_what_was_opened(log):
    """A report that is recorded would hold a name or a reason, which nobody could erase."""
    closed = periodic(log.rows(), log.parameters())
    assert PEOPLE[0] in people(closed)
    first = next(i for i, e in enumerate(log.entries) if e.kind == "override.granted")
    assert first in reasons(closed)
    copy = to_json(opened(closed, {PEOPLE[0]: "Jörg"}, {first: "Lohnlauf"})).decode()
    assert "Jörg" in copy
    assert "Lohnlauf" in copy
    assert "Jörg" not in to_json(closed).decode()
    assert all(act.reason is None for act in closed.acts)


def test_a_report_has_a_name_that_is_a_file(log):
    """An agent's name could make a report write outside its folder, or overwrite another's."""
    names = ("../../etc/passwd", "..\\..\\etc", "a" * 200, "a" * 199 + "b", "Prüfer", "payments-1")
    ids = [periodic((), log.parameters(agent=name)).header.id for name in names]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", i) for i in ids)


def test_memory_grows_by_bytes_for_each_entry():
    """A report over a large log would need the whole log in memory."""
    small = Log()
    small.agent("payments-1")
    small.decide("payments-1", "allow")
    small.outcome(len(small.entries) - 1)
    head, decision, outcome = small.entries[:-2], small.entries[-2], small.entries[-1]

    def rows(n):
        for index, entry in enumerate(head):
            yield index, None, entry
        at = START + timedelta(days=1)
        for number in range(n):
            index = len(head) + 2 * number
            yield index, None, replace(decision, at=at + timedelta(seconds=number))
            data = {**outcome.data, "refs": {"decision": index}}
            yield index + 1, None, Entry("outcome", at + timedelta(seconds=number), {}, data)

    parameters = small.parameters()
    peaks = []
    for n in (5_000, 20_000):
        tracemalloc.start()
        evidence = periodic(rows(n), parameters)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert evidence.decisions.total.n == evidence.population.with_outcome.k == n
    entries = 2 * 15_000
    assert peaks[1] - peaks[0] < 40 * entries


def test_a_release_that_was_proved_to_loosen_nothing_is_counted_apart():
    """A list that lost a payee would be told as rules that nobody else signed."""
    at = datetime(2026, 11, 5, tzinfo=UTC)
    both = ReleaseRow(7, at, "ab" * 32, "p-aaaaaaaaaa", "p-bbbbbbbbbb", False)
    proved = ReleaseRow(9, at, "cd" * 32, "erp", "erp", False, True)
    shown = SimpleNamespace(evidence=SimpleNamespace(releases=(both, proved)))
    proof = duties._releases(shown)
    assert (proof.k, proof.n) == (1, 1)
    assert (
        proof.shows
        == "1 release in the period; 1 more by one person, each proved to loosen nothing"
    )


def test_reviews_are_counted_as_people_last_said_and_none_is_said_as_none(log, report):
    """A report could say that everything reviewed was right when nothing was reviewed at all."""
    counted = report["reviews"]
    assert counted["replaced"]["n"] > 0
    assert counted["disputed"]["n"] > 0
    assert 0 < counted["looked_at"]["n"] < counted["drawn"]["n"]
    assert all(count["cite"]["listed"] for count in counted.values())
    said = next(s["text"] for s in report["not_shown"] if "were right" in s["title"])
    assert f"{counted['too_loose']['n']} too loose" in said
    assert "no error rate can be stated" in said
    entries = [e for e in log.entries if e.kind not in ("decision.reviewed", "sample.drawn")]
    quiet = Log(START)
    quiet.entries = entries
    without = json.loads(to_json(periodic(quiet.rows(), quiet.parameters())))
    assert all(count["n"] == 0 for count in without["reviews"].values())
    said = next(s["text"] for s in without["not_shown"] if "were right" in s["title"])
    assert "No decision was reviewed" in said
    assert "%" not in said


def test_a_review_after_the_period_counts_only_for_what_was_drawn_in_it():
    """A sample looked at in the next month would stand as never looked at, or count in two months."""
    log = Log(START)
    session = log.agent("payments-1")
    decisions = [log.decide("payments-1", "allow", session=session) for _ in range(2)]
    sample = log.draw(decisions)
    log.at = END + timedelta(days=1)
    log.review(decisions[0], PEOPLE[1], "too_loose", sample=sample)
    counted = json.loads(to_json(periodic(log.rows(), log.parameters())))["reviews"]
    assert {name: count["n"] for name, count in counted.items() if count["n"]} == {
        "drawn": 2,
        "looked_at": 1,
    }
