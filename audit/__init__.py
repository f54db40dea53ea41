"""An append-only signed log that a stranger can verify: formats, proofs, packages.

Independent of everything else here: the standard library and `cryptography`, nothing more.
FORMAT.md is the specification; this code is one implementation of it.
"""
