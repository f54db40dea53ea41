"""Tests against a real PostgreSQL server, which they start themselves."""
