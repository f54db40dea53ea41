"""Alarms and how often a person was asked, on the page of now, over the real service."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from desk_world import DeskWorld, make_desk_world
from reading_pages import Page

from governance.oversight.commands import Proposal
from governance.service import onboarding
from governance.service.acting import Act, entry, perform
from governance.service.desk import SERVICE, Caller
from governance.web.console.alarms import SHOWN, alarms
from governance.web.console.present import Clockface
from governance.web.console.trend import DAYS, TALLEST, of_day, trend

CLOCK = Clockface(ZoneInfo("Europe/Berlin"))


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> DeskWorld:
    """One real workspace in which an agent asked for some payments."""
    with make_desk_world(tmp_path_factory.mktemp("home") / "workspace") as made:
        for amount in ("18400.11", "18400.12", "18400.13", "20"):
            made.ask(amount)
        yield made


def look(client, path) -> Page:
    """Open a page and parse it."""
    response = client.get(path)
    assert response.status_code == 200, path
    return Page(response.get_data(as_text=True))


def write(desk, kind, data):
    """Put an entry of the service into the log."""

    def run(state, facts, at, index):
        return Proposal((entry(kind, at, SERVICE, data),), None)

    perform(desk, Act("service", run))


def test_the_bars_are_what_the_log_holds(world):
    """If this failed, people would judge their rules by figures that the log does not bear out."""
    made = trend(world.desk, CLOCK, world.desk.now())
    reader = world.desk.reader
    effects = [
        (index, entry.data["effect"])
        for index in range(world.desk.state.size)
        if (entry := reader.entry(index)).kind == "decision"
    ]
    assert len(made.days) == DAYS
    assert made.asked == sum(effect == "require_approval" for _, effect in effects) >= 3
    assert sum(day.allowed for day in made.days) == sum(e == "allow" for _, e in effects)
    assert sum(day.refused for day in made.days) == sum(e == "deny" for _, e in effects)
    assert (made.first, made.last) == (effects[0][0], effects[-1][0])
    assert made.most.height == TALLEST
    assert not made.days[0].recorded
    assert made.days[-1].recorded


def test_each_figure_leads_to_exactly_its_decisions(world):
    """If this failed, a reader of a bar could not see what it counts."""
    client = world.browser("ada")
    home = look(client, "/")
    assert "not recorded" in home.text  # the days before the log began are not days of nothing
    links = {a["href"] for a in home.of("a") if "day=" in a.get("href", "")}
    assert links
    for link in links:
        day, effect = re.fullmatch(r"/decisions\?day=([\d-]+)&effect=(\w+)", link).groups()
        counted = {
            each.effect: each.count
            for each in of_day(world.desk.workspace.views, date.fromisoformat(day), CLOCK.zone)
        }
        shown = {
            int(found[1])
            for a in look(client, link).of("a")
            if (found := re.fullmatch(r"/decisions/(\d+)", a.get("href", "")))
        }
        kept = [world.desk.reader.entry(index) for index in shown]
        assert {entry.data["effect"] for entry in kept} == {effect}
        assert len(kept) == counted[effect]


def test_another_day_has_other_decisions(world):
    """If this failed, a day's list would show what happened on another day."""
    client = world.browser("ada")
    assert "No decision matches" in look(client, "/decisions?day=2001-02-03").text
    for odd in ("9999-12-31", "0001-01-01", "2026-02-30", "yesterday"):
        look(client, f"/decisions?day={odd}")


def test_alarms_tell_what_runs_out(world):
    """If this failed, autonomy would end, and a rule grow old, without anybody having been told."""
    desk = world.desk
    ends = max(agent.autonomy_until for agent in desk.state.agents.values() if agent.autonomy_until)
    said = {alarm.heading: alarm for alarm in alarms(desk, CLOCK, ends + timedelta(days=1))}
    heading = next(each for each in said if "autonomy" in each)
    assert "ran out" in said[heading].items[0].note
    assert all(len(alarm.items) <= SHOWN for alarm in said.values())
    old = alarms(desk, CLOCK, datetime(2200, 1, 1, tzinfo=UTC))
    assert any("looked at again" in alarm.heading for alarm in old)
    calm = alarms(desk, CLOCK, desk.now())
    assert not any("looked at again" in alarm.heading for alarm in calm)


def test_an_agent_without_an_owner_is_an_alarm(world):
    """If this failed, an agent would go on acting though nobody answers for it, and nobody see it."""
    desk, ada = world.desk, Caller("person", world.ids["ada"])
    onboarding.propose(
        desk,
        ada,
        agent="left-alone",
        team="treasury",
        owner=world.ids["rita"],
        purpose="Pays what is small",
        tools=("payment.create",),
        autonomy="L1",
    )
    onboarding.confirm(desk, Caller("person", world.ids["jonas"]), "left-alone")
    assert not any("answers for" in alarm.heading for alarm in alarms(desk, CLOCK, desk.now()))
    write(desk, "person.left", {"person": world.ids["rita"]})  # as a log of long ago may say
    (found,) = (a for a in alarms(desk, CLOCK, desk.now()) if "answers for" in a.heading)
    assert [item.name for item in found.items] == ["left-alone"]
    assert found.heading in look(world.browser("ada"), "/").text


def test_a_request_that_nobody_answered_is_an_alarm(world):
    """If this failed, work would stand still because nobody saw a request, and nobody would know."""
    desk = world.desk
    world.ask("18400.14")
    index = world.approval()
    assert not any("unanswered" in alarm.heading for alarm in alarms(desk, CLOCK, desk.now()))
    write(desk, "approval.expired", {"refs": {"approval": index}})

    def found(at):
        return [
            (item.name, item.link)
            for alarm in alarms(desk, CLOCK, at)
            if "unanswered" in alarm.heading
            for item in alarm.items
        ]

    desk.workspace.views.wait_for(desk.state.size)
    title = "Pay money out of a company account: 18\u202f400.14 EUR"
    assert found(desk.now()) == [(title, f"/approvals/{index}")]
    assert found(desk.now() + timedelta(days=8)) == []
    assert " ".join(title.split()) in look(world.browser("ada"), "/approvals/closed").text


def test_the_last_page_of_what_is_over_leads_no_further(world):
    """If this failed, a reader would page on into nothing, or take open requests for the end."""
    text = look(world.browser("ada"), "/approvals/closed").text
    assert "These are the oldest." in text
    assert "Older" not in text
