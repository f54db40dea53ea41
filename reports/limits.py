"""What a report does not show, said by the report itself.

The law: this section is made from what was counted and from what was not, and is never empty. An
authority may fine misleading information (AI Act Art. 99(5)); so a reader is told, beside the
figures, where they end.
"""

from __future__ import annotations

from reports.articles import DISPUTED, DUTIES
from reports.counts import Rate
from reports.evidence import Evidence, Statement
from reports.words import plural


def not_shown(evidence: Evidence) -> tuple[Statement, ...]:
    """The limits of `evidence`, the general ones first."""
    return (
        _unsubmitted(evidence),
        _truth(evidence),
        _rightness(evidence),
        _times(evidence),
        _downtime(evidence),
        _after(evidence),
        _rewriting(evidence),
        _unrecorded(),
        _law(evidence),
        *_particular(evidence),
    )


def _unsubmitted(e: Evidence) -> Statement:
    text = (
        "The log holds what runtimes asked this service. Whether an agent acted without asking "
        "cannot be seen in it; compare the runtimes' own counters. The log contributes to the "
        "records of AI Act Art. 12 and is not the AI system's own log."
    )
    return Statement("Actions nobody submitted.", text, (e.decisions.total.cite,))


def _truth(e: Evidence) -> Statement:
    p = e.population
    unattested = p.attested.n - p.attested.k
    text = (
        f"{p.outcomes.n:,} outcomes were reported in the period; {unattested:,} of them by the "
        f"agent itself, without a gateway or person attesting them. For {p.without_outcome.n:,} "
        f"of {p.allowed.n:,} allowed actions no outcome is known."
    )
    return Statement("Whether outcomes are true.", text, (p.outcomes.cite, p.attested.cite))


def _rightness(e: Evidence) -> Statement:
    r = e.reviews
    reviewed = "No decision was reviewed by a person afterwards; no error rate can be stated."
    if r.given.n:
        reviewed = (
            f"{plural(r.decisions.n, 'decision')} of any verdict were reviewed by people afterwards: "
            f"{r.right.n:,} times right, {r.too_strict.n:,} too strict, {r.too_loose.n:,} too loose. "
            "What was reviewed was partly chosen, and what was drawn is no proportional sample; no "
            "error rate can be stated."
        )
    text = f"{e.decisions.allow.n:,} actions were allowed because the rules said so. {reviewed}"
    cites = (e.decisions.allow.cite, r.given.cite)
    return Statement("Whether allowed actions were right.", text, cites)


def _times(e: Evidence) -> Statement:
    clock = [g for g in e.population.gaps if g.kind == "service.clock"]
    who = "No outside witness signed this head"
    if e.head.witnesses:
        who = f"{', '.join(e.head.witnesses)} signed this head, which this report did not verify"
    text = (
        f"{who}. The order of entries is proven; their times are the operator's claim. "
        f"{plural(len(clock), 'clock irregularity is', 'clock irregularities are')} recorded in the "
        "period."
    )
    return Statement("Exact times.", text)


def _downtime(e: Evidence) -> Statement:
    starts = sum(g.kind == "service.started" for g in e.population.gaps)
    text = (
        "A process that ends leaves no entry, only its next start does; section 3 lists "
        f"{plural(starts, 'start')} in the period. What agents did meanwhile is not known."
    )
    return Statement("Times when the service was down.", text)


def _after(e: Evidence) -> Statement:
    text = (
        f"Entries from index {e.head.size:,} on are unknown to this report; among them the one "
        f"that records it. {e.population.after:,} entries lie after the period and before the "
        "head: they count only where they answer or end something of the period. That the log's "
        "end was not cut off can be shown only by somebody who kept a later head or a receipt."
    )
    return Statement("Anything after the head.", text)


def _rewriting(e: Evidence) -> Statement:
    """Who could have written the whole log anew, and up to where nobody could unnoticed."""
    apart = [each for each in e.head.outside.anchors if each.apart and each.size is not None]
    if apart:
        best = max(apart, key=lambda each: each.size or 0)
        text = (
            f"The first {best.size or 0:,} entries are fixed by a head that the anchor `{best.name}` "
            f"({best.kind}) holds; the service says so, and only that anchor's keeper can confirm it. "
            "Whoever holds the log's key and disk could still rewrite the entries after that."
        )
    else:
        text = (
            "The log is unanchored: no head of it is held by anybody outside, as far as the service "
            "knows. Whoever holds its key and its disk could have written all of it anew, unless "
            "somebody kept a receipt or a head."
        )
    if e.head.outside.unanchored and apart:
        text += " It counts as unanchored now: no anchor has confirmed the newest entries in time."
    return Statement("That nobody with the key rewrote the log.", text)


def _unrecorded() -> Statement:
    ids = [d.source.removeprefix("AI Act ") for d in DUTIES if d.test == "not_recorded"]
    text = (
        "This version has no kind of entry for training, incidents, notices, impact assessments, "
        "registration, decoys or drift. The duties that rest on them are not "
        f"evidenced here, whatever was done elsewhere: AI Act {', '.join(ids)}."
    )
    return Statement("What this version does not record.", text)


def _law(e: Evidence) -> Statement:
    text = (
        "Roles, purpose and the class of an agent are statements of the organisation, recorded "
        f"with their author. Whether AI Act Articles {', '.join(DISPUTED)} bind before 2027-12-02 "
        "is disputed; this report reads them as not yet binding. Dates were looked up on "
        f"{e.header.catalogue_as_of}. This report is evidence, not legal advice."
    )
    cites = tuple(a.cite for a in e.agents)
    return Statement("Law.", text, cites)


def _particular(e: Evidence) -> list[Statement]:
    """Limits that hold for this report and perhaps not for the next."""
    found = []
    p = e.population
    if e.header.agent is not None:
        text = (
            f"Only agent {e.header.agent} is counted. Coverage of the sequence, releases, roles "
            "and disclosed irregularities are those of the whole log."
        )
        found.append(Statement("Other agents.", text))
    if p.covered_seconds < p.period_seconds:
        days, of = p.covered_seconds / 86_400, p.period_seconds / 86_400
        text = (
            f"The log covers {days:,.2f} of the {of:,.2f} days of the period. Nothing is known of "
            "the rest, so no duty is called evidenced for the whole."
        )
        found.append(Statement("Part of the period.", text))
    if e.kept.minimum and e.kept.pruned_until:
        text = (
            f"Entries before index {e.kept.minimum:,}, the last of {e.kept.pruned_until:%Y-%m-%d}, "
            "were pruned when their time was over. None of them is counted here, which does not "
            "mean that there were none; who was governed then, and by whom confirmed, is taken from "
            "the state sealed at the cut. Their leaf hashes are under the head, so a receipt or a "
            "copy kept elsewhere can still be proven."
        )
        found.append(Statement("What was pruned.", text, tuple(c.cite for c in e.kept.cuts)))
    if p.missing or p.repeated or e.head.recomputed != "same":
        text = (
            "Not all entries under the head were seen once each, or their root was not found to "
            "be the one signed. Every figure may be wrong until verification passes."
        )
        found.append(Statement("An unbroken record.", text))
    if e.decisions.observed.n:
        text = (
            f"{e.decisions.observed.n:,} decisions were taken in observe mode: the rules were "
            "looked at and could not stop anything."
        )
        cite = e.decisions.observed.cite
        found.append(Statement("Control in observe mode.", text, (cite,)))
    if e.erasures:
        text = (
            f"{plural(sum(r.values for r in e.erasures), 'value')} of "
            f"{plural(len(e.erasures), 'subject')} erased. "
            "The decisions stand and count; what exactly was asked can no longer be read."
        )
        found.append(Statement("Values that were erased.", text))
    if e.decisions.never_fired is None:
        text = (
            "The text of the rules was not at hand. So rules that never had a finding, and rules "
            "that believe what an agent claims, are not named."
        )
        found.append(Statement("Rules by their text.", text))
    small = _small(e)
    if small:
        text = f"Rates with n below 30, whose intervals are wide: {'; '.join(small)}."
        found.append(Statement("Small numbers.", text))
    return found


def _small(e: Evidence) -> list[str]:
    o, p = e.oversight, e.population
    rates: dict[str, Rate] = {
        "requests granted": o.granted,
        "granted after being shown": o.shown_first,
        "granted faster than the reading time": o.too_fast,
        "approvals with quorum": o.quorum,
        "allowed actions with outcome": p.with_outcome,
        "outcomes attested": p.attested,
    }
    return [f"{name} (n = {r.n})" for name, r in rates.items() if r.small]
