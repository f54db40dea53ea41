"""Proposals that wait while connectors refresh lists: who signs takes the newer ones, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from service_world import DE, NL, World, caller
from test_lists import FR, GB, LIST, NAME, PATH, list_file
from test_lists import connector as connector
from test_lists import listing as listing

from governance.oversight import policies, snapshot
from governance.oversight.state import apply
from governance.service import (
    carrying,
    exporting,
    keys,
    lists,
    proposals,
    proposed_words,
    proving,
    releasing,
    takeover,
)
from governance.service.desk import Caller
from governance.service.problem import Problem
from governance.store.blobs import BlobError
from governance.web import health
from governance.web.console import ruling

BE = "BE68539007547034"
OTHER = "policies/lists/blocked.yaml"


def prose(world: World, **more: bytes) -> dict[str, bytes]:
    """The files in force with another sentence in a reason."""
    files = dict(world.desk.releases.files(str(world.desk.state.release)))
    files[PATH] = files[PATH].replace(b"because: The loss is small.", b"because: It is small.")
    return {**files, **more}


def proposed(world: World, files: dict[str, bytes]) -> tuple[int, str]:
    """Maria proposes files; number and evidence."""
    made = releasing.propose(world.desk, world.maria, files, days=0)
    assert made["proposal"], made
    return made["proposal"], made["evidence"]


def refresh(world: World, who: Caller, *members: str, name: str = NAME) -> dict[str, object]:
    """The list again, a minute later; in force at once."""
    world.clock.advance(61)
    made = lists.put(world.desk, who, name, list_file(world, *members, name=name))
    assert made["in_force"], made
    return made


def test_a_proposal_outlives_the_refreshes_of_a_connector(
    listing: World, connector: Caller
) -> None:
    """A feed that is refreshed every hour would undo every proposal before anybody reads it."""
    desk = listing.desk
    number, evidence = proposed(listing, prose(listing))
    refresh(listing, connector, DE, NL)
    refresh(listing, connector, DE)
    assert [each.index for each in proposals.waiting(desk.state)] == [number]
    (newer,) = proposals.show(desk, number)["newer_lists"]
    assert (newer["list"], newer["added"], newer["gone"]) == (NAME, 0, 2)
    page = ruling.proposal(desk, listing.tom.id, number)
    assert page.newer == (f"{carrying.said(newer)}.",)
    assert "A signature takes the newer one" in page.newer[0]
    assert not [line for line in (*page.warnings, *page.old_warnings) if "goes back" in line]
    made = releasing.sign(desk, listing.tom, number, evidence)
    assert made["newer_lists"] == [newer]
    files = desk.releases.files(str(desk.state.release))
    assert b"It is small." in files[PATH]
    assert b"NL91" not in files[LIST]
    assert listing.pay()["decision"]
    assert not listing.pay(iban=NL)["decision"]
    assert exporting.replay(listing.root)["different"] == 0


def test_what_comes_in_force_is_recorded_with_what_was_signed(
    listing: World, connector: Caller
) -> None:
    """Nobody could tell later which bytes a signature put in force, or what the signer saw."""
    desk = listing.desk
    number, evidence = proposed(listing, prose(listing))
    refresh(listing, connector, DE)
    made = releasing.sign(desk, listing.tom, number, evidence)
    released = desk.reader.entry(made["entry"])
    over = desk.reader.entry(released.data["refs"]["policy"])
    assert over.data["refs"] == {"policy": number}
    assert released.data["evidence"] == evidence == proposals.digest_of(desk, number)
    assert (released.data["proposed_by"], released.data["signed_by"]) == (
        listing.maria.id,
        listing.tom.id,
    )
    assert (
        released.data["release"]
        == over.data["release"]
        == desk.state.release
        != found(desk, number)
    )
    diff = json.loads(desk.blobs.get(over.data["files"]["evidence/diff.json"]))
    assert (diff["outcome"], diff["newer_lists"]["outcome"]) == ("same", "tighter")
    row = proposals.row(desk, number)
    assert (row["state"], row["ended_by"]) == ("released", made["entry"])
    assert number in [each["proposal"] for each in proposals.listed(desk)["proposals"]]
    assert len(desk.state.proposals) == 0


def test_a_list_refreshed_while_a_signature_is_given_is_not_undone(
    listing: World, connector: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payee blocked in the second in which somebody signs would be paid from then on."""
    desk = listing.desk
    number, evidence = proposed(listing, prose(listing))
    filled = releasing.filled

    def slowly(*given: Any) -> Any:
        monkeypatch.setattr(releasing, "filled", filled)
        refresh(listing, connector, DE)
        return filled(*given)

    for newer in (False, True):
        if newer:
            refresh(listing, connector, DE)
        monkeypatch.setattr(releasing, "filled", slowly)
        with pytest.raises(Problem, match="sign again"):
            releasing.sign(desk, listing.tom, number, evidence)
    releasing.sign(desk, listing.tom, number, evidence)
    assert not listing.pay(iban=NL)["decision"]


BLOCK = b"""
  - id: BLOCK-1
    title: Nothing to accounts that the bank has blocked
    effect: deny
    when: {action: payment.create, args.iban: {one_of: $blocked}}
    because: The bank said so.
    severity: medium
    may_be_waived_by: [cfo]
"""


def blocklist(world: World, *members: str) -> Caller:
    """A release with a list of accounts that the bank has blocked; the bank's gateway."""
    files = dict(world.desk.releases.files(str(world.desk.state.release)))
    files[OTHER] = list_file(world, *members, hours=1, name="bank/blocked")
    files[PATH] = (
        files[PATH]
        .replace(b"lists:\n", b"lists:\n  blocked: {from: bank/blocked, max_age: 48h}\n")
        .replace(b"rules:\n", b"rules:" + BLOCK, 1)
    )
    number, evidence = proposed(world, files)
    releasing.sign(world.desk, world.tom, number, evidence)
    made = keys.issue(
        world.desk, world.maria, holder_type="gateway", holder_id="bank", lists=["bank/blocked"]
    )
    return caller(world.desk, made["secret"])


def found(desk: object, number: int) -> str:
    """The release that a proposal named."""
    return str(desk.reader.entry(number).data["release"])  # type: ignore[attr-defined]


def test_the_log_alone_says_which_proposals_wait(listing: World, connector: Caller) -> None:
    """A service that starts again would know of other proposals than the one that stopped."""
    desk = listing.desk
    proposed(listing, prose(listing))
    refresh(listing, connector, DE)
    state = desk.first_state()
    for index in range(desk.state.size):
        state = apply(state, index, desk.reader.entry(index))
    assert snapshot.dump(state) == snapshot.dump(desk.state)
    again = snapshot.load(snapshot.dump(state))
    assert policies.rules_since(again) == policies.rules_since(desk.state) != state.release_index
    assert len(proposals.waiting(again)) == 1


def test_a_list_that_the_proposal_changes_is_a_conflict(listing: World, connector: Caller) -> None:
    """A payee that was struck off would come back with the older list of a proposal."""
    number, evidence = proposed(
        listing, prose(listing, **{LIST: list_file(listing, DE, NL, FR, hours=0.5)})
    )
    refresh(listing, connector, DE, GB)
    (newer,) = proposals.show(listing.desk, number)["newer_lists"]
    assert newer["changed_here"]
    assert "changes it, too" in carrying.said(newer)
    with pytest.raises(Problem) as caught:
        releasing.sign(listing.desk, listing.tom, number, evidence)
    assert (caught.value.type, NAME in caught.value.detail) == ("conflict", True)
    assert not listing.pay(iban=NL)["decision"]


def test_an_older_list_never_comes_back(listing: World, connector: Caller) -> None:
    """A list that was true last week would be in force again by a signature about something else."""
    desk = listing.desk
    number, evidence = proposed(listing, prose(listing))
    refresh(listing, connector, DE)
    newest = lists.listed(desk)["lists"][0]["as_of"]
    releasing.sign(desk, listing.tom, number, evidence)
    assert lists.listed(desk)["lists"][0]["as_of"] == newest


def test_who_signs_an_older_list_is_told(listing: World, connector: Caller) -> None:
    """A folder with last month's list would take the newest one back beside a change of a comma."""
    refresh(listing, connector, DE)
    files = prose(listing, **{LIST: list_file(listing, DE, hours=2)})
    made = releasing.propose(listing.desk, listing.maria, files, days=0)
    assert any("goes back to its members of" in each for each in made["warnings"])
    shown = proposals.show(listing.desk, made["proposal"])
    assert shown["warnings"][0] == made["warnings"][0]
    assert shown["warnings"][0] not in shown["not_new"]


def test_a_newer_list_that_opens_something_under_the_proposed_rules_is_not_taken(
    listing: World,
) -> None:
    """Who holds the key of a blocklist would have a friend propose it as a list of payees, and block
    themselves before it is signed."""
    desk = listing.desk
    gate = blocklist(listing, GB)
    files = prose(listing)
    files[PATH] = files[PATH].replace(BLOCK, BLOCK.replace(b"effect: deny", b"effect: allow").replace(
        b"    may_be_waived_by: [cfo]\n", b""))  # fmt: skip
    number, evidence = proposed(listing, files)
    refresh(listing, gate, GB, BE, name="bank/blocked")
    with pytest.raises(Problem) as caught:
        releasing.sign(desk, listing.tom, number, evidence)
    assert caught.value.type == "conflict"
    assert "becomes looser" in caught.value.detail


def test_what_was_blocked_meanwhile_is_not_opened_unseen(listing: World) -> None:
    """The signer was shown that dropping a blocklist opens nothing that is not refused anyway; since
    then the bank has blocked a payee."""
    desk = listing.desk
    gate = blocklist(listing, GB)
    files = prose(listing)
    files[PATH] = files[PATH].replace(BLOCK, b"\n")
    number, evidence = proposed(listing, files)
    refresh(listing, gate, NL, GB, name="bank/blocked")
    with pytest.raises(Problem) as caught:
        releasing.sign(desk, listing.tom, number, evidence)
    assert "which nobody was shown" in caught.value.detail
    assert not listing.pay(iban=NL)["decision"]


def test_a_list_that_the_proposal_drops_is_refreshed_meanwhile(listing: World) -> None:
    """Nobody could ever take a blocklist out of use while its bank sends it every minute."""
    desk = listing.desk
    gate = blocklist(listing, NL)
    files = prose(listing)
    files[PATH] = (
        files[PATH]
        .replace(BLOCK, b"\n")
        .replace(b"  blocked: {from: bank/blocked, max_age: 48h}\n", b"")
    )
    del files[OTHER]
    number, evidence = proposed(listing, files)
    refresh(listing, gate, NL, GB, name="bank/blocked")
    assert proposals.show(desk, number)["newer_lists"] == []
    made = releasing.sign(desk, listing.tom, number, evidence)
    assert made["release"] == found(desk, number) == desk.state.release
    assert listing.pay(iban=NL)["decision"]


ROW = {
    "action": "payment.create", "kind": "verdict", "looser": True, "before": "deny",
    "after": "allow", "was": "payments/BLOCK-1", "by": "payments/PAY-1",
}  # fmt: skip
PROOF = {"name": "all/INV-1", "result": "proved"}


def documents(**changed: object) -> dict[str, dict[str, object]]:
    """What is found about a release over newer lists, and what a signer was shown of it."""
    diff = {"outcome": "looser", "differences": [ROW], "open": {"mail.read": "budget"}, "more": 0}
    newer = {"newer_lists": {"outcome": "tighter", "looser": []}}
    proofs = {"given_up": ["all/INV-9"], "proofs": [PROOF]}
    return {"diff": {**diff, **newer, **changed}, "proofs": {**proofs, **changed}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"differences": [{**ROW, "was": "payments/PAY-4"}]}, "nobody was shown"),
        ({"differences": [{**ROW, "before": "require_approval"}]}, "nobody was shown"),
        ({"open": {"mail.read": "", "web.post": ""}}, "not everything"),
        ({"given_up": ["all/INV-9", "all/INV-8"]}, "asked for"),
        ({"proofs": [{**PROOF, "result": "not proved"}]}, "is not proved"),
        ({"more": 1}, "cannot be told"),
        ({"newer_lists": {"outcome": "incomplete", "looser": []}}, "not proved"),
        ({"newer_lists": {}}, "not proved"),
    ],
)
def test_a_signature_covers_nothing_that_was_not_shown(
    changed: dict[str, object], said: str
) -> None:
    """What became looser while lists were refreshed would come in force on the word of somebody who
    never saw it."""

    def why(found: dict[str, dict[str, object]]) -> str | None:
        made = releasing.examining.Examined(
            documents={name: json.dumps(each).encode() for name, each in found.items()}
        )
        return next(carrying.uncovered(made, documents()), None)

    assert why(documents()) is None
    assert said in str(why(documents(**changed)))


def test_anything_else_in_between_ends_a_proposal(listing: World, connector: Caller) -> None:
    """A signature would undo rules that came in force since, unseen."""
    number, evidence = proposed(listing, prose(listing))
    other = prose(listing)
    other[PATH] = other[PATH].replace(b"It is small.", b"It is very small.")
    second, shown = proposed(listing, other)
    refresh(listing, connector, DE)
    releasing.sign(listing.desk, listing.tom, second, shown)
    refresh(listing, connector, DE)
    assert proposals.row(listing.desk, number)["state"] == "expired"
    with pytest.raises(Problem) as caught:
        releasing.sign(listing.desk, listing.tom, number, evidence)
    assert caught.value.type in ("conflict", "unknown")


def test_a_list_is_refreshed_while_files_are_examined(
    listing: World, connector: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that take minutes to examine could never be proposed beside a feed of every minute."""
    desk, kept = listing.desk, releasing.kept

    def slow(*given: object) -> object:
        monkeypatch.setattr(releasing, "kept", kept)
        refresh(listing, connector, DE)
        return kept(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(releasing, "kept", slow)
    number, evidence = proposed(listing, prose(listing))
    releasing.sign(desk, listing.tom, number, evidence)
    assert not listing.pay(iban=NL)["decision"]


NEVER = (
    b"invariants: all\ntitle: T\nowner: o@corp.example\nreview_by: 2099-01-01\nnever:\n"
    b"  - {id: INV-1, title: Never so much, when: {action: payment.create, args.amount: {above: "
    b"400 EUR}}, because: t, without: {people: 1}}\n"
)


def upgraded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invariant is in force that is refuted under what this version makes of it."""
    files = {**prose(world), "policies/invariants.yaml": NEVER}
    with monkeypatch.context() as older:
        older.setattr(releasing.examining, "examine", proved_then)
        number, evidence = proposed(world, files)
    releasing.sign(world.desk, world.tom, number, evidence)
    assert proving.of(world.desk, "in-force")["refuted"] == 1


def proved_then(job: object, progress: object = None) -> object:
    """As `examine` by a version under which the invariant held."""
    from governance.service import checking, examining

    files = dict(job.files)  # type: ignore[attr-defined]
    made = releasing.examining.Examined(against=job.against, since=job.since)  # type: ignore[attr-defined]
    whole = checking.checked(files, None)
    made.digest, made.cases = str(whole.digest), whole.ran
    made.compiled = takeover.write(whole.bundle)
    made.documents = {
        name: json.dumps({"what": name, "complete": False, "why": "another version"}).encode()
        for name in examining.EVIDENCE
    }
    return made


def test_an_invariant_that_was_refuted_before_keeps_no_account_trusted(
    listing: World, connector: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an upgrade an account that must go would stay trusted until rules are mended; and nobody
    would be told that what must never happen can."""
    upgraded(listing, monkeypatch)
    assert health.degraded(listing.desk).get("invariants") is None
    made = refresh(listing, connector, DE)
    assert made["refuted_before"] == ["all/INV-1"]
    assert not listing.pay(iban=NL)["decision"]
    assert proposals.refuted(listing.desk) == ("all/INV-1",)
    assert "all/INV-1" in health.degraded(listing.desk)["invariants"]
    assert ruling.policies(listing.desk, listing.tom.id).refuted == ("all/INV-1",)


def test_a_store_that_is_away_for_a_moment_silences_no_worry(
    listing: World, connector: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one failed read nobody would be told, until the next start, that what must never happen
    can."""
    upgraded(listing, monkeypatch)
    refresh(listing, connector, DE)
    monkeypatch.setattr(proposals, "_briefs", {})

    def away(_store: object, digest: str) -> bytes:
        raise BlobError(f"`{digest}` cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr(type(listing.desk.blobs), "get", away)
        assert proposals.refuted(listing.desk) == ()
    assert proposals.refuted(listing.desk) == ("all/INV-1",)


class Forgetful(dict[Any, Any]):
    """What another thread empties at every moment."""

    def __setitem__(self, key: object, value: object) -> None:
        pass


def test_what_another_thread_forgets_is_told_all_the_same(
    listing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page would fail because many others are looked at."""
    number, _ = proposed(listing, prose(listing))
    monkeypatch.setattr(proposals, "_briefs", Forgetful())
    monkeypatch.setattr(proposed_words, "_worked_out", Forgetful())
    assert proposals.listed(listing.desk)["proposals"][0]["outcome"] == "same"
    assert proposed_words.changes(listing.desk, number)["counts"]["changed"] == 1


def test_the_way_back_is_to_other_rules_not_to_an_older_list(
    listing: World, connector: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In trouble somebody would go back by one refresh of a list, and keep the rules that are wrong;
    and what was in force many refreshes ago would be called unknown."""
    desk, first = listing.desk, str(listing.desk.state.release)
    number, evidence = proposed(listing, prose(listing))
    releasing.sign(desk, listing.tom, number, evidence)
    refresh(listing, connector, DE, NL)
    refresh(listing, connector, DE)
    assert proposals.earlier(desk, None) == first
    every = proposals.history(desk)["releases"]
    monkeypatch.setattr(proposals, "_PAGE", 1)
    assert proposals.history(desk)["releases"] == every
    assert proposals.earlier(desk, first[:10]) == first
    assert ruling.way_back(desk, listing.tom.id, first).row.release == first


def test_an_invariant_that_was_refuted_before_stops_what_loosens(
    listing: World, connector: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a promise that does not hold, a new payee would be put to a signature as if it did."""
    upgraded(listing, monkeypatch)
    listing.clock.advance(61)
    made = lists.put(listing.desk, connector, NAME, list_file(listing, DE, NL, GB, FR))
    assert made["proposal"] is None
    assert [each["code"] for each in made["findings"]] == ["invariant-refuted"]
    again = releasing.propose(listing.desk, listing.maria, prose(listing), days=0)
    assert again["proposal"] is None
