"""Policies measured on recorded agent traces. Start with README.md.

Law: nothing of the recorded data is in this repository, and nothing here knows a single trace. What
decides is the engine; what a gateway would attest is worked out from what a gateway would see.
"""
