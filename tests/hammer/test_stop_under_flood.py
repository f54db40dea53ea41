"""A stop, and everybody else, while one agent's key sends as much as it can."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from test_serve import Running
from web_world import make_world, payment

CONNECTIONS = 64
SECONDS = 8.0
PATIENCE = 2.0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A served workspace with the usual limits."""
    with make_world(tmp_path) as world:
        keys = dict(world.keys)
    found = Running(tmp_path, keys)
    yield found
    found.stop()


def _post(running: Running, path: str, body: Any, key: str) -> tuple[int, float]:
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=120)
    headers = {
        "Authorization": f"Bearer {running.keys[key]}",
        "Content-Type": "application/json",
    }
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, time.monotonic() - begun


@pytest.mark.parametrize("items", [1, 1000])
def test_one_agents_flood_delays_neither_a_stop_nor_another_agent(
    running: Running, items: int
) -> None:
    """A hijacked agent would keep people from stopping it, or stop everybody else's work."""
    path, body = "/access/v1/evaluation", payment("10")
    if items > 1:
        path += "s"
        body = {**body, "evaluations": [{"action": payment("10")["action"]}] * items}
    end = time.monotonic() + SECONDS

    def flood() -> None:
        while time.monotonic() < end:
            _post(running, path, body, "agent")

    threads = [threading.Thread(target=flood, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    slowest = 0.0
    while time.monotonic() < end:
        stop = {"scope": "agent", "id": "coder-1", "reason": "odd"}
        status, took = _post(running, "/v1/stops", stop, "ada")
        assert status == 201
        slowest = max(slowest, took)
        other = payment("10", agent="payer-2")
        status, took = _post(running, "/access/v1/evaluation", other, "other")
        assert status == 200
        slowest = max(slowest, took)
        time.sleep(0.3)
    assert slowest < PATIENCE
