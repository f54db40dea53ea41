"""The group `governance policy`, to which the modules of this folder add their commands."""

import click


@click.group("policy")
def policy() -> None:
    """Policy files: write, check, test, try on the past, release."""
