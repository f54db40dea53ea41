"""The API against its own contract: whatever the document allows and whatever it forbids."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from test_serve import Running
from web_world import make_world

from governance.web import openapi
from governance.web.routes import ROUTES

document = openapi.document()
for item in document["paths"].values():
    for operation in item.values():
        if isinstance(operation, dict):
            operation.pop("security", None)
del document["components"]["securitySchemes"]
schema = schemathesis.openapi.from_dict(document)
schema.config.generation.modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
BY_NAME = {route.name: route for route in ROUTES}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A served workspace that the fuzz may do anything to."""
    directory = tmp_path_factory.mktemp("fuzzed")
    with make_world(directory, person_per_second=100_000, agent_per_second=100_000) as world:
        keys = dict(world.keys)
    found = Running(directory, keys)
    yield found
    found.stop()


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_contract_describes(
    case: schemathesis.Case, running: Running
) -> None:
    """Some request would break the service, or get an answer that no client expects."""
    route = BY_NAME[case.operation.definition.raw["operationId"]]
    key = "ada" if route.person else "agent"
    headers = {} if route.anyone else {"Authorization": f"Bearer {running.keys[key]}"}
    response = case.call(base_url=f"http://127.0.0.1:{running.port}", headers=headers)
    case.validate_response(
        response,
        checks=[
            not_a_server_error_but_unready,
            schemathesis.checks.CHECKS.get_one("status_code_conformance"),
            schemathesis.checks.CHECKS.get_one("content_type_conformance"),
            schemathesis.checks.CHECKS.get_one("response_schema_conformance"),
        ],
    )
    if response.status_code >= 400:
        assert "decision" not in response.text.partition('"detail"')[0]


def not_a_server_error_but_unready(ctx: Any, response: Any, case: Any) -> bool | None:
    """503 is an answer: a stop of the clock, no policy, not ready."""
    if response.status_code == 503:
        return None
    return not_a_server_error(ctx, response, case)


def test_it_still_works_afterwards(running: Running) -> None:
    """The fuzz would have left a process that answers but records nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.request("GET", "/livez")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (200, {"status": "ok"})
