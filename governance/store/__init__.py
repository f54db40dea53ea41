"""The store: one log, one writer, and everything that is kept beside it. All SQL is here."""
