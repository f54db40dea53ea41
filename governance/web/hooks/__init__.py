"""One adapter for each runtime: the host's hook JSON in, the host's own answer out.

Law: an adapter translates and nothing more. It answers allow or deny; the host's own "ask" is
never used, because whoever sits in front of the host would then be the approver. What it does not
know becomes an action of a name that no policy governs, which is a deny.
"""
