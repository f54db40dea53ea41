"""The keys that sign the log: added, confirmed, retired; never a new log for a new key.

Law: a key is in the ring and has proven that it signs before anybody can announce it; the entry that
announces it is signed by those it joins. Adding a key, and retiring one that is replaced, takes two
administrators; one that is lost or compromised is retired by one of them at once. What was prepared for
nothing is thrown away, what signed once is never made again.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any, Final

from audit.disk import replace_file
from audit.keys import ECDSA, ED25519, MLDSA44_COSIGNATURE, Verifier
from audit.note import split
from governance.oversight import log_keys, people
from governance.oversight.commands import Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import KeyWish, State
from governance.service.acting import Act, Texts, allowed, do, one, person
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.store.errors import StoreError
from governance.store.keyring import PREPARED, KeyRing, Known, Wanted

_following = threading.Lock()

RIGHT: Final = "manage log keys"
VKEY_FILE: Final = "log.vkey"
ALGORITHMS: Final = {ED25519: "ed25519", ECDSA: "ecdsa-p256", MLDSA44_COSIGNATURE: "ml-dsa-44"}
_MEANING: Final = {
    log_keys.REPLACED: "verifiers that pinned it only must pin one of the others now",
    log_keys.LOST: "nobody can sign with it any more; what it signed stays proven. Verifiers that pinned "
    "it only must pin one of the others now",
    log_keys.COMPROMISED: "whoever has it can sign another history of this log, which a verifier that pins "
    "it would believe: tell every verifier to give it up and pin one of the others. What outside anchors "
    "and kept heads hold from before stays proven; a checkpoint signed by it alone and not held outside "
    "proves nothing",
}


def add(
    desk: Desk,
    caller: Caller,
    *,
    algorithm: str = "ed25519",
    custody: str = "file",
    at: str = "",
    public_key: str | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """Prepare a key and announce it, or, where there is a second administrator, propose it.

    `at` and `public_key` (PEM) name a key kept elsewhere. Returns `{key, vkey, state: signing |
    proposed, entry, receipt}`, and `other_services` (what they need) if there may be some.
    """
    who = allowed(desk, caller, RIGHT)
    texts = Texts.of(reason=reason)
    known = _prepared(desk, Wanted(custody, algorithm, at, public_key))

    def run(state: State, facts: Facts, now: datetime, index: int) -> Proposal:
        people.require(state, who, RIGHT)
        beside = _signing(desk, state)
        log_keys.require_addable(beside, known.vkey, state.log_keys)
        data: dict[str, Any] = {"vkey": known.vkey, "custody": custody}
        if people.alone(state):
            data |= {"beside": list(beside), "alone": True}
            return one("log_key.added", now, caller, index, data, _added(known.vkey, index), texts)
        data["change"] = "add"
        answer = _waits(known.vkey, index)
        return one("log_key.proposed", now, caller, index, data, answer, texts)

    before = desk.state.log_key_wish
    try:
        answer = do(desk, Act(who, run))
    except Problem as problem:
        if problem.status < 500:
            desk.workspace.ring.discard(known.vkey)
        raise
    if answer["state"] == "proposed":
        _give_up(desk, before, known.vkey)
    return _needed(desk, _settled(desk, answer))


def retire(
    desk: Desk, caller: Caller, key: str, *, why: str, reason: str | None = None
) -> dict[str, Any]:
    """Let the key with the id `key` sign no later entry; `why`: replaced, lost or compromised.

    Its file is deleted here. Returns `{key, vkey, state: retired | proposed, means, deleted, entry,
    receipt}`.
    """
    who, texts = person(caller), Texts.of(reason=reason)
    if why not in _MEANING:
        raise Problem("bad-field", f"`{why}`: expected {', '.join(_MEANING)}", field="why")
    before = _signing(desk, desk.state)

    def run(state: State, facts: Facts, now: datetime, index: int) -> Proposal:
        people.require(state, who, RIGHT)
        signing = _signing(desk, state)
        vkey = log_keys.require_retirable(signing, key)
        _require_successor(before, vkey)
        data: dict[str, Any] = {"vkey": vkey, "why": why}
        if people.alone(state) or why in log_keys.AT_ONCE:
            data |= {"remaining": _others(signing, vkey), "alone": people.alone(state)}
            answer = _retired(vkey, why, index)
            return one("log_key.retired", now, caller, index, data, answer, texts)
        data["change"] = "retire"
        answer = _waits(vkey, index)
        return one("log_key.proposed", now, caller, index, data, answer, texts)

    return _settled(desk, do(desk, Act(who, run, while_paused=True)))


def confirm(desk: Desk, caller: Caller, entry_shown: int) -> dict[str, Any]:
    """Confirm, as another administrator, the change of keys that entry `entry_shown` proposed.

    Returns `{key, vkey, state: signing | retired, entry, receipt}`, and `other_services` as `add`.
    """
    who = allowed(desk, caller, RIGHT)
    wish, before = desk.state.log_key_wish, _signing(desk, desk.state)
    if wish is not None and wish.change == "add" and wish.index == entry_shown:
        _require_prepared(desk, wish.vkey)

    def run(state: State, facts: Facts, now: datetime, index: int) -> Proposal:
        people.require(state, who, RIGHT)
        wish = _shown(state, who, entry_shown)
        signing = _signing(desk, state)
        data: dict[str, Any] = {"refs": {"log_key": wish.index}, "vkey": wish.vkey, "alone": False}
        if wish.change == "add":
            log_keys.require_addable(signing, wish.vkey, state.log_keys)
            data |= {"custody": wish.custody, "beside": list(signing)}
            return one("log_key.added", now, caller, index, data, _added(wish.vkey, index))
        vkey = log_keys.require_retirable(signing, log_keys.key_id(wish.vkey))
        _require_successor(before, vkey)
        data |= {"why": log_keys.REPLACED, "remaining": _others(signing, vkey)}
        answer = _retired(vkey, log_keys.REPLACED, index)
        return one("log_key.retired", now, caller, index, data, answer)

    answer = _settled(desk, do(desk, Act(who, run)))
    return answer if answer["state"] == "retired" else _needed(desk, answer)


def listed(desk: Desk) -> dict[str, Any]:
    """Every key of the log: `{origin, keys: [...], waiting: {...} | None}`, the newest first.

    A key's `state` is `signing`, `retired`, `prepared` (announced by no entry), or `missing` (the
    log names it, and it is not here).
    """
    workspace, state = desk.workspace, desk.state
    ring = {known.vkey: known for known in workspace.ring.known}
    signing = _signing(desk, state)
    announced = [key.vkey for key in state.log_keys.values()]
    vkeys = dict.fromkeys((*signing, *reversed(announced), *reversed(ring)))
    wish = state.log_key_wish
    return {
        "origin": workspace.origin,
        "keys": [_told(state, workspace.ring, vkey, signing) for vkey in vkeys],
        "waiting": None
        if wish is None
        else {
            "entry": wish.index,
            "change": wish.change,
            "key": log_keys.key_id(wish.vkey),
            "vkey": wish.vkey,
            "custody": wish.custody,
            "given_by": wish.person,
        },
    }


def publish(desk: Desk) -> None:
    """Write the verifier keys in force to the workspace's `log.vkey`, one on each line."""
    path = desk.directory / VKEY_FILE
    text = "".join(vkey + "\n" for vkey in desk.workspace.vkeys)
    if path.exists() and path.read_text(encoding="ascii", errors="replace") == text:
        return
    replace_file(path, text.encode("ascii"), 0o666)


def _give_up(desk: Desk, before: KeyWish | None, vkey: str) -> None:
    """Throw away the key of a proposal that the one about `vkey` took the place of.

    Only if the log did not announce it meanwhile: from then on it is needed.
    """
    if before is None or before.change != "add" or before.vkey == vkey:
        return
    if log_keys.key_id(before.vkey) not in desk.state.log_keys:
        desk.workspace.ring.discard(before.vkey)


def _told(state: State, ring: KeyRing, vkey: str, signing: tuple[str, ...]) -> dict[str, Any]:
    verifier = Verifier.from_vkey(vkey)
    name = verifier.key_id.hex()
    here = next((known for known in ring.known if known.vkey == vkey), None)
    entry = state.log_keys.get(name)
    status = "retired"
    if vkey in signing:
        status = "missing" if here is None or name in ring.without else "signing"
    elif here is not None and here.status == PREPARED:
        status = "prepared"
    told: dict[str, Any] = {
        "key": name,
        "vkey": vkey,
        "algorithm": ALGORITHMS[verifier.algorithm],
        "state": status,
        "custody": None if here is None else here.custody,
        "at": None if here is None else here.at,
    }
    if entry is not None:
        told["announced"] = entry.index if entry.index >= 0 else None
        told["retired"] = entry.retired
        told["why"] = entry.why or None
    return told


def _signing(desk: Desk, state: State) -> tuple[str, ...]:
    """The verifier keys that sign, the one the log was founded with included."""
    return log_keys.in_force(state) or (desk.workspace.ring.known[0].vkey,)


def _others(signing: tuple[str, ...], vkey: str) -> list[str]:
    return [each for each in signing if each != vkey]


def _require_successor(before: tuple[str, ...], vkey: str) -> None:
    """The batch that retires a key must be signed by one that stays, also if all comes at once.

    `before`: who signed what was committed when this was asked.
    """
    if all(log_keys.post_quantum(each) for each in before if each != vkey):
        raise Refused("conflict", "its successor was announced this moment only; ask once more")


def _shown(state: State, who: str, entry_shown: int) -> KeyWish:
    wish = state.log_key_wish
    if wish is None:
        raise Refused("conflict", "no change of the log's keys waits for a second administrator")
    if wish.index != entry_shown:
        raise Refused(
            "not-shown",
            f"entry `{entry_shown}` is not what waits, but entry `{wish.index}`; look at it before "
            "you confirm",
            field="entry",
        )
    if wish.person == who:
        raise Refused("needs-another", "you proposed this yourself; another administrator confirms")
    return wish


def _prepared(desk: Desk, wanted: Wanted) -> Known:
    try:
        return desk.workspace.ring.prepare(wanted, split(desk.reader.checkpoint())[0])
    except StoreError as error:
        raise Problem("conflict", str(error)) from error


def _require_prepared(desk: Desk, vkey: str) -> None:
    """A key that is announced has to sign the next checkpoint: it must be here, and answer."""
    ring = desk.workspace.ring
    try:
        ring.prove_one(vkey, split(desk.reader.checkpoint())[0])
    except StoreError as error:
        raise Problem("conflict", str(error)) from error


def _waits(vkey: str, index: int) -> dict[str, Any]:
    return {"key": log_keys.key_id(vkey), "vkey": vkey, "state": "proposed", "entry": index}


def _added(vkey: str, index: int) -> dict[str, Any]:
    return {"key": log_keys.key_id(vkey), "vkey": vkey, "state": "signing", "entry": index}


def _retired(vkey: str, why: str, index: int) -> dict[str, Any]:
    found = {"key": log_keys.key_id(vkey), "vkey": vkey, "state": "retired", "entry": index}
    return {**found, "means": _MEANING[why]}


def _needed(desk: Desk, answer: dict[str, Any]) -> dict[str, Any]:
    """With what services of the same log need before a key signs, where there may be others."""
    if desk.workspace.shared:
        when = "before it is confirmed" if answer["state"] == "proposed" else "now"
        answer["other_services"] = (
            f"copy `{desk.workspace.paths.keys}` to the folder of every other service of this log "
            f"{when}: one that lacks the key `{answer['key']}` is not ready and records nothing, no "
            "stop either, from when it signs until it has it"
        )
    return answer


def _settled(desk: Desk, answer: dict[str, Any]) -> dict[str, Any]:
    """What lies beside the log follows it; a crash before this is made up for at the next start.

    A retired key's file goes at once. After such a crash it stays, and is of no use but to a thief.
    """
    if answer["state"] != "proposed":
        with _following:  # so that what is written last is what the log says last
            desk.workspace.ring.follow(log_keys.in_force(desk.state))
            publish(desk)
    if answer["state"] == "retired":
        answer["deleted"] = desk.workspace.ring.destroy(answer["vkey"])
    return answer
