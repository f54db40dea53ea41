"""After a cut: reports, pages, packages and receipts say what is gone, and still verify."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from retention_world import DAY, HALF_A_YEAR, fill, prune, refused
from service_world import DE, NL, World

from audit.__main__ import main
from audit.entry import decode
from audit.keys import Verifier
from audit.package import Package
from audit.proof import TlogProof
from audit.tree import leaf_hash
from audit.verify import verify
from governance.oversight.times import write
from governance.service import backing_up, erasing, exporting, reporting, retaining, reviews, tiling
from governance.service.acting import receipt_json
from governance.service.desk import SERVICE
from governance.store.reader import Reader
from governance.web.console import framing
from governance.web.console.service_front import ServiceFront

pytestmark = pytest.mark.usefixtures("beside")


def test_a_report_over_pruned_entries_says_so_instead_of_counting_zero(
    aged: World, made: list[int]
) -> None:
    """An auditor would read that nothing was decided where everything was only no longer kept."""
    desk = aged.desk
    whole = report(aged)
    assert whole["kept"]["minimum"] == 0
    assert whole["head"]["recomputed"] == "same"
    retaining.hold(desk, aged.tom, scope="range", first=600, last=610, reason="A claim.")
    prune(aged)
    cut = report(aged)
    assert cut["head"]["recomputed"] == "same"
    assert cut["kept"]["minimum"] == 512
    assert cut["kept"]["pruned_until"] < write(desk.now() - timedelta(days=189))
    assert cut["population"]["missing"] == []
    assert cut["decisions"]["total"]["n"] == len([n for n in made if n >= 512]) + 1
    assert {agent["agent"] for agent in cut["agents"]} == {"payments-1", "payments-2"}
    assert cut["agents"][0]["owner"] == aged.owen.id
    assert {row["cite"]["where"][0][1] for row in cut["roles"]} >= {"treasurer", "cfo"}
    assert not [row for row in cut["exceptions"] if row["kind"] in ("unconfirmed", "ownerless")]
    (said,) = [each for each in cut["not_shown"] if each["title"] == "What was pruned."]
    assert "Entries before index 512" in said["text"]
    assert "does not mean that there were none" in said["text"]
    (row,) = cut["kept"]["cuts"]
    assert row["people"] == [aged.maria.id, aged.tom.id]
    assert sum(count for _, count in row["counts"]) == 512
    assert row["overwritten"] is not None
    assert dict(cut["kept"]["classes"]) == HALF_A_YEAR
    assert [each["scope"] for each in cut["kept"]["holds"]] == ["entries 600 to 610"]
    complete = next(each for each in cut["controls"] if each["id"] == "C2")
    assert complete["k"] == complete["n"] == cut["head"]["size"] - 512


def test_a_report_of_what_was_pruned_altogether_is_refused(aged: World) -> None:
    """Its zeros would be taken for peace and quiet."""
    before = aged.desk.now() - timedelta(days=191)
    prune(aged)
    refused(
        "pruned",
        "zeros for what is no longer here",
        lambda: reporting.periodic(
            aged.desk, aged.tom, start=before - timedelta(days=9), end=before
        ),
    )
    part = report(aged, start=before - timedelta(days=9))
    lacking = [each["lacks"] for each in part["controls"] if each["status"] == "partly"]
    assert any("what came before was pruned" in str(lacks) for lacks in lacking)


def report(world: World, **options: Any) -> dict[str, Any]:
    """The periodic report as JSON."""
    made = reporting.periodic(world.desk, world.tom, **options)
    world.clock.advance(1)
    content = (world.root / "reports" / f"{made['report']}.json").read_bytes()
    return dict(json.loads(content))


def test_the_pages_show_the_plan_and_carry_the_cut_out(aged: World) -> None:
    """What a compliance officer sees before the last yes would not be what goes."""
    front = ServiceFront(aged.desk)
    held = retaining.hold(
        aged.desk, aged.tom, scope="range", first=520, last=530, reason="A claim."
    )
    first = front.cut(aged.maria.id)
    assert (first.minimum, first.second) == (512, False)
    assert "Entries 0 to 511 may go" in first.says[0]
    assert (
        first.says[1] == f"The first that stays is entry 520: legal hold {held['hold']} keeps it."
    )
    assert "unanchored" in first.says[2]
    assert sum(count for _, count in first.counts) == 512
    assert [(each.index, each.first) for each in first.holds] == [(held["hold"], 520)]
    front.prune(aged.maria.id, first.minimum, reason="The time is over.")
    again = front.cut(aged.maria.id)
    assert not again.may.yes
    assert "another person" in again.may.why_not
    second = front.cut(aged.tom.id)
    assert (second.minimum, second.second) == (512, True)
    assert (
        "Maria Fischer asked to give up every entry before 512"
        in front.retention(aged.tom.id).asked
    )
    front.prune(aged.tom.id, second.minimum, reason="I looked at the plan.")
    assert aged.desk.reader.minimum == 512
    assert "keeps its entries from 512 on" in front.retention(aged.tom.id).cut[0]
    assert front.cut(aged.tom.id).minimum == 0
    assert not front.cut(aged.anna.id).may.yes


def test_a_pruned_log_is_exported_verified_and_performed_again(
    aged: World, made: list[int], tmp_path: Path
) -> None:
    """Whoever keeps no longer than allowed could prove nothing to an auditor any more."""
    whole = exporting.export(aged.desk, aged.tom, tmp_path / "before.zip")
    receipt = aged.desk.reader.receipt(made[0])
    prune(aged)
    held = aged.pay(amount="600 EUR", arguments={"note": "kept"})
    pruned = exporting.export(aged.desk, aged.tom, tmp_path / "after.zip")
    assert (whole["minimum"], pruned["minimum"]) == (0, 512)
    assert Path(pruned["package"]).stat().st_size < Path(whole["package"]).stat().st_size
    kept = {
        "index": receipt.index,
        "leaf_hash": receipt.leaf_hash.hex(),
        "tree_size": receipt.tree_size,
        "checkpoint": receipt.checkpoint,
    }
    proven = verify(tmp_path / "after.zip", pruned["vkeys"], receipts=[json.dumps(kept)])
    assert (proven.minimum, proven.form) == (512, "re-performable")
    package = Package.open(tmp_path / "after.zip")
    cut = next(e for e in map(decode, package.entries(512)) if e.kind == "retention.pruned")
    assert cut.data["snapshot"] in package.blobs()
    before, after = (
        exporting.replay(path) for path in (tmp_path / "before.zip", tmp_path / "after.zip")
    )
    assert before["different"] == after["different"] == after["not_disclosed"] == 0
    assert 0 < after["decisions"] < before["decisions"]
    assert after["same"] == after["decisions"]
    assert exporting.replay(aged.desk)["same"] == after["same"]
    assert held["context"]["effect"] == "require_approval"


def test_what_was_handed_out_before_a_cut_still_verifies_offline(
    aged: World, made: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who kept a receipt of a decision could prove nothing any more once we pruned it."""
    desk = aged.desk
    vkey = desk.workspace.vkeys[0]
    old_ = made[3]
    entry = desk.reader.entry_bytes(old_)
    (tmp_path / "receipt.json").write_text(json.dumps(receipt_json(desk.reader.receipt(old_))))
    (tmp_path / "old.tlog-proof").write_text(tiling.proof(desk.reader, old_), encoding="utf-8")
    exporting.export(desk, aged.tom, tmp_path / "before.zip")
    prune(aged)
    fill(aged, 3)
    exporting.export(desk, aged.tom, tmp_path / "after.zip")
    kept = [
        "--receipt",
        str(tmp_path / "receipt.json"),
        "--receipt",
        str(tmp_path / "old.tlog-proof"),
    ]
    for package in ("before.zip", "after.zip"):
        words = ["verify", str(tmp_path / package), "--key", vkey, *kept, "--workers", "1"]
        assert main(words) == 0, capsys.readouterr()
    assert "were pruned" in capsys.readouterr().out
    # and without any package: the proof of today for the bytes of then
    proof = tiling.proof(desk.reader, old_)
    (tmp_path / "new.tlog-proof").write_text(proof, encoding="utf-8")
    parsed = TlogProof.parse(proof)
    parsed.verify(leaf_hash(entry), [Verifier.from_vkey(vkey)])


def test_an_erasure_says_until_when_copies_may_exist(world: World) -> None:
    """Somebody would be told that their data are gone while a backup still has them."""
    desk = world.desk
    fill(world, 1)
    world.pay(amount="1 EUR", iban=NL)
    backing_up.backup(desk, SERVICE)
    until = desk.now() + timedelta(days=30)
    done = erasing.erase(desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17-1-a")
    assert done["copies_until"] == write(until.replace(microsecond=0))
    assert desk.reader.entry(done["entry"]).data["copies_until"] == done["copies_until"]
    shown = retaining.show(desk, world.tom)["copies_until"]
    assert shown == {"values": done["copies_until"], "log": None}
    world.clock.advance(30 * DAY)
    assert backing_up.expire(desk) == 1
    done = erasing.erase(desk, world.tom, subject_type="payee", value=NL, ground="gdpr-17-1-a")
    assert done["copies_until"] is None
    shown = report(world)["erasures"]
    assert [row["copies_until"] for row in shown] == [write(until.replace(microsecond=0)), None]


def test_a_cut_says_until_when_backups_of_the_log_hold_what_went(aged: World) -> None:
    """An operator would report as deleted what last week's backup still shows."""
    desk = aged.desk
    backing_up.backup(desk, SERVICE)
    until = write((desk.now() + timedelta(days=90)).replace(microsecond=0))
    prune(aged)
    last = desk.reader.entry(desk.reader.size - 1)
    assert (last.kind, last.data["copies_until"]) == ("retention.overwritten", until)
    assert retaining.show(desk, aged.tom)["copies_until"]["log"] == until
    aged.clock.advance(91 * DAY)
    assert backing_up.expire(desk) == 2
    assert retaining.show(desk, aged.tom)["copies_until"] == {"values": None, "log": None}


def test_what_was_drawn_and_pruned_waits_for_nobody(
    aged: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it still waited, reviewers would be sent to decisions that nobody can open any more."""
    drawn = reviews.draw(aged.desk, aged.tom, count=200, days=9_999)
    before = [row["decision"] for row in drawn["decisions"]]
    retaining.hold(aged.desk, aged.tom, scope="range", first=600, last=610, reason="A claim.")
    prune(aged)
    kept = [number for number in before if number >= 512]
    told = reviews.sample(aged.desk)
    assert 0 < len(kept) < len(before)
    assert [row["decision"] for row in told["decisions"]] == kept
    assert told["waiting"] == len(kept)
    frame = ServiceFront(aged.desk).frame(aged.tom.id)
    assert frame is not None
    assert frame.to_review == len(kept)
    asked: list[int] = []
    minimum = Reader.minimum.fget
    assert minimum is not None

    def counted(reader: Reader) -> int:
        asked.append(1)
        return int(minimum(reader))

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "minimum", property(counted))
        assert framing._to_review(aged.desk, aged.tom.id) == len(kept)
    assert len(asked) == 1, "not once for each decision, on every page"
    gone = lambda: reviews.review(  # noqa: E731
        aged.desk, aged.tom, before[0], verdict="right", reason="it was long ago"
    )
    refused("pruned", "pruned", gone)
    again = reviews.draw(aged.desk, aged.tom, count=5, days=9_999)
    assert again["first"] == 512
