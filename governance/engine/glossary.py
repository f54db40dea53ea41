"""What every key of every file means, in a sentence: for editors and for the JSON Schema.

Law: every key that `schemas` knows has its words here, and no other; a test holds both together. A
key that means one thing in one place and another elsewhere is written with the key above it
(`limits.at_most`); the longest name that fits a place counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

KEYS: Final[Mapping[str, str]] = {
    "policy": "The name of this policy: letters, digits and hyphens. Decisions and the log use it.",
    "cases.policy": "The policy whose cases these are.",
    "title": "What it does, in one sentence that a stranger understands.",
    "owner": "Who answers for it: a mail address or the name of a team.",
    "review_by": "The day by which somebody must read the file again; later than that, it does not pass a check.",
    "governs": "The actions this file speaks for: its allows and its default count for these only.",
    "applies_to": "Which agents the file is for.",
    "agents": "`all`, or tests of the agent, such as `{labels: {contains_any: [payments]}}`.",
    "extends": "The policies this one stands on: their lists can be used here, and rules that they open to a child can be replaced.",
    "mode": "`draft` is checked only, `observe` records and holds nothing back, `gradual` is in force for a share, `enforce` is in force.",
    "observe": "Who watches, from when until when: at most 30 days.",
    "gradual": "Which policy this one replaces, for which share, until when, and when it stops by itself.",
    "replaces": "The policy in force that this one takes over from.",
    "share": "How much of it: from `1 %` to `99 %`.",
    "gradual.of": "Share of what: of `agents`, or of `sessions`.",
    "gradual.by": "The person in whose name this is tried.",
    "observe.by": "The person in whose name only watching is in order.",
    "from": "The first day (included).",
    "until": "The last day (included).",
    "stop_if": "What ends the trial by itself: the old file then speaks again.",
    "denied": "Stop when this share of the decisions was denied.",
    "held_back": "Stop when this share of the decisions was denied or sent to a person.",
    "out_of": "Count only once there were so many decisions.",
    "default": "What happens when no rule of this file speaks: `deny` or `require_approval`.",
    "default_approval": "Who decides when no rule speaks and the default is `require_approval`.",
    "controls": "What this is evidence for, such as `EU-AI-Act:Art.14(4)(d)`.",
    "lists": "Names for lists of values, used as `$name`: written out, or from a file that is kept elsewhere.",
    "lists.from": "The list file that holds the members, such as `erp/trusted-payees`.",
    "max_age": "How old the list may be, such as `24h`; an older one is *cannot tell*.",
    "rules": "When what happens. The strictest rule that matches wins; their order means nothing.",
    "id": "The number under which decisions name it, such as `PAY-001`. Never used again for something else.",
    "obligations.id": "The name under which the runtime knows the obligation, if it is another than its kind.",
    "effect": "`allow`, `require_approval` (a person decides) or `deny`. The strictest wins.",
    "instead_of": "The rule of a parent that this one replaces; it must say `may_be_waived_by: [child]`.",
    "when": "What must hold, all of it: `action`, fields with what is said about them, `any`, `not`, `history`.",
    "trust_claim": "Why what the agent says of itself is believed here. Every report lists it.",
    "attested_only": "Believe what a gateway says under its own key, and nothing that only the agent says.",
    "approval": "Who must agree, how soon, and how.",
    "needs": "The seats, each filled by another person, such as `1 treasurer`.",
    "answer_within": "How long there is to answer, such as `4h`; no answer is a no.",
    "not_by": "Who may not answer: whoever asked, the agent's owner, the owner's deputy.",
    "approval.reason": "Whether whoever answers must give a reason.",
    "default_approval.reason": "Whether whoever answers must give a reason.",
    "checklist": "What must be confirmed one by one before a yes.",
    "review_time": "The least time to look, such as `60s`.",
    "obligations": "What the agent's runtime must do with an allowed action; one it does not know is a deny.",
    "redact": "The fields that are blacked out before the action runs.",
    "patterns": "What is blacked out inside them; without this, the whole value.",
    "log": "The fields that the runtime records.",
    "notify": "Who is told.",
    "tell_user": "What the user is told.",
    "because": "Why, in words that a stranger would accept. Whoever is refused reads it.",
    "severity": "How bad it would be: `low`, `medium`, `high` or `critical`. It counts for the autonomy ladder.",
    "may_be_waived_by": "Who may lift it once, with a reason: roles, `nobody`, or `child` and `exception` for files.",
    "limits": "How much in how long: what an allowed action would use counts from the moment it is allowed.",
    "measure": "What is counted: `count` of actions, or the sum of an argument, such as `sum args.amount`.",
    "limits.of": "Which actions count: a condition as in `when`.",
    "per": "What has a total of its own: an agent, a team, a session, or the value of an argument.",
    "in_last": "The window that ends now, such as `24h`.",
    "calendar_day": "A day as the window, in this time zone, such as `Europe/Berlin`.",
    "limits.at_most": "The total that may be reached, in the unit of what is measured.",
    "otherwise": "What happens beyond it: `require_approval` or `deny`.",
    "exceptions": "What lifts a rule for somebody, for a time, with a reason and a ticket.",
    "lifts": "The rule or limit of this file that is lifted; it must say `may_be_waived_by: [exception]`.",
    "for": "For whom and what it is lifted; it must test something about the agent.",
    "instead": "What happens instead: `allow`, or `require_approval` by somebody else.",
    "reason": "Why the exception is needed.",
    "ticket": "Where it was asked for and agreed to.",
    "expires": "The last day (included), at most 90 days after the first.",
    "cases": "What must happen, one line a case. A release whose cases fail is not made.",
    "tables": "Tables of cases: what must happen, one line a case.",
    "columns": "What stands in each cell: `name`, `expect`, `by`, and fields.",
    "always": "Cells that all rows share.",
    "rows": "One case a line; an empty cell (`~`) is a field that is not given.",
    "catalogue": "The name of this catalogue.",
    "actions": "Every action an agent can take, and what its arguments are.",
    "labels": "What the action does, such as `moves_money`, `sends_external`, `reads_private`.",
    "attaches": "The labels that a session takes on once the action is allowed, such as `private`, `untrusted`.",
    "actions.risk": "How much can go wrong: `low`, `medium`, `high` or `critical`.",
    "args": "The arguments, each with its type and class; one that is not declared silences every allow.",
    "resource": "Claims about the resource: facts only when a gateway says them.",
    "subject": "Claims about the person concerned: facts only when a gateway says them.",
    "context": "Claims about the circumstances: facts only when a gateway says them.",
    "type": "The type, with its unit where it has one: what cannot be read as it is *cannot tell*.",
    "one_of": "What can be chosen.",
    "currencies": "The currencies that are possible (ISO 4217).",
    "may_be_negative": "Whether an amount may be below zero.",
    "unit": "The unit of the number, such as `km`.",
    "at_least": "The smallest number that is possible.",
    "at_most": "The largest number that is possible.",
    "class": "What the log keeps: quantities and categories as they are, an `identity` as a pseudonym, `private` values as a seal.",
    "about": "Whose identity it is, such as `customer` or `payee`.",
    "required": "Whether it must be given; `true` unless said otherwise.",
    "args.default": "What the tool uses when it is not given.",
    "resource.default": "What the tool uses when it is not given.",
    "subject.default": "What the tool uses when it is not given.",
    "context.default": "What the tool uses when it is not given.",
    "max_length": "The longest text that is possible, in characters.",
    "max_items": "The longest list that is possible.",
    "list": "The name by which policies use this list.",
    "as_of": "When the members were exported, such as `2026-11-20T04:00:00Z`.",
    "members": "The members, each of the type above.",
    "risk": "The name of the risk table.",
    "factors": "What adds points. One that cannot be told counts as present.",
    "points": "How many points it adds.",
    "levels": "From how many points on the risk is medium, high or critical.",
    "medium": "Medium risk.",
    "high": "High risk.",
    "critical": "Critical risk.",
    "low": "Low risk.",
    "matrix": "The least oversight by autonomy and risk level; what is not written is `nothing`.",
    "L0": "An agent that is only watched.",
    "L1": "An agent for whom a person approves everything.",
    "L2": "An agent that does alone what is of low risk.",
    "L3": "An agent that does alone what is of low or medium risk.",
    "L4": "An agent that does alone what the policies allow.",
    "L5": "An agent that does alone what the policies allow.",
}

CONDITIONS: Final[Mapping[str, str]] = {
    "action": "The action, or several: one of them must be meant.",
    "any": "Conditions of which at least one must hold.",
    "not": "A condition that must not hold.",
    "history": "What happened before: `did` or `did_not`, the `same` argument, `in_last` so long, `by` whom.",
    "did": "The action that happened.",
    "did_not": "The action that did not happen.",
    "same": "The argument that must have been the same.",
    "in_last": "How far back, such as `3d`.",
    "by": "Whose doing counts: `this_agent`, `any_agent` or `any_person`.",
}
"""The words of a condition that are no fields."""

COLUMNS: Final[Mapping[str, str]] = {
    "name": "What the case is, in a few words.",
    "expect": "What must come out: `allow`, `require_approval` or `deny`.",
    "by": "Which rule, limit or `default` must speak; several in brackets.",
    "neighbour": "What kind of near miss it is; for readers.",
    "action": "The action that is asked for.",
    "attested": "Whether a gateway says it under its own key.",
    "at": "When it is asked, such as `2026-11-20T10:00:00Z`.",
    "obligations": "Which obligations the answer must carry.",
    "points": "How many risk points there must be.",
}
"""The columns of a table of cases that are no fields."""


def of(way: Sequence[str]) -> str:
    """The words for the key at the end of a way of keys; nothing where there are none."""
    if not way:
        return ""
    for above in reversed(way[:-1]):
        found = KEYS.get(f"{above}.{way[-1]}")
        if found is not None:
            return found
    return KEYS.get(way[-1], "")
