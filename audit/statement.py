"""What a verification has shown, in words, and what it has not.

The law: the second list is never empty. A signed log proves what was written and that it has not
changed since; it cannot prove that what was written is true, that everything was written, or,
without something kept outside, that its end is still there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audit.encoding import b64, utc
from audit.outside import Outside


@dataclass(frozen=True, slots=True)
class Proven:
    """A package that was verified. Times are the log's own, as text; `head` and `receipts` say what
    was retained and held against it; `keys` what entries say of the log's keys; `verifier` is the
    SHA-256 of the package's `verify.py`."""

    origin: str
    size: int
    minimum: int
    root: bytes
    signed_by: tuple[str, ...]
    outside: Outside
    first_at: str
    last_at: str
    kinds: Mapping[str, int]
    references: int
    references_unseen: int
    commitments: int
    disclosed: int
    blobs: int
    blobs_missing: int
    blobs_unnamed: int
    head: int | None
    receipts: int
    keys: tuple[str, ...]
    verifier: str | None

    @property
    def form(self) -> str:
        """`re-performable` if every commitment was opened, else `redacted`."""
        return "re-performable" if self.disclosed == self.commitments else "redacted"

    @property
    def witnessed(self) -> tuple[tuple[str, int], ...]:
        """Who cosigned the tree of all entries, and when (Unix seconds)."""
        return tuple(
            (seen.name, seen.time)
            for seen in self.outside.seen
            if seen.kind == "witness" and seen.size == self.size
        )

    @property
    def proven(self) -> tuple[str, ...]:
        """Sentences that hold if the pinned key is the log's and its holder signed nothing else."""
        lines = [
            f"the log `{self.origin}` holds {_count(self.size, 'entry', 'entries')} under the "
            f"root `{b64(self.root)}`, signed by {', '.join(f'`{k}`' for k in self.signed_by)}",
            *self._whole(),
            f"times never go back: {self.first_at} to {self.last_at}",
            f"references between entries: {self.references:,}, each to an earlier entry of the kind "
            "it claims",
        ]
        lines += self.keys
        if self.disclosed:
            lines.append(
                f"commitments opened: {self.disclosed:,} of {self.commitments:,}; the values shown are "
                "those committed to"
            )
        if self.blobs:
            lines.append(f"blobs: {self.blobs:,}, each with the bytes of its digest")
        if self.head is not None:
            lines.append(
                f"the {_count(self.head, 'entry', 'entries')} the retained head was signed over "
                "are all here, unchanged"
            )
        if self.receipts:
            lines.append(f"receipts kept outside: {self.receipts:,}, all in agreement with the log")
        lines += self._seen()
        if self.outside.quorum is not None:
            lines.append(
                f"the trust policy's quorum has seen the first "
                f"{_count(self.outside.quorum, 'entry', 'entries')}"
            )
        return tuple(lines)

    def _whole(self) -> tuple[str, ...]:
        if not self.minimum:
            return (
                "every entry is byte for byte what was signed, in its place; none is left out, "
                "inserted or exchanged before the end",
            )
        return (
            f"the entries 0 to {self.minimum - 1} were pruned, as an entry of the log says; the "
            "hashes of all of them are here and are those that were signed",
            f"from entry {self.minimum} on, every entry is byte for byte what was signed, in its "
            "place; none is left out, inserted or exchanged before the end",
        )

    def _seen(self) -> list[str]:
        """One sentence for each witness and kind of time-stamp: the last that it saw."""
        lines = []
        by_name: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for size, time, kind, name in self.outside.seen:
            by_name.setdefault((kind, name), []).append((size, time))
        for (kind, name), heads in sorted(by_name.items()):
            size, time = max(heads)
            who = f"the witness `{name}` cosigned" if kind == "witness" else f"a {name} stamped"
            more = f" (and {_count(len(heads) - 1, 'head', 'heads')} before)" if heads[1:] else ""
            lines.append(
                f"the first {_count(size, 'entry', 'entries')} existed before {utc(time)}: {who} "
                f"their tree then{more}"
            )
        return lines

    @property
    def not_proven(self) -> tuple[str, ...]:
        """Sentences about what no verification of this package could show. Never empty."""
        lines = []
        if self.head is None and not self.receipts:
            lines.append(
                "that no entries were cut off after the last, or the whole log rewritten by "
                "whoever has the key: no retained head or receipt was given (--head, --receipt)"
            )
        else:
            lines.append(
                "that no entries were cut off after the last one that the retained head or "
                "receipts cover"
            )
        lines += self._not_seen()
        if self.disclosed < self.commitments:
            hidden = self.commitments - self.disclosed
            lines.append(
                f"the values behind {hidden:,} of {self.commitments:,} commitments: they were "
                "withheld or erased"
            )
        if self.blobs_missing:
            lines.append(
                f"the content of files that entries name: {self.blobs_missing:,} are not in the package"
            )
        if self.blobs_unnamed:
            lines.append(
                f"that every blob belongs to the log: no entry names the digest of {self.blobs_unnamed:,}"
            )
        if self.references_unseen:
            lines.append(
                f"that {self.references_unseen:,} references are to entries of the kind they claim: "
                "those entries were pruned"
            )
        if self.verifier is not None:
            lines.append(
                "that the `verify.py` in the package is the published one: compare its SHA-256, "
                f"`{self.verifier}`, with the one that was published"
            )
        lines.append("that the verdicts follow from the policies: they were not re-performed here")
        lines.append("that everything that happened was put into the log")
        return tuple(lines)

    def _not_seen(self) -> list[str]:
        """What nobody outside has vouched for."""
        lines = []
        given = " with a key that was given" if self.outside.cosignatures_unknown else ""
        last = max((seen.size for seen in self.outside.seen), default=0)
        witnessed = max((s.size for s in self.outside.seen if s.kind == "witness"), default=0)
        if last < self.size:
            which = "the times" if not last else f"the times from entry {last} on"
            lines.append(
                f"that {which} are true: no witness{given} saw them, they are the operator's word"
            )
        if witnessed < self.size:
            what = "this tree" if not witnessed else f"a tree of more than {witnessed:,} entries"
            lines.append(
                f"that others were shown the same log: no witness has signed {what}{given}"
            )
        if self.outside.quorum is not None and self.outside.quorum < self.size:
            lines.append(
                f"that the trust policy's quorum has seen the entries {self.outside.quorum} to "
                f"{self.size - 1}"
            )
        if self.outside.cosignatures_unknown:
            lines.append(
                f"cosignatures by keys that were not given: {self.outside.cosignatures_unknown:,}; "
                "they were not checked (--policy, --key)"
            )
        if self.outside.stamps_unchecked:
            lines.append(
                f"time-stamps: {self.outside.stamps_unchecked:,} were not checked, because "
                f"{self.outside.stamps_why}"
            )
        return lines


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
