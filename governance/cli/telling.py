"""An explanation as a person reads it in a terminal: the sentence, the rules, what would do.

Law: every word that an agent may have chosen is inert, and stands on its own line only where ours do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from governance.cli import output


def tell(told: Mapping[str, Any]) -> None:
    """An explanation for a person: the sentence, the rules with their conditions, what would do."""
    click.echo(output.inert(told["sentence"]))
    for account in told["accounts"]:
        name = f"{account['policy']}/{account['rule']}"
        click.echo(f"\n{output.one_line(name)}  {output.one_line(account['title'])}")
        for row in account["conditions"]:
            pad = "  " * (1 + row["level"])
            line = f"{row['holds']:<12} {row['says']}  (saw: {row['saw']}; {row['who']})"
            click.echo(pad + output.one_line(line))
    for line in told["enough"]:
        click.echo(f"\n{output.inert(line)}")
    if told.get("incomplete"):
        click.echo(f"\n{output.inert(told['incomplete'])}")
