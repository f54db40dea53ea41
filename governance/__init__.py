"""Governance and audit compliance for AI agents: engine, oversight, use cases, store, surfaces."""
