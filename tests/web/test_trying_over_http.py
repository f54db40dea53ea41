"""Drafts are tried by API: begun, asked after, and done; nobody waits in a request."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from web_world import FILES, POLICY, World, payment

from governance.service.background import Background
from governance.service.problem import Problem

STRICT = POLICY.replace("at_most: 500 EUR}}", "at_most: 50 EUR}}").replace(
    "[small, 120 EUR, allow, PAY-1]", "[small, 20 EUR, allow, PAY-1]"
)


def texts(**changed: str) -> dict[str, str]:
    """The files of the release in force, some of them changed."""
    return {path: data.decode() for path, data in FILES.items()} | {
        f"policies/{name}.yaml": text for name, text in changed.items()
    }


def ended(world: World, path: str) -> Any:
    """The answer once the backtest has ended."""
    for _ in range(600):
        status, _, answer = world.call("GET", path, key="ada")
        assert status == 200
        if answer["state"] != "running":
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not end")


def test_a_draft_is_tried_and_its_result_fetched(world: World) -> None:
    """If a backtest could be had on one machine only, the risk team would release unseen."""
    for _ in range(3):
        world.call("POST", "/access/v1/evaluation", payment("120"))
    body = {"files": texts(payments=STRICT), "days": 30}
    status, headers, begun = world.call("POST", "/v1/policies/backtests", body, key="ada")
    assert status == 202
    assert headers["location"] == f"/v1/policies/backtests/{begun['id']}"
    answer = ended(world, headers["location"])
    assert answer["state"] == "done"
    assert answer["result"]["by_change"] == {"allow -> deny": 3}
    assert answer["result"]["by_agent"][0]["agent"] == "payer-1"
    assert answer["done"] == answer["total"] > 3


def test_files_that_make_no_release_are_said(world: World) -> None:
    """If a broken draft ended silently, somebody would wait for ever."""
    body = {"files": texts(payments=POLICY.replace("effect: allow", "effect: alow"))}
    _, headers, _ = world.call("POST", "/v1/policies/backtests", body, key="ada")
    answer = ended(world, headers["location"])
    assert answer["state"] == "failed"
    assert answer["problem"]["type"] == "bad-policy"
    assert "payments.yaml:" in answer["problem"]["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"days": 30}, "files"),
        ({"files": {}, "days": 0}, "days"),
        ({"files": {}, "days": 3, "from": "2026-11-01T00:00:00Z"}, "days"),
        ({"files": {}, "from": "2026-13-41T00:00:00Z"}, "from"),
        ({"files": {}, "from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "to"),
        ({"files": {"../x": ""}}, "files.../x"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(
    shared: World, body: dict[str, Any], field: str
) -> None:
    """If a misspelt period were dropped, the figures would be of another one."""
    status, _, problem = shared.call("POST", "/v1/policies/backtests", body, key="ada")
    assert status == 400
    assert problem["field"] == field


def test_an_unknown_backtest_says_where_it_might_be(shared: World) -> None:
    """If a forgotten number looked like an empty result, it would be read as no change."""
    status, _, problem = shared.call("GET", f"/v1/policies/backtests/{'0' * 16}", key="ada")
    assert status == 404
    assert "begin it again" in problem["detail"]


def test_one_at_a_time_and_the_last_few_are_remembered(world: World) -> None:
    """If anybody could begin a hundred, the machine would decide nothing else."""
    go = threading.Event()

    def work(tell: Any) -> dict[str, Any]:
        tell(3, 9)
        assert go.wait(20)
        return {"entries": 9}

    background = Background("backtest")
    assert background.newest() is None
    first = background.start(work)
    with pytest.raises(Problem) as caught:
        background.start(work)
    assert caught.value.status == 429
    go.set()
    assert first.ended.wait(20)
    assert first.json() | {"id": ""} == {
        "id": "", "state": "done", "done": 9, "total": 9, "result": {"entries": 9},
    }  # fmt: skip
    later = []
    for _ in range(8):
        later.append(background.start(work))
        assert later[-1].ended.wait(20)
    assert background.get(later[0].id) is later[0]
    assert background.newest() is later[-1]
    with pytest.raises(Problem):
        background.get(first.id)


def test_what_people_taught_is_fetched_when_it_is_ready(world: World) -> None:
    """If learning could be had on one machine only, nobody would look what approvals teach."""
    status, headers, _ = world.call("POST", "/v1/policies/lessons", {"days": 30}, key="ada")
    assert status == 202
    answer = ended(world, headers["location"])
    assert answer["state"] == "done"
    assert answer["result"]["proposals"] == []
    assert answer["result"]["thresholds"]["loosen"]["people"] == 2
