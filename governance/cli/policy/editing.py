"""`governance policy schema` and `language-server`: what editors complete from, and speak with."""

from __future__ import annotations

import json
from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import FOLDER, files_of
from governance.cli.policy.formatting import replace
from governance.cli.policy.group import policy
from governance.cli.transport import Failed
from governance.service import writing


@command(policy, "schema", example="governance policy schema --folder policies --to schema.json")
@click.option("--folder", type=FOLDER, help="Whose actions and lists (else the workspace's).")
@click.option("--kind", type=click.Choice(writing.KINDS), help="One kind of file only.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Write the schema here.")
def schema(frame: Frame, folder: Path | None, kind: str | None, target: Path | None) -> None:
    """The JSON Schema (2020-12) of policy files, with the names that a folder knows.

    Editors that speak YAML complete and check with it. Made anew when the catalogue changes.
    """
    made = writing.json_schema(files_of(frame, folder), kind)
    if target is None:
        return output.document(made)
    replace(target, (json.dumps(made, ensure_ascii=False, indent=1) + "\n").encode())
    return output.say(f"Written to {target}.")


@command(policy, "language-server", example="governance policy language-server")
@click.option("--stdio", is_flag=True, help="Speak over stdin and stdout, as it always does.")
def language_server(frame: Frame, stdio: bool) -> None:
    """Findings, completion, words and repairs in an editor (LSP).

    Editors start it themselves; docs/editor.md says how. It needs the extra `editor`.
    """
    try:
        from governance.editor import server
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise Failed(
            "the language server needs two more packages; install them with "
            "`pip install 'agent-governance[editor]'`",
            2,
        ) from None
    server.run()
