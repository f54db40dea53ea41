"""Comparing and proving over HTTP: files, the release in force, and what is refused."""

from __future__ import annotations

from web_world import World


def _files(world: World) -> dict[str, str]:
    status, _, told = world.call("GET", "/v1/policies", key="ada")
    assert status == 200
    release = world.desk.state.release
    assert release is not None
    assert told["release"] == release
    return {p: data.decode() for p, data in world.desk.releases.files(release).items()}


def test_the_release_in_force_is_compared_with_files(shared: World) -> None:
    """Whoever signs would compare with a folder, not with what is enforced."""
    files = _files(shared)
    body = {"old": "in-force", "new": files}
    status, _, told = shared.call("POST", "/v1/policies/diff", body, key="ada")
    assert (status, told["outcome"], told["differences"]) == (200, "same", [])
    path, text = next((p, t) for p, t in files.items() if "effect: require_approval" in t)
    draft = {**files, path: text.replace("mode: enforce", "mode: draft", 1)}
    body = {"old": shared.desk.state.release, "new": draft}
    status, _, told = shared.call("POST", "/v1/policies/diff", body, key="ada")
    assert (status, told["outcome"]) == (200, "tighter")  # nothing governs its actions any more
    assert told["differences"][0]["by"] == "service/governed"


def test_the_release_in_force_is_proved(shared: World) -> None:
    """The page could not say what holds of the rules in force."""
    status, _, told = shared.call("POST", "/v1/policies/prove", {"of": "in-force"}, key="ada")
    assert (status, told["refuted"], told["not_proved"]) == (200, 0, 0)


def test_a_release_that_is_not_kept_is_told(shared: World) -> None:
    """An empty comparison would look like a good one."""
    body = {"old": "0" * 64, "new": "in-force"}
    status, _, problem = shared.call("POST", "/v1/policies/diff", body, key="ada")
    assert status == 404
    assert "0" * 64 in problem["detail"]
    status, _, problem = shared.call(
        "POST", "/v1/policies/diff", {"old": "x", "new": "in-force"}, key="ada"
    )
    assert status == 400
