"""Who may call what: one table, one row for each route.

Law: a route that is not in this table does not exist, and a caller that a row does not name gets
403 before a verb is called. The table gives the least that the work needs; what depends on the
state (own agents, a second person, a seat in an approval) the verbs check again, inside the log's
lock. The document served at `/openapi.json` takes its security section from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

# Roles that people have besides the approver groups that policies name (treasurer, cfo, ...).
ADMINISTRATOR = "administrator"
AGENT_MANAGER = "agent_manager"
RISK_EDITOR = "risk_editor"
COMPLIANCE_OFFICER = "compliance_officer"
AUDITOR = "auditor"
ROLES = (ADMINISTRATOR, AGENT_MANAGER, RISK_EDITOR, COMPLIANCE_OFFICER, AUDITOR)

ANY_ROLE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Route:
    """One operation. `roles` empty means every person; `anyone` means no key is needed.

    `lane` says who serves it: "hot" the event loop, "act" the threads kept free for human acts,
    "page" the other threads. `size` is "single", "batch" or "files" (see config limits). `deep`: the last
    parameter may hold slashes.
    """

    method: str
    path: str
    name: str
    agent: bool = False
    gateway: bool = False
    person: bool = False
    anyone: bool = False
    roles: frozenset[str] = ANY_ROLE
    lane: str = "page"
    size: str = "single"
    deep: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as a pattern, its parameters by name."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        if self.deep:
            pattern = pattern.removesuffix("[^/]+)") + "[^/].*)"
        return re.compile(pattern + r"\Z")

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        rule = self.path.replace("{", "<").replace("}", ">")
        if not self.deep:
            return rule
        front, _, last = rule.rpartition("<")
        return f"{front}<path:{last}"

    def admits(self, caller_type: str, roles: frozenset[str]) -> bool:
        """Whether a caller of this type (agent, gateway, person), with these roles, may call it."""
        if self.anyone:
            return True
        if caller_type == "person":
            return self.person and (not self.roles or bool(self.roles & roles))
        return {"agent": self.agent, "gateway": self.gateway}.get(caller_type, False)

    @property
    def writes(self) -> bool:
        """Whether the operation may add to the log."""
        return self.method == "POST"


def _public(method: str, path: str, name: str) -> Route:
    return Route(method, path, name, anyone=True)


def _runtime(
    method: str, path: str, name: str, *, hot: bool = False, size: str = "single"
) -> Route:
    """For agents and gateways."""
    return Route(
        method, path, name, agent=True, gateway=True, lane="hot" if hot else "page", size=size
    )


def _people(
    method: str, path: str, name: str, *roles: str, batch: bool = False, files: bool = False
) -> Route:
    """For people with one of the roles, or for every person when none is given."""
    lane = "act" if method == "POST" else "page"
    size = "files" if files else "batch" if batch else "single"
    return Route(method, path, name, person=True, roles=frozenset(roles), lane=lane, size=size)


def _all(method: str, path: str, name: str) -> Route:
    """For every authenticated caller; the verb looks whose record it is."""
    return Route(method, path, name, agent=True, gateway=True, person=True)


def _tiles(path: str, name: str) -> Route:
    """For those who may export the log; the last parameter is the rest of a tile's path."""
    roles = frozenset({COMPLIANCE_OFFICER, AUDITOR, ADMINISTRATOR})
    return Route("GET", path, name, person=True, roles=roles, deep=True)


_MANAGERS = (AGENT_MANAGER, ADMINISTRATOR)
_STOPPERS = (AGENT_MANAGER, ADMINISTRATOR, COMPLIANCE_OFFICER)
_SEEING = (COMPLIANCE_OFFICER, AUDITOR, ADMINISTRATOR)
_SIGNERS = (RISK_EDITOR, COMPLIANCE_OFFICER)
_READERS = (COMPLIANCE_OFFICER, AUDITOR, AGENT_MANAGER, ADMINISTRATOR)
_REVIEWERS = (AGENT_MANAGER, COMPLIANCE_OFFICER, RISK_EDITOR)
_TRYING = (RISK_EDITOR, COMPLIANCE_OFFICER, AUDITOR, ADMINISTRATOR)

ROUTES: tuple[Route, ...] = (
    # AuthZEN
    _runtime("POST", "/access/v1/evaluation", "evaluate", hot=True),
    _runtime("POST", "/access/v1/evaluations", "evaluateMany", hot=True, size="batch"),
    _runtime("POST", "/access/v1/access-requests", "requestAccess"),
    _all("GET", "/access/v1/access-requests/{id}", "readAccessRequest"),
    _public("GET", "/.well-known/authzen-configuration", "discover"),
    # runtimes
    _runtime("POST", "/hooks/claude-code", "hookClaudeCode", hot=True),
    _runtime("POST", "/v1/outcomes", "reportOutcomes", hot=True, size="batch"),
    _runtime("POST", "/v1/permits/{decision}/redeem", "redeemPermit", hot=True),
    _all("GET", "/v1/receipts/{index}", "readReceipt"),
    # agents: owner and deputy may tighten and brief, whatever their role; the verbs know
    _people("GET", "/v1/agents", "listAgents"),
    _people("POST", "/v1/agents", "proposeAgent", *_MANAGERS),
    _people("GET", "/v1/agents/{id}", "readAgent"),
    _people("POST", "/v1/agents/{id}/confirm", "confirmAgent", *_MANAGERS),
    _people("POST", "/v1/agents/{id}/suspend", "suspendAgent"),
    _people("POST", "/v1/agents/{id}/resume", "resumeAgent", *_MANAGERS),
    _people("POST", "/v1/agents/{id}/retire", "retireAgent", *_MANAGERS),
    _people("POST", "/v1/agents/{id}/autonomy", "setAutonomy"),
    _people("POST", "/v1/agents/{id}/brief", "briefAgent"),
    Route(
        "POST",
        "/v1/agents/{id}/sessions",
        "openSession",
        agent=True,
        gateway=True,
        person=True,
        roles=frozenset(_MANAGERS),
    ),
    _people("POST", "/v1/agents/{id}/change", "changeAgent", *_MANAGERS),
    _people("POST", "/v1/agents/{id}/clear-labels", "clearLabels", *_MANAGERS),
    _all("POST", "/v1/sessions/{id}/close", "closeSession"),
    # people and keys
    _people("GET", "/v1/people", "listPeople"),
    _people("POST", "/v1/people", "addPerson", ADMINISTRATOR),
    _people("POST", "/v1/people/{id}/roles", "changeRoles", ADMINISTRATOR),
    _people("POST", "/v1/people/{id}/confirm", "confirmPerson", ADMINISTRATOR),
    _people("POST", "/v1/people/{id}/leave", "removePerson", ADMINISTRATOR),
    _people("POST", "/v1/people/{id}/password", "renewPassword", ADMINISTRATOR),
    _people("GET", "/v1/keys", "listKeys", ADMINISTRATOR, AGENT_MANAGER, AUDITOR),
    # everybody may have and revoke keys of their own; whose else, the verbs know
    _people("POST", "/v1/keys", "issueKey"),
    _people("POST", "/v1/keys/{id}/revoke", "revokeKey"),
    # approvals: which seat a person may take is the clause's business, checked by the verb
    _people("GET", "/v1/approvals", "listApprovals"),
    _people("GET", "/v1/approvals/{id}", "showApproval"),
    _people("POST", "/v1/approvals/{id}/grant", "grantApproval"),
    _people("POST", "/v1/approvals/{id}/refuse", "refuseApproval"),
    Route(
        "POST",
        "/v1/approvals/{id}/cancel",
        "cancelApproval",
        agent=True,
        gateway=True,
        person=True,
        lane="act",
    ),
    # decisions
    _people("GET", "/v1/decisions", "listDecisions"),
    _all("GET", "/v1/decisions/{id}", "readDecision"),
    _all("GET", "/v1/decisions/{id}/proof", "readProof"),
    _people("POST", "/v1/decisions/{id}/suppose", "supposeDecision", batch=True),
    _people("POST", "/v1/decisions/{id}/override", "overrideDecision"),
    _people("POST", "/v1/decisions/{id}/disregard", "disregardDecision", *_MANAGERS),
    _people("POST", "/v1/decisions/{id}/reverse", "reverseDecision", *_MANAGERS),
    _people("POST", "/v1/decisions/{id}/review", "reviewDecision", *_REVIEWERS),
    _people("GET", "/v1/samples", "readSample"),
    _people("POST", "/v1/samples", "drawSample", *_REVIEWERS),
    # stops: an agent's owner or deputy may stop it, too, whatever their role; the verb knows
    _people("GET", "/v1/stops", "listStops"),
    _people("POST", "/v1/stops", "raiseStop"),
    _people("POST", "/v1/stops/drill", "drillStop", *_STOPPERS),
    _people("POST", "/v1/stops/{id}/lift", "liftStop", *_STOPPERS),
    # policies
    _people("GET", "/v1/policies", "readPolicies"),
    _people("POST", "/v1/policies/check", "checkPolicies", files=True),
    _people("POST", "/v1/policies/diff", "comparePolicies", files=True),
    _people("POST", "/v1/policies/prove", "provePolicies", files=True),
    _people("POST", "/v1/policies/proposals", "proposePolicies", RISK_EDITOR, files=True),
    _people("GET", "/v1/policies/releases", "listReleases"),
    _people("GET", "/v1/policies/lists", "readLists"),
    _people("GET", "/v1/policies/shares", "readShares"),
    Route(
        "POST",
        "/v1/policies/lists",
        "refreshList",
        gateway=True,
        person=True,
        roles=frozenset({RISK_EDITOR}),
        size="files",
    ),
    _people("GET", "/v1/policies/proposals", "listProposals"),
    _people("GET", "/v1/policies/proposals/{index}", "readProposal"),
    _people("GET", "/v1/policies/proposals/{index}/changes", "readChanges"),
    _people("GET", "/v1/policies/proposals/{index}/text", "readProposedText"),
    _people("GET", "/v1/policies/proposals/{index}/words", "readProposedWords"),
    _people("GET", "/v1/policies/proposals/{index}/words.pdf", "printProposedWords"),
    _people("GET", "/v1/policies/progress", "readProgress"),
    _people("POST", "/v1/policies/proposals/{index}/sign", "signPolicies", *_SIGNERS),
    _people("POST", "/v1/policies/proposals/{index}/refuse", "refusePolicies", *_SIGNERS),
    _people("POST", "/v1/policies/proposals/{index}/withdraw", "withdrawPolicies", RISK_EDITOR),
    _people("POST", "/v1/policies/rollback", "rollBackPolicies", *_SIGNERS),
    # policies tried on the past; the answer comes when it is ready
    _people("POST", "/v1/policies/backtests", "backtestPolicies", *_TRYING, files=True),
    _people("GET", "/v1/policies/backtests/{id}", "readBacktest", *_TRYING),
    _people("GET", "/v1/policies/words", "readWords"),
    _people("GET", "/v1/policies/words.pdf", "printWords"),
    _people("POST", "/v1/policies/lessons", "learnPolicies", *_TRYING),
    _people("GET", "/v1/policies/lessons/{id}", "readLesson", *_TRYING),
    _people("POST", "/v1/policies/explain", "explainPolicies", files=True),
    # evidence and upkeep
    _people("GET", "/v1/retention", "readRetention", *_READERS),
    _people("POST", "/v1/retention", "setRetention", COMPLIANCE_OFFICER, ADMINISTRATOR),
    _people(
        "POST",
        "/v1/retention/{index}/confirm",
        "confirmRetention",
        COMPLIANCE_OFFICER,
        ADMINISTRATOR,
    ),
    _people("POST", "/v1/retention/holds", "placeHold", COMPLIANCE_OFFICER, ADMINISTRATOR),
    _people("POST", "/v1/retention/releases", "releaseHold", COMPLIANCE_OFFICER, ADMINISTRATOR),
    _people("GET", "/v1/retention/plan", "planCut", *_READERS),
    _people("POST", "/v1/retention/cuts", "pruneLog", COMPLIANCE_OFFICER, ADMINISTRATOR),
    _people("POST", "/v1/erasures", "eraseSubject", COMPLIANCE_OFFICER, ADMINISTRATOR),
    _people("POST", "/v1/reports/periodic", "makeReport", *_READERS),
    _people("GET", "/v1/reports/{name}", "readReport", *_READERS),
    _people("POST", "/v1/exports", "exportLog", COMPLIANCE_OFFICER, AUDITOR, ADMINISTRATOR),
    _people("POST", "/v1/backups", "backUp", ADMINISTRATOR),
    _people("POST", "/v1/clock/confirm", "confirmClock", ADMINISTRATOR),
    # keys of the log: their public halves are for everybody
    _people("GET", "/v1/log/keys", "listLogKeys"),
    _people("POST", "/v1/log/keys", "addLogKey", ADMINISTRATOR),
    _people("POST", "/v1/log/keys/confirm", "confirmLogKey", ADMINISTRATOR),
    _people("POST", "/v1/log/keys/{key}/retire", "retireLogKey", ADMINISTRATOR),
    # outside anchors of the log
    _people("GET", "/v1/anchors", "listAnchors", *_READERS),
    _people("POST", "/v1/anchors/now", "anchorNow", *_SEEING),
    _people("POST", "/v1/anchors/check", "checkAnchors", *_SEEING),
    _people("GET", "/v1/anchors/{name}/evidence", "readConflict", *_SEEING),
    _people("POST", "/v1/anchors/{name}/settle", "settleAnchor", ADMINISTRATOR, COMPLIANCE_OFFICER),
    # the log in tiles: entries say who did what, so they are for those who may export it
    _public("GET", "/log/checkpoint", "readCheckpoint"),
    _tiles("/log/tile/entries/{tile}", "readEntries"),
    _tiles("/log/tile/{level}/{tile}", "readTile"),
    # the service itself
    _public("GET", "/livez", "live"),
    _public("GET", "/readyz", "ready"),
    _public("GET", "/metrics", "measure"),
    _public("GET", "/version", "readVersion"),
    _public("GET", "/openapi.json", "readContract"),
)

# Reports, exports, checks and samples run long in child processes, a new key is stretched or fetched from
# elsewhere, anchors answer when they like; they must not hold the threads that stops and approvals
# need.
_LONG = frozenset(
    {
        "checkPolicies",
        "comparePolicies",
        "provePolicies",
        "proposePolicies",
        "refreshList",
        "rollBackPolicies",
        "signPolicies",
        "backtestPolicies",
        "explainPolicies",
        "supposeDecision",
        "drawSample",
        "printWords",
        "printProposedWords",
        "readChanges",
        "makeReport",
        "exportLog",
        "backUp",
        "addLogKey",
        "pruneLog",
        "anchorNow",
        "checkAnchors",
    }
)
# The forms of the console that do the same.
_LONG_FORMS = re.compile(
    r"/reviews|/decisions/[^/]+/what-if|/policies/proposals/[^/]+/sign|/policies/back/[^/]+"
    r"|/retention/cut"
).fullmatch

API_PREFIXES = ("/access/", "/hooks/", "/v1/", "/log/", "/.well-known/")
_FIXED = {(route.method, route.path): route for route in ROUTES if "{" not in route.path}
_WITH_PARAMETERS = tuple(route for route in ROUTES if "{" in route.path)


def find(method: str, path: str) -> Route | None:
    """The route of a request. `HEAD` counts as `GET`."""
    method = "GET" if method == "HEAD" else method
    fixed = _FIXED.get((method, path))
    if fixed:
        return fixed
    for route in _WITH_PARAMETERS:
        if route.method == method and route.pattern.match(path):
            return route
    return None


def methods(path: str) -> tuple[str, ...]:
    """The methods a path answers to, empty when the path is unknown (404 instead of 405)."""
    return tuple(sorted({route.method for route in _matching(path)}))


def is_api(path: str) -> bool:
    """Whether a path belongs to the API, whose errors are problem details, or to the console."""
    return path.startswith(API_PREFIXES) or bool(methods(path))


def threads(route: Route | None) -> str:
    """Which threads serve a request: "act" for human acts that are quick, "page" for the rest."""
    if route is not None and route.lane == "act" and route.name not in _LONG:
        return "act"
    return "page"


def console_threads(method: str, path: str) -> str:
    """Which threads serve a page or a form of the console. A form is a human act, but for those
    whose verbs run long here, too."""
    return "act" if method == "POST" and not _LONG_FORMS(path) else "page"


def _matching(path: str) -> Iterator[Route]:
    return (route for route in ROUTES if route.path == path or route.pattern.match(path))
