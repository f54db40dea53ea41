"""The service's own controls: what it promises whatever the law says, and what would prove it.

The law: these apply from the first entry on; each has a test that reads the log and can fail.
"""

from __future__ import annotations

from reports.articles import Duty


def _control(
    number: int, duty: str, test: str, proof: str, section: str, *labels: str, fresh: int = 92
) -> Duty:
    source = f"control C{number}"
    who = "the organisation"
    return Duty(
        f"C{number}", duty, source, who, None, "any", test, proof, section, labels, "", fresh
    )


CONTROLS: tuple[Duty, ...] = (
    _control(
        1,
        "What is reported as run rests on a decision that allowed it",
        "decided",
        "each outcome that says something ran names a decision that allowed it",
        "3",
        "SOC 2 PI1",
        "OWASP ASI02",
    ),
    _control(
        2,
        "The record is complete and unaltered",
        "complete",
        "every index present once, and their root is the one signed",
        "3",
        "ISO/IEC 42001 A.6.2.8",
        "SOC 2 CC7.2",
    ),
    _control(
        3,
        "The result of every allowed action is known",
        "outcomes",
        "an outcome for each decision that allowed something",
        "3",
        "ISO/IEC 42001 A.6.2.6",
        "NIST AI RMF MEASURE 2.4",
    ),
    _control(
        4,
        "What needed approval ran only after enough people granted it",
        "quorum",
        "each decision that used an approval names one granted by as many people as asked",
        "5",
        "IMDA MGF 2.2.2",
        "ATLAS M0029",
    ),
    _control(
        5,
        "Approvals are shown and read before they are given",
        "read",
        "shown to the person who granted, and not granted faster than the reading time",
        "5",
        "OWASP ASI09",
        "IMDA MGF 2.2.2",
    ),
    _control(
        6,
        "A denial is lifted only by named people, for one action",
        "overrides",
        "each override complete and not signed by one person alone",
        "6",
        "NIST AI RMF MANAGE 4.1",
    ),
    _control(
        7,
        "A stop stops",
        "stops",
        "after each stop or drill, nothing of its scope allowed or redeemed until lifted",
        "6",
        "NIST AI RMF MANAGE 2.4",
        "OWASP ASI10",
    ),
    _control(
        8,
        "One named person answers for each agent",
        "owners",
        "an owner recorded for each agent that acted",
        "2",
        "NIST AI RMF GOVERN 2.1",
        "ISO/IEC 42001 A.3.2",
        "IMDA MGF 2.1.2",
    ),
    _control(
        9,
        "A second person confirmed each agent before it acted",
        "confirmed",
        "agent.onboarded by another person, before the first decision",
        "2",
        "SOC 2 CC6.3",
    ),
    _control(
        10,
        "Rules change only with two people",
        "releases",
        "each release signed by someone who did not propose it",
        "2",
        "SOC 2 CC8.1",
        "ISO/IEC 42001 A.6.2.4",
        fresh=366,
    ),
)
