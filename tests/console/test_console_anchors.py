"""What the console shows of the log's outside anchors."""

from __future__ import annotations

from pathlib import Path

from desk_world import make_desk_world
from flask.testing import FlaskClient
from reading_pages import Page

from audit.checkpoint import Checkpoint, sign_checkpoint
from governance.anchoring.anchor import AnchorFailed, Head
from governance.anchoring.settings import AnchorSettings
from governance.anchoring.station import Station
from governance.service import anchoring


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
        assert "Contradicts the log" in look(maria, "/log").text
