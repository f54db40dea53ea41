"""The log's heads in other hands: asked before told, never overwritten, and said when it is late."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from service_world import World

from audit.checkpoint import Checkpoint, parse, sign_checkpoint
from audit.keys import Verifier
from audit.note import Ed25519Signer, split
from audit.verify import verify
from governance import config
from governance.anchoring import registry
from governance.anchoring.anchor import AnchorFailed, Head
from governance.anchoring.settings import Anchoring, AnchorSettings
from governance.anchoring.station import Anchors, Station
from governance.service import anchoring, anchors, exporting, reporting
from governance.service.desk import Desk
from governance.service.problem import Problem
from governance.store import anchored
from governance.store.errors import CannotOpen
from governance.web.health import degraded, failing

REASON = "a test service had a copy of the key"


class Held:
    """An anchor in memory. `held` is what it shows, `wrong` what it raises, `gate` holds it up."""

    tells, proves = True, False

    def __init__(self) -> None:
        self.held: str | None = None
        self.wrong: Exception | None = None
        self.gate: threading.Event | None = None
        self.got: list[int] = []

    def newest(self, origin: str) -> str | None:
        """What it holds."""
        if self.gate is not None:
            self.gate.wait(20)
        if self.wrong is not None:
            raise self.wrong
        return self.held

    def publish(self, head: Head) -> bytes:
        """Hold the head."""
        self.got.append(head.size)
        self.held = head.note
        return b""


class Sent(Held):
    """An anchor that cannot be asked."""

    tells = False

    def publish(self, head: Head) -> bytes:
        """Take the head, or not."""
        if self.wrong is not None:
            raise self.wrong
        return super().publish(head)


def desk_with(world: World, **given: Held) -> Desk:
    """The world's desk with these anchors, configured; each due at every visit."""
    stations = tuple(
        Station(AnchorSettings(name, "git", name, every_seconds=60), outside)
        for name, outside in given.items()
    )
    world.desk = dataclasses.replace(world.desk, anchors=Anchors(stations))
    anchoring.configure(world.desk)
    return world.desk


def visit(desk: Desk, wait: float = 5.0) -> list[str]:
    """Visit all anchors."""
    return anchoring.anchor(desk, wait=wait, due_only=False)


def kinds(world: World) -> list[str]:
    """The kinds of all entries about anchors, in order."""
    found = [world.desk.reader.entry(i).kind for i in range(world.desk.state.size)]
    return [kind for kind in found if kind.startswith("anchor.")]


def head(world: World, size: int, root: bytes, key: Ed25519Signer | None = None) -> str:
    """A head of the world's log under its own key, over whatever root."""
    signers = (key,) if key else world.desk.workspace.signers
    return sign_checkpoint(Checkpoint(world.desk.workspace.origin, size, root), *signers)


def test_a_head_is_confirmed_and_remembered(world: World) -> None:
    """Nobody could say up to where the log is known outside, least of all after a restart."""
    outside = Held()
    desk = desk_with(world, dept=outside)
    assert visit(desk) == []
    size = desk.state.size
    assert outside.got == [size]
    assert parse(split(outside.held)[0]).size == size
    assert [each[:3] for each in anchored.evidence(desk.reader, size)] == [(size, "dept", "git")]
    known = anchors.outside(desk)
    assert (known.kept, known.reaches) == (anchors.ANCHORED, size)
    again = desk_with(world, dept=outside)
    assert again.anchors.stations[0].size == size
    assert kinds(world) == ["anchor.added"]


def test_a_log_at_rest_is_anchored_once(world: World) -> None:
    """An idle log would send a mail every ten seconds, or grow by being anchored."""
    asked, sent = Held(), Sent()
    desk = desk_with(world, asked=asked, sent=sent)
    for _ in range(3):
        assert visit(desk) == []
    assert (len(asked.got), len(sent.got)) == (1, 1)
    world.pay()
    visit(desk)
    assert asked.got[-1] == sent.got[-1] == desk.state.size


def test_what_is_configured_is_what_the_log_says(world: World) -> None:
    """Somebody could take an anchor out, rewrite the log, and put it back, unseen."""
    desk = desk_with(world, one=Held(), two=Held())
    assert set(desk.state.anchors) == {"one", "two"}
    desk_with(world, two=Held())
    assert kinds(world) == ["anchor.added", "anchor.added", "anchor.removed"]
    elsewhere = AnchorSettings("two", "git", "elsewhere")
    moved = dataclasses.replace(desk, anchors=Anchors((Station(elsewhere, Held()),)))
    anchoring.configure(moved)
    assert kinds(world)[3:] == ["anchor.removed", "anchor.added"]
    added = desk.state.anchors["two"].index
    assert b"elsewhere" not in desk.reader.entry_bytes(added)
    assert json.loads(desk.vault.value(added, "target").value) == "elsewhere"


def test_an_anchor_that_hangs_or_fails_holds_up_no_other(world: World) -> None:
    """One dead mail server would leave the whole log unanchored."""
    slow, broken, fine = Held(), Held(), Held()
    slow.gate, broken.wrong = threading.Event(), AnchorFailed("the server is gone")
    desk = desk_with(world, broken=broken, fine=fine, slow=slow)
    began = time.monotonic()
    said = visit(desk, wait=0.3)
    assert time.monotonic() - began < 2
    assert said == ["`broken`: the server is gone", "`slow`: has not answered yet"]
    assert fine.got == [desk.state.size]
    assert visit(desk, wait=0.3)[1] == "`slow`: has not answered yet"
    slow.gate.set()
    wait_for(lambda: not desk.anchors.named("slow").busy)
    assert slow.got == [desk.state.size]


def test_an_anchor_is_visited_again_when_its_time_has_come(world: World) -> None:
    """Every look at the clock would call every anchor, or none."""
    outside = Held()
    desk = desk_with(world, dept=outside)
    for _ in range(3):
        world.pay()
        assert anchoring.anchor(desk, wait=5) == []
    assert len(outside.got) == 1
    again = desk_with(world, dept=outside)  # started anew: what was handed over a moment ago counts
    anchoring.anchor(again, wait=5)
    assert len(outside.got) == 1
    world.clock.advance(61)
    anchoring.anchor(again, wait=5)
    assert len(outside.got) == 2


def shown_later(world: World) -> str:
    """A head of more entries than the log has."""
    return head(world, world.desk.state.size + 20, b"\x07" * 32)


def shown_fork(world: World) -> str:
    """Another head of entries that the log has."""
    return head(world, world.desk.state.size - 5, b"\x07" * 32)


@pytest.mark.parametrize("shown", [shown_later, shown_fork])
def test_an_anchor_that_knows_another_log_is_evidence_until_two_people_looked(
    world: World, shown: Callable[[World], str]
) -> None:
    """A second log under our name, the worst that can happen, would be overwritten and forgotten."""
    outside = Held()
    desk = desk_with(world, dept=outside)
    outside.held = note = shown(world)
    assert len(visit(desk)) == 1
    assert outside.held == note
    assert kinds(world) == ["anchor.added", "anchor.conflict"]
    assert anchoring.evidence_of(desk, "dept") == note.encode()
    assert "`dept`" in failing(desk)["anchors"]
    (against,) = anchors.outside(desk).conflicts
    assert against.conflict.shown == parse(split(note)[0]).size
    visit(desk)
    assert kinds(world) == ["anchor.added", "anchor.conflict"]

    seen = against.conflict.entry
    with pytest.raises(Problem, match="say why"):
        anchoring.settle(desk, world.maria, "dept", seen, reason=" ")
    with pytest.raises(Problem, match="takes the role"):
        anchoring.settle(desk, world.anna, "dept", seen, reason=REASON)
    with pytest.raises(Problem, match="is not the conflict"):
        anchoring.settle(desk, world.maria, "dept", seen - 1, reason=REASON)
    assert anchoring.settle(desk, world.maria, "dept", seen, reason=REASON)["state"] == "looked"
    with pytest.raises(Problem, match="another person"):
        anchoring.settle(desk, world.maria, "dept", seen, reason=REASON)
    assert "anchors" in failing(desk)
    assert anchoring.settle(desk, world.tom, "dept", seen, reason=REASON)["state"] == "settled"
    assert "anchors" not in failing(desk)
    with pytest.raises(Problem, match="nothing to settle"):
        anchoring.settle(desk, world.tom, "dept", seen, reason=REASON)

    assert len(visit(desk)) == 1, "settled is not agreed: it still holds another log"
    assert kinds(world)[2:] == ["anchor.looked", "anchor.looked"]
    outside.held = head(world, desk.state.size + 50, b"\x09" * 32)
    visit(desk)
    assert kinds(world)[-1] == "anchor.conflict"
    assert world.pay()["decision"] in (True, False), "people, not the anchor, stop agents"


def test_a_conflict_cannot_be_edited_away(world: World) -> None:
    """The operator alone would take the anchor out of config.toml, and with it what it knows."""
    outside = Held()
    desk = desk_with(world, dept=outside)
    outside.held = shown_later(world)
    visit(desk)
    gone = desk_with(world)
    assert "anchors" in failing(gone)
    desk_with(world, dept=Held())
    assert kinds(world) == ["anchor.added", "anchor.conflict"]
    for person in (world.maria, world.tom):
        anchoring.settle(
            gone, person, "dept", gone.state.anchors["dept"].conflict or 0, reason=REASON
        )
    desk_with(world)
    assert kinds(world)[-1] == "anchor.removed"


def test_evidence_of_a_conflict_is_in_every_package(world: World, tmp_path: Path) -> None:
    """The proof that somebody signed two logs would stay with the one who may have done it."""
    outside = Held()
    desk = desk_with(world, dept=outside)
    outside.held = shown_fork(world)
    visit(desk)
    exporting.export(desk, world.tom, tmp_path / "package")
    digest = desk.state.anchors["dept"].shown
    blobs = [path for path in (tmp_path / "package").rglob("*") if digest in path.name]
    assert [path.read_text() for path in blobs] == [outside.held]
    (vkey,) = desk.workspace.vkeys
    verify(tmp_path / "package", [Verifier.from_vkey(vkey)])


def test_repositories_on_this_disk_are_called_that(tmp_path: Path) -> None:
    """A bare repository beside the log, or one pushed to such, would pass for somebody else's."""
    for folder in ("bare", "work/.git", "far/.git"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bare" / "config").write_text("[core]\n\tbare = true\n")
    remote = '[remote "origin"]\n\turl = {}\n\tfetch = x\n'
    (tmp_path / "work" / ".git" / "config").write_text(remote.format(tmp_path / "bare"))
    (tmp_path / "far" / ".git" / "config").write_text(remote.format("git@git.example:heads.git"))
    found = {
        target: anchors.is_apart(AnchorSettings("git", "git", target), tmp_path)
        for target in (
            str(tmp_path / "bare"),
            (tmp_path / "bare").as_uri(),
            str(tmp_path / "work"),
            str(tmp_path / "far"),
            "git@git.example:heads.git",
        )
    }
    assert list(found.values()) == [False, False, False, True, True]


def test_what_says_nothing_about_this_log_is_left_alone_and_stops_nobody(world: World) -> None:
    """Whoever can write one anchor could stop every agent, or another log's head be destroyed."""
    outside = Held()
    desk = desk_with(world, dept=outside)
    stranger = Ed25519Signer.generate(desk.workspace.origin)
    other = Ed25519Signer.generate("other.example/log")
    forged = head(world, 10**6, b"\x07" * 32, stranger)
    foreign = sign_checkpoint(Checkpoint("other.example/log", 3, b"\x07" * 32), other)
    for shown, said in (
        ("", "no head"),
        ("x\n", "no head"),
        (forged, "no key of this log signed"),
        (foreign, "another log, `other.example/log`"),
    ):
        outside.held = shown
        (complaint,) = visit(desk)
        assert said in complaint
        assert outside.held == shown
    assert kinds(world) == ["anchor.added"]
    assert not failing(desk)


def test_a_later_head_outside_stops_the_start_and_others_do_not(world: World) -> None:
    """A rolled-back database would go on, and sign a second log where the first was longer."""
    outside, dead = Held(), Held()
    dead.wrong = AnchorFailed("unreachable")
    desk = desk_with(world, dead=dead, dept=outside)
    for harmless in (None, desk.reader.checkpoint(), "x", shown_fork(world)):
        outside.held = harmless
        anchoring.look(desk)
    outside.held = shown_later(world)
    size = desk.state.size
    with pytest.raises(CannotOpen, match=r"dept.*older copy.*--known-head") as caught:
        anchoring.look(desk)
    (kept,) = world.root.glob("later-head-*.txt")
    assert str(kept) in str(caught.value)
    assert kept.read_text() == outside.held
    assert desk.state.size == size
    outside.held, outside.gate = None, threading.Event()
    began = time.monotonic()
    anchoring.look(desk, wait=0.2)
    assert time.monotonic() - began < 2
    outside.gate.set()


def test_unanchored_is_said_once_and_anchored_again_once(world: World) -> None:
    """The operator would learn of dead anchors from an auditor, or drown in repetitions."""
    first, second = Held(), Held()
    desk = desk_with(world, first=first, second=second)
    visit(desk)
    first.wrong = second.wrong = AnchorFailed("the network is down")
    world.pay()
    world.clock.advance(600)
    visit(desk)
    assert kinds(world)[2:] == []
    world.clock.advance(600)
    for _ in range(2):
        visit(desk)
    assert kinds(world)[2:] == ["anchor.lost"]
    assert desk.state.unanchored is not None
    assert "the network is down" in degraded(desk)["anchors"]
    assert not failing(desk)
    assert anchors.outside(desk).kept == anchors.UNANCHORED
    assert anchors.age(desk) >= 1200
    second.wrong = None
    visit(desk)
    visit(desk)
    assert kinds(world)[2:] == ["anchor.lost", "anchor.restored"]
    assert not degraded(desk)


def test_a_log_at_rest_and_a_service_that_was_off_are_not_late(world: World) -> None:
    """Every quiet weekend and every restart would alarm falsely."""
    outside = Held()
    desk = desk_with(world, dept=outside)
    visit(desk)
    outside.wrong = AnchorFailed("the network is down")
    world.clock.advance(90_000)
    visit(desk)
    assert kinds(world) == ["anchor.added"]
    world.pay()
    visit(desk)
    assert kinds(world) == ["anchor.added"]
    world.clock.advance(90_000)
    again = desk_with(world, dept=outside)  # started anew after a day
    visit(again)
    assert kinds(world) == ["anchor.added"]


def test_without_an_anchor_nothing_is_recorded_and_all_say_so(world: World) -> None:
    """A workspace of one machine would fill its log with its loneliness, or hide it."""
    desk = desk_with(world)
    assert visit(desk) == []
    assert kinds(world) == []
    assert "unanchored" in degraded(desk)["anchors"]
    assert anchors.outside(desk).kept == anchors.UNANCHORED
    desk = desk_with(world, dept=(outside := Held()))
    visit(desk)
    outside.wrong = AnchorFailed("gone")
    world.pay()
    world.clock.advance(5_000)
    visit(desk)
    assert desk.state.unanchored is not None
    desk_with(world)
    assert world.desk.state.unanchored is None, "none is left to be lost"


def test_a_file_on_the_same_disk_is_called_that(world: World, tmp_path: Path) -> None:
    """A copy beside the log would be sold as protection against whoever owns the disk."""
    made = config.anchor_of(f"file:{tmp_path / 'head'}")
    desk = dataclasses.replace(
        world.desk, anchors=registry.anchors([made], Anchoring(), world.root)
    )
    anchoring.configure(desk)
    assert visit(desk) == []
    known = anchors.outside(desk)
    assert (known.kept, known.reaches) == (anchors.SAME_DISK, 0)
    assert not known.anchors[0].apart
    told = anchors.as_json(known)
    assert told["anchors"][0]["size"] == desk.state.size
    json.dumps(told)


def test_where_heads_go_is_told_without_passwords() -> None:
    """A password in a repository's address would stand in the log's vault and on pages."""
    url = "https://gov:secret@git.example/heads.git"
    assert (
        anchors.shown_target(AnchorSettings("git", "git", url)) == "https://git.example/heads.git"
    )
    plain = AnchorSettings("legal", "mail", "legal@corp.example")
    assert anchors.shown_target(plain) == "legal@corp.example"


def test_reports_say_who_holds_which_head_or_that_nobody_does(world: World) -> None:
    """A board would read a report of a log that its operator alone can vouch for, without knowing."""
    lonely = report(desk_with(world))
    assert lonely["head"]["outside"] == {"anchors": [], "unanchored": True, "contradicted": []}
    assert "unanchored" in said_of(lonely, "rewrote")
    outside = Held()
    desk = desk_with(world, dept=outside)
    visit(desk)
    size = desk.state.size
    held = report(desk)["head"]["outside"]
    assert not held["unanchored"]
    assert [(row["name"], row["size"]) for row in held["anchors"]] == [("dept", size)]
    assert f"The first {size:,} entries are fixed" in said_of(report(desk), "rewrote")
    outside.held = shown_later(world)
    visit(desk)
    assert report(desk)["head"]["outside"]["contradicted"] == ["dept"]
    gaps = [gap["kind"] for gap in report(desk)["population"]["gaps"]]
    assert {"anchor.added", "anchor.conflict"} <= set(gaps)


def report(desk: Desk) -> dict[str, Any]:
    """The report of now, as JSON; and its PDF names anchors in the same words."""
    made = reporting.periodic(desk, anchoring.SERVICE)
    name = next(name for name in made["files"] if name.endswith(".json"))
    found: dict[str, Any] = json.loads((desk.workspace.paths.reports / name).read_bytes())
    return found


def said_of(found: dict[str, Any], title: str) -> str:
    """The statement among what a report does not show whose title holds a word."""
    return next(str(each["text"]) for each in found["not_shown"] if title in each["title"])


def wait_for(until: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.01)


def test_lateness_counts_from_the_oldest_entry_nobody_has(world: World) -> None:
    """An alarm would come too early after a quiet day, or too late on a busy one."""
    desk = desk_with(world, dept=Held())
    visit(desk)
    world.clock.advance(3_600)
    world.pay()
    world.clock.advance(60)
    world.pay()
    (station,) = desk.anchors.stations
    assert anchors.lateness(desk, station, desk.now()) == timedelta(seconds=60)
