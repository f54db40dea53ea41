"""A proposal read over HTTP: its changes in words, its text, its book."""

from __future__ import annotations

from web_world import World


def test_a_proposal_is_read_in_words_and_in_its_text(shared: World) -> None:
    """A signer at another console would have names of files, and nothing to read."""
    desk = shared.desk
    index = next(
        n for n in range(desk.state.size) if desk.reader.entry(n).kind == "policy.proposed"
    )
    at = f"/v1/policies/proposals/{index}"
    status, _, told = shared.call("GET", f"{at}/changes", key="bob")
    assert status == 200
    assert told["counts"]["new"] > 0, "the first release is all new"
    path = next(file["path"] for file in told["files"] if file["changes"])
    status, _, text = shared.call("GET", f"{at}/text?path={path}", key="bob")
    assert (status, text["how"]) == (200, "new")
    assert {line[0] for line in text["lines"]} == {"new"}
    status, _, words = shared.call("GET", f"{at}/words", key="bob")
    assert status == 200
    assert words["standing"].startswith(f"Proposal {index}. It was signed")


def test_what_is_no_proposal_is_told(shared: World) -> None:
    """A mistyped number would read as an empty proposal."""
    assert shared.call("GET", "/v1/policies/proposals/0/changes", key="ada")[0] == 404
    status, _, problem = shared.call("GET", "/v1/policies/proposals/1/text", key="ada")
    assert status == 400
    assert "path" in str(problem)
