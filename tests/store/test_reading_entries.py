"""Entries read in one step are the entries that are stored, whatever is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.store.sqlite import insert_rows, read_entries


@pytest.fixture(scope="module")
def db() -> Iterator[sqlite3.Connection]:
    """A table of entries in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE log_entries (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL)")
    yield connection
    connection.close()


@given(
    st.lists(
        st.binary(max_size=8)
        | st.sampled_from([b"", b"\n", b"\x00", b"{}\n{}", b"\xff", "é".encode()]),
        max_size=140,
    )
)
def test_one_step_reads_what_row_by_row_would(db: sqlite3.Connection, entries: list[bytes]) -> None:
    """An entry that was altered could be signed again, or one be shown in another's place."""
    db.execute("DELETE FROM log_entries")
    insert_rows(db, "log_entries", ("idx", "entry"), list(enumerate(entries, 5)))
    assert read_entries(db, 5, 5 + len(entries)) == entries
    assert read_entries(db, 0, 6 + len(entries)) == entries
    assert read_entries(db, 6, 9) == entries[1:4]
