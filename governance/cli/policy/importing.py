"""`governance policy import`: a catalogue out of what tools say about themselves.

Law: nothing is fetched but the addresses that were given, and nothing of a file that is there gets lost.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from governance.cli import mcp, output
from governance.cli.frame import Frame, command, named
from governance.cli.policy.formatting import replace
from governance.cli.policy.group import policy
from governance.cli.transport import Failed
from governance.service import importing


@policy.group("import")
def import_() -> None:
    """Catalogue files from MCP, OpenAPI or JSON Schema."""


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_TO = click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the catalogue here; what is there already is kept and added to.",
)
_OWNER = click.option(
    "--owner", default="name-an-owner", show_default=True, help="Who answers for a new file."
)


@command(
    import_,
    "mcp",
    example="governance policy import mcp tools.json --server github --to policies/actions/github.yaml",
)
@click.argument("sources", metavar="FILE|URL", nargs=-1, required=True)
@click.option("--server", required=True, help="What to call the server: mcp.SERVER.tool.")
@click.option("--header", "headers", multiple=True, help="NAME=VALUE sent to a URL.")
@click.option(
    "--digests",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Note the digests of the descriptions in this list file, for review.",
)
@_OWNER
@_TO
def from_mcp(
    frame: Frame,
    sources: tuple[str, ...],
    server: str,
    headers: tuple[str, ...],
    digests: Path | None,
    owner: str,
    target: Path | None,
) -> None:
    """Tools of an MCP server: the answer to `tools/list` as a file, or asked for at a URL.

    Risk is high and the labels are the worst until a person changes them; hints of the server are
    claims. A changed description has another digest and is denied until somebody has read it.
    """
    documents = [_source(source, named(headers)) for source in sources]
    wanted = importing.Wanted("mcp", server, owner, _name_of(target, server))
    _write(frame, documents, wanted, target, digests)


@command(
    import_,
    "openapi",
    example="governance policy import openapi api.yaml --name shop --to policies/actions/shop.yaml",
)
@click.argument("source", metavar="FILE", type=_FILE)
@click.option("--name", required=True, help="What to call the API: NAME.operation.")
@_OWNER
@_TO
def from_openapi(frame: Frame, source: Path, name: str, owner: str, target: Path | None) -> None:
    """Operations of an OpenAPI 3 document, JSON or YAML."""
    wanted = importing.Wanted("openapi", name, owner, _name_of(target, name))
    _write(frame, [(str(source), source.read_bytes())], wanted, target, None)


@command(
    import_,
    "json-schema",
    example="governance policy import json-schema args.json --action crm.export",
)
@click.argument("source", metavar="FILE", type=_FILE)
@click.option("--action", required=True, help="The action whose arguments the schema describes.")
@_OWNER
@_TO
def from_json_schema(
    frame: Frame, source: Path, action: str, owner: str, target: Path | None
) -> None:
    """One action whose arguments a JSON Schema (draft 7 to 2020-12) describes."""
    wanted = importing.Wanted("json-schema", action, owner, _name_of(target, action))
    _write(frame, [(str(source), source.read_bytes())], wanted, target, None)


def _name_of(target: Path | None, name: str) -> str:
    """The catalogue's name: that of its file, else of what is imported."""
    text = (target.stem if target is not None else name).lower()
    kept = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in text).strip("-")
    return kept if kept[:1].isalpha() else f"x-{kept}"


def _source(source: str, headers: dict[str, str]) -> tuple[str, bytes]:
    if source.startswith(("http://", "https://")):
        return source, mcp.tools(source, headers)
    path = Path(source)
    if not path.is_file():
        raise Failed(f"`{source}` is no file and no http(s) address", 2)
    return source, path.read_bytes()


def _write(
    frame: Frame,
    documents: list[tuple[str, bytes]],
    wanted: importing.Wanted,
    target: Path | None,
    digests: Path | None,
) -> None:
    existing = target.read_bytes() if target is not None and target.exists() else None
    reviewed = digests.read_bytes() if digests is not None and digests.exists() else None
    now = datetime.now(UTC)  # noqa: TID251 - a surface
    made = importing.catalogue(documents, wanted, now, existing, reviewed)
    if target is not None:
        replace(target, made.text.encode())
    if digests is not None and made.digests is not None:
        replace(digests, made.digests.encode())
    counts = {"added": made.added, "changed": made.changed, "gone": made.gone, "same": made.same}
    if frame.json:
        told = {name: list(each) for name, each in counts.items()}
        output.document({"text": made.text, "notes": list(made.notes), **told})
    elif target is None:
        click.echo(made.text, nl=False)
    for note in made.notes:
        output.say(output.inert(f"note: {note}"))
    said = ", ".join(f"{len(each)} {name}" for name, each in counts.items() if each)
    where = f" in {target}" if target is not None else ""
    output.say(f"{said}{where}. Every `decide` is for a person; then: governance policy check")
