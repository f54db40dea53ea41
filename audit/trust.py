"""Trust policies, C2SP tlog-policy: which logs, which witnesses, and how many must have cosigned.

    log example.com/log+<id>+<key>
    witness W1 witness.example/w1+<id>+<key> https://w1.example/
    witness W2 witness.example/w2+<id>+<key>
    group both all W1 W2
    quorum both

The law: a checkpoint is worth as much as the quorum that has seen it. It is accepted if one of the
logs signed it under its own origin and the quorum's witnesses cosigned it. How the file is spelt is
`audit.trustfile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.errors import UnknownKey
from audit.keys import Verifier
from audit.trustfile import NONE, Group, TrustedLog, TrustedWitness, read, shown

__all__ = ["Group", "TrustPolicy", "TrustedLog", "TrustedWitness", "shown"]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """A policy that was read. `quorum` is a witness, a group, or `none`. Make one with `parse`."""

    logs: tuple[TrustedLog, ...]
    witnesses: tuple[TrustedWitness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def parse(cls, text: str | bytes) -> TrustPolicy:
        """Read a policy file. Raises `BadPolicy`, which names the line."""
        return cls(*read(text))

    def encode(self) -> str:
        """The policy in its shortest spelling: logs, witnesses, groups, quorum, no comments."""
        lines = [_line("log", log.key.vkey, log.url) for log in self.logs]
        lines += [_line("witness", w.name, w.key.vkey, w.url) for w in self.witnesses]
        lines += [_line("group", g.name, str(g.threshold), *g.members) for g in self.groups]
        lines.append(_line("quorum", self.quorum))
        return "".join(lines)

    def verifiers(self) -> list[Verifier]:
        """The keys of all logs and witnesses, each once: what to open a checkpoint with."""
        keys = [log.key for log in self.logs] + [witness.key for witness in self.witnesses]
        return list(dict.fromkeys(keys))

    def vkeys(self) -> list[str]:
        """The same as text."""
        return [key.vkey for key in self.verifiers()]

    def open(self, note: str | bytes) -> checkpoints.Checkpoint:
        """The checkpoint in `note`, if this policy accepts it.

        Raises `BadNote`, `BadCheckpoint`, or `UnknownKey` with what is missing.
        """
        opened = notes.open_note(note, self.verifiers())
        self.check(opened)
        return checkpoints.parse(opened.text)

    def check(self, opened: notes.OpenedNote) -> None:
        """Return if this policy accepts the checkpoint; else raise `UnknownKey`.

        `opened` must have been opened with (at least) `verifiers()`. Without `log` lines only the
        quorum is looked at: whose log it is has to be known otherwise. Raises `BadCheckpoint` if
        the note is none.
        """
        origin = checkpoints.parse(opened.text).origin
        if self.logs and not self._signers(opened, origin):
            known = ", ".join(f"`{log.key.name}`" for log in self.logs)
            raise UnknownKey(
                f"the checkpoint of `{origin}` is not signed by a log of the trust policy "
                f"(its logs: {known})"
            )
        if not self._met(opened)[self.quorum]:
            raise UnknownKey(
                f"the checkpoint of `{origin}` lacks the cosignatures that the trust policy asks "
                f"for: {'; '.join(self._quorum_lines(opened))}"
            )

    def satisfied_by(self, opened: notes.OpenedNote) -> bool:
        """Whether `check` would return. Raises `BadCheckpoint` if the note is no checkpoint."""
        try:
            self.check(opened)
        except UnknownKey:
            return False
        return True

    def explain(self, opened: notes.OpenedNote) -> tuple[str, ...]:
        """Sentences for people: which logs signed, which witnesses cosigned when, what is met."""
        origin = checkpoints.parse(opened.text).origin
        lines = [f"signed by the log `{key.name}`" for key in self._signers(opened, origin)]
        if self.logs and not lines:
            lines.append(f"no log of the trust policy signed the checkpoint of `{origin}`")
        return (*lines, *self._quorum_lines(opened))

    def _signers(self, opened: notes.OpenedNote, origin: str) -> list[Verifier]:
        signed = _signed(opened)
        keys = [log.key for log in self.logs]
        return [key for key in keys if key.name == origin and (key.name, key.key_id) in signed]

    def _met(self, opened: notes.OpenedNote) -> dict[str, bool]:
        """Of every witness and group, by name, whether it has witnessed the checkpoint."""
        signed = _signed(opened)
        met = {NONE: True}
        for witness in self.witnesses:
            met[witness.name] = (witness.key.name, witness.key.key_id) in signed
        for group in self.groups:  # a group names only what was defined before it
            met[group.name] = sum(met[name] for name in group.members) >= group.threshold
        return met

    def _quorum_lines(self, opened: notes.OpenedNote) -> list[str]:
        if self.quorum == NONE:
            return ["the trust policy asks for no cosignature"]
        met, signed = self._met(opened), _signed(opened)
        groups = {group.name: group for group in self.groups}
        witnesses = {witness.name: witness for witness in self.witnesses}
        lines, waiting = [], [self.quorum]
        while waiting:
            name = waiting.pop()
            if name in witnesses:
                lines.append(_witness_line(witnesses[name], signed))
                continue
            group = groups[name]
            have = sum(met[member] for member in group.members)
            state = "met" if met[name] else "not met"
            lines.append(
                f"`{shown(name)}` is {state}: {have} of {len(group.members)}, "
                f"{group.threshold} wanted"
            )
            waiting += reversed(group.members)
        return lines


def _line(*fields: str | None) -> str:
    return " ".join(field for field in fields if field is not None) + "\n"


def _signed(opened: notes.OpenedNote) -> dict[tuple[str, bytes], int | None]:
    return {(line.name, line.key_id): line.time for line in opened.verified}


def _witness_line(witness: TrustedWitness, signed: dict[tuple[str, bytes], int | None]) -> str:
    label = f"the witness `{shown(witness.name)}` (`{witness.key.name}`)"
    place = (witness.key.name, witness.key.key_id)
    if place not in signed:
        return f"{label} did not cosign"
    return f"{label} cosigned{_when(signed[place])}"


def _when(time: int | None) -> str:
    """` at …`; nothing for a cosignature that says no time, or one beyond the calendar."""
    try:
        at = datetime.fromtimestamp(time, UTC) if time else None
    except (ValueError, OverflowError, OSError):
        at = None
    return f" at {at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
