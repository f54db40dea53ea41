"""What the console shows of the log's outside anchors."""

from __future__ import annotations

from pathlib import Path

from console_world import token_of
from desk_world import make_desk_world
from flask.testing import FlaskClient
from reading_pages import Page

from audit.checkpoint import Checkpoint, sign_checkpoint
from governance.anchoring.anchor import AnchorFailed, Head
from governance.anchoring.settings import AnchorSettings
from governance.anchoring.station import Station
from governance.service import anchoring, anchors
from governance.service.desk import Desk


def look(client: FlaskClient, path: str) -> Page:
    """A page, read."""
    response = client.get(path)
    assert response.status_code == 200
    return Page(response.get_data(as_text=True))


class Held:
    """An anchor in memory."""

    tells, proves = True, False

    def __init__(self) -> None:
        self.held: str | None = None
        self.wrong: AnchorFailed | None = None

    def newest(self, origin: str) -> str | None:
        """What it holds."""
        if self.wrong is not None:
            raise self.wrong
        return self.held

    def publish(self, head: Head) -> bytes:
        """Hold the head."""
        self.held = head.note
        return b""


def links(page: Page) -> set[str | None]:
    """Where a page leads."""
    return {each.get("href") for each in page.of("a")}


def contradict(desk: Desk, outside: Held) -> None:
    """Let the anchor show a head of this log that is longer than the log."""
    anchoring.configure(desk)
    anchoring.anchor(desk, wait=5, due_only=False)
    show(desk, outside, b"\x07" * 32)


def show(desk: Desk, outside: Held, root: bytes) -> None:
    """Let the anchor show a head with this root."""
    tree = Checkpoint(desk.workspace.origin, desk.state.size + 90, root)
    outside.held = sign_checkpoint(tree, *desk.workspace.signers)
    anchoring.anchor(desk, wait=5, due_only=False)


def test_two_people_settle_a_contradiction_on_its_page(tmp_path: Path) -> None:
    """Who sees the warning would need a shell to answer it, and one person alone could silence it."""
    outside = Held()
    station = Station(AnchorSettings("dept", "witness", "https://witness.example"), outside)
    with make_desk_world(tmp_path, station) as world:
        maria, ada, rita = map(world.browser, ("maria", "ada", "rita"))
        missing = maria.get("/log/anchors/dept")
        assert missing.status_code == 404
        contradict(world.desk, outside)
        assert "/log/anchors/dept" in links(look(maria, "/"))
        page = look(maria, "/log/anchors/dept").text
        assert "It is signed with this log's key." in page
        assert "another copy of this log runs somewhere" in page
        assert outside.held is not None
        assert outside.held.split("\n")[2] in page
        assert "To settle a conflict of an anchor takes the role" in page
        entry = world.desk.state.anchors["dept"].conflict
        data = {"entry": str(entry)}
        for client, status, left in ((maria, 403, 1), (ada, 303, 1), (ada, 403, 1), (rita, 303, 0)):
            form = token_of(client.get("/log").get_data(as_text=True))
            data |= {"form": form, "reason": "an old copy of the service was started by mistake"}
            assert client.post("/log/anchors/dept/settle", data=data).status_code == status
            assert len(anchors.contradictors(world.desk)) == left
        assert "/log/anchors/dept" not in links(look(maria, "/"))

        show(world.desk, outside, b"\x08" * 32)
        data["form"] = token_of(ada.get("/log").get_data(as_text=True))
        for entry, status in ((data["entry"], 409), ("", 400)):
            assert (
                ada.post("/log/anchors/dept/settle", data=data | {"entry": entry}).status_code
                == status
            )
        assert world.desk.state.anchors["dept"].looked_by is None, "settled without being seen"


def test_the_log_page_and_every_page_tell_of_anchors(tmp_path: Path) -> None:
    """People would learn from an auditor that their log has been anchored nowhere, or contradicted."""
    outside = Held()
    station = Station(AnchorSettings("dept", "witness", "https://witness.example"), outside)
    with make_desk_world(tmp_path, station) as world:
        desk = world.desk
        anchoring.configure(desk)
        maria = world.browser("maria")
        before = look(maria, "/log").text
        assert "dept a witness, https://witness.example nothing yet never Nothing yet" in before
        anchoring.anchor(desk, wait=5, due_only=False)
        size = desk.state.size
        after = look(maria, "/log").text
        assert f"{size} entries" in after
        assert "Confirms" in after
        assert f"The first {size} entries are in a head that dept, a witness, confirmed" in after
        assert "need you" not in after

        world.ask("100")
        outside.wrong = AnchorFailed("`https://witness.example` cannot be reached")
        station.since = station.at = desk.state.anchors["dept"].at
        anchoring._record(
            desk, "anchor.lost", {"since": "2026-11-20T08:00:00.000000Z", "size": size}
        )
        anchoring.anchor(desk, wait=5, due_only=False)
        outside.wrong = None
        outside.held = sign_checkpoint(
            Checkpoint(desk.workspace.origin, size + 90, b"\x07" * 32), *desk.workspace.signers
        )
        anchoring.anchor(desk, wait=5, due_only=False)
        home = look(maria, "/").text
        assert "The log's outside anchors need you." in home
        assert "dept showed a head of this log that is not in this log" in home
        assert "No agent is getting a yes now" not in home
        log = look(maria, "/log").text
        assert "Contradicts the log" in log
        assert "Dept, a witness, showed a head that is not in this log." in log
        for page in (home, log):
            assert f"Log {desk.state.size}, contradicted by an anchor" in page
            assert ", anchored" not in page, "a contradicted log is called anchored"
