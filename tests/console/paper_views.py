"""What stands on the paper front's pages: names, hostile strings, a decision's rules, agents."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta

from governance.web.console.decision_views import Condition, FindingView
from governance.web.console.home_views import Day, Trend
from governance.web.console.views import AgentRow, May, Verdict

START = datetime(2026, 11, 20, 8, 42, 10, tzinfo=UTC)
MARIA, JONAS, OTTO = "p-maria00001", "p-jonas00001", "p-otto000001"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>"
    "<style>*{display:none}</style><form action=//evil.example><input name=p></form>"
    "{{ 7*7 }} {% raw %} javascript:alert(4) \u202egnp.exe\u202c \x00 &lt;b&gt;"
)
LONG = "W" * 300
DIGEST = hashlib.sha256(b"action").hexdigest()
YES = May(True)

TREND = Trend(
    tuple(
        Day(
            date(2026, 11, 7 + n),
            f"day {n} of {LONG}" if n == 12 else f"{7 + n} Nov 2026",
            300 + n,
            asked := 70 * n,
            3 if n % 2 else 0,
            n > 2,
            round(100 * n / 14, 2),
            108 * asked // 910,
        )
        for n in range(14)
    ),
    33902,
    48211,
    START - timedelta(days=10),
)

FINDINGS = (
    FindingView(
        "REF-003",
        "support-refunds",
        "small refunds to returning customers",
        "",
        "support-risk@corp.example",
        Verdict("allow", "Allows"),
        False,
        (
            Condition("amount is at most 100 EUR", "84.00 EUR", "exact", "As asked", "yes"),
            Condition(
                "customer is on the list returning_customers",
                "list 31 h old, at most 24 h",
                "ours",
                "Recorded here",
                "unknown",
                "counts as no",
            ),
        ),
    ),
    FindingView(
        "REF-009",
        "support-refunds",
        HOSTILE,
        HOSTILE,
        HOSTILE,
        Verdict("deny", "Refuses"),
        True,
        (
            Condition(
                "order belongs to somebody else",
                HOSTILE,
                "vouched",
                "Vouched for by shop",
                "yes",
            ),
        ),
    ),
)

AGENTS = (
    AgentRow(
        "pay-runner",
        "Pays supplier invoices",
        "payments",
        "Amara Okafor",
        "L3",
        "within limits alone, until Thu 31 Dec 2026",
        Verdict("allow", "Active"),
        "",
        "",
        None,
        True,
    ),
    AgentRow(
        "cv-screener",
        HOSTILE,
        "hr",
        "Otto <b>Bold</b>",
        "L1",
        "",
        Verdict("plain", "Suspended"),
        "",
        "High risk: EU AI Act, Annex III, point 4",
        None,
        True,
    ),
    AgentRow(
        "travel-desk",
        LONG,
        "",
        "",
        "L0",
        "",
        Verdict("plain", "Draft"),
        "waits for a second person",
        "",
        None,
        False,
    ),
)
