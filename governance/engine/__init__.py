"""The policy engine: files in, verdicts out, and nothing else.

Law of the room: a verdict is a pure function of the release, the request, the facts and the time.
There is no clock, no randomness and no input or output here; `load` takes bytes, never a path.
The short way through it: `catalogue.read` -> `decide.needs` -> `decide.decide`.
"""
