"""Policy releases in the log: proposed, signed, refused, withdrawn.

Law: what is enforced is the release that the last `policy.released` names, whatever lies on disk.

- `policy.proposed`: `files` are the policy files (`policies/...`) and, as `evidence/NAME.json`, what
  check, cases, proofs, diff and backtest found, and the approvals it adds; `against` is the release
  that was in force then, `compiled` the form in which processes take it over; `origin` is `rollback`
  when the files are an earlier release's, `list` when only a list was refreshed.
  With `refs.policy` it is that proposal over lists that were refreshed since it was made, and is put
  in force by the next entry.
- `policy.released`: `evidence` is the digest of what the signer was shown; `ground` says why so many
  people sufficed: another one `signed`, there is only one (`alone`), or it was proved that nothing
  becomes looser (`not_looser`), for which a connector may stand in `signed_by`.  `refreshed` names
  the list that was refreshed, where nothing else changed: proposals that wait go on waiting.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from governance.oversight.model import PolicyProposal, State
from governance.oversight.shapes import (
    Check,
    commitment,
    digest,
    either,
    flag,
    identifier,
    index,
    mapped,
    nothing,
    one_of,
    person_id,
    record,
    recorded,
    release,
    text,
)

PROPOSALS_KEPT: Final = 64
ORIGINS: Final = ("files", "rollback", "list")
GROUNDS: Final = ("signed", "alone", "not_looser")

_of_proposal: Final = record(
    {
        "refs": record({"policy": index}),
        "person": person_id,
        "commitments": record({"reason": commitment}),
    }
)

KINDS: Final[Mapping[str, Check]] = {
    "policy.proposed": record(
        {
            "release": release,
            "files": mapped(digest, names=300),
            "lists": mapped(recorded, names=300),
            "commitments?": record({"note": commitment}),
            "origin?": one_of(*ORIGINS),
            "against?": either(nothing, release),
            "compiled?": digest,
            "refs?": record({"policy": index}),
        }
    ),
    "policy.refused": _of_proposal,
    "policy.withdrawn": _of_proposal,
    "policy.released": record(
        {
            "refs": record({"policy": index}),
            "release": release,
            "proposed_by": identifier,
            "signed_by": identifier,
            "alone": flag,
            "time_zone": text(64),  # of hours, weekdays and dates in rules, from here on
            "evidence?": digest,
            "ground?": one_of(*GROUNDS),
            "refreshed?": text(200),
        }
    ),
}


# the fold


def proposed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """policy.proposed: over newer lists it takes the place of the proposal it names."""
    proposals, older = state.proposals, data.get("refs", {}).get("policy")
    if older in proposals:
        proposals = proposals.delete(older)
    proposals = proposals.set(index, PolicyProposal(index, data["release"], by["id"], at))
    if len(proposals) > PROPOSALS_KEPT:
        proposals = proposals.delete(min(proposals))
    return replace(state, proposals=proposals)


def dropped(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """policy.refused and policy.withdrawn: nobody signs it any more."""
    number = data["refs"]["policy"]
    if number not in state.proposals:
        return state
    return replace(state, proposals=state.proposals.delete(number))


def released(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """policy.released: in force from the next index on."""
    number = data["refs"]["policy"]
    proposals = state.proposals.delete(number) if number in state.proposals else state.proposals
    since = None
    if "refreshed" in data:
        since = rules_since(state)
        since = -1 if since is None else since  # None: in force in a log that was lost and restored
    return replace(
        state,
        proposals=proposals,
        release=data["release"],
        release_index=index,
        time_zone=data["time_zone"],
        authors=tuple(dict.fromkeys((data["proposed_by"], data["signed_by"]))),
        rules_since=since,
    )


def rules_since(state: State) -> int | None:
    """The entry that put the rules in force in force, whatever lists were refreshed since."""
    return state.release_index if state.rules_since is None else state.rules_since
