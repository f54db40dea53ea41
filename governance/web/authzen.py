"""OpenID AuthZEN Authorization API 1.0: the shapes of requests, batches and discovery.

Law: what the standard requires is 400 when it is missing or of the wrong type, what it does not
name is ignored, and a deny is an answer (200), never an error. One thing is stricter than the
standard asks: a request that states a fact which only this service may state is refused, because
an ignored `agent.autonomy` would look accepted.

Functions are pure: parsed JSON in, plain values out, Problem (400) where it does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from governance.service.problem import Problem
from governance.web.openapi import body_checks
from governance.web.parsing import printable

ENTITIES: Final = ("subject", "action", "resource", "context")
SEMANTICS: Final = ("execute_all", "deny_on_first_deny", "permit_on_first_permit")
CAPABILITY: Final = "urn:openid:authzen:capability:access-request"

# Facts that come from the log and the catalogue. `session` may be named by its number, and `time`
# as text is what the standard's own examples send: a claim like any other.
_FACTS: Final = frozenset({"agent", "session", "tool", "limits", "history"})
_FACT_PREFIXES: Final = ("agent.", "session.", "tool.", "time.", "limits.", "history.")


def check_evaluation(request: Mapping[str, Any]) -> None:
    """Raises Problem (400) unless `request` is a complete evaluation request.

    The quick look accepts what is plainly right; the published schema judges the rest, so that
    its complaint names the field.
    """
    if not _plainly_right(request):
        check, _ = body_checks()["evaluate"]
        check(request, "")
    refuse_facts(request)


def refuse_facts(request: Mapping[str, Any]) -> None:
    """Raises Problem (400) where the request states a fact of the service (see the law)."""
    for name in request:
        if name in _FACTS:
            raise _fact(name)
    context = request.get("context")
    if not isinstance(context, dict):
        return
    for name, value in context.items():
        stated = (
            (name in _FACTS or name == "time") and isinstance(value, (dict, list))
        ) or name.startswith(_FACT_PREFIXES)
        if stated:
            raise _fact(f"context.{name}")


def _fact(path: str) -> Problem:
    return Problem(
        "service-fact",
        f"`{printable(path)}` is a fact that only the service may state; leave it out",
        field=printable(path),
    )


def _plainly_right(request: Mapping[str, Any]) -> bool:
    try:
        subject, action, resource = request["subject"], request["action"], request["resource"]
    except KeyError:
        return False
    if type(subject) is not dict or type(action) is not dict or type(resource) is not dict:
        return False
    if not (
        _text(subject.get("type"), 200)
        and _text(subject.get("id"), 500)
        and _text(action.get("name"), 200)
        and _text(resource.get("type"), 200)
        and _text(resource.get("id"), 2000)
    ):
        return False
    for entity in (subject, action, resource):
        if "properties" in entity and type(entity["properties"]) is not dict:
            return False
    properties = action.get("properties")
    if properties and type(properties.get("arguments", {})) is not dict:
        return False
    context = request.get("context", {})
    return type(context) is dict and context.get("intent", "act") in ("act", "ask")


def _text(value: Any, longest: int) -> bool:
    return type(value) is str and 0 < len(value) <= longest


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch made complete: each evaluation in the caller's order, or why it cannot be asked."""

    requests: tuple[Mapping[str, Any] | Problem, ...]
    semantics: str


def batch(request: Mapping[str, Any], *, most: int) -> Batch | None:
    """The evaluations of a batch with the defaults filled in; None for a single evaluation.

    An entity given in an evaluation replaces the default whole. Raises Problem (400) for what
    spoils the whole payload, and (413) beyond `most` evaluations.
    """
    evaluations = request.get("evaluations")
    if evaluations is None or evaluations == []:
        return None
    check, _ = body_checks()["evaluateMany"]
    check({**request, "evaluations": evaluations}, "")
    refuse_facts(request)
    if len(evaluations) > most:
        raise Problem(
            "too-large",
            f"`evaluations` has {len(evaluations)} items; at most {most} are taken at once",
            field="evaluations",
        )
    defaults = {name: request[name] for name in ENTITIES if name in request}
    options = request.get("options", {})
    return Batch(
        tuple(_complete(defaults, each, place) for place, each in enumerate(evaluations)),
        options.get("evaluations_semantic", SEMANTICS[0]),
    )


def _complete(
    defaults: Mapping[str, Any], evaluation: Mapping[str, Any], place: int
) -> Mapping[str, Any] | Problem:
    prefix = f"evaluations[{place}]."
    whole = {**defaults, **{name: evaluation[name] for name in ENTITIES if name in evaluation}}
    try:
        refuse_facts(evaluation)
        check_evaluation(whole)
    except Problem as problem:
        field = problem.field or ""
        detail = problem.detail.replace(f"`{field}`", f"`{prefix}{field}`", 1)
        return Problem(problem.type, detail, field=prefix + field)
    return whole


def absolute(answer: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    """The answer with the access request's endpoint as a whole address (the profile wants one)."""
    request = answer["context"].get("access_request")
    if request is not None and str(request.get("endpoint", "")).startswith("/"):
        request["endpoint"] = url + request["endpoint"]
    return answer


def discovery(url: str) -> dict[str, Any]:
    """The decision point's metadata; `url` is the base URL under which it is published."""
    return {
        "policy_decision_point": url,
        "access_evaluation_endpoint": f"{url}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{url}/access/v1/evaluations",
        "access_request_endpoint": f"{url}/access/v1/access-requests",
        "capabilities": [CAPABILITY],
    }
