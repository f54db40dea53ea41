"""The surfaces of the service: the decision API, the `/v1` routes, the runtimes' hooks, the console.

Law: a surface parses, authenticates, calls one verb of `governance.service` and renders its answer.
It decides nothing, and an answer that is not a decision can never be read as an allow.
"""
