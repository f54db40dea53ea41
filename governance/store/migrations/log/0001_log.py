"""The log, its facts, and the guards that keep it append-only."""

import sqlalchemy as sa
from alembic import op

from governance.store.guards import sqlite_guards

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001_log"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The log, its facts, and the guards that keep it append-only."""
    op.create_table(
        "checkpoints",
        sa.Column("size", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("idx", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("session", BIG, nullable=True),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("valid_until", BIG, nullable=True),
        sa.Column("redeemed", BIG, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("outcome_idx", BIG, nullable=True),
        sa.Column("attested", sa.Integer(), nullable=False),
        sa.Column("released", sa.Integer(), nullable=False),
        sa.Column("charges", sa.Text(), nullable=False),
    )
    op.create_table(
        "given_back",
        sa.Column("series", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("node", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("sum", sa.Text(), nullable=False),
        sa.Column("count", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency",
        sa.Column("key_id", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("idem", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("idx", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("idempotency_at", "idempotency", ["at"])
    op.create_table(
        "log_entries",
        sa.Column("idx", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "series",
        sa.Column("series", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("since", BIG, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("size", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("sealed_by", BIG, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("semantics", sa.Text(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "totals",
        sa.Column("series", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("at", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("n", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("sum", sa.Text(), nullable=False),
        sa.Column("other_at", BIG, nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tree_nodes",
        sa.Column("level", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("idx", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in sqlite_guards():
            op.execute(statement)
