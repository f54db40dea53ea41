"""What a vault has besides where several processes write it: the row whose lock is the turn."""

import sqlalchemy as sa
from alembic import op

revision = "0002_shared"
down_revision = "0001_vault"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What a vault has besides where several processes write it; nothing in a file."""
    if op.get_bind().dialect.name == "sqlite":
        return
    turn = op.create_table(
        "vault_turn",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(turn, [{"id": 1, "forgotten": 0}])
