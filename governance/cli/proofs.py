"""`governance audit tiles` and `governance audit proof`: the log for readers who are not us."""

from __future__ import annotations

from pathlib import Path

import click

from audit.proof import SUFFIX
from audit.trust import TrustPolicy
from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.log import audit
from governance.cli.transport import Failed
from governance.service import tiling

__all__ = ["audit"]


@command(audit, "tiles", example="governance audit tiles /srv/log -w my-workspace")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Up to the newest checkpoint that this trust policy (C2SP tlog-policy) accepts.",
)
def tiles(frame: Frame, folder: Path, policy: Path | None) -> None:
    """Write the log as static files (C2SP tlog-tiles) for monitors and mirrors.

    Any web server can hand the folder out. Repeat the command to bring it up to date: only what is
    new is written, and readers meanwhile see the older state. It reads beside a running service and
    refuses a folder that holds another log. Entries name agents and pseudonyms: show the folder only
    to those who may read the log.
    """
    made = tiling.publish(frame.directory, folder, policy=_trusted(policy))
    output.show(frame.output, made)


@command(audit, "proof", example="governance audit proof 1042 --to decision-1042")
@click.argument("index", type=click.IntRange(0))
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Of the newest tree that this trust policy (C2SP tlog-policy) accepts.",
)
@click.option("--witnessed", is_flag=True, help="Of the tree that most witnesses cosigned.")
@click.option("--size", type=click.IntRange(1), help="Of the tree of so many entries (newest).")
@click.option(
    "--to", "name", help=f"Write NAME{SUFFIX} and, with the entry it is about, NAME.json."
)
def proof(
    frame: Frame,
    index: int,
    policy: Path | None,
    witnessed: bool,
    size: int | None,
    name: str | None,
) -> None:
    """The proof that an entry is in the log, to be checked by anybody, offline.

    Without --to the proof is printed as it is. It stays true for ever: also when the entry is
    pruned, when keys are changed, and when the log grows.
    """
    if sum((policy is not None, witnessed, size is not None)) > 1:
        raise click.UsageError("give one of --policy, --witnessed and --size")
    text, entry, covered = tiling.proof_of(
        frame.directory, index, size, witnessed=witnessed, policy=_trusted(policy)
    )
    if name is None:
        if frame.json:
            return output.document({"index": index, "tree_size": covered, "proof": text})
        return click.echo(text, nl=False)
    name = name.removesuffix(SUFFIX)
    made = [(Path(name + SUFFIX), text.encode())]
    if entry is not None:
        made.append((Path(f"{name}.json"), entry))
    for path, _ in made:
        if path.exists():
            raise Failed(f"`{path}` is there already; give a new name")
    for path, content in made:
        path.write_bytes(content)
    files = [str(path) for path, _ in made]
    output.show(frame.output, {"index": index, "tree_size": covered, "files": files})
    given = f" --entry {files[1]}" if entry is not None else ""
    output.say(
        f"Check it with: python -m audit proof {files[0]}{given} --key KEY, where KEY is the log's key "
        "as it was handed out."
    )
    return None


def _trusted(path: Path | None) -> TrustPolicy | None:
    return None if path is None else TrustPolicy.parse(path.read_bytes())
