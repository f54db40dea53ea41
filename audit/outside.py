"""What others saw of the log, as a package carries it: cosignatures and time-stamps.

The law: whoever has the log's key can write any history in it; only what somebody else signed says
when a beginning of it existed, and that others were shown the same. A checkpoint in `anchors/`
must be of this log: the tree over the package's first entries. What cannot be checked here (an
unknown witness, an authority whose certificate was not given) is counted, never believed.

If a witness saw the log end before an entry that claims a much earlier time, or hold one that
claims a much later time, that time is false. Heads reach witnesses with a delay and no two clocks
agree, so this is said from `TOLERANCE` on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptography import x509

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.checkpoint import Checkpoint
from audit.encoding import utc
from audit.entry import decode
from audit.errors import Gap, LogError, Malformed, Tampered, UnknownKey
from audit.keys import Verifier
from audit.package import CHECKPOINT, Package, anchor_name
from audit.tree import NodeSource, frontier_at
from audit.trust import TrustPolicy

TOLERANCE = 3600
"""Seconds."""


class Seen(NamedTuple):
    """`name` (a witness, or a time-stamp authority) saw the first `size` entries at `time` (Unix
    seconds). `kind` is `witness` or `timestamp`."""

    size: int
    time: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What others vouch for, smallest size first. `quorum` is how many entries the quorum of the
    trust policy covers (None: no policy was given)."""

    seen: tuple[Seen, ...]
    quorum: int | None
    cosignatures_unknown: int
    stamps_unchecked: int
    stamps_why: str


class Authorities:
    """Time-stamp authorities that the verifier trusts, by their certificates."""

    def __init__(self, pems: Sequence[bytes]) -> None:
        """`pems` hold one certificate or more each; those that sign themselves are the roots.

        Raises `Malformed` if there is no such certificate in them, `LogError` without the library.
        """
        self._certificates: list[x509.Certificate] = []
        self.why_not = "no certificate of a time-stamp authority was given (--tsa)"
        for pem in pems:
            try:
                self._certificates += x509.load_pem_x509_certificates(pem)
            except ValueError as error:
                raise Malformed(f"not certificates in PEM: {error}") from error
        if pems:
            self._find_client()

    def _find_client(self) -> None:
        roots = [c for c in self._certificates if c.issuer == c.subject]
        if not roots:
            raise Malformed("among the certificates of --tsa is none that signs itself: no root")
        try:
            import rfc3161_client as client
        except ImportError as error:
            raise LogError(
                "--tsa needs the Python package `rfc3161-client` (`python -m pip install rfc3161-client`); "
                "without --tsa time-stamps are counted, and said not to be checked"
            ) from error
        builder = client.VerifierBuilder()
        for certificate in dict.fromkeys(self._certificates):
            if certificate in roots:
                builder = builder.add_root_certificate(certificate)
            else:
                builder = builder.add_intermediate_certificate(certificate)
        self._client: Any = client
        self._verifier = builder.build()
        self.why_not = ""

    def time_of(self, stamp: bytes, text: bytes, name: str) -> Seen | None:
        """When `text` was stamped; None if that cannot be checked here. Raises `Tampered`."""
        if hashlib.sha256(text).digest() not in stamp:
            raise Tampered(f"the file `{name}` is no time-stamp of its checkpoint", file=name)
        if self.why_not:
            return None
        try:
            response = self._client.decode_timestamp_response(stamp)
            self._verifier.verify_message(response, text)
            time = int(response.tst_info.gen_time.timestamp())
        except Exception as error:
            raise UnknownKey(
                f"the time-stamp `{name}` is not signed by an authority given with --tsa: {error}"
            ) from error
        return Seen(0, time, "timestamp", "time-stamp authority")


class _Head(NamedTuple):
    """A checkpoint in the package, and where."""

    size: int
    file: str
    note: bytes
    stamps: Sequence[tuple[str, bytes]] = ()


def check_outside(
    package: Package,
    tree: Checkpoint,
    minimum: int,
    hashes: NodeSource,
    verifiers: Sequence[Verifier],
    policy: TrustPolicy | None,
    authorities: Authorities,
) -> Outside:
    """What others saw of this log. `hashes` are the package's own, held against `tree` before.

    Raises `Tampered` for a checkpoint of another tree or a false time-stamp, `UnknownKey` for a
    signature that does not hold or a quorum that nothing meets.
    """
    heads = [
        _Head(size, anchor_name(size), note, stamps) for size, note, stamps in package.anchored()
    ]
    seen: list[Seen] = []
    unknown = unchecked = 0
    for head in heads:
        _check_head(head, tree, hashes, verifiers)
    heads.append(_Head(tree.size, CHECKPOINT, package.note()))
    for head in heads:
        found, strangers = _cosigned(head, tree.origin, verifiers)
        seen += found
        unknown += strangers
        text = notes.split(head.note)[0].encode()
        for name, stamp in head.stamps:
            stamped = authorities.time_of(stamp, text, name)
            if stamped is None:
                unchecked += 1
            else:
                seen.append(stamped._replace(size=head.size))
    quorum = None if policy is None else _quorum(heads, policy, verifiers)
    _check_times(package, tree, minimum, seen)
    why = authorities.why_not if unchecked else ""
    return Outside(tuple(sorted(set(seen))), quorum, unknown, unchecked, why)


def _check_head(
    head: _Head, tree: Checkpoint, hashes: NodeSource, verifiers: Sequence[Verifier]
) -> None:
    try:
        found = checkpoints.parse(notes.split(head.note)[0])
    except Malformed as error:
        raise Tampered(f"the file `{head.file}` was altered: {error}", file=head.file) from error
    if (found.origin, found.size) != (tree.origin, head.size):
        raise Tampered(
            f"the file `{head.file}` was altered: it is a checkpoint of {found.size} entries of "
            f"`{found.origin}`",
            file=head.file,
        )
    if frontier_at(head.size, hashes).root() == found.root:
        return
    try:
        checkpoints.open_named_checkpoint(head.note, verifiers)
    except (Malformed, UnknownKey):
        raise Tampered(
            f"the file `{head.file}` was altered: its root is not that of the package's first "
            f"{head.size} entries",
            file=head.file,
        ) from None
    raise Tampered(
        f"the log's key signed two trees: `{head.file}` is of {head.size} entries that are not the "
        f"package's first {head.size}. Keep both, they prove that the log was rewritten",
        span=(0, head.size),
        file=head.file,
    )


def _cosigned(head: _Head, origin: str, verifiers: Sequence[Verifier]) -> tuple[list[Seen], int]:
    """Who of the pinned keys cosigned a head and when, and how many lines are by strangers."""
    _, lines = notes.split(head.note)
    pinned = {(key.name, key.key_id) for key in verifiers}
    known = [line for line in lines if (line.name, line.key_id) in pinned]
    strangers = sum(line.name != origin for line in lines) - sum(
        line.name != origin for line in known
    )
    if not known:
        return [], strangers
    try:
        opened = notes.open_note(head.note, verifiers)
    except UnknownKey as error:
        raise UnknownKey(f"the file `{head.file}`: {error}") from error
    # a log's own ML-DSA-44 signature has a time, too, and is nobody's but the log's
    return [
        Seen(head.size, line.time, "witness", line.name)
        for line in opened.verified
        if line.time and line.name != origin
    ], strangers


def _quorum(heads: Sequence[_Head], policy: TrustPolicy, verifiers: Sequence[Verifier]) -> int:
    """How many entries a checkpoint covers that meets the policy. Raises `UnknownKey`."""
    why = ""
    for head in sorted(heads, key=lambda head: -head.size):
        try:
            policy.check(notes.open_note(head.note, verifiers))
        except UnknownKey as error:
            why = why or str(error)
            continue
        return head.size
    raise UnknownKey(f"no checkpoint in the package meets the trust policy: {why}")


def _check_times(package: Package, tree: Checkpoint, minimum: int, seen: Sequence[Seen]) -> None:
    earliest: dict[int, int] = {}
    latest: dict[int, int] = {}
    for size, time, _, _ in seen:
        earliest[size] = min(earliest.get(size, time), time)
        latest[size] = max(latest.get(size, time), time)
    for size in sorted(earliest):
        if size < tree.size and size >= minimum:
            at = _at(package, size)
            if at + TOLERANCE < earliest[size]:
                raise _false_time(size, at, earliest[size], "ended before it")
        if size > minimum:
            at = _at(package, size - 1)
            if at - TOLERANCE > latest[size]:
                raise _false_time(size - 1, at, latest[size], "already held it")


def _at(package: Package, index: int) -> int:
    """When an entry claims to be from, in Unix seconds."""
    for data in package.entries(index, index + 1):
        return int(decode(data).at.timestamp())
    raise Gap(f"entry {index} is missing", index=index)


def _false_time(index: int, at: int, time: int, what: str) -> Tampered:
    return Tampered(
        f"entry {index} claims to be of {utc(at)}, but at {utc(time)} others saw that the log "
        f"{what}: its time is false",
        index=index,
    )
