"""Verbs: one function for each use case, called by every surface in the same way."""
