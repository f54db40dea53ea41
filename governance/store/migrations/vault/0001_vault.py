"""What can be erased: subjects, values, secrets, names, accounts."""

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001_vault"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What can be erased: subjects, values, secrets, names, accounts."""
    op.create_table(
        "accounts",
        sa.Column("person", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("sign_in", sa.Text(), nullable=False, unique=True),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("changed_at", BIG, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("idx", BIG, nullable=True),
    )
    op.create_table(
        "people",
        sa.Column("person", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "session_secrets",
        sa.Column("session", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("bucket", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("first_at", BIG, nullable=False),
        sa.Column("last_at", BIG, nullable=False),
    )
    op.create_table(
        "subjects",
        sa.Column(
            "lookup", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("erased_at", BIG, nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_index("subjects_pseudonym", "subjects", ["pseudonym"], unique=True)
    op.create_table(
        "vault_values",
        sa.Column("idx", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("field", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    about_somebody = sa.text("subject IS NOT NULL")
    op.create_index(
        "vault_values_subject",
        "vault_values",
        ["subject"],
        sqlite_where=about_somebody,
        postgresql_where=about_somebody,
    )
    op.create_table(
        "web_sessions",
        sa.Column("token", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("opened_at", BIG, nullable=False),
        sa.Column("seen_at", BIG, nullable=False),
    )
    op.create_index("web_sessions_person", "web_sessions", ["person"])
