"""What outside anchors gave back for heads of the log."""

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002_anchors"
down_revision = "0001_log"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What outside anchors gave back for heads of the log."""
    op.create_table(
        "anchor_evidence",
        sa.Column("size", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("anchor", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("anchor_evidence_anchor", "anchor_evidence", ["anchor", "at"])
