"""Outside anchors through the API: a real witness, a trust policy, a conflict, health and metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from web_world import World, make_world, payment

from audit.cosigner import from_seed
from audit.keys import ED25519_COSIGNATURE, Verifier
from audit.witness import Witness
from audit.witness_state import PinnedLog, State
from governance.anchoring.settings import AnchorSettings
from governance.store.errors import CannotOpen
from tests.audit.witness_world import served

ORIGIN = "test.example/log"


def now() -> int:
    """The witness's clock."""
    return int(time.time())


@contextmanager
def witness(folder: Path, name: str, log: Verifier) -> Iterator[AnchorSettings]:
    """A witness of the log, by our own program, and the anchor that asks it."""
    key = from_seed(name, ED25519_COSIGNATURE, name.encode().ljust(32)[:32], now)
    state = State.create(folder, [key])
    state.pin(PinnedLog(ORIGIN, (log,)))
    with served(Witness(state, now)) as (host, port):
        url = f"http://{host}:{port}"
        yield AnchorSettings(name.partition(".")[0], "witness", url, key=key.verifier.vkey)


def log_key(folder: Path) -> Verifier:
    """The key of the log that every one of these worlds has."""
    with make_world(folder) as world:
        (vkey,) = world.desk.workspace.vkeys
    return Verifier.from_vkey(vkey)


def metric(world: World, name: str) -> float:
    """One gauge."""
    page = world.call("GET", "/metrics", key=None)[2].decode()
    return float(next(line for line in page.splitlines() if line.startswith(f"{name} ")).split()[1])


def test_witnesses_cosign_and_the_quorum_is_told(tmp_path: Path) -> None:
    """An auditor's policy would ask for cosignatures that the service never got, unknown to anybody."""
    log = log_key(tmp_path / "first")
    first = witness(tmp_path / "a", "one.example/w", log)
    with first as one, witness(tmp_path / "b", "two.example/w", log) as two:
        policy = tmp_path / "trust"
        lines = [f"log {log.vkey}", f"witness one {one.key}", f"witness two {two.key}"]
        policy.write_text("\n".join([*lines, "group both all one two", "quorum both", ""]))
        with make_world(tmp_path / "w", anchors=(one, two), policy=str(policy)) as world:
            before = world.call("GET", "/v1/anchors", key="ada")[2]
            assert (before["state"], before["quorum"]["met"]) == ("unanchored", False)
            status, _, found = world.call("POST", "/v1/anchors/now", key="ada")
            assert (status, found["state"]) == (200, "anchored"), found
            assert found["reaches"] == world.desk.state.size
            assert found["quorum"]["met"], found
            assert "`both` is met: 2 of 2" in " ".join(found["quorum"]["said"])
            assert metric(world, "governance_anchored") == 1
            assert metric(world, "governance_unanchored_seconds") == 0
            ready = world.call("GET", "/readyz", key=None)[2]
            assert (ready["status"], ready["degraded"]) == ("ok", {})
            world.call("POST", "/access/v1/evaluation", payment())
            assert world.call("POST", "/v1/anchors/now", key="ada")[2]["quorum"]["met"]
        one_down = (one, AnchorSettings("two", "file", str(tmp_path / "head")))
        again = make_world(tmp_path / "w", anchors=one_down, policy=str(policy), fresh=False)
        with again as world:
            lacking = world.call("POST", "/v1/anchors/now", key="ada")[2]["quorum"]
            assert not lacking["met"]
            assert "1 of 2" in " ".join(lacking["said"])


def test_a_witness_that_knows_another_history_is_a_conflict(tmp_path: Path) -> None:
    """Two services with one key would each get their cosignatures, and nobody the evidence."""
    log = log_key(tmp_path / "first")
    with witness(tmp_path / "a", "one.example/w", log) as one:
        with make_world(tmp_path / "w", anchors=(one,)) as world:
            for _ in range(3):
                world.call("POST", "/access/v1/evaluation", payment())
            assert world.call("POST", "/v1/anchors/now", key="ada")[2]["state"] == "anchored"
        with make_world(tmp_path / "v") as world:  # the same log went on elsewhere, further
            for _ in range(9):
                world.call("POST", "/access/v1/evaluation", payment("333"))
        with make_world(tmp_path / "v", anchors=(one,), fresh=False) as world:
            status, _, found = world.call("POST", "/v1/anchors/check", key="ada")
            assert status == 200
            (anchor,) = found["anchors"]
            assert anchor["conflict"]["looked_by"] is None
            status, _, ready = world.call("GET", "/readyz", key=None)
            assert (status, ready["status"]) == (503, "failing")
            assert "`one`" in ready["checks"]["anchors"]
            _, headers, evidence = world.call("GET", "/v1/anchors/one/evidence", key="bob")
            assert headers["content-type"].startswith("text/plain")
            assert evidence.startswith(ORIGIN.encode())
            settle = "/v1/anchors/one/settle"
            body = {"reason": "x", "conflict": anchor["conflict"]["entry"]}
            assert world.call("POST", settle, {"reason": "x"}, key="ada")[0] == 400
            other = {**body, "conflict": body["conflict"] + 1}
            assert world.call("POST", settle, other, key="ada")[0] == 409
            assert world.call("POST", settle, body, key="bob")[0] == 403
            assert world.call("POST", settle, body, key="ada")[2]["state"] == "looked"
            assert world.call("POST", settle, body, key="ada")[0] == 403
            assert world.call("GET", "/v1/anchors/two/evidence", key="bob")[0] == 404


def test_a_log_whose_witness_remembers_more_does_not_open(tmp_path: Path) -> None:
    """A database put back from yesterday would go on before anybody asked the witness."""
    log = log_key(tmp_path / "first")
    with witness(tmp_path / "a", "one.example/w", log) as one:
        with make_world(tmp_path / "w", anchors=(one,)) as world:
            assert world.call("POST", "/v1/anchors/now", key="ada")[2]["state"] == "anchored"
        older = make_world(tmp_path / "v", anchors=(one,))
        with pytest.raises(CannotOpen, match=r"`one` holds a head.*older copy"), older:
            pass
