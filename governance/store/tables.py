"""The shape of what is stored: three databases, each with its own promise.

`log.db` is the log and what is derived under its lock. `log_entries`, `tree_nodes` and
`checkpoints` are only ever appended to (triggers in `guards.py`; the proofs are the control); what
`cuts` says was pruned has an index and a leaf hash, and no bytes. The
facts (`totals`, `given_back`, `decisions`, `idempotency`, `series`) and `snapshots` can be derived
again from the entries, all but idempotency keys, which expire. `anchor_evidence` is what others
gave back for a head: it proves itself or nothing, and an entry for each would make a new head.

`vault.db` holds everything that may have to be erased: values, salts, names, keys of data subjects.

`views.db` holds the read models and may be deleted at any time.

A class with `table=True` does not validate; nothing outside the store ever sees one. The hot path
uses these tables' names through the DBAPI; migrations create them. Times are microseconds since
the epoch.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import registry
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

BIG = BigInteger().with_variant(Integer, "sqlite")
_BY_KEY = {"sqlite_with_rowid": False}
_ABOUT_SOMEBODY: Any = {
    "sqlite_where": text("subject IS NOT NULL"),
    "postgresql_where": text("subject IS NOT NULL"),
}


def _key(kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> Column[Any]:
    return Column(kind, primary_key=True, autoincrement=False, nullable=False)


def _col(kind: TypeEngine[Any] | type[TypeEngine[Any]], *, null: bool = False) -> Column[Any]:
    return Column(kind, nullable=null)


class LogTable(SQLModel, registry=registry()):
    """Base of the tables in `log.db`."""


class VaultTable(SQLModel, registry=registry()):
    """Base of the tables in `vault.db`."""


class ViewTable(SQLModel, registry=registry()):
    """Base of the tables in `views.db`."""


class SharedLogTable(SQLModel, registry=registry()):
    """Base of what the log has besides where several processes write it: on a server only."""


class SharedVaultTable(SQLModel, registry=registry()):
    """Base of what the vault has besides where several processes write it: on a server only."""


class Meta(LogTable, table=True):
    """Named facts about the log itself: its origin, the state it was opened with."""

    __tablename__ = "meta"
    name: str = Field(sa_column=_key(Text))
    value: bytes = Field(sa_column=_col(LargeBinary))


class LogEntry(LogTable, table=True):
    """One entry: its canonical bytes and its RFC 6962 leaf hash."""

    __tablename__ = "log_entries"
    idx: int = Field(sa_column=_key(BIG))
    entry: bytes = Field(sa_column=_col(LargeBinary))
    leaf: bytes = Field(sa_column=_col(LargeBinary))


class TreeNode(LogTable, table=True):
    """The root of a complete subtree; level 0 is `log_entries.leaf`."""

    __tablename__ = "tree_nodes"
    __table_args__: ClassVar = _BY_KEY
    level: int = Field(sa_column=_key(Integer))
    idx: int = Field(sa_column=_key(BIG))
    hash: bytes = Field(sa_column=_col(LargeBinary))


class CheckpointRow(LogTable, table=True):
    """A checkpoint (a signed head), one for each commit."""

    __tablename__ = "checkpoints"
    size: int = Field(sa_column=_key(BIG))
    at: int = Field(sa_column=_col(BIG))
    note: str = Field(sa_column=_col(Text))


class CutRow(LogTable, table=True):
    """A cut: entries below `minimum` were given up by the `retention.pruned` at `entry`.

    `snapshot` is the SHA-256 (hex) of the state after `minimum` entries, `last_at` the time of the
    last entry given up; entries below `reached` have no bytes any more.
    """

    __tablename__ = "cuts"
    minimum: int = Field(sa_column=_key(BIG))
    entry: int = Field(sa_column=_col(BIG))
    snapshot: str = Field(sa_column=_col(Text))
    last_at: int = Field(sa_column=_col(BIG))
    reached: int = Field(sa_column=_col(BIG))


class SnapshotRow(LogTable, table=True):
    """The state after the first `size` entries; counts only if an entry seals its digest."""

    __tablename__ = "snapshots"
    size: int = Field(sa_column=_key(BIG))
    sealed_by: int = Field(sa_column=_col(BIG))
    digest: str = Field(sa_column=_col(Text))
    semantics: str = Field(sa_column=_col(Text))
    state: bytes = Field(sa_column=_col(LargeBinary))


class TotalRow(LogTable, table=True):
    """The running total of a series under a key after its `n`-th charge.

    `sum` is a decimal string over all units; `other_at` the time of the newest charge whose unit
    differs from this row's, so that one look-up tells whether a window is mixed.
    """

    __tablename__ = "totals"
    __table_args__: ClassVar = _BY_KEY
    series: str = Field(sa_column=_key(Text))
    key: str = Field(sa_column=_key(Text))
    at: int = Field(sa_column=_key(BIG))
    n: int = Field(sa_column=_key(BIG))
    unit: str = Field(sa_column=_col(Text))
    sum: str = Field(sa_column=_col(Text))
    other_at: int | None = Field(sa_column=_col(BIG, null=True))


class GivenBackRow(LogTable, table=True):
    """Charges given back, as a Fenwick tree over the charges' numbers; node 0 is the whole."""

    __tablename__ = "given_back"
    __table_args__: ClassVar = _BY_KEY
    series: str = Field(sa_column=_key(Text))
    key: str = Field(sa_column=_key(Text))
    node: int = Field(sa_column=_key(BIG))
    sum: str = Field(sa_column=_col(Text))
    count: int = Field(sa_column=_col(BIG))


class DecisionRecord(LogTable, table=True):
    """What became of a decision; `charges` is JSON [[series, key, n, amount], …]."""

    __tablename__ = "decisions"
    idx: int = Field(sa_column=_key(BIG))
    digest: str = Field(sa_column=_col(Text))
    agent: str = Field(sa_column=_col(Text))
    session: int | None = Field(sa_column=_col(BIG, null=True))
    effect: str = Field(sa_column=_col(Text))
    at: int = Field(sa_column=_col(BIG))
    valid_until: int | None = Field(sa_column=_col(BIG, null=True))
    redeemed: int | None = Field(sa_column=_col(BIG, null=True))
    outcome: str | None = Field(sa_column=_col(Text, null=True))
    outcome_idx: int | None = Field(sa_column=_col(BIG, null=True))
    attested: int = Field(sa_column=_col(Integer))
    released: int = Field(sa_column=_col(Integer))
    charges: str = Field(sa_column=_col(Text))


class IdempotencyRecord(LogTable, table=True):
    """An Idempotency-Key that was used, by which key, for which body."""

    __tablename__ = "idempotency"
    __table_args__: ClassVar = (Index("idempotency_at", "at"), _BY_KEY)
    key_id: str = Field(sa_column=_key(Text))
    idem: str = Field(sa_column=_key(Text))
    body: str = Field(sa_column=_col(Text))
    idx: int = Field(sa_column=_col(BIG))
    at: int = Field(sa_column=_col(BIG))


class SeriesRow(LogTable, table=True):
    """A series that is live (charged by the release in force), since which entry."""

    __tablename__ = "series"
    series: str = Field(sa_column=_key(Text))
    since: int = Field(sa_column=_col(BIG))


class AnchorEvidenceRow(LogTable, table=True):
    """What an outside anchor gave back for the head of `size` entries."""

    __tablename__ = "anchor_evidence"
    __table_args__: ClassVar = (Index("anchor_evidence_anchor", "anchor", "at"),)
    size: int = Field(sa_column=_key(BIG))
    anchor: str = Field(sa_column=_key(Text))
    kind: str = Field(sa_column=_col(Text))
    at: int = Field(sa_column=_col(BIG))
    data: bytes = Field(sa_column=_col(LargeBinary))


class SubjectRow(VaultTable, table=True):
    """A data subject: keyed look-up -> random pseudonym, and the subject's wrapped key.

    Erasing deletes `wrapped`; the look-up stays until no window can need it, so that being erased
    does not reset a limit.
    """

    __tablename__ = "subjects"
    __table_args__: ClassVar = (Index("subjects_pseudonym", "pseudonym", unique=True), _BY_KEY)
    lookup: bytes = Field(sa_column=_key(LargeBinary))
    pseudonym: str = Field(sa_column=_col(Text))
    wrapped: bytes | None = Field(sa_column=_col(LargeBinary, null=True))
    erased_at: int | None = Field(sa_column=_col(BIG, null=True))


class ValueRow(VaultTable, table=True):
    """The opening of one commitment: salt and value, sealed under the subject's key."""

    __tablename__ = "vault_values"
    __table_args__: ClassVar = (
        Index("vault_values_subject", "subject", **_ABOUT_SOMEBODY),
        _BY_KEY,
    )
    idx: int = Field(sa_column=_key(BIG))
    field: str = Field(sa_column=_key(Text))
    subject: str | None = Field(sa_column=_col(Text, null=True))
    sealed: bytes = Field(sa_column=_col(LargeBinary))


class SecretRow(VaultTable, table=True):
    """A session's secret, wrapped; salts are derived from it."""

    __tablename__ = "session_secrets"
    __table_args__: ClassVar = _BY_KEY
    session: str = Field(sa_column=_key(Text))
    wrapped: bytes = Field(sa_column=_col(LargeBinary))


class PersonRow(VaultTable, table=True):
    """Who is behind a person's pseudonym: name and e-mail, sealed."""

    __tablename__ = "people"
    person: str = Field(sa_column=_key(Text))
    sealed: bytes = Field(sa_column=_col(LargeBinary))


class ErasureRow(VaultTable, table=True):
    """An erasure that was carried out; `idx` is its entry, NULL until there is one."""

    __tablename__ = "erasures"
    id: int = Field(sa_column=Column(Integer, primary_key=True))
    subject: str = Field(sa_column=_col(Text))
    count: int = Field(sa_column=_col(Integer))
    idx: int | None = Field(sa_column=_col(BIG, null=True))


class AccountRow(VaultTable, table=True):
    """A local account's sign-in name and password hash (Argon2id)."""

    __tablename__ = "accounts"
    person: str = Field(sa_column=_key(Text))
    sign_in: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    password: str = Field(sa_column=_col(Text))
    changed_at: int = Field(sa_column=_col(BIG))


class WebSessionRow(VaultTable, table=True):
    """A browser's session; `token` is the SHA-256 of the cookie's secret."""

    __tablename__ = "web_sessions"
    __table_args__: ClassVar = (Index("web_sessions_person", "person"),)
    token: bytes = Field(sa_column=_key(LargeBinary))
    person: str = Field(sa_column=_col(Text))
    opened_at: int = Field(sa_column=_col(BIG))
    seen_at: int = Field(sa_column=_col(BIG))


class SignInFailureRow(VaultTable, table=True):
    """Failed sign-ins of one account or address."""

    __tablename__ = "sign_in_failures"
    bucket: str = Field(sa_column=_key(Text))
    failures: int = Field(sa_column=_col(Integer))
    first_at: int = Field(sa_column=_col(BIG))
    last_at: int = Field(sa_column=_col(BIG))


class LogHead(SharedLogTable, table=True):
    """The one row whose lock is the right to write: the log's size and newest checkpoint."""

    __tablename__ = "log_head"
    id: int = Field(sa_column=_key(Integer))
    size: int = Field(sa_column=_col(BIG))
    note: str = Field(sa_column=_col(Text))


class BlobRow(SharedLogTable, table=True):
    """Something too large for an entry, by the SHA-256 (hex) of its bytes."""

    __tablename__ = "blobs"
    digest: str = Field(sa_column=_key(Text))
    data: bytes = Field(sa_column=_col(LargeBinary))


class ManifestRow(SharedLogTable, table=True):
    """Which blobs are the files of a release."""

    __tablename__ = "manifests"
    release: str = Field(sa_column=_key(Text))
    data: bytes = Field(sa_column=_col(LargeBinary))


class VaultTurn(SharedVaultTable, table=True):
    """The one row whose lock is the right to write values; how often somebody was forgotten."""

    __tablename__ = "vault_turn"
    id: int = Field(sa_column=_key(Integer))
    forgotten: int = Field(sa_column=_col(BIG))


class DecisionView(ViewTable, table=True):
    """One line of the list of decisions."""

    __tablename__ = "decision_list"
    __table_args__: ClassVar = (
        Index("decision_list_agent", "agent", "idx"),
        Index("decision_list_effect", "effect", "idx"),
        Index("decision_list_action", "action", "idx"),
    )
    idx: int = Field(sa_column=_key(BIG))
    at: int = Field(sa_column=_col(BIG))
    agent: str = Field(sa_column=_col(Text))
    session: int | None = Field(sa_column=_col(BIG, null=True))
    action: str = Field(sa_column=_col(Text))
    effect: str = Field(sa_column=_col(Text))
    would_be: str = Field(sa_column=_col(Text))
    risk: str = Field(sa_column=_col(Text))
    rules: str = Field(sa_column=_col(Text))
    approval: int | None = Field(sa_column=_col(BIG, null=True))
    override: int | None = Field(sa_column=_col(BIG, null=True))
    outcome: str | None = Field(sa_column=_col(Text, null=True))
    reversed_by: int | None = Field(sa_column=_col(BIG, null=True))
    disregarded_by: int | None = Field(sa_column=_col(BIG, null=True))


class DecisionCountView(ViewTable, table=True):
    """The decisions of a quarter of an hour with one effect: how many, the first and the last.

    Every zone's midnight falls on a quarter, so the days of any zone add up from these.
    """

    __tablename__ = "decision_count"
    __table_args__: ClassVar = _BY_KEY
    at: int = Field(sa_column=_key(BIG))
    effect: str = Field(sa_column=_key(Text))
    count: int = Field(sa_column=_col(BIG))
    first: int = Field(sa_column=_col(BIG))
    last: int = Field(sa_column=_col(BIG))


class ApprovalView(ViewTable, table=True):
    """One line of the list of approvals."""

    __tablename__ = "approval_list"
    __table_args__: ClassVar = (
        Index("approval_list_state", "state", "idx"),
        Index("approval_list_decision", "decision"),
    )
    idx: int = Field(sa_column=_key(BIG))
    at: int = Field(sa_column=_col(BIG))
    decision: int = Field(sa_column=_col(BIG))
    agent: str = Field(sa_column=_col(Text))
    state: str = Field(sa_column=_col(Text))
    closed_by: int | None = Field(sa_column=_col(BIG, null=True))


class EntryView(ViewTable, table=True):
    """Kind, actor and references of each entry that is not a decision: what search looks at."""

    __tablename__ = "entry_list"
    __table_args__: ClassVar = (
        Index("entry_list_kind", "kind", "idx"),
        Index("entry_list_actor", "actor", "idx"),
    )
    idx: int = Field(sa_column=_key(BIG))
    at: int = Field(sa_column=_col(BIG))
    kind: str = Field(sa_column=_col(Text))
    actor: str = Field(sa_column=_col(Text))


class ReferenceView(ViewTable, table=True):
    """Which entry refers to which, so that everything about one entry can be listed."""

    __tablename__ = "reference_list"
    __table_args__: ClassVar = _BY_KEY
    target: int = Field(sa_column=_key(BIG))
    idx: int = Field(sa_column=_key(BIG))
    role: str = Field(sa_column=_col(Text))


class FollowerRow(ViewTable, table=True):
    """How far the read models have followed the log, and which log."""

    __tablename__ = "follower"
    id: int = Field(sa_column=_key(Integer))
    version: int = Field(sa_column=_col(Integer))
    origin: str = Field(sa_column=_col(Text))
    size: int = Field(sa_column=_col(BIG))
    root: bytes = Field(sa_column=_col(LargeBinary))


def statements(base: type[SQLModel]) -> list[str]:
    """The data definition of a database's tables and indexes for SQLite, without migrations.

    For what can be thrown away: read models, and facts made again to compare.
    """
    made = []
    for table in base.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        made += [
            str(CreateIndex(index).compile(dialect=sqlite.dialect()))
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
    return made
