"""The real service, killed without warning while agents ask; run by `make hammer`, some minutes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.entry import decode
from audit.verify import verify
from governance.cli.transport import Api, over_socket
from governance.client import Client, Decision
from governance.service import exporting
from governance.store.reader import Reader
from governance.wiring import App

KILLS = 50
AGENTS = 4
PAYMENT = {"iban": "DE89370400440532013000", "amount": "1 EUR", "country": "DE"}


class Service:
    """`governance serve` in a process of its own, and what it acknowledged over all its lives."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        options = {"name": "Mia", "email": "mia@corp.example", "agent": "payments-1"}
        made = App().initialise(directory, {**options, "label": ["payments"], "port": 1})
        self.made = made
        self.acknowledged: dict[int, tuple[str, str]] = {}
        self.lock = threading.Lock()

    def start(self) -> subprocess.Popen[bytes]:
        """A new life; returns once it can take decisions."""
        command = [sys.executable, "-m", "governance", "serve", "-w", str(self.directory)]
        with (self.directory / "service.log").open("ab") as log:
            process = subprocess.Popen([*command, "--port", "0"], stdout=log, stderr=log)
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            exchange = over_socket(self.directory / "governance.sock")
            if exchange and exchange("GET", "/readyz", None, {})[0] == 200:
                return process
            time.sleep(0.02)
        raise AssertionError((self.directory / "service.log").read_text()[-3000:])

    def ask_until(self, end: threading.Event) -> None:
        """One agent's thread: ask, and remember every complete answer."""
        url = f"unix:{self.directory / 'governance.sock'}"
        client = Client(url, self.made["agent_key"], agent="payments-1", timeout=10)
        while not end.is_set():
            decision = client.check("payment.create", PAYMENT)
            if decision.failure is None and decision.id is not None:
                self.remember(decision)
            elif end.wait(0.005):
                return

    def remember(self, decision: Decision) -> None:
        """An answer reached the agent: from now on it must be found in the log."""
        assert decision.id is not None
        leaf = str(decision.receipt["leaf_hash"]) if decision.receipt else ""
        with self.lock:
            assert int(decision.id) not in self.acknowledged, "two answers under one number"
            self.acknowledged[int(decision.id)] = (decision.effect, leaf)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A founded workspace whose agent may pay small amounts alone."""
    made = Service(tmp_path / "w")
    process = made.start()
    exchange = over_socket(made.directory / "governance.sock")
    assert exchange is not None
    Api(exchange, made.made["person_key"]).post(
        "/v1/agents/payments-1/autonomy",
        level="L4", until="2099-01-01T00:00:00Z", why="hammer", evidence={"reviewed": 1},
    )  # fmt: skip
    process.terminate()
    process.wait(30)
    return made


def test_what_was_acknowledged_survives_fifty_kills(service: Service, tmp_path: Path) -> None:
    """An agent would hold a yes that the log knows nothing of, or the log would hold it twice."""
    chance = random.Random(50)
    for life in range(KILLS):
        process = service.start()
        end = threading.Event()
        threads = [threading.Thread(target=service.ask_until, args=(end,)) for _ in range(AGENTS)]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.05, 0.8))
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        end.set()
        for thread in threads:
            thread.join()
        _all_recorded(service, life)
    assert len(service.acknowledged) > KILLS
    final = service.start()
    final.terminate()
    assert final.wait(30) == 0
    made = exporting.write(service.directory, tmp_path / "package")
    assert verify(tmp_path / "package", made["vkeys"]).size == made["size"]
    replayed = exporting.replay(service.directory)
    assert (replayed["different"], replayed["state"]) == (0, "same")
    assert App().fsck(service.directory)["problems"] == []


def _all_recorded(service: Service, life: int) -> None:
    reader = Reader(service.directory / "log.db")
    try:
        for index, (effect, leaf) in service.acknowledged.items():
            entry = decode(reader.entry_bytes(index))
            assert (entry.kind, entry.data["effect"]) == ("decision", effect), f"life {life}"
            assert not leaf or reader.receipt(index).leaf_hash.hex() == leaf
    finally:
        reader.close()
