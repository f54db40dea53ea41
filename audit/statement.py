"""What a verification has shown, in words, and what it has not.

The law: the second list is never empty. A signed log proves what was written and that it has not
changed since; it cannot prove that what was written is true, that everything was written, or,
without something kept outside, that its end is still there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.encoding import b64


@dataclass(frozen=True, slots=True)
class Proven:
    """A package that was verified. Times are the log's own, as text; `head` and `receipts` say
    what was retained and held against it."""

    origin: str
    size: int
    root: bytes
    signed_by: tuple[str, ...]
    witnessed: tuple[tuple[str, int], ...]
    first_at: str
    last_at: str
    kinds: Mapping[str, int]
    references: int
    commitments: int
    disclosed: int
    blobs: int
    blobs_missing: int
    blobs_unnamed: int
    head: int | None
    receipts: int

    @property
    def form(self) -> str:
        """`re-performable` if every commitment was opened, else `redacted`."""
        return "re-performable" if self.disclosed == self.commitments else "redacted"

    @property
    def proven(self) -> tuple[str, ...]:
        """Sentences that hold if the pinned key is the log's and its holder signed nothing else."""
        lines = [
            f"the log `{self.origin}` holds {_count(self.size, 'entry', 'entries')} under the "
            f"root `{b64(self.root)}`, signed by {', '.join(f'`{k}`' for k in self.signed_by)}",
            "every entry is byte for byte what was signed, in its place; none is left out, "
            "inserted or exchanged before the end",
            f"times never go back: {self.first_at} to {self.last_at}",
            f"references between entries: {self.references:,}, each to an earlier entry of the kind "
            "it claims",
        ]
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
        for name, time in self.witnessed:
            seen = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            lines.append(f"the witness `{name}` saw this tree at {seen}")
        return tuple(lines)

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
        if not self.witnessed:
            lines.append(
                "that the times are true: no witness saw them, they are the operator's word"
            )
            lines.append("that others were shown the same log: no witness has signed this tree")
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
        lines.append("that the verdicts follow from the policies: they were not re-performed here")
        lines.append("that everything that happened was put into the log")
        return tuple(lines)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
