"""Reviews and samples over HTTP: what is given, what comes back, and who may not."""

from __future__ import annotations

from web_world import World, payment

from governance.service import keys, people


def reviewer(world: World, name: str) -> str:
    """Somebody who answers for no agent and may review; the name of their key."""
    ada = keys.caller_of(world.desk, world.keys["ada"])
    assert ada is not None
    email = f"{name}@corp.example"
    made = people.add(world.desk, ada, name=name, email=email, roles=("risk_editor",))
    issued = keys.issue(world.desk, ada, holder_type="person", holder_id=made["person"])
    world.keys[name] = issued["secret"]
    return name


def test_a_sample_is_drawn_read_and_reviewed(world: World) -> None:
    """A tool of the risk team could not take part in reviews."""
    rita = reviewer(world, "rita")
    assert world.call("GET", "/v1/samples", key="bob")[2] == {
        "sample": None, "waiting": 0, "decisions": []
    }  # fmt: skip
    numbers = [
        int(world.call("POST", "/access/v1/evaluation", payment(amount))[2]["context"]["evaluation_id"])
        for amount in ("120", "900", "90000")
    ]  # fmt: skip
    status, _, drawn = world.call("POST", "/v1/samples", {"count": 3, "nonce": "ours"}, key=rita)
    assert (status, drawn["nonce"], drawn["waiting"]) == (200, "ours", 3)
    assert [row["decision"] for row in drawn["decisions"]] == numbers
    assert {row["effect"] for row in drawn["decisions"]} == {"allow", "require_approval", "deny"}
    body = {"verdict": "too_loose", "should_be": "deny", "reason": "never to this payee"}
    path = f"/v1/decisions/{numbers[0]}/review"
    status, _, made = world.call("POST", path, body, key=rita)
    assert status == 200
    assert made["receipt"]["index"] == made["review"]
    assert world.call("GET", "/v1/samples", key="bob")[2]["waiting"] == 2
    told = world.call("GET", f"/v1/decisions/{numbers[0]}", key="bob")[2]["reviews"]
    assert [each["verdict"] for each in told["reviews"]] == ["too_loose"]
    again = world.call("POST", "/v1/samples", key=rita)
    assert again[0] == 200, "drawing needs no body"


def test_what_does_not_fit_is_refused_by_name(world: World) -> None:
    """A misspelt verdict would be recorded as something, or nobody told what was wrong."""
    rita = reviewer(world, "rita")
    number = world.call("POST", "/access/v1/evaluation", payment())[2]["context"]["evaluation_id"]
    path, size = f"/v1/decisions/{number}/review", world.desk.state.size
    for body, status in (
        ({"verdict": "wrong", "reason": "x"}, 400),
        ({"verdict": "right"}, 400),
        ({"verdict": "right", "should_be": "deny", "reason": "x"}, 400),
        ({"verdict": "too_strict", "reason": "x"}, 409),
    ):
        assert world.call("POST", path, body, key=rita)[0] == status, body
    assert world.call("POST", "/v1/samples", {"count": 201}, key=rita)[0] == 400
    fine = {"verdict": "right", "reason": "as it should be"}
    for caller in ("agent", "gateway", "bob", "ada"):
        assert world.call("POST", path, fine, key=caller)[0] in (403, 409), caller
    assert world.desk.state.size == size
    assert world.call("GET", f"/v1/decisions/{number}", key="agent")[2]["reviews"] is None
