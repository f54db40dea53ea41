"""Evidence from the log, for people who must answer for AI agents, and for those who check them.

The law: a statement cites the entries it rests on, or it is not made. Facts come in, an
`Evidence` value goes out; only `reports.pdf` turns it into pages.
"""
