"""Releasing policies: checked in a process of its own, proposed by one person, signed by another.

Law: what is enforced is a release that two people put in force (or the only person of a workspace,
marked `alone`), ready to decide before its entry is written; on any failure the old release stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from audit.canonical import canonical
from governance.engine.compile import Release
from governance.engine.lints import roles
from governance.engine.strangers import misspelt, nobody_is
from governance.oversight import people, policies
from governance.oversight.commands import AdoptRow, Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import PolicyProposal, State
from governance.service import accepting, carrying, checking, examining
from governance.service.acting import Act, Texts, allowed, as_problem, do, entry, lane_of
from governance.service.backfilling import Charging
from governance.service.desk import Caller, Desk
from governance.service.examining import Examined, Job, Progress
from governance.service.judging import BUDGET
from governance.service.problem import Problem
from governance.service.reading import entry_of
from governance.service.releases import Ready
from governance.store.blobs import BlobError
from governance.store.errors import Unavailable

OWN: Final = "you proposed this release; another person must sign it"
WAITING: Final = 16
"""So many proposals of one person may wait: those of others would be forgotten for more."""
OTHER_ZONE: Final = "this service has another time zone than the release in force, and nobody has compared the hours"


def propose(
    desk: Desk,
    caller: Caller,
    files: Mapping[str, bytes],
    *,
    note: str | None = None,
    days: int = examining.DAYS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Propose files as a release.  Risk editors only.

    The files are examined first, in a process of their own, against the release in force; what was
    found is kept, and the entry names it.  `days` is how far back the backtest looks.  Returns
    `{proposal, release, evidence, findings, warnings, cases, looser, given_up, doubts}`; with
    findings nothing is proposed and `proposal` is None.  `warnings` name roles that nobody active
    holds; `doubts` say why it takes a second person whoever proposes it.
    """
    who, texts = allowed(desk, caller, "propose policies"), Texts.of(note=note)
    checking.require_files(files)
    as_problem(_require_place, desk.state, who)
    made = examined(desk, files, days=days, progress=progress)
    if made.findings:
        return nothing_proposed(made)
    return offered(
        desk, caller, kept(desk, files, made, "files"), texts, _may(who, "propose policies")
    )


def rollback(
    desk: Desk, caller: Caller, release: str, *, note: str | None = None
) -> dict[str, Any]:
    """Return to the exact bytes of a release that was in force.  Risk editors, compliance officers.

    What has lapsed since does not stop it, nor do cases that held when it was released.  Where it is
    proved that nothing becomes looser, it is in force at once: undoing what loosened should not wait for a second person.  Undoing what
    tightened loosens, and waits for one as any release does; so does dropping an invariant, for it
    binds the releases to come.  As `propose`, with `in_force`; `doubts` say why it is not;
    `failed_before` are those cases.
    """
    who, texts = allowed(desk, caller, "sign policies"), Texts.of(note=note)
    files = desk.releases.files(release)
    made = examined(desk, files, lapsed=True, bears="all")
    if made.findings:
        return nothing_proposed(made)
    offer, may = kept(desk, files, made, "rollback"), _may(who, "sign policies")
    answer = offered(desk, caller, offer, texts, may, at_once=made.not_looser)
    return {**answer, "failed_before": made.document("cases")["failed_before"]}


Require = Callable[[State], None]


def _may(who: str, right: str) -> Require:
    def require(state: State) -> None:
        people.require(state, who, right)

    return require


def offered(
    desk: Desk,
    caller: Caller,
    offer: Offer,
    texts: Texts,
    require: Require,
    *,
    at_once: bool = False,
    refreshed: str | None = None,
) -> dict[str, Any]:
    """Record a proposal; `at_once` also puts it in force, for it was proved to loosen nothing.
    `refreshed` is the list that differs, where nothing else does."""
    release = offer.ready.release
    series = filled(desk, release) if at_once or _counts_more(desk, release) else ()

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        require(state)
        require_unchanged(state, offer, at_once)
        data = texts.into(dict(offer.data))
        evidence = shown_digest(index, data)
        # Another time zone moves every rule about hours, which nobody has compared.
        now = at_once and state.time_zone == desk.settings.time_zone
        warned = [*carrying.back(desk, state, release), *warnings(state, release)]
        answer = offer.answer(index, warned)
        answer |= {"evidence": evidence, "in_force": now}
        if not now:
            _require_place(state, caller.id)
        if at_once and not now:
            answer["doubts"] = [OTHER_ZONE]
        entries = [entry("policy.proposed", at, caller, data)]
        rows: tuple[AdoptRow, ...] = ()
        if now:
            by = (caller.id, caller.id)
            made = released(desk, index, offer.data["release"], by, "not_looser", evidence)
            if refreshed is not None:
                made["refreshed"] = refreshed
            entries.append(entry("policy.released", at, caller, made))
            rows = (AdoptRow(index + 1, series),)
            answer["entry"] = index + 1
        return Proposal(tuple(entries), answer, rows, texts.rows(index))

    return do(desk, Act(lane_of(caller)[0], run, lane_of(caller)[1]))


def _require_place(state: State, who: str) -> None:
    """Refuse more proposals of one person than anybody reads."""
    mine = [n for n, p in state.proposals.items() if p.person == who and not expired(state, n)]
    if len(mine) >= WAITING:
        raise Refused(
            "too-many",
            f"{len(mine)} proposals of yours wait for a signature; withdraw those that nobody should "
            "sign (`governance policy proposals`)",
        )


def examined(
    desk: Desk,
    files: Mapping[str, bytes],
    *,
    days: int = examining.DAYS,
    lapsed: bool = False,
    bears: examining.Bears = "",
    progress: Progress | None = None,
) -> Examined:
    """What is found out about files, against the release in force."""
    checking.require_size(files)
    state = desk.state
    current = {} if state.release is None else desk.releases.files(state.release)
    compiled = b"" if state.release is None else desk.releases.compiled(state.release)
    since, at = policies.rules_since(state), desk.now()
    root = str(desk.directory)
    job = Job(root, dict(files), current, at, days, state.release, since, lapsed, bears,
              compiled=compiled)  # fmt: skip
    return examining.examine(job, progress)


def nothing_proposed(made: Examined) -> dict[str, Any]:
    """The answer for files that become no proposal."""
    return {
        "proposal": None,
        "release": None,
        "findings": [checking.plain(each) for each in made.findings],
        "warnings": [],
        "cases": made.cases,
    }


@dataclass(frozen=True, slots=True)
class Offer:
    """Files that can be proposed: ready to be enforced, with the data of their entry."""

    ready: Ready
    data: Mapping[str, Any]
    made: Examined

    def answer(self, index: int, warnings: list[str]) -> dict[str, Any]:
        """The answer to who proposes them."""
        return {
            "proposal": index,
            "release": self.ready.release.digest,
            "findings": [],
            "warnings": warnings,
            "cases": self.made.cases,
            "looser": self.made.document("diff").get("looser"),
            "given_up": self.made.document("proofs").get("given_up", []),
            "doubts": self.made.doubts,
        }


def kept(desk: Desk, files: Mapping[str, bytes], made: Examined, origin: str) -> Offer:
    """Keep examined files, their compiled form and what was found out about them, by digest."""
    try:
        ready, compiled = desk.releases.keep(made.digest, files, made.compiled)
        attached = {
            examining.path_of(name): desk.blobs.put(each) for name, each in made.documents.items()
        }
    except (OSError, BlobError, Unavailable) as error:
        raise Problem(
            "not-ready", f"the files could not be kept, so nothing was proposed: {error}"
        ) from None
    lists = {name: each.as_of.isoformat() for name, each in ready.release.bundle.lists.items()}
    data = {
        "release": made.digest,
        "files": {**ready.files, **attached},
        "lists": lists,
        "origin": origin,
        "against": made.against,
        "compiled": compiled,
    }
    return Offer(ready, data, made)


def require_unchanged(state: State, offer: Offer, at_once: bool) -> None:
    """Refuse if another release came in force while these files were examined.  What waits for a
    signature may be about older lists: the signature takes the newer ones."""
    against, since = offer.data["against"], policies.rules_since(state)
    if state.release != against and (at_once or against is None or since != offer.made.since):
        raise Refused(
            "conflict",
            "another release came in force while these files were examined, so what was found is "
            "about an older one; propose them again",
        )


def shown_digest(proposal: int, data: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a proposal with all that belongs to it: what a signature is bound to."""
    return hashlib.sha256(canonical({"proposal": proposal, **data})).hexdigest()


def warnings(state: State, release: Release) -> list[str]:
    """Sentences about roles that no active person holds, and about agents and labels that are
    nobody's."""
    bundle, held, there = release.bundle, checking.held(state), checking.bearers(state)
    odd = [*misspelt(bundle, held), *roles(bundle, held)]
    odd += nobody_is(bundle, there) if there is not None else ()
    return [each.message for each in odd]


def sign(desk: Desk, caller: Caller, proposal: int, evidence: str) -> dict[str, Any]:
    """Put a proposed release in force, as another person than who proposed it.

    `evidence` is the digest of the proposal as it was shown to the signer.  What a new limit counts
    is filled from the decisions recorded so far before the entry is written.  Where lists were
    refreshed meanwhile, what comes in force has the newer ones, if `carrying` can prove that the
    signature covers it.  Returns `{release, proposal, alone, entry, newer_lists}`.
    """
    who = allowed(desk, caller, "sign policies")
    found, data = _signable(desk, who, proposal, evidence)
    offer, newer = _carried(desk, data)
    against = data.get("against") if offer is None else offer.data["against"]
    try:
        ready = desk.releases.get(found.release) if offer is None else offer.ready
    except BlobError as error:
        raise Problem("not-ready", f"the proposal's files cannot be read: {error}") from None
    series = filled(desk, ready.release)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "sign policies")
        waiting = state.proposals.get(proposal)
        if waiting is None:
            raise Refused("conflict", f"proposal `{proposal}` waits no more")
        _require_current(state, proposal, data)
        if "against" in data and state.release != against:
            raise Refused("conflict", "a list was refreshed this moment; sign again")
        alone = state.single_person
        if waiting.person == who and not alone:
            raise Refused("needs-another", OWN)
        ground = "alone" if alone and waiting.person == who else "signed"
        release, number, entries = waiting.release, proposal, []
        if offer is not None:
            over = {**offer.data, "refs": {"policy": proposal}}
            entries, number = [entry("policy.proposed", at, caller, over)], index
            release = offer.data["release"]
        made = released(desk, number, release, (waiting.person, who), ground, evidence)
        entries.append(entry("policy.released", at, caller, made))
        last = index + len(entries) - 1
        answer = {"release": release, "proposal": proposal, "alone": alone, "entry": last}
        answer["newer_lists"] = [each.json() for each in newer]
        return Proposal(tuple(entries), answer, (AdoptRow(last, series),))

    return do(desk, Act(who, run))


def _signable(
    desk: Desk, who: str, proposal: int, evidence: str
) -> tuple[PolicyProposal, Mapping[str, Any]]:
    """A proposal that this person may sign, as it was shown, and the data of its entry."""
    state = desk.state
    found = state.proposals.get(proposal)
    if found is None:
        raise _waits_no_more(desk, proposal)
    data = entry_of(desk, proposal, "policy.proposed").data
    if evidence != shown_digest(proposal, data):
        raise Problem(
            "not-shown",
            f"proposal `{proposal}` is not what this signature names; look at it and sign again",
            field="evidence",
        )
    if found.person == who and not state.single_person:
        raise Problem("needs-another", OWN)
    require_provable(desk, data)
    as_problem(_require_current, state, proposal, data)
    _require_seen(desk, data)
    return found, data


def _require_seen(desk: Desk, data: Mapping[str, Any]) -> None:
    """Refuse what no surface could have shown."""
    digest = examining.attached(data["files"]).get("diff")
    if digest is None:
        return
    try:
        diff = json.loads(desk.blobs.get(digest))
    except BlobError as error:
        raise Problem("not-ready", f"the difference cannot be read: {error}") from None
    if why := accepting.unseen({"diff": diff}):
        raise Problem("not-shown", why)


def _waits_no_more(desk: Desk, proposal: int) -> Problem:
    """Why nobody can sign a proposal: it came to its end, never was one, or was made elsewhere just now."""
    if desk.state.size <= proposal < desk.reader.size:
        return Problem(
            "not-ready",
            f"another service recorded `{proposal}`, which is not known here yet; ask again",
            retry_after=1,
        )
    return Problem(
        "unknown",
        f"there is no proposal `{proposal}` that waits for a signature; `governance policy proposals` "
        "says how each ended",
    )


def _require_current(state: State, proposal: int, data: Mapping[str, Any]) -> None:
    """Refuse where other rules came in force since; for a proposal of an older version, which does
    not say what it was compared with, any release."""
    late = state.release_index is not None and proposal < state.release_index
    if expired(state, proposal) or (late and "against" not in data):
        raise Refused(
            "conflict",
            f"proposal `{proposal}` was made before the release now in force (entry "
            f"`{policies.rules_since(state)}`) and would undo it unseen; propose the files again",
        )


def _carried(
    desk: Desk, data: Mapping[str, Any]
) -> tuple[Offer | None, tuple[carrying.Moved, ...]]:
    """A proposal over the lists in force, examined and ready, and what moved; None: nothing did."""
    if "against" not in data or data["against"] == desk.state.release:
        return None, ()
    files, made, newer = carrying.carried(desk, data)
    return kept(desk, files, made, data.get("origin", "files")), newer


def filled(desk: Desk, release: Release) -> tuple[str, ...]:
    """Fill what the limits of a release count from the decisions so far; the series they charge."""
    series = (*sorted(release.series), BUDGET)
    desk.workspace.backfill.prepare(series, Charging(desk, release), release.digest)
    return series


def _counts_more(desk: Desk, release: Release) -> bool:
    """Whether a release counts what is not counted yet: then the past is looked at while it is
    proposed, and only what came since when it is signed."""
    now = desk.state.release
    live = {} if now is None else desk.releases.get(now).release.series
    return now is not None and not release.series.keys() <= live.keys()


def expired(state: State, proposal: int) -> bool:
    """Whether other rules came in force since the proposal was made; refreshed lists are none."""
    since = policies.rules_since(state)
    return since is not None and proposal < since


def require_provable(desk: Desk, data: Mapping[str, Any]) -> None:
    """Refuse if what was found out is not there any more, or refutes what must never be allowed."""
    for name, digest in examining.attached(data["files"]).items():
        try:
            document = desk.blobs.get(digest)
        except BlobError as error:
            raise Problem(
                "not-ready", f"what was found about the proposal cannot be read ({name}): {error}"
            ) from None
        if name == "proofs" and examining.stops(json.loads(document)):
            raise Problem("bad-policy", "an invariant is refuted: this release can never be signed")


def released(
    desk: Desk, proposal: int, release: str, by: tuple[str, str], ground: str, evidence: str
) -> dict[str, Any]:
    """The data of `policy.released`; `by` proposed and signed."""
    return {
        "refs": {"policy": proposal},
        "release": release,
        "proposed_by": by[0],
        "signed_by": by[1],
        "alone": ground == "alone",
        "time_zone": desk.settings.time_zone,
        "evidence": evidence,
        "ground": ground,
    }


def first(desk: Desk, caller: Caller, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Propose and sign at once, where one person is alone; raises `Problem` with the findings."""
    proposed = propose(desk, caller, files)
    if proposed["proposal"] is None:
        worst = proposed["findings"][0]
        raise Problem(
            "bad-policy",
            f"{worst['path']}:{worst['line']}:{worst['column']}: {worst['message']}"
            + (f" (and {len(proposed['findings']) - 1} more)" if proposed["findings"][1:] else ""),
        )
    return {**proposed, **sign(desk, caller, proposed["proposal"], proposed["evidence"])}


def current(desk: Desk) -> dict[str, Any]:
    """The release in force and what waits for a signature.

    `{release, entry, time_zone, next_time_zone, proposed_by, signed_by, alone, files: {path: text},
    policies, proposals}`; `next_time_zone` is that of a release signed now.
    """
    state = desk.state
    out: dict[str, Any] = {
        "release": state.release,
        "proposals": [
            {"proposal": p.index, "release": p.release, "proposed_by": p.person}
            for _, p in sorted(state.proposals.items())
        ],
    }
    if state.release is None:
        return out | {"files": {}, "policies": []}
    if state.release_index is not None:  # None: signed in a log that was lost and restored
        released = entry_of(desk, state.release_index, "policy.released").data
        out |= {name: released[name] for name in ("proposed_by", "signed_by", "alone")}
    ready = desk.releases.get(state.release)
    out |= {
        "entry": state.release_index,
        "time_zone": state.time_zone,
        "next_time_zone": desk.settings.time_zone,
        "files": {path: data.decode() for path, data in desk.releases.files(state.release).items()},
        "policies": [
            {
                "policy": file.policy,
                "title": file.title,
                "owner": file.owner,
                "review_by": file.review_by.isoformat(),
                "mode": file.mode.value,
                "governs": list(file.governs),
                "rules": len(file.rules),
                "limits": len(file.limits),
            }
            for file in ready.release.bundle.files
        ],
    }
    return out
