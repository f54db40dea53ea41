"""Heads of the log in other hands: a file, a repository, a receiver, a mailbox, a witness, a clock.

Law: what leaves is a signed checkpoint and nothing else, and what comes back proves itself or is a
claim. No module here knows the service or its store; each kind of anchor is one module, and a new
one is a line in `registry.KINDS`.
"""
