"""Reads `history`: what happened before. The law: what is looked back to can be fed, and what must
be the same is something both actions have and the log records.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from governance.engine import rules
from governance.engine.reading import Way
from governance.engine.scope import Scope, actions_of, not_a_key, types_of
from governance.engine.shape import nearest
from governance.engine.values import duration

HISTORY_KEYS: Final = ("did", "did_not", "same", "in_last", "by")
BY: Final = ("this_agent", "any_agent", "any_person")


def history(scope: Scope, data: Any, way: Way, negated: bool) -> rules.History | None:
    """The history at `way`, or None after its findings were added."""
    if not isinstance(data, dict):
        scope.wrong(way, "wrong-shape", "`history` is a mapping",
                    "such as {did: payee.update, same: args.iban, in_last: 24h, by: any_agent}")  # fmt: skip
        return None
    before = len(scope.findings.items)
    for key in data:
        if key not in HISTORY_KEYS:
            scope.wrong((*way, key), "unknown-key", f"`{key}` is not a key of `history`",
                        nearest(key, HISTORY_KEYS), key=True)  # fmt: skip
    if ("did" in data) == ("did_not" in data):
        scope.wrong(way, "missing-key", "`history` needs either `did` or `did_not`")
        return None
    verb = "did" if "did" in data else "did_not"
    named = actions_of(scope, data[verb], (*way, verb))
    if data.get("by") not in BY:
        scope.wrong((*way, "by"), "not-allowed", "`by` says whose history counts",
                    "possible: " + ", ".join(BY))  # fmt: skip
    window = duration(data["in_last"]) if "in_last" in data else None
    if "in_last" in data and not window:
        scope.wrong((*way, "in_last"), "wrong-form", f"`{data['in_last']}` is not a duration",
                    "such as 24h")  # fmt: skip
    same = data.get("same", [])
    same = tuple(sorted(map(str, same))) if isinstance(same, list) else (same,)
    if named is None or not isinstance(named[0], rules.ActionIs):
        return None
    for name in same:
        _same(scope, name, named[0].actions, (*way, "same"), negated)
    if len(scope.findings.items) > before:
        return None
    actions, by = named[0].actions, data["by"]
    scope.histories += [(action, scope.document.place((*way, verb))) for action in actions]
    made = json.dumps([sorted(actions), same, by])
    digest = hashlib.sha256(made.encode()).hexdigest()[:20]
    return rules.History(actions, verb == "did_not", same, window, by,
                         f"did:{digest}", f"done:{digest}")  # fmt: skip


def _same(scope: Scope, name: Any, actions: tuple[str, ...], way: Way, negated: bool) -> None:
    if not isinstance(name, str):
        scope.wrong(way, "wrong-constant", "`same` names a field or a list of fields")
        return
    types = types_of(scope, name, way, negated)
    if types is None:
        return
    past = [scope.catalogue.actions[action] for action in actions]
    for action in [*past, *scope.actions]:
        declared = action.declared(name)
        kind = action.type_of(name)
        if action in past and (kind is None or kind.kind != types[0].kind):
            scope.wrong(way, "unknown-field", f"`{action.name}` has no `{name}` of the same type",
                        "only what both actions have can be the same")  # fmt: skip
            return
        key_problem = not_a_key(name, kind, declared.cls if declared else "category")
        if key_problem:
            scope.wrong(way, "not-a-key", key_problem)
            return
