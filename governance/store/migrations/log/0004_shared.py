"""What a log has besides where several processes write it: the head's row, blobs, manifests."""

import sqlalchemy as sa
from alembic import op

revision = "0004_shared"
down_revision = "0003_cuts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What a log has besides where several processes write it; nothing in a file."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "manifests",
        sa.Column("release", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
