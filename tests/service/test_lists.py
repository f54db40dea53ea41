"""Lists: what is refreshed alone only holds back, what opens waits for a second person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from service_world import DE, FILES, NL, POLICY, World, caller

from governance.service import (
    checking,
    examining,
    exporting,
    keys,
    lists,
    proposals,
    releasing,
    takeover,
)
from governance.service.acting import Texts
from governance.service.desk import Caller
from governance.service.problem import Problem

PATH, LIST = "policies/payments.yaml", "policies/lists/payees.yaml"
NAME = "erp/payees"
USING = POLICY.replace(
    b"  known: [DE89370400440532013000, NL91ABNA0417164300, GB82WEST12345698765432]",
    b"  known: {from: erp/payees, max_age: 24h}",
)
GB, FR = "GB82WEST12345698765432", "FR1420041010050500013M02606"


def list_file(world: World, *members: str, hours: float = 0, name: str = NAME) -> bytes:
    """A list file of now, or of some hours ago."""
    at = datetime.fromtimestamp(world.clock.wall() / 1e6, UTC) - timedelta(hours=hours)
    return (
        f"list: {name}\nas_of: {at.isoformat()}\ntype: iban\nmembers: [{', '.join(members)}]\n"
    ).encode()


@pytest.fixture
def listing(world: World) -> World:
    """A world whose payees come from a list, an hour old."""
    files = {
        **FILES,
        PATH: USING.replace(b"columns: [name,", b"columns: [name, lists.known,")
        .replace(b"    - [small,", b"    - [small, [DE89370400440532013000],")
        .replace(b"    - [unknown payee,", b"    - [unknown payee, [DE89370400440532013000],")
        .replace(b"    - [fraud,", b"    - [fraud, [GB82WEST12345698765432],")
        .replace(b"    - [large,", b"    - [large, [DE89370400440532013000],"),
        LIST: list_file(world, DE, NL, GB, hours=1),
    }
    made = releasing.propose(world.desk, world.maria, files)
    assert made["findings"] == []
    releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])
    return world


@pytest.fixture
def connector(listing: World) -> Caller:
    """The gateway of the ERP system, which may refresh the list and speak for nobody."""
    made = keys.issue(
        listing.desk, listing.maria, holder_type="gateway", holder_id="erp", lists=[NAME]
    )
    return caller(listing.desk, made["secret"])


def test_a_newer_date_and_a_payee_fewer_are_in_force_at_once(
    listing: World, connector: Caller
) -> None:
    """A payee who must not be paid any more would be paid until somebody signs."""
    assert listing.pay(iban=NL)["decision"]
    made = lists.put(listing.desk, connector, NAME, list_file(listing, DE, GB))
    assert made["in_force"]
    assert not listing.pay(iban=NL)["decision"]
    entry = listing.desk.reader.entry(made["entry"])
    assert (entry.by["type"], entry.by["id"], entry.data["ground"]) == (
        "gateway",
        "erp",
        "not_looser",
    )
    with pytest.raises(Problem):
        lists.put(listing.desk, connector, NAME, list_file(listing, DE, GB))
    listing.clock.advance(61)
    same = lists.put(listing.desk, connector, NAME, list_file(listing, DE, GB))
    assert same["in_force"]
    assert exporting.replay(listing.root)["different"] == 0


def test_a_list_that_got_too_old_is_made_good_by_its_connector(
    listing: World, connector: Caller
) -> None:
    """After a weekend without the ERP system a person would have to sign the same payees again."""
    listing.clock.advance(30 * 3600)
    assert not listing.pay()["decision"]
    made = lists.put(listing.desk, connector, NAME, list_file(listing, DE, NL, GB))
    assert made["in_force"]
    assert listing.pay()["decision"]


def test_a_new_trusted_payee_waits_for_a_person(listing: World, connector: Caller) -> None:
    """Whoever holds the connector's key could have themselves paid."""
    made = lists.put(listing.desk, connector, NAME, list_file(listing, DE, NL, GB, FR))
    assert not made["in_force"]
    assert not listing.pay(iban=FR)["decision"]
    row = proposals.listed(listing.desk)["proposals"][0]
    assert (row["origin"], row["proposed_by"], row["state"]) == ("list", "erp", "waiting")
    assert row["looser"]
    releasing.sign(listing.desk, listing.maria, made["proposal"], made["evidence"])
    assert listing.pay(iban=FR)["decision"]


def test_a_person_who_adds_a_payee_does_not_sign_it(listing: World) -> None:
    """One risk editor could trust a payee alone by calling it a list."""
    made = lists.put(listing.desk, listing.maria, NAME, list_file(listing, DE, NL, GB, FR))
    assert not made["in_force"]
    with pytest.raises(Problem) as caught:
        releasing.sign(listing.desk, listing.maria, made["proposal"], made["evidence"])
    assert caught.value.type == "needs-another"


def test_nobody_struck_off_comes_back_through_an_old_release(
    listing: World, connector: Caller
) -> None:
    """Two lists that are too old look alike: one person would go back to the old one, give it a
    newer date, and so trust a payee again who was struck off."""
    first = str(listing.desk.state.release)
    assert lists.put(listing.desk, connector, NAME, list_file(listing, DE, GB))["in_force"]
    listing.clock.advance(30 * 3600)
    back = releasing.rollback(listing.desk, listing.maria, first)
    assert not back["in_force"]
    told = proposals.show(listing.desk, back["proposal"])["attached"]["diff"]
    assert told["outcome"] == "looser"
    assert "refreshed" in told["differences"][0]["note"]


def test_no_payee_slips_into_a_list_that_is_too_old(listing: World, connector: Caller) -> None:
    """Whoever holds the connector's key would wait until the list is too old, add themselves
    with an old date, which opens nothing yet, and then say that the same members are true now."""
    listing.clock.advance(30 * 3600)
    made = lists.put(listing.desk, connector, NAME, list_file(listing, DE, NL, GB, FR, hours=29))
    assert not made["in_force"]
    struck = lists.put(listing.desk, connector, NAME, list_file(listing, DE, GB, hours=29))
    assert struck["in_force"]


def upgraded(world: World) -> None:
    """Put a release in force with a case that fails: as when what a case means changed with the
    product, for no service of this version would release it."""
    release = str(world.desk.state.release)
    good = dict(world.desk.releases.files(release))
    row = next(each for each in good[PATH].splitlines() if b"    - [large," in each)
    broken = good[PATH].replace(row, row.replace(b"require_approval", b"allow", 1))
    files = {**good, PATH: broken}
    found = checking.checked(files, None)
    assert [each.code for each in found.errors] == ["case-failed"]
    made = releasing.examined(world.desk, good)
    made = examining.Examined(
        digest=str(found.digest),
        compiled=takeover.write(found.bundle),
        cases=found.ran,
        against=made.against,
        documents=made.documents,
    )
    offer = releasing.kept(world.desk, files, made, "files")
    offered = releasing.offered(
        world.desk, world.maria, offer, Texts.of(note=None), lambda state: None
    )
    releasing.sign(world.desk, world.tom, offered["proposal"], offered["evidence"])


def test_a_case_that_failed_before_keeps_no_account_trusted(
    listing: World, connector: Caller
) -> None:
    """After an upgrade, an account that must go would stay trusted until somebody repairs a case
    about something else."""
    upgraded(listing)
    made = lists.put(listing.desk, connector, NAME, list_file(listing, DE, GB))
    assert made["in_force"]
    assert [each["code"] for each in made["failed_before"]] == ["case-failed"]
    assert not listing.pay(iban=NL)["decision"]
    cases = proposals.show(listing.desk, made["proposal"])["attached"]["cases"]
    assert (cases["ran"] - cases["held"], len(cases["failed_before"])) == (1, 1)
    assert "`large`" in cases["failed_before"][0]["message"]


def test_a_case_that_failed_before_stops_every_other_release(listing: World) -> None:
    """A promise that does not hold would be released again, with new rules beside it."""
    upgraded(listing)
    files = dict(listing.desk.releases.files(str(listing.desk.state.release)))
    made = releasing.propose(listing.desk, listing.maria, files)
    assert made["proposal"] is None
    assert [each["code"] for each in made["findings"] if each["severity"] == "error"] == [
        "case-failed"
    ]


def test_the_way_back_is_open_whatever_cases_mean_now(listing: World) -> None:
    """After an upgrade, nobody could return to the release of yesterday in an incident."""
    upgraded(listing)
    failing = str(listing.desk.state.release)
    files = dict(listing.desk.releases.files(failing))
    repaired = listing.desk.releases.files(failing)[PATH]
    row = next(each for each in repaired.splitlines() if b"    - [large," in each)
    files[PATH] = repaired.replace(row, row.replace(b" allow,", b" require_approval,", 1))
    made = releasing.propose(listing.desk, listing.maria, files)
    assert made["findings"] == []
    releasing.sign(listing.desk, listing.tom, made["proposal"], made["evidence"])
    back = releasing.rollback(listing.desk, listing.maria, failing)
    assert back["in_force"]
    assert len(back["failed_before"]) == 1
    assert listing.desk.state.release == failing


def test_a_list_that_breaks_a_case_becomes_no_proposal(listing: World, connector: Caller) -> None:
    """Beside a case that failed before, one that the list itself breaks would go unseen."""
    release = str(listing.desk.state.release)
    files = dict(listing.desk.releases.files(release))
    row = next(each for each in files[PATH].splitlines() if b"    - [small," in each)
    held = row.replace(b"[DE89370400440532013000],", b"~,", 1).replace(b"[small,", b"[by list,")
    files[PATH] = files[PATH].replace(row, row + b"\n" + held)
    made = releasing.propose(listing.desk, listing.maria, files)
    assert made["findings"] == []
    releasing.sign(listing.desk, listing.tom, made["proposal"], made["evidence"])
    upgraded(listing)
    refused = lists.put(listing.desk, connector, NAME, list_file(listing, NL, GB))
    assert refused["proposal"] is None
    assert any("`by list`" in each["message"] for each in refused["findings"])


def test_what_an_old_list_would_open_once_it_is_new_is_no_proof(listing: World) -> None:
    """*Proved* would be signed for files that break the promise as soon as the list is refreshed."""
    never = (
        "invariants: all\ntitle: T\nowner: o@corp.example\nreview_by: 2099-01-01\nnever:\n"
        "  - {id: INV-1, title: Never to FR, when: {action: payment.create, args.iban: {is: "
        f"{FR}}}}}, because: t, without: {{people: 1}}}}\n"
    ).encode()
    files = dict(listing.desk.releases.files(str(listing.desk.state.release)))
    files |= {LIST: list_file(listing, DE, FR, hours=30), "policies/invariants.yaml": never}
    made = releasing.propose(listing.desk, listing.maria, files, days=0)
    assert [each["code"] for each in made["findings"]] == ["invariant-refuted"]
    files[LIST] = list_file(listing, DE, hours=30)
    made = releasing.propose(listing.desk, listing.maria, files, days=0)
    assert made["proposal"], made["findings"]


@pytest.mark.parametrize("who", ["agent_key", "gateway", "anna"])
def test_nobody_else_refreshes_it(listing: World, who: str) -> None:
    """An agent's key, or any gateway's, would change whom agents may pay."""
    with pytest.raises(Problem) as caught:
        lists.put(listing.desk, getattr(listing, who), NAME, list_file(listing, DE))
    assert caught.value.type == "not-allowed"


def test_a_list_keeps_its_name_and_never_gets_older(listing: World, connector: Caller) -> None:
    """An old list, sent again, would bring back who was struck off; one of tomorrow never gets old."""
    desk = listing.desk
    for data, word in (
        (list_file(listing, DE, hours=2), "older"),
        (list_file(listing, DE, hours=-9), "to come"),
        (list_file(listing, DE, name="erp/others"), "erp/others"),
        (b"list: [", "payees.yaml"),
        (list_file(listing, "DE00"), "DE00"),
    ):
        with pytest.raises(Problem) as caught:
            lists.put(desk, connector, NAME, data)
        assert word in caught.value.detail
    size = desk.state.size
    with pytest.raises(Problem):
        lists.put(desk, listing.maria, "erp/unknown", list_file(listing, DE))
    assert desk.state.size == size
    assert lists.listed(desk)["lists"][0]["connectors"] == ["erp"]


def test_a_connectors_key_speaks_for_no_agent(connector: Caller, listing: World) -> None:
    """A key that was meant to export payees would ask for payments."""
    with pytest.raises(Problem):
        listing.pay(connector)
    with pytest.raises(Problem):
        keys.issue(listing.desk, listing.maria, holder_type="agent", holder_id="payments-1",
                   lists=[NAME])  # fmt: skip


def test_a_list_is_put_from_the_file_that_its_exporter_wrote(
    listing: World, tmp_path: Path
) -> None:
    """Bytes that only look like the signed ones would be in force."""
    data = list_file(listing, DE, GB) + b"# exported by erp\n"
    made = lists.put(listing.desk, listing.maria, NAME, data)
    assert listing.desk.releases.files(made["release"])[LIST] == data


def test_a_connector_does_not_crowd_out_people_by_asking_at_once(
    listing: World, connector: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends many lists in one moment would have all of them wait, each counted before any."""
    monkeypatch.setattr(lists, "WAITING", 1)
    real = examining.examine

    def slow(job: examining.Job, *more: object) -> examining.Examined:
        monkeypatch.setattr(examining, "examine", real)
        other = list_file(listing, DE, NL, GB, FR)
        assert not lists.put(listing.desk, connector, NAME, other)["in_force"]
        return real(job)

    monkeypatch.setattr(examining, "examine", slow)
    with pytest.raises(Problem) as caught:
        lists.put(listing.desk, connector, NAME, list_file(listing, DE, NL, FR))
    assert (caught.value.type, caught.value.retry_after) == ("too-many", 3600)
    assert len(proposals.waiting(listing.desk.state)) == 1


def test_a_connector_does_not_crowd_out_people(listing: World, connector: Caller) -> None:
    """Sixty-four proposals of a hijacked connector would push out the one that waits for a person."""
    for number in range(5):
        more = [GB, FR][: 1 + number % 2]
        listing.clock.advance(61)
        made = lists.put(listing.desk, connector, NAME, list_file(listing, DE, NL, FR, *more))
        assert not made["in_force"]
    listing.clock.advance(61)
    with pytest.raises(Problem) as caught:
        lists.put(listing.desk, connector, NAME, list_file(listing, DE, NL, GB, FR))
    assert caught.value.type == "too-many"
