"""Releases that come in force while agents ask: nobody is answered by half of one."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from service_world import FILES, POLICY, World

from governance.engine.compile import compile_release
from governance.service import exporting, proposals, releasing, takeover
from governance.service.problem import Problem
from governance.service.releases import Releases

PATH = "policies/payments.yaml"
LOOSER = POLICY.replace(b"at_most: 500 EUR}}", b"at_most: 550 EUR}}").replace(
    b"{above: 500 EUR", b"{above: 550 EUR"
)
BROKEN = POLICY.replace(b"effect: deny", b"effect: denyy", 1)


def test_every_answer_under_load_is_of_a_release_that_was_in_force_at_its_place(
    world: World,
) -> None:
    """An agent would be answered by rules that nobody signed, or by those that were replaced."""
    first = world.desk.state.release
    over = threading.Event()
    answers: list[dict[str, Any]] = []
    wrong: list[Exception] = []

    def ask() -> None:
        while not over.wait(0.02):
            try:
                answers.append(world.pay(amount="520 EUR"))
            except Problem as problem:  # pragma: no cover - then the test fails
                wrong.append(problem)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for each in askers:
        each.start()
    try:
        for policy in (LOOSER, BROKEN, POLICY):
            files = {**FILES, PATH: policy}
            made = releasing.propose(world.desk, world.maria, files, days=1)
            assert (made["proposal"] is None) == (policy is BROKEN)
            if made["proposal"] is not None:
                releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])
        back = proposals.earlier(world.desk, None)
        made = releasing.rollback(world.desk, world.tom, back)
        if not made["in_force"]:
            releasing.sign(world.desk, world.maria, made["proposal"], made["evidence"])
    finally:
        over.set()
        for each in askers:
            each.join()
    assert not wrong
    in_force, seen = "", set()
    for index in range(world.desk.state.size):
        entry = world.desk.reader.entry(index)
        if entry.kind == "policy.released":
            in_force = entry.data["release"]
        elif entry.kind == "decision":
            assert entry.data["release"] == in_force, index
            seen.add((in_force, entry.data["effect"]))
    assert len({release for release, _ in seen}) == 2
    assert {effect for _, effect in seen} == {"allow", "require_approval"}
    assert (first, "allow") not in seen, "500 EUR is the most in it"
    counts = exporting.replay(world.root)
    assert (counts["different"], counts["same"]) == (0, len(answers))


def test_a_release_that_is_still_read_is_never_half_there(world: World) -> None:
    """Who asks in that moment would hold the lock until a compiler is done, or be answered by chance."""
    made = releasing.propose(world.desk, world.maria, {**FILES, PATH: LOOSER})
    digest = made["release"]
    fresh = Releases(world.desk.blobs)
    gate, began = threading.Event(), threading.Event()
    load = fresh._load

    def slow(name: str) -> Any:
        began.set()
        gate.wait(10)
        return load(name)

    fresh._load = slow  # type: ignore[method-assign]
    reading = threading.Thread(target=fresh.get, args=(digest,))
    reading.start()
    assert began.wait(10)
    with pytest.raises(Problem) as caught:
        fresh.get(digest, patience=0.01)
    assert (caught.value.type, caught.value.retry_after) == ("not-ready", 1)
    gate.set()
    reading.join()
    assert fresh.get(digest, patience=0.0).release.digest == digest


def test_the_release_in_force_is_kept_however_many_are_looked_at(world: World) -> None:
    """Ten old releases on a page, and the next decision would wait for a compiler."""
    here = Releases(world.desk.blobs, in_force=lambda: world.desk.state.release)
    now = str(world.desk.state.release)
    kept = here.get(now)
    for number in range(10):
        text = POLICY.replace(b"title: What payment", b"title: %d What payment" % number)
        files = {**FILES, PATH: text}
        made = compile_release(files)
        here.keep(made.digest, files, takeover.write(made.bundle))
    assert here.get(now) is kept
    assert len(here._ready) <= 8
