"""Keys of the log over HTTP: announced, confirmed, retired; and seen by whoever may look."""

from __future__ import annotations

from web_world import World

from governance.service import people
from governance.service.desk import Caller


def second_administrator(world: World) -> str:
    """Bob becomes an administrator, too; his key."""
    ada = next(w for w, each in world.desk.state.people.items() if "administrator" in each.roles)
    bob = next(w for w in world.desk.state.people if w != ada)
    roles = {*world.desk.state.people[bob].roles, "administrator"}
    people.set_roles(world.desk, Caller("person", ada), bob, roles=roles)
    return "bob"


def test_two_administrators_change_the_key_over_http(world: World) -> None:
    """The console and other programs could not do what the command line can."""
    bob = second_administrator(world)
    status, _, made = world.call("POST", "/v1/log/keys", {"reason": "yearly"}, key="ada")
    assert (status, made["state"]) == (201, "proposed")
    status, _, listed = world.call("GET", "/v1/log/keys", key="ada")
    assert (status, listed["waiting"]["vkey"]) == (200, made["vkey"])
    assert [key["state"] for key in listed["keys"]] == ["signing", "prepared"]
    entry = {"entry": made["entry"]}
    status, _, problem = world.call("POST", "/v1/log/keys/confirm", entry, key="ada")
    assert (status, problem["type"]) == (403, "urn:governance:problem:needs-another")
    status, _, done = world.call("POST", "/v1/log/keys/confirm", entry, key=bob)
    assert (status, done["state"]) == (200, "signing")
    assert done["receipt"]["index"] == done["entry"]
    version = world.call("GET", "/version", key=None)[2]
    assert version["log_keys"][0] == made["vkey"]
    old = version["log_keys"][1].split("+")[1]
    path = f"/v1/log/keys/{old}/retire"
    status, _, done = world.call("POST", path, {"why": "compromised"}, key=bob)
    assert (status, done["state"]) == (200, "retired")
    assert world.call("GET", "/version", key=None)[2]["log_keys"] == [made["vkey"]]
    status, _, problem = world.call("POST", path, {"why": "lost"}, key="ada")
    assert (status, problem["type"]) == (404, "urn:governance:problem:unknown")
    last = f"/v1/log/keys/{made['key']}/retire"
    status, _, problem = world.call("POST", last, {"why": "lost"}, key="ada")
    assert (status, problem["type"]) == (409, "urn:governance:problem:conflict")


def test_what_does_not_fit_is_refused_in_words(world: World) -> None:
    """A typing error would make a key nobody asked for, or end in a defect."""
    keys = len(list((world.desk.directory / "keys").iterdir()))
    for body in (
        {"algorithm": "rsa"},
        {"custody": "cloud"},
        {"custody": "pkcs11", "at": "pkcs11:token=x"},
        {"custody": "kms", "at": "awskms:key"},
        {"custody": "encrypted"},
        {"kind": "ed25519"},
    ):
        status, _, problem = world.call("POST", "/v1/log/keys", body, key="ada")
        assert status in (400, 409), body
        assert problem["detail"], body
    for path in ("/v1/log/keys/zzz/retire", "/v1/log/keys/1A2B3C4D/retire"):
        assert world.call("POST", path, {"why": "lost"}, key="ada")[0] == 400
    assert len(list((world.desk.directory / "keys").iterdir())) == keys
