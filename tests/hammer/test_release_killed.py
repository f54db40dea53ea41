"""The real service, killed while releases are examined, signed and undone; run by `make hammer`."""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from governance.cli.transport import Api, Failed, over_socket
from governance.service import exporting
from governance.service.beside import Beside
from governance.wiring import App
from tests.hammer.test_service_killed import Service

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))
import web_world

KILLS = 16
STEPS = ("examined", "signed", "undone")


class Editor:
    """A person who is alone: proposes, signs and goes back, again and again."""

    def __init__(self, service: Service, chance: random.Random) -> None:
        self.service, self.chance = service, chance
        self.step = ""
        self.acknowledged: tuple[str, int] | None = None

    def api(self) -> Api:
        """The service's API with the person's key."""
        exchange = over_socket(self.service.directory / "governance.sock")
        if exchange is None:
            raise Failed("nobody answers")
        return Api(exchange, self.service.made["person_key"])

    def work_until(self, end: threading.Event) -> None:
        """One life: whatever was acknowledged is remembered."""
        with contextlib.suppress(Failed):
            while not end.is_set():
                self.release()
                self.go_back()

    def release(self) -> None:
        """Files that nobody has seen, proposed and signed."""
        texts = {path: data.decode() for path, data in web_world.FILES.items()}
        most = self.chance.randrange(130, 900)
        texts["policies/payments.yaml"] = (
            texts["policies/payments.yaml"]
            .replace("at_most: 500 EUR", f"at_most: {most} EUR")
            .replace("between: [500.01 EUR", f"between: [{most}.01 EUR")
        )
        self.step = "examined"
        made = self.api().post("/v1/policies/proposals", files=texts, days=1)
        assert made["proposal"], made
        self.sign(made)

    def sign(self, made: dict[str, Any]) -> None:
        """Sign what waits."""
        self.step = "signed"
        path = f"/v1/policies/proposals/{made['proposal']}/sign"
        signed = self.api().post(path, evidence=made["evidence"])
        self.acknowledged = signed["release"], signed["entry"]

    def go_back(self) -> None:
        """To the release before; at once, or signed where that loosens."""
        self.step = "undone"
        made = self.api().post("/v1/policies/rollback")
        if made["in_force"]:
            self.acknowledged = made["release"], made["entry"]
        else:
            self.sign(made)


def test_a_killed_service_has_the_release_that_its_log_says(tmp_path: Path) -> None:
    """After a power failure agents would be answered by half a release, or by one that nobody signed."""
    service = Service(tmp_path / "w")
    chance = random.Random(4)
    editor = Editor(service, chance)
    for life in range(KILLS):
        process = service.start()
        _is_as_the_log_says(editor, life)
        editor.step = ""
        end = threading.Event()
        threads = [
            threading.Thread(target=service.ask_until, args=(end,)),
            threading.Thread(target=editor.work_until, args=(end,)),
        ]
        for thread in threads:
            thread.start()
        _wait_for(editor, STEPS[life % len(STEPS)])
        time.sleep(chance.uniform(0, 0.03 if editor.step == "signed" else 1.5))
        children = _children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        end.set()
        for thread in threads:
            thread.join()
        _nobody_is_left(children)
    final = service.start()
    _is_as_the_log_says(editor, KILLS)
    final.terminate()
    assert final.wait(30) == 0
    assert editor.acknowledged is not None
    replayed = exporting.replay(service.directory)
    assert (replayed["different"], replayed["state"]) == (0, "same")
    assert App().fsck(service.directory)["problems"] == []


def _is_as_the_log_says(editor: Editor, life: int) -> None:
    here = Beside(editor.service.directory)
    signed = {
        index: entry.data["release"]
        for index, entry in enumerate(here.entries())
        if entry.kind == "policy.released"
    }
    found = editor.api().get("/v1/policies")
    assert found["release"] == signed[max(signed)] == signed[found["entry"]], f"life {life}"
    if editor.acknowledged is not None:
        release, entry = editor.acknowledged
        assert signed[entry] == release, f"life {life}: what was acknowledged is not in the log"
    assert editor.api().get("/v1/policies/progress")["step"] is None
    for waiting in found["proposals"]:
        shown = editor.api().get(f"/v1/policies/proposals/{waiting['proposal']}")
        assert not any(
            "cannot be read" in each.get("why", "") for each in shown["attached"].values()
        )


def _wait_for(editor: Editor, step: str) -> None:
    end = time.monotonic() + 60
    while editor.step != step and time.monotonic() < end:
        time.sleep(0.0005)
    assert editor.step == step, "the step was never reached"


def _children(process: int) -> list[Path]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(_stat(place)[1]) == process:
                found.append(place)
    return found


def _stat(place: Path) -> list[str]:
    """State, parent, ... of a process (proc(5))."""
    return (place / "stat").read_text().rsplit(")", 1)[1].split()


def _nobody_is_left(children: list[Path]) -> None:
    """Work that was under way ends with the service."""
    end = time.monotonic() + 10
    for place in children:
        with contextlib.suppress(OSError):
            while _stat(place)[0] != "Z":
                assert time.monotonic() < end, f"{place} outlived its service"
                time.sleep(0.02)
