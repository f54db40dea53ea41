"""Every route against every kind of caller, from the table and the published contract."""

from __future__ import annotations

import re

import pytest
from web_world import World, payment

from governance.web import openapi
from governance.web.routes import ROUTES, Route

ROLES = {
    "ada": frozenset(
        {
            "administrator",
            "agent_manager",
            "risk_editor",
            "compliance_officer",
            "treasurer",
            "developer",
        }
    ),
    "bob": frozenset({"auditor", "treasurer"}),
}
TYPES = {"agent": "agent", "gateway": "gateway", "ada": "person", "bob": "person"}
CASES = [(route, caller) for route in ROUTES for caller in (*TYPES, None)]


def _path(route: Route) -> str:
    given = {"id": "1", "index": "1", "decision": "1", "name": "none.pdf", "level": "0"}
    given |= {"tile": "000.p/1", "key": "1a2b3c4d"}
    if route.path.startswith(("/v1/people", "/v1/keys")):
        given["id"] = "p-aaaaaaaaaa" if "people" in route.path else "k-aaaaaaaa"
    return re.sub(r"\{(\w+)\}", lambda found: given[found[1]], route.path)


@pytest.mark.parametrize(
    ("route", "caller"), CASES, ids=[f"{r.name}-{c or 'nobody'}" for r, c in CASES]
)
def test_a_route_admits_whom_the_contract_names_and_nobody_else(
    shared: World, route: Route, caller: str | None
) -> None:
    """Somebody could do what is not theirs, or could not do what is."""
    raw = b"!" if route.writes else None  # nobody gets as far as changing anything
    status, headers, answer = shared.call(route.method, _path(route), key=caller, raw=raw)
    security = openapi.document()["paths"][route.path][route.method.lower()]["security"]
    if not security:
        assert status not in (401, 403)
    elif caller is None:
        assert status == 401
        assert headers["www-authenticate"].startswith("Bearer")
        assert "decision" not in answer
    else:
        assert (status == 403) == (not _named(security, caller)), answer
    if route.method == "POST" and status not in (401, 403):
        assert status in (200, 201, 400, 404, 409), answer


def _named(security: list[dict[str, list[str]]], caller: str) -> bool:
    for alternative in security:
        for scheme, roles in alternative.items():
            if scheme == f"{TYPES[caller]}Key" and (
                not roles or TYPES[caller] != "person" or set(roles) & ROLES[caller]
            ):
                return True
    return False


@pytest.mark.parametrize(
    "header",
    [
        *("", "Bearer", "Bearer ", "Basic abc", "Bearer gov_k-aaaaaaaa_" + "x" * 43),
        *("Bearer " + "x" * 100_000, "Bearer gov_k-aaaaaaaa_" + "é" * 43),
    ],
)
def test_anything_but_a_valid_key_is_a_401(shared: World, header: str) -> None:
    """A wrong key would be told apart from a missing one, or break the service."""
    status, _, problem = shared.call(
        "POST",
        "/access/v1/evaluation",
        payment(),
        key=None,
        headers={"authorization": header.encode("utf-8").decode("latin-1")},
    )
    assert status == 401
    assert "decision" not in problem


def test_a_key_speaks_for_its_own_agent_only(shared: World) -> None:
    """A hijacked agent would spend another one's budget in another one's name."""
    before = shared.desk.state.size
    status, _, problem = shared.call(
        "POST", "/access/v1/evaluation", payment(agent="payer-2"), key="agent"
    )
    assert (status, problem["type"]) == (403, "urn:governance:problem:wrong-subject")
    status, _, _ = shared.call("POST", "/v1/agents/payer-2/sessions", {}, key="agent")
    assert status == 403
    assert shared.desk.state.size == before


def test_a_gateway_speaks_for_its_listed_agents_only(shared: World) -> None:
    """A gateway of one team would act for the agents of another."""
    body = payment(agent="payer-2")
    assert shared.call("POST", "/access/v1/evaluation", body, key="gateway")[0] == 200
    body = payment(agent="coder-1")
    assert shared.call("POST", "/access/v1/evaluation", body, key="gateway")[0] == 403


def test_a_revoked_key_opens_nothing_from_its_entry_on(world: World) -> None:
    """A leaked key would go on working until the process is started again."""
    assert world.call("POST", "/access/v1/evaluation", payment())[0] == 200
    listed = world.call("GET", "/v1/keys", key="ada")[2]["keys"]
    found = next(key["key"] for key in listed if key["holder_id"] == "payer-1")
    assert "secret" not in str(listed)
    assert world.call("POST", f"/v1/keys/{found}/revoke", {}, key="ada")[0] == 200
    assert world.call("POST", "/access/v1/evaluation", payment())[0] == 401


def test_nobody_sets_the_password_of_somebody_who_has_one(world: World) -> None:
    """An administrator could sign in as the treasurer, and the log would name the treasurer."""
    body = {"name": "Cem", "email": "cem@corp.example", "roles": ["treasurer"], "sign_in": True}
    status, _, added = world.call("POST", "/v1/people", body, key="ada")
    assert status == 201
    assert added["password"]
    path = f"/v1/people/{added['person']}/password"
    assert world.call("POST", path, {"sign_in": "cem"}, key="ada")[0] == 409
    first = world.call("POST", f"/v1/people/{world.ids['bob']}/password", {}, key="ada")
    assert (first[0], first[2]["field"]) == (400, "sign_in")
    body = {"sign_in": "bob@corp.example"}
    status, _, given = world.call(
        "POST", f"/v1/people/{world.ids['bob']}/password", body, key="ada"
    )
    assert (status, bool(given["password"])) == (200, True)
