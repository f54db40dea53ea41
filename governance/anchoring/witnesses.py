"""An anchor that is a witness: it cosigns a head only if the log still contains all it showed before.

Law: nothing a witness says is believed that its pinned key did not sign, at a time our clock can
agree with; and what it refuses is told apart: not reachable (asked again, a few times), refused for
a reason people can mend, and contradicted. A witness that remembers another history of this log
than this log does is never argued with: what it showed is handed on as evidence.

Speaks C2SP tlog-witness (https://c2sp.org/tlog-witness), to ours (`python -m audit witness`) or any
other.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.encoding import b64
from audit.errors import LogError, Malformed, UnknownKey
from audit.keys import COSIGNATURES, Verifier
from audit.proof import verify_consistency
from audit.witness_request import SIZE_TYPE, AddCheckpoint, parse_size
from governance.anchoring.anchor import TIMEOUT, AnchorFailed, Contradicted, Head
from governance.anchoring.calling import Answer, call
from governance.anchoring.settings import AnchorSettings
from governance.config import ConfigError

SKEW: Final = 300
"""Seconds by which a witness's clock may differ from ours."""

PAUSES: Final = (0.5, 2.0)
"""Seconds to wait before each further attempt when nobody answers, or the answer is `later`."""

_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_WHY: Final = {
    400: "it does not understand the request",
    403: "it has not pinned a key that signed this head: whoever runs it must add this log's newest "
    "key (`python -m audit witness add-log DIR KEY --also`), which they must hear from people",
    404: "it does not know this log, or the address is wrong: whoever runs it must pin the log's "
    "key (`python -m audit witness add-log DIR KEY`)",
}


class Unreachable(AnchorFailed):
    """Nobody answered, or the answer was `later`: worth asking again."""


class Refused(AnchorFailed):
    """The witness answered, and gave no cosignature that counts. `status`: what it answered."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Behind(Refused):
    """The witness remembers another size than the one asked from: `size`."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message, 409)
        self.size = size


class NotExtended(Refused):
    """The witness says that the head does not contain what it saw before. `request`, `answer`."""

    def __init__(self, message: str, request: bytes, answer: bytes) -> None:
        super().__init__(message, 422)
        self.request, self.answer = request, answer


class WitnessClient:
    """One witness: its submission prefix, and its pinned keys (one, or one of each kind)."""

    def __init__(
        self,
        url: str,
        vkey: str | Sequence[str],
        timeout: float = TIMEOUT,
        *,
        now: Callable[[], float] = time.time,  # noqa: TID251 a surface
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`timeout` in seconds for each exchange. Raises `BadKey` unless the keys are cosigners'."""
        self.url = url.rstrip("/")
        self.keys = [cosigner_key(each) for each in ([vkey] if isinstance(vkey, str) else vkey)]
        self._timeout, self._now, self._pause = timeout, now, pause

    def add(self, old_size: int, proof: Iterable[bytes], checkpoint: str) -> str:
        """Ask for a cosignature over a signed checkpoint; the lines that hold under a pinned key.

        `proof` leads from `old_size`, which the witness must remember, to the checkpoint's size.
        Raises `Behind` with the size that it does remember (409), `NotExtended` (422), `Refused`
        for another answer, a cosignature that does not hold or whose time cannot be, and
        `Unreachable`.
        """
        body = AddCheckpoint(old_size, tuple(proof), checkpoint).encode()
        answer = self._call("POST", f"{self.url}/add-checkpoint", body)
        if answer.status == 409:
            raise self._behind(answer)
        if answer.status == 422:
            raise NotExtended(
                f"the witness `{self.name}` says that this head does not contain what it cosigned "
                f"before: {_said(answer)}",
                body,
                answer.body,
            )
        if answer.status != 200:
            why = _WHY.get(answer.status, "expected 200, 400, 403, 404, 409 or 422")
            raise Refused(
                f"the witness `{self.name}` answered {answer.status}: {why} ({_said(answer)})",
                answer.status,
            )
        return self._accepted(checkpoint, answer.body)

    def cosign(
        self,
        checkpoint: str,
        prove: Callable[[int, int], Sequence[bytes]],
        old_size: int = 0,
    ) -> str:
        """As `add`, from `old_size`; and once more from the size that the witness names, if another.

        `prove(old, new)` gives the consistency proof of RFC 9162 §2.1.4, for 0 < old < new.
        """
        size = checkpoints.parse(notes.split(checkpoint)[0]).size
        old = old_size
        for last in (False, True):
            try:
                proof = prove(old, size) if 0 < old < size else ()
                return self.add(old, proof, checkpoint)
            except Behind as behind:
                if last or behind.size > size or behind.size == old:
                    raise
                old = behind.size
        raise AssertionError("the second attempt returns or raises")

    def newest(self, origin: str) -> str | None:
        """The newest checkpoint of `origin` that the witness cosigned, None if it has none.

        Raises `Refused` if what it shows is not under its own key, `Unreachable`.
        """
        place = f"{self.url}/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
        answer = self._call("GET", place, None)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise Refused(
                f"the witness `{self.name}` answered {answer.status} when asked for its newest head",
                answer.status,
            )
        try:
            opened = notes.open_note(answer.body, self.keys)
            tree = checkpoints.parse(opened.text)
        except LogError as error:
            raise Refused(
                f"what the witness `{self.name}` shows is not under its pinned key: {_plain(error)}",
                200,
            ) from error
        if tree.origin != origin:
            raise Refused(
                f"the witness `{self.name}` shows a head of another log, `{_plain(tree.origin)}`",
                200,
            )
        return answer.body.decode("utf-8")

    @property
    def name(self) -> str:
        """Who cosigns, as its key says."""
        return self.keys[0].name

    def _call(self, method: str, url: str, body: bytes | None) -> Answer:
        for pause in (*PAUSES, None):
            try:
                answer = call(method, url, body, timeout=self._timeout)
                if answer.status not in _LATER:
                    return answer
                trouble = Unreachable(
                    f"the witness `{self.name}` answered {answer.status}: {_said(answer)}"
                )
            except AnchorFailed as error:
                trouble = Unreachable(f"the witness `{self.name}`: {error}")
            if pause is None:
                break
            self._pause(pause)
        raise trouble

    def _behind(self, answer: Answer) -> Refused:
        try:
            if answer.media_type != SIZE_TYPE:
                raise Malformed(f"it is `{answer.media_type}`")
            size = parse_size(answer.body)
        except Malformed as error:
            return Refused(
                f"the witness `{self.name}` answered 409 without a size (`{SIZE_TYPE}`): {error}",
                409,
            )
        return Behind(f"the witness `{self.name}` has cosigned {size} entries", size)

    def _accepted(self, checkpoint: str, body: bytes) -> str:
        """The lines of an answer that a pinned key signed, at a time that can be."""
        text = notes.split(checkpoint)[0]
        try:
            opened = notes.open_note(f"{text}\n".encode() + body, self.keys)
            if opened.text != text:
                raise Malformed("it is not signature lines only")
        except (Malformed, UnknownKey) as error:
            raise Refused(
                f"the answer of the witness `{self.name}` is no cosignature by its pinned key: "
                f"{_plain(error)}",
                200,
            ) from error
        now = int(self._now())
        for line in opened.verified:
            late = (line.time or 0) - now
            if not line.time or abs(late) > SKEW:
                raise Refused(
                    f"the witness `{self.name}` cosigned with a time that lies {abs(late)} seconds "
                    f"{'ahead of' if late > 0 else 'behind'} ours: one of the two clocks is wrong",
                    200,
                )
        return "".join(
            f"\u2014 {line.name} {b64(line.key_id + line.signature)}\n" for line in opened.verified
        )


class WitnessAnchor:
    """A witness as the service sees it: it can be asked what it holds, and it gives back evidence."""

    tells = True
    proves = True

    def __init__(self, settings: AnchorSettings) -> None:
        """Raises ConfigError for a key that no witness can have."""
        try:
            self._client = WitnessClient(settings.target, settings.key.split())
        except LogError as error:
            raise ConfigError(f"anchor `{settings.name}`: `key`: {error}") from None
        self._size = 0

    def newest(self, origin: str) -> str | None:
        """The newest head that it cosigned, as it shows it. Raises `AnchorFailed`."""
        note = self._client.newest(origin)
        if note is not None:
            self._size = checkpoints.parse(notes.split(note)[0]).size
        return note

    def publish(self, head: Head) -> bytes:
        """Its cosignature lines over `head`. Raises `AnchorFailed`, `Contradicted`."""
        old = min(self._size, head.size)
        try:
            lines = self._client.cosign(head.note, head.extends, old)
        except Behind as behind:
            raise self._ahead(head, behind) from behind
        except NotExtended as refusal:
            raise self._contradicted(head, refusal) from refusal
        self._size = head.size
        return lines.encode("utf-8")

    def _ahead(self, head: Head, behind: Behind) -> AnchorFailed:
        """It remembers more than was handed over; whether that is ours, its newest head tells."""
        if behind.size <= head.size:
            return AnchorFailed(f"{behind}: another process is asking it for this log, too")
        return AnchorFailed(
            f"{behind}, more than the {head.size} that were handed over: another process of this "
            "log is ahead, or this log was put back to an older state"
        )

    def _contradicted(self, head: Head, refusal: NotExtended) -> AnchorFailed:
        """A 422: with what the witness holds, if it shows it, else with what it refused."""
        note = self._client.newest(head.origin)
        if note is None:
            shown = {
                "answer": refusal.answer.decode("utf-8", "replace")[:1000],
                "format": "witness-refusal/v1",
                "request": refusal.request.decode(),
                "witness": [key.vkey for key in self._client.keys],
            }
            return Contradicted(str(refusal), json.dumps(shown, ensure_ascii=False).encode())
        tree = checkpoints.parse(notes.split(note)[0])
        try:
            if 0 < tree.size <= head.size:
                proof = head.extends(tree.size, head.size) if tree.size < head.size else ()
                verify_consistency(tree.size, tree.root, head.size, head.root, proof)
                return AnchorFailed(
                    f"{refusal}; but the head it shows is one of this log, and the proof holds: "
                    "the witness's program is at fault"
                )
        except LogError:
            pass
        return Contradicted(str(refusal), note.encode("utf-8"), tree.size)


def cosigner_key(vkey: str) -> Verifier:
    """The key of a witness. Raises `BadKey` for anything else."""
    key = Verifier.from_vkey(vkey)
    if key.algorithm not in COSIGNATURES:
        raise Malformed(f"`{key.name}` is not a witness's key: its type is not 0x04 or 0x06")
    return key


def _plain(text: object) -> str:
    """What others wrote, short and harmless to print."""
    return "".join(c if c.isprintable() else "?" for c in str(text)[:300])


def _said(answer: Answer) -> str:
    """The first line of what came back, harmless to print."""
    line = answer.body[:200].decode("utf-8", "replace").partition("\n")[0]
    return _plain(line) or "it said nothing"
