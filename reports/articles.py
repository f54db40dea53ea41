"""The catalogue of duties: what is asked, by which text, from when, and what would prove it.

The law: a date or an article stands here once, with its source and the day it was looked up, and
the words are our own. A duty whose proof this version of the log cannot record says so (`test` is
`not_recorded` and `proof` names what is missing); a duty that a log can show only in part says
what the log cannot show (`at_most`). One catalogue carries the labels of several frameworks,
because the same entries answer the same question under many names.

Dates: Regulation (EU) 2024/1689 ("AI Act") as changed by Regulation (EU) 2026/1744 of 8 July 2026
(OJ L, 2026/1744, 24.7.2026, in force 27.7.2026), which moved Chapter III Sections 1 to 3 to
2 December 2027 for systems of Annex III and to 2 August 2028 for products of Annex I. Articles 49,
72, 73 and 86 apply since 2 August 2026 but attach to the deferred test of what is high-risk; they
are read here as binding from 2 December 2027, and the report says that this is disputed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

AS_OF = date(2026, 11, 20)
"""The day on which every date of this catalogue was last looked up."""

HIGH_RISK_FROM = date(2027, 12, 2)
"""AI Act Art. 113(3)(c)(i) as changed by Regulation (EU) 2026/1744: Annex III systems."""

GENERAL_FROM = date(2026, 8, 2)
LITERACY_FROM = date(2025, 2, 2)
GDPR_FROM = date(2018, 5, 25)

DISPUTED = ("49", "72", "73", "86")
"""Articles of the AI Act whose date is read here as `HIGH_RISK_FROM`, though others read it as 2026-08-02."""

Reach = Literal["any", "high", "1(a)"]


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty.

    `reach`: "any" agent, "high" (classified high-risk) or "1(a)" (Annex III point 1(a)).
    `test` names the function of `reports.duties` that reads the proof from the log. `fresh_days`:
    the control must have been seen working at most this long before the end of the period.
    """

    id: str
    duty: str
    source: str
    who: str
    applies_from: date | None
    reach: Reach
    test: str
    proof: str
    section: str
    labels: tuple[str, ...] = ()
    at_most: str = ""
    fresh_days: int = 92


def _act(
    article: str,
    who: str,
    duty: str,
    test: str,
    proof: str,
    section: str,
    *labels: str,
    since: date = HIGH_RISK_FROM,
    reach: Reach = "high",
    at_most: str = "",
    fresh: int = 92,
) -> Duty:
    source = f"AI Act Art. {article}"
    id_ = "AIA-" + "-".join(re.findall(r"\w+", article))
    return Duty(id_, duty, source, who, since, reach, test, proof, section, labels, at_most, fresh)


P, D, PD = "provider", "deployer", "provider and deployer"

DUTIES: tuple[Duty, ...] = (
    _act(
        "4",
        PD,
        "Measures that support AI literacy of the people involved",
        "not_recorded",
        "training of the people who decide, with its expiry",
        "8",
        "ISO/IEC 42001 A.4.6",
        since=LITERACY_FROM,
        reach="any",
    ),
    _act(
        "50(1)",
        P,
        "People are told that they deal with a machine, at the first interaction",
        "told",
        "the notice given, before the first message",
        "8",
        since=GENERAL_FROM,
        reach="any",
        at_most="the log shows that the runtime was told to inform, not that a person was informed",
    ),
    _act(
        "9(2)",
        P,
        "Risk management is reviewed and kept up to date",
        "not_recorded",
        "a risk register with review dates, linked to rules and incidents",
        "8",
        "ISO/IEC 42001 A.5.2",
        "NIST AI RMF GOVERN 1.5",
    ),
    _act(
        "9(8)",
        P,
        "Testing against metrics and thresholds set beforehand",
        "not_recorded",
        "results of tests with their thresholds",
        "8",
        "NIST AI RMF MEASURE 2.4",
    ),
    _act(
        "10",
        P,
        "Data used for training and testing meet quality criteria",
        "not_recorded",
        "data governance, which lies outside this service",
        "8",
    ),
    _act(
        "11",
        P,
        "Technical documentation is kept up to date",
        "not_recorded",
        "the documentation, which lies outside this service",
        "8",
    ),
    _act(
        "12(1)",
        P,
        "Events are recorded automatically over the system's lifetime",
        "complete",
        "every index present once, and their root is the one signed",
        "3",
        "ISO/IEC 42001 A.6.2.8",
        "ATLAS M0024",
        at_most="this log holds the actions submitted to the service; it contributes to the "
        "system's own log and is not that log",
    ),
    _act(
        "12(2)",
        P,
        "Events that point to risk or substantial change can be found",
        "risk_events",
        "denials and requests for approval with their reasons; changes judged substantial or not",
        "4",
        "SOC 2 CC7.2",
        at_most="whether a change is substantial is not recorded in this version",
    ),
    _act(
        "12(3)",
        P,
        "Remote identification: each use, database, match and verifier is recorded",
        "not_recorded",
        "start and end of use, reference database, matched input, verifiers",
        "8",
        reach="1(a)",
    ),
    _act(
        "13(3)",
        P,
        "Instructions say how oversight works and how to read the logs",
        "not_recorded",
        "that the instructions were handed over",
        "8",
    ),
    _act(
        "14(1)",
        P,
        "Oversight fits risk, autonomy and context",
        "matrix",
        "the level of autonomy and the risk in each decision",
        "4",
        "NIST AI RMF MAP 3.5",
        "IMDA MGF 2.1.2",
        at_most="that the levels chosen are the right ones is a judgement, not an entry",
    ),
    _act(
        "14(4)(a)",
        PD,
        "Overseers know the limits and notice anomalies",
        "not_recorded",
        "cards acknowledged, alarms and the time until somebody looked",
        "8",
    ),
    _act(
        "14(4)(b)",
        PD,
        "Overseers are aware of automation bias",
        "read",
        "reading times, decoys noticed, allowed actions reviewed again",
        "5",
        "OWASP ASI09",
        "IMDA MGF 2.2.2",
        at_most="decoys are not recorded in this version",
    ),
    _act(
        "14(4)(c)",
        PD,
        "Overseers can interpret what they are shown",
        "shown",
        "the evidence was opened by the person who then granted",
        "5",
        at_most="that it was opened is recorded, that it was understood is not",
    ),
    _act(
        "14(4)(d)",
        PD,
        "Overseers can decide not to use, override or reverse",
        "acts",
        "overrides, disregards and reversals; none at all is itself a finding",
        "6",
        "NIST AI RMF MANAGE 4.1",
        "GDPR Art. 22(3)",
    ),
    _act(
        "14(4)(e)",
        PD,
        "Overseers can stop the system, into a safe state",
        "stops",
        "after each stop or drill, nothing of its scope allowed or redeemed until lifted",
        "6",
        "NIST AI RMF MANAGE 2.4",
        at_most="that the state reached was safe is not recorded in this version",
    ),
    _act(
        "14(5)",
        D,
        "Remote identification: two people confirm, separately",
        "quorum",
        "two people granted, neither seeing the other's answer",
        "5",
        reach="1(a)",
        at_most="that the second did not see the first is not recorded in this version",
    ),
    _act(
        "15(4), (5)",
        P,
        "Errors and attacks end in a safe state",
        "fail_safe",
        "denials because a fact could not be told",
        "7",
        "OWASP ASI01",
        "SOC 2 A1",
        at_most="only errors that reached this service are in its log",
    ),
    _act(
        "17(1)",
        P,
        "Changes are managed, and somebody is accountable",
        "releases",
        "each release signed by someone who did not propose it",
        "2",
        "SOC 2 CC8.1",
        "ISO/IEC 42001 A.3.2",
        at_most="policy changes only; the rest of the quality system lies outside",
        fresh=366,
    ),
    _act(
        "18",
        P,
        "Documentation is kept for ten years",
        "not_recorded",
        "retention of documents, which lies outside this service",
        "8",
    ),
    _act(
        "19(1)",
        P,
        "Logs are kept for at least six months",
        "retention",
        "the oldest entry is six months old and nothing after it is missing",
        "3",
        "ISO/IEC 42001 A.6.2.8",
    ),
    _act(
        "20",
        P,
        "What is wrong is corrected at once, and those affected are told",
        "corrected",
        "reversals, suspensions and stops; notices with their times",
        "6",
        at_most="notices are not recorded in this version",
    ),
    _act(
        "21",
        P,
        "Authorities get documentation and logs on request",
        "not_recorded",
        "requests and what was handed over",
        "8",
    ),
    _act(
        "26(1)",
        D,
        "Systems are used as their instructions say",
        "briefed",
        "a brief in force for each agent that acted",
        "2",
        "ISO/IEC 42001 A.9.4",
        at_most="that the brief says what the instructions say is a judgement, not an entry",
    ),
    _act(
        "26(2)",
        D,
        "Oversight lies with competent, trained people with authority",
        "owners",
        "an owner for each agent that acted; competence and training",
        "2",
        "NIST AI RMF GOVERN 3.2",
        "ISO/IEC 42001 A.4.6",
        at_most="competence, training and support are not recorded in this version",
    ),
    _act(
        "26(4)",
        D,
        "Input data are relevant and representative",
        "not_recorded",
        "data quality, which lies outside this service",
        "8",
    ),
    _act(
        "26(5)",
        D,
        "Operation is monitored; at risk, use is suspended and others are told",
        "corrected",
        "suspensions and stops; notices with their times",
        "6",
        "SOC 2 CC7.4",
        at_most="notices to provider and authority are not recorded in this version",
    ),
    _act(
        "26(6)",
        D,
        "Logs are kept for at least six months",
        "retention",
        "the oldest entry is six months old and nothing after it is missing",
        "3",
        "ISO/IEC 42001 A.6.2.8",
    ),
    _act(
        "26(7)",
        D,
        "Workers and their representatives are told before use at work",
        "not_recorded",
        "a notice dated before the first decision",
        "8",
    ),
    _act(
        "26(8)",
        D,
        "Public bodies register their use",
        "not_recorded",
        "the number in the EU database",
        "8",
    ),
    _act(
        "26(9)",
        D,
        "The data protection impact assessment uses the provider's information",
        "not_recorded",
        "the assessment and its version",
        "8",
        "GDPR Art. 35",
    ),
    _act(
        "26(10)",
        D,
        "Later remote identification is authorised within 48 hours",
        "not_recorded",
        "authorisation and time for each use",
        "8",
        reach="1(a)",
    ),
    _act(
        "26(11)",
        D,
        "People affected by a decision are told",
        "told",
        "a notice for each decision on a person",
        "8",
        "GDPR Art. 22(3)",
        at_most="the log shows that the runtime was told to inform, not that a person was informed",
    ),
    _act(
        "27",
        D,
        "Impact on fundamental rights is assessed before first use",
        "not_recorded",
        "the assessment, its date and updates",
        "8",
        "ISO/IEC 42001 A.5.2",
    ),
    _act(
        "49", PD, "The system is registered", "not_recorded", "the number in the EU database", "8"
    ),
    _act(
        "72",
        P,
        "The system is watched after it is on the market",
        "not_recorded",
        "the plan and its series of figures",
        "8",
        "NIST AI RMF MANAGE 4.1",
    ),
    _act(
        "73",
        PD,
        "Serious incidents are reported: 15 days, 10 at death, 2 if widespread or critical",
        "not_recorded",
        "when somebody became aware, what it was, when it was filed",
        "8",
        "DORA Art. 19",
        "NIS2 Art. 23",
        "GDPR Art. 33",
    ),
    _act(
        "86",
        D,
        "People affected get the main reasons of a decision explained",
        "reasons",
        "the rules and reasons in each decision; the letters sent",
        "4",
        at_most="letters sent are not recorded in this version",
    ),
    Duty(
        "GDPR-17",
        "Personal data are erased on request, and the record stays provable",
        "GDPR Art. 17",
        "controller",
        GDPR_FROM,
        "any",
        "erasures",
        "each erasure with its ground; requests received",
        "6",
        ("SOC 2 P4",),
        "requests received are not recorded, so the log cannot show that all were met",
    ),
    Duty(
        "GDPR-22-3",
        "People can obtain a human's intervention in automated decisions",
        "GDPR Art. 22(3)",
        "controller",
        GDPR_FROM,
        "any",
        "acts",
        "overrides, disregards and reversals upon decisions",
        "6",
        (),
        "which decisions concern a person in the sense of Art. 22 is not recorded",
    ),
)
