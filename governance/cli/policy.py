"""`governance policy`: write, check, test, explain, try and release policy files."""

from __future__ import annotations

import click


@click.group("policy")
def policy() -> None:
    """Policy files: write, check, test, explain, try on what happened, release."""
