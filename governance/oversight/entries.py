"""The closed list of entry kinds and their exact shapes.

Law: what is not in this list cannot be written.  An entry of an unknown kind, with a field too
many, a field missing or a value of another type is refused before it reaches the log, and an
entry read back from a log is held against the same list.

Every kind is one line of `KINDS`.  Shapes are built from the checks in `oversight.shapes`; a name
that ends in `?` may be absent.  No shape has room for a person's name or for free text: notes,
reasons, purposes and private arguments are in `data["commitments"]` (field name -> 43 characters of
base64url), whose opened value lives in the vault under (index of the entry, name of the field),
where it can be erased.

References live in `data["refs"]`: role -> index, and the role is the first segment of the kind it
points to (`refs.approval` points to an `approval.asked`).  Fields beyond the common contract:

- `approval.asked`: `variant` names the action regardless of its quantities and texts, so that a
  refused action cannot come back with one cent less; `refused_before` counts earlier refusals.
- `approval.granted`: `confirmed` points of the checklist; all of them, or there is no grant.
- `override.granted`: the first person's entry is the override; each further person's entry
  names it in `refs.override`; `complete` says that the quorum is met with this one.
- `agent.changed`: `pending` is true for a change that loosens; it takes effect when a second
  person confirms it (`agent.onboarded` whose `refs.agent` is the change).
- `autonomy.granted`: `pending` is true where it loosens an answer; it takes effect as a change does,
  with `refs.autonomy`.
- `outcome`: `charges` feed the *confirmed* history of an attested `executed` report.
- `stop.lift_asked`, `stop.lifted`: `refs.stop`, or `refs.service` for the stop of a restore.
- `service.clock`: `looked` is the first person's confirmation of a jump, `confirmed` the last one.
- `session.cleared`: a person forgets the labels that an agent's own sessions left on it.
- `retention.set`: `pending` is true for rules that keep less; they come into force when a second
  person's entry names them in `refs.retention`.
- `retention.pruned`: below `minimum` entries are given up; `snapshot` is the SHA-256 of the state
  there, sealed by `refs.service`, and `last_at` the time of the last entry given up.
- `decision`: `attested`, `undeclared` and `session` facts make it re-performable; `via` says
  which surface asked (api, batch, hook); `deny` findings say what could have been waived.
"""

from collections.abc import Mapping
from typing import Any, Final

from governance.oversight import anchors, log_keys, policies, reviews
from governance.oversight.reviews import EFFECTS
from governance.oversight.shapes import (
    Check,
    IllFormed,
    commitment,
    count,
    decimal,
    digest,
    either,
    flag,
    identifier,
    index,
    instant,
    key_id,
    listed,
    mapped,
    nothing,
    one_of,
    person_id,
    record,
    recorded,
    release,
    row,
    subject_id,
    text,
)

LEVELS: Final = ("L0", "L1", "L2", "L3", "L4", "L5")
SCOPES: Final = ("everything", "team", "agent", "session", "action")
OPENERS: Final = ("agent", "person", "gateway")
CLASSES: Final = ("minimal", "limited", "high", "prohibited", "not_classified")
SIDES: Final = ("new", "old", "both", "stopped")
"""Which of two policies spoke while one replaced the other for a share."""
HOLDS: Final = ("decision", "agent", "subject", "range")
STATUSES: Final = ("executed", "failed", "not_executed")
VIAS: Final = ("api", "batch", "hook")

_words = listed(identifier)
_maybe_instant = either(nothing, instant)


def _texts(*names: str) -> Check:
    """`commitments`: the committed texts of a kind."""
    return record(dict.fromkeys(names, commitment))


_seat = record({"role": identifier, "count": count})
_clause = record(
    {
        "rule": identifier,
        "needs": listed(_seat),
        "answer_within": count,  # microseconds
        "not_by": _words,
        "reason_required": flag,
        "checklist": listed(text(500)),
        "review_time": count,  # microseconds
    }
)
_obligation = record(
    {
        "id": identifier,
        "type": one_of("redact", "notify", "log", "tell_user"),
        "properties": mapped(recorded),
    }
)
_finding = record(
    {
        "policy": identifier,
        "rule": identifier,
        "effect": one_of(*EFFECTS),
        "certain": flag,
        "unknown": _words,
        "waivable_by?": _words,
        "lifted?": flag,
        "lifted_by?": text(110),  # the exception, or the rule of a child policy
    }
)
_fact = row(identifier, text(500), either(nothing, index), decimal, count, flag)
_charge = row(identifier, text(500), decimal, text(16))
_budget = record({"amount": decimal, "currency": text(3), "period": one_of("day", "week", "month")})

_agent_fields: dict[str, Check] = {
    "team": identifier,
    "owner": person_id,
    "deputy": either(nothing, person_id),
    "class": one_of(*CLASSES),
    "annex": either(nothing, text(40)),
    "tools": _words,
    "labels": _words,
    "model": either(nothing, text(200)),
    "budget": either(nothing, _budget),
    "workspace": either(nothing, text(400)),  # absolute folder that paths are judged against
}

_found: dict[str, Check] = {  # what a change answers differently, and under which release
    "release?": release,
    "files?": mapped(digest),
}

_answered: dict[str, Check] = {
    "refs": record({"approval": index}),
    "person": person_id,
    "role": identifier,
    "digest": digest,
    "evidence": digest,
    "commitments?": _texts("reason"),
}

_by_person: dict[str, Check] = {
    "refs": record({"decision": index}),
    "person": person_id,
    "commitments": _texts("reason"),
}

# the stop that a restore raises is named by the restore's own entry
_lifted = record({"stop?": index, "service?": index})

_of_hold: dict[str, Check] = {
    "refs": record({"retention?": index}),
    "older?": decimal,  # instead: the number of a hold from the log this one was restored from
    "person": person_id,
    "commitments": _texts("reason"),
}

# kind -> shape of `data`
KINDS: Final[Mapping[str, Check]] = {
    # the service itself
    "service.started": record(
        {
            "version": text(64),
            "semantics": text(16),
            "origin": text(300),
            "after_size": count,
        }
    ),
    "service.throttled": record(
        {"key": either(nothing, key_id), "refused": count, "since": instant, "until": instant}
    ),
    "service.clock": record({"event": one_of("jumped", "looked", "confirmed"), "seconds": decimal}),
    "service.restored": record(
        {
            "origin": text(300),
            "size": count,
            "root": digest,
            "backup": digest,
            "state": digest,
        }
    ),
    "service.repaired": record({"counts": mapped(count), "found": digest}),
    "service.backup": record({"size": count, "digest": digest}),
    "service.snapshot": record({"size": count, "digest": digest, "semantics": text(16)}),
    # credentials
    "key.issued": record(
        {
            "key": key_id,
            "digest": digest,
            "holder": record({"type": one_of("agent", "gateway", "person"), "id": identifier}),
            "agents?": _words,
            "obligations?": _words,
            "lists?": _words,
        }
    ),
    "key.revoked": record({"key": key_id}),
    **log_keys.KINDS,
    **anchors.KINDS,
    # people
    "person.added": record(
        {"person": person_id, "roles": _words, "waiting?": _words, "alone?": flag}
    ),
    "person.changed": record(
        {
            "refs?": record({"person": index}),  # the entry whose waiting roles are confirmed
            "person": person_id,
            "roles": _words,
            "waiting?": _words,
            "alone?": flag,
        }
    ),
    "person.left": record({"person": person_id}),
    # agents
    "agent.proposed": record(
        {
            "agent": identifier,
            **_agent_fields,
            "commitments": _texts("purpose", "reasoning?"),
            "autonomy": one_of(*LEVELS),
            "autonomy_until": _maybe_instant,
        }
    ),
    "agent.onboarded": record(
        {
            "refs": record({"agent?": index, "autonomy?": index}),  # of these, one
            "agent": identifier,
            "alone": flag,
        }
    ),
    "agent.changed": record(
        {
            "agent": identifier,
            "pending": flag,
            "commitments?": _texts("purpose?", "reasoning?"),
            **_found,
            **{name + "?": check for name, check in _agent_fields.items()},
        }
    ),
    "agent.suspended": record({"agent": identifier, "commitments": _texts("why")}),
    "agent.resumed": record({"agent": identifier, "commitments": _texts("why")}),
    "agent.retired": record({"agent": identifier, "commitments": _texts("why")}),
    "autonomy.granted": record(
        {
            "agent": identifier,
            "level": one_of(*LEVELS),
            "until": instant,
            "evidence": mapped(recorded),
            "pending?": flag,
            "commitments?": _texts("why"),
            **_found,
        }
    ),
    "autonomy.lowered": record(
        {
            "agent": identifier,
            "level": one_of(*LEVELS),
            "until?": instant,
            "commitments": _texts("why"),
        }
    ),
    "brief.set": record(
        {
            "agent": identifier,
            "as_of": instant,
            "valid_until": _maybe_instant,
            "commitments": mapped(commitment),  # text, source.0, source.1, ...
        }
    ),
    # sessions
    "session.opened": record(
        {
            "agent": identifier,
            "opened_by": one_of(*OPENERS),
            "labels": _words,
            "refs": record({"session?": index, "decision?": index}),
            "depth": count,
            "standing": flag,
            "workspace?": text(400),
        }
    ),
    "session.closed": record({"refs": record({"session": index})}),
    "session.cleared": record(
        {"agent": identifier, "labels": _words, "commitments": _texts("reason")}
    ),
    # decisions
    "decision": record(
        {
            "refs": record(
                {"session?": index, "approval?": index, "override?": index, "decision?": index}
            ),
            "agent": identifier,
            "action": identifier,
            "digest": digest,
            "args": mapped(recorded),
            "resource": mapped(recorded),
            "claims?": mapped(recorded),
            "commitments?": mapped(commitment),  # args.iban, args.note, resource.id, ...
            "undeclared?": listed(text(200)),
            "attested": flag,
            "intent_confidence?": decimal,
            "claimed_cost?": text(40),
            "release": either(nothing, release),
            "semantics": text(16),
            "effect": one_of(*EFFECTS),
            "would_be": one_of(*EFFECTS),
            "observed": flag,
            "findings": listed(_finding, at_least=1),
            "clauses?": listed(_clause),
            "obligations?": listed(_obligation),
            "supported?": _words,
            "facts?": listed(_fact),
            "charges?": listed(_charge),
            "labels?": _words,
            "sides?": mapped(one_of(*SIDES)),  # by gradual policy
            "autonomy": either(nothing, one_of(*LEVELS)),
            "risk": identifier,
            "via": one_of(*VIAS),
            "valid_until?": instant,
        }
    ),
    "decision.disregarded": record(_by_person),
    "decision.reversed": record(
        {**_by_person, "outcome": one_of("undone", "compensated", "failed")}
    ),
    **reviews.KINDS,
    # approvals
    "approval.asked": record(
        {
            "refs": record({"decision": index}),
            "agent": identifier,
            "session": index,
            "digest": digest,
            "variant": digest,
            "refused_before": count,
            "clauses": listed(_clause, at_least=1),
            "answer_by": instant,
            "commitments?": _texts("note"),
        }
    ),
    "approval.shown": record(
        {"refs": record({"approval": index}), "person": person_id, "evidence": digest}
    ),
    "approval.granted": record({**_answered, "complete": flag, "confirmed": count}),
    "approval.refused": record(_answered),
    "approval.expired": record({"refs": record({"approval": index})}),
    "approval.cancelled": record(
        {
            "refs": record({"approval": index}),
            "why": one_of("requester", "agent_manager", "agent_retired", "session_closed"),
        }
    ),
    # overrides
    "override.granted": record(
        {
            "refs": record({"decision": index, "override?": index}),
            "person": person_id,
            "roles": _words,
            "digest": digest,
            "lifts": listed(identifier, at_least=1),
            "until": instant,
            "commitments": _texts("reason"),
            "complete": flag,
            "alone": flag,
        }
    ),
    # stops
    "stop.raised": record(
        {
            "scope": record({"type": one_of(*SCOPES), "id?": identifier}),
            "person": person_id,
            "commitments": _texts("reason"),
            "drill": flag,
        }
    ),
    "stop.lift_asked": record(
        {"refs": _lifted, "person": person_id, "commitments": _texts("reason")}
    ),
    "stop.lifted": record(
        {"refs": _lifted, "person": person_id, "commitments": _texts("reason"), "alone": flag}
    ),
    "stop.drilled": record(
        {
            "refs": record({"stop": index}),
            "raised_at": instant,
            "last_allowed": either(nothing, index),
            "seconds": decimal,
        }
    ),
    # after the decision
    "permit.redeemed": record({"refs": record({"decision": index})}),
    "outcome": record(
        {
            "refs": record({"decision": index}),
            "status": one_of(*STATUSES),
            "attested": flag,
            "released": flag,
            "commitments?": _texts("note"),
            "charges?": listed(_charge),
        }
    ),
    **policies.KINDS,
    # data and reports
    "data.erased": record(
        {
            "subject": either(subject_id, person_id),
            "ground": identifier,
            "values": count,
            "copies_until?": _maybe_instant,
            "commitments?": _texts("note"),
        }
    ),
    "report.issued": record({"report": text(200), "digest": digest, "first": index, "last": index}),
    # retention
    "retention.set": record(
        {
            "refs?": record({"retention": index}),  # the waiting rules that are confirmed
            "person": person_id,
            "classes": mapped(count),  # class -> days; a class that is missing is kept for ever
            "duty": either(nothing, record({"law": identifier, "days": count})),
            "schedule": flag,
            "pending": flag,
            "alone": flag,
            "commitments?": _texts("reason"),
        }
    ),
    "retention.held": record(
        {
            "scope": record(
                {"type": one_of(*HOLDS), "id?": identifier, "first?": index, "last?": index}
            ),
            "person": person_id,
            "commitments": _texts("reason"),
        }
    ),
    "retention.release_asked": record(_of_hold),
    "retention.released": record({**_of_hold, "alone": flag}),
    "retention.prune_asked": record(
        {"person": person_id, "minimum": index, "commitments": _texts("reason")}
    ),
    "retention.pruned": record(
        {
            # the asking, or the rules with a schedule; the entry that seals the snapshot
            "refs": record({"retention?": index, "service": index}),
            "minimum": index,
            "people": listed(person_id),
            "alone": flag,
            "ground": one_of("retention_over"),
            "counts": mapped(count),
            "last_at": instant,
            "snapshot": digest,
            "covered": record({"size": count, "root": digest, "anchors": listed(text(200))}),
            "commitments?": _texts("reason"),
        }
    ),
    "retention.overwritten": record(
        {
            "refs": record({"retention": index}),
            "entries": count,
            "values": count,
            "in_use": count,
            "copies_until": _maybe_instant,
        }
    ),
}

_BY: Final = record(
    {
        "type": one_of("agent", "gateway", "person", "service"),
        "id": identifier,
        "key?": key_id,
        "for?": identifier,
    }
)


def check(kind: str, by: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Raise `IllFormed` unless `kind` is on the list and `by` and `data` have its exact shape."""
    shape = KINDS.get(kind)
    if shape is None:
        raise IllFormed("kind", f"one of the {len(KINDS)} kinds of this log, not `{kind}`")
    try:
        _BY(by)
    except IllFormed as wrong:
        raise wrong.inside("by") from None
    try:
        shape(data)
    except IllFormed as wrong:
        raise wrong.inside("data").of(kind) from None
