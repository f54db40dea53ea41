"""The schemas of the files of a policy folder: which keys there are, and what stands in them.

Law: a schema lists every key there is; what it does not list is an error (`shape.fits`). The keys
stand here in the order in which `format` writes them, the key that names the file first. Cerberus
adds `$` to patterns without grouping them, so every alternation is in brackets.
"""

from __future__ import annotations

from typing import Any, Final

from governance.engine.fields import AUTONOMY, RISKS
from governance.engine.values import INTERNAL, SCALARS

NAME: Final = r"[a-z][a-z0-9_-]{0,63}"
ACTION: Final = r"[A-Za-z][A-Za-z0-9_.:/-]{0,199}"
_ID: Final = r"[A-Z][A-Z0-9-]{0,38}[0-9]"
_DURATION: Final = r"[1-9][0-9]*[smhdw]([0-9]+[smhdw])*"
_SHARE: Final = r"[1-9][0-9]? ?%"
_PART: Final = r"([1-9][0-9]?|100) ?%"
PATTERNS: Final = ("iban", "card_number", "email", "phone")
"""What a `redact` obligation can look for inside a text."""
_TEXT: Final[dict[str, Any]] = {"type": "string", "minlength": 1, "maxlength": 2000}
_TITLE: Final[dict[str, Any]] = {"type": "string", "minlength": 1, "maxlength": 200}
_CONTROLS: Final[dict[str, Any]] = {
    "type": "list",
    "schema": {"type": "string", "regex": r"[A-Za-z0-9 ._-]+:.+"},
}
_DAY: Final[dict[str, Any]] = {"type": "string", "regex": r"[0-9]{4}-[0-9]{2}-[0-9]{2}"}

_APPROVAL: Final[dict[str, Any]] = {
    "type": "dict",
    "schema": {
        "needs": {
            "type": "list",
            "required": True,
            "minlength": 1,
            "schema": {"type": "string", "regex": rf"[1-9][0-9]? {NAME}"},
        },
        "answer_within": {"type": "string", "required": True, "regex": _DURATION},
        "not_by": {
            "type": "list",
            "schema": {"type": "string", "allowed": ["requester", "agent.owner", "agent.deputy"]},
        },
        "reason": {"type": "string", "allowed": ["required", "optional"]},
        "checklist": {"type": "list", "schema": {"type": "string", "maxlength": 500}},
        "review_time": {"type": "string", "regex": _DURATION},
    },
}
_WAIVED: Final[dict[str, Any]] = {
    "type": ["string", "list"],
    "regex": rf"(nobody|{NAME})",
    "schema": {"type": "string", "regex": NAME},
}
_NAMED_RULE: Final = rf"({NAME}/)?{_ID}"
_NAMED_RULES: Final[dict[str, Any]] = {
    "type": ["string", "list"],
    "regex": _NAMED_RULE,
    "minlength": 1,
    "schema": {"type": "string", "regex": _NAMED_RULE},
}
_RULE: Final[dict[str, Any]] = {
    "id": {"type": "string", "required": True, "regex": _ID},
    "title": {**_TITLE, "required": True},
    "effect": {
        "type": "string",
        "required": True,
        "allowed": ["allow", "require_approval", "deny"],
    },
    "instead_of": _NAMED_RULES,
    "when": {"type": "dict", "required": True, "minlength": 1},
    "trust_claim": _TEXT,
    "attested_only": {"type": "boolean", "allowed": [True]},
    "approval": _APPROVAL,
    "obligations": {
        "type": "list",
        "schema": {
            "type": "dict",
            "schema": {
                "redact": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
                "patterns": {
                    "type": "list",
                    "minlength": 1,
                    "schema": {"type": "string", "allowed": list(PATTERNS)},
                },
                "log": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
                "notify": _TEXT,
                "tell_user": _TEXT,
                "id": {"type": "string", "regex": NAME},
            },
        },
    },
    "because": {**_TEXT, "required": True},
    "severity": {"type": "string", "required": True, "allowed": list(RISKS)},
    "may_be_waived_by": _WAIVED,
    "controls": _CONTROLS,
}
_LIMIT: Final[dict[str, Any]] = {
    "id": _RULE["id"],
    "title": _RULE["title"],
    "instead_of": _NAMED_RULES,
    "measure": {"type": "string", "required": True, "regex": r"(count|sum [a-z]+\.[A-Za-z0-9_-]+)"},
    "of": {"type": "dict", "required": True, "minlength": 1},
    "trust_claim": _TEXT,
    "attested_only": {"type": "boolean", "allowed": [True]},
    "per": {"type": "list", "schema": {"type": "string"}},
    "in_last": {"type": "string", "regex": _DURATION},
    "calendar_day": {"type": "string"},
    "at_most": {"type": ["string", "integer", "number"], "required": True},
    "otherwise": {"type": "string", "required": True, "allowed": ["require_approval", "deny"]},
    "approval": _APPROVAL,
    "because": _RULE["because"],
    "severity": {"type": "string", "allowed": list(RISKS)},
    "may_be_waived_by": _WAIVED,
    "controls": _CONTROLS,
}
_EXCEPTION: Final[dict[str, Any]] = {
    "id": _RULE["id"],
    "title": _RULE["title"],
    "lifts": {"type": "string", "required": True, "regex": _ID},
    "for": {"type": "dict", "required": True, "minlength": 1},
    "instead": {"type": "string", "required": True, "allowed": ["allow", "require_approval"]},
    "approval": _APPROVAL,
    "reason": {**_TEXT, "required": True},
    "ticket": {**_TITLE, "required": True},
    "from": {**_DAY, "required": True},
    "expires": {**_DAY, "required": True},
}
_PER_CENT: Final[dict[str, Any]] = {"type": "string", "regex": _SHARE}
_GRADUAL: Final[dict[str, Any]] = {
    "replaces": {"type": "string", "required": True, "regex": NAME},
    "share": {**_PER_CENT, "required": True},
    "of": {"type": "string", "required": True, "allowed": ["agents", "sessions"]},
    "by": {**_TITLE, "required": True},
    "from": {**_DAY, "required": True},
    "until": {**_DAY, "required": True},
    "stop_if": {
        "type": "dict",
        "required": True,
        "schema": {
            "denied": {"type": "string", "regex": _PART},
            "held_back": {"type": "string", "regex": _PART},
            "out_of": {"type": "integer", "required": True, "min": 1, "max": 1_000_000},
            "in_last": {"type": "string", "required": True, "regex": _DURATION},
        },
    },
}
_TABLE: Final[dict[str, Any]] = {
    "columns": {
        "type": "list",
        "required": True,
        "minlength": 3,
        "schema": {"type": "string"},
    },
    "always": {"type": "dict"},
    "before": {"type": "dict"},
    "rows": {"type": "list", "required": True, "minlength": 1, "schema": {"type": "list"}},
}


def _head(name: str) -> dict[str, Any]:
    """How a file of rules begins: what it is called, who answers for it, when it is looked at."""
    return {
        name: {"type": "string", "required": True, "regex": NAME},
        "title": {**_TITLE, "required": True},
        "owner": {**_TITLE, "required": True},
        "review_by": {**_DAY, "required": True},
    }


POLICY: Final[dict[str, Any]] = {
    **_head("policy"),
    "extends": {
        "type": "list",
        "minlength": 1,
        "maxlength": 8,
        "schema": {"type": "string", "regex": NAME},
    },
    "governs": {"type": "list", "required": True, "schema": {"type": "string"}},
    "applies_to": {
        "type": "dict",
        "required": True,
        "schema": {"agents": {"type": ["string", "dict"], "required": True, "regex": "all"}},
    },
    "mode": {
        "type": "string",
        "required": True,
        "allowed": ["draft", "observe", "gradual", "enforce"],
    },
    "gradual": {"type": "dict", "schema": _GRADUAL},
    "observe": {
        "type": "dict",
        "schema": {
            "by": {**_TITLE, "required": True},
            "from": {**_DAY, "required": True},
            "until": {**_DAY, "required": True},
        },
    },
    "default": {"type": "string", "required": True, "allowed": ["deny", "require_approval"]},
    "default_approval": _APPROVAL,
    "controls": _CONTROLS,
    "lists": {"type": "dict", "keysrules": {"type": "string", "regex": r"[a-z][a-z0-9_]*"}},
    "rules": {"type": "list", "schema": {"type": "dict", "schema": _RULE}},
    "limits": {"type": "list", "schema": {"type": "dict", "schema": _LIMIT}},
    "exceptions": {"type": "list", "schema": {"type": "dict", "schema": _EXCEPTION}},
    "cases": {"type": ["dict", "list"]},
}
_OVERSIGHT: Final = ["nothing", "require_approval", "deny"]
RISK: Final[dict[str, Any]] = {
    **_head("risk"),
    "controls": _CONTROLS,
    "lists": POLICY["lists"],
    "factors": {
        "type": "list",
        "required": True,
        "minlength": 1,
        "schema": {
            "type": "dict",
            "schema": {
                "id": _RULE["id"],
                "title": _RULE["title"],
                "points": {"type": "integer", "required": True, "min": 1, "max": 1000},
                "when": _RULE["when"],
                "trust_claim": _TEXT,
                "attested_only": _RULE["attested_only"],
                "because": _RULE["because"],
                "controls": _CONTROLS,
            },
        },
    },
    "levels": {
        "type": "dict",
        "required": True,
        "minlength": 1,
        "schema": {
            level: {"type": "integer", "min": 1, "max": 100_000}
            for level in RISKS
            if level != "low"
        },
    },
    "matrix": {
        "type": "dict",
        "required": True,
        "minlength": 1,
        "schema": {
            row: {
                "type": "dict",
                "minlength": 1,
                "schema": {level: {"type": "string", "allowed": _OVERSIGHT} for level in RISKS},
            }
            for row in AUTONOMY
        },
    },
    "approval": {
        "type": "dict",
        "minlength": 1,
        "schema": dict.fromkeys(RISKS, _APPROVAL),
    },
    "cases": {"type": ["dict", "list"]},
}
INVARIANTS: Final[dict[str, Any]] = {
    **_head("invariants"),
    "controls": _CONTROLS,
    "lists": POLICY["lists"],
    "never": {
        "type": "list",
        "required": True,
        "minlength": 1,
        "schema": {
            "type": "dict",
            "schema": {
                "id": _RULE["id"],
                "title": _RULE["title"],
                "when": _RULE["when"],
                "without": {
                    "type": "dict",
                    "minlength": 1,
                    "schema": {
                        "people": {"type": "integer", "min": 1, "max": 99},
                        "needs": {**_APPROVAL["schema"]["needs"], "required": False},
                    },
                },
                "may_be_waived_by": _WAIVED,
                "because": _RULE["because"],
                "controls": _CONTROLS,
            },
        },
    },
}
LIST_USE: Final[dict[str, Any]] = {
    "from": {"type": "string", "required": True, "regex": r"[a-z0-9][a-z0-9/_.-]*"},
    "max_age": {"type": "string", "required": True, "regex": _DURATION},
}
_ARGUMENT: Final[dict[str, Any]] = {
    "type": {
        "type": "string",
        "required": True,
        "allowed": [
            word
            for name in SCALARS
            if name not in INTERNAL
            for word in ((name,) if name == "command" else (name, f"list of {name}"))
        ],
    },
    "one_of": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
    "currencies": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
    "may_be_negative": {"type": "boolean"},
    "unit": {"type": "string", "regex": r"[^\s0-9][^\s]{0,30}"},
    "at_least": {"type": ["integer", "number"]},
    "at_most": {"type": ["integer", "number"]},
    "class": {
        "type": "string",
        "required": True,
        "allowed": ["quantity", "category", "identity", "private"],
    },
    "about": {"type": "string", "regex": NAME},
    "required": {"type": "boolean"},
    "default": {},
    "max_length": {"type": "integer", "min": 1, "max": 1_000_000},
    "max_items": {"type": "integer", "min": 1, "max": 10_000},
    "title": _TITLE,
}
_ARGUMENTS: Final[dict[str, Any]] = {
    "type": "dict",
    "keysrules": {"type": "string", "regex": r"[A-Za-z_][A-Za-z0-9_-]{0,63}"},
    "valuesrules": {"type": "dict", "schema": _ARGUMENT},
}
_LABELS: Final[dict[str, Any]] = {"type": "list", "schema": {"type": "string", "regex": NAME}}
CATALOGUE: Final[dict[str, Any]] = {
    "catalogue": {"type": "string", "required": True, "regex": NAME},
    "title": {**_TITLE, "required": True},
    "owner": {**_TITLE, "required": True},
    "actions": {
        "type": "dict",
        "required": True,
        "minlength": 1,
        "keysrules": {"type": "string", "regex": ACTION},
        "valuesrules": {
            "type": "dict",
            "schema": {
                "title": {**_TITLE, "required": True},
                "labels": _LABELS,
                "attaches": _LABELS,
                "risk": {"type": "string", "required": True, "allowed": list(RISKS)},
                "args": _ARGUMENTS,
                "resource": _ARGUMENTS,
                "subject": _ARGUMENTS,
                "context": _ARGUMENTS,
            },
        },
    },
}
LIST_FILE: Final[dict[str, Any]] = {
    "list": {"type": "string", "required": True, "regex": r"[a-z0-9][a-z0-9/_.-]*"},
    "title": _TITLE,
    "owner": _TITLE,
    "as_of": {"type": "string", "required": True},
    "type": {
        "type": "string",
        "required": True,
        "allowed": [name for name in SCALARS if name not in INTERNAL and name != "command"],
    },
    "members": {"type": "list", "required": True},
}
CASES: Final[dict[str, Any]] = {
    "policy": {"type": "string", "required": True, "regex": NAME},
    "tables": {"type": ["dict", "list"], "required": True},
}
TABLE: Final = _TABLE
