"""Cuts: below which index the log's contents were pruned, and the one change that allows."""

import sqlalchemy as sa
from alembic import op

from governance.store.guards import sqlite_cut_guards

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0003_cuts"
down_revision = "0002_anchors"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Cuts: below which index the log's contents were pruned, and the one change that allows."""
    op.create_table(
        "cuts",
        sa.Column("minimum", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("entry", BIG, nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("last_at", BIG, nullable=False),
        sa.Column("reached", BIG, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in sqlite_cut_guards():
            op.execute(statement)
