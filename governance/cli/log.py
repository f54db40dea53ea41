"""`governance audit`: read, export, verify and re-perform the log."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from audit import single
from audit.__main__ import main as verify_main
from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.transport import Failed
from governance.service import disclosing, exporting

TAMPERED = 10
DERIVABLE = 14
"""Something differs that a repair makes again; beside the codes of `audit verify`."""


@click.group("audit")
def audit() -> None:
    """The signed log: read, export, verify, perform again."""


@command(audit, "tail", example="governance audit tail -n 20 --follow")
@click.option(
    "-n",
    "--lines",
    default=20,
    show_default=True,
    type=click.IntRange(1, 10000),
    help="How many entries.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on as entries come; end with Ctrl-C.")
def tail(frame: Frame, lines: int, follow: bool) -> None:
    """The newest entries; with --follow and -o json, one document for each line."""
    newest = frame.app.entries(frame.directory, -lines, None)
    if not follow:
        return _print(frame, newest)
    shown = -1
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for index, entry in newest:
                shown = index
                if frame.json:
                    output.line_document(_record(index, entry))
                else:
                    click.echo(_line(index, entry))
            time.sleep(1)
            newest = frame.app.entries(frame.directory, shown + 1, None)
    return None


@command(audit, "search", example="governance audit search --kind stop. --text payments-1")
@click.option("--kind", help="Only kinds that begin so.")
@click.option("--text", help="Only entries whose recorded text contains this.")
@click.option("--from", "start", type=int, help="First entry number.")
@click.option("--to", "stop", type=int, help="Last entry number.")
@click.option(
    "--limit", default=200, show_default=True, type=click.IntRange(1, 100000), help="At most."
)
def search(
    frame: Frame,
    kind: str | None,
    text: str | None,
    start: int | None,
    stop: int | None,
    limit: int,
) -> None:
    """Entries by kind and recorded text (values that are only committed to cannot be found)."""
    found = _matching(frame.app.entries(frame.directory, start, stop), kind, text)
    _print(frame, (item for _, item in zip(range(limit), found, strict=False)))


def _matching(entries: Iterable[Any], kind: str | None, text: str | None) -> Iterable[Any]:
    for index, entry in entries:
        if kind and not entry.kind.startswith(kind):
            continue
        if text and text not in json.dumps([dict(entry.by), dict(entry.data)], default=str):
            continue
        yield index, entry


def _print(frame: Frame, entries: Iterable[Any]) -> None:
    if frame.json:
        return output.document({"entries": [_record(index, entry) for index, entry in entries]})
    shown = 0
    for index, entry in entries:
        shown += 1
        click.echo(_line(index, entry))
    if not shown:
        output.say("No such entry.")
    return None


def _record(index: int, entry: Any) -> dict[str, Any]:
    at = entry.at.isoformat()
    return {"index": index, "kind": entry.kind, "at": at, "by": entry.by, "data": entry.data}


def _line(index: int, entry: Any) -> str:
    who = entry.by.get("id", "service")
    line = f"{index:>8}  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.kind:<18} {who:<16} {_gist(entry)}"
    return output.one_line(line).rstrip()


def _gist(entry: Any) -> str:
    data = entry.data
    parts = [
        str(data[name]) for name in ("agent", "action", "effect", "scope", "status") if name in data
    ]
    refs = data.get("refs") or {}
    parts += [f"{role} {number}" for role, number in refs.items() if role != "session"]
    return " ".join(parts)


@command(
    audit, "export", example="governance audit export for-auditor.zip --decision 17 -w my-workspace"
)
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--disclose",
    type=click.Choice(["all", "none"]),
    default="all",
    show_default=True,
    help="Whether to open values that entries commit to; the options below narrow `all`.",
)
@click.option("--redacted", is_flag=True, help="The same as --disclose none.")
@click.option("--from", "start", type=int, help="Only values of entries from this number on.")
@click.option("--to", "last", type=int, help="Only values of entries up to this number.")
@click.option("--decision", "decisions", type=int, multiple=True, help="Only values of this one.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    help="Only this field, such as args.iban, or all below args.",
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    type=click.Choice(disclosing.CLASSES),
    help="Only identities of data subjects, or only private texts.",
)
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    help="Only where this data subject is named: s-..., or KIND=VALUE (payee=DE89...).",
)
def export(
    frame: Frame,
    target: Path,
    disclose: str,
    redacted: bool,
    start: int | None,
    last: int | None,
    decisions: tuple[int, ...],
    fields: tuple[str, ...],
    classes: tuple[str, ...],
    subjects: tuple[str, ...],
) -> None:
    """Write a package (a folder, or FILE.zip) that a stranger can verify offline.

    It reads beside a running service and needs none. Unless narrowed, the package holds every
    committed value that can still be opened; give it to nobody who may not see them. Options of
    several kinds must all let a value through; an option given again adds to the earlier. It also
    carries what outside anchors gave back, and the verifier as one file (`verify.py`): compare that
    file's SHA-256 with the one you publish, `governance audit verifier --digest`.
    """
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise Failed(f"`{target}` is there already; give a new name")
    shown = disclosing.Selection(
        nothing=redacted or disclose == "none",
        first=start or 0,
        stop=disclosing.FAR if last is None else last + 1,
        fields=fields,
        classes=classes,
        subjects=subjects,
        decisions=decisions,
    )
    made = exporting.write(frame.directory, target, shown=shown)
    output.show(frame.output, made)
    if not shown.nothing and not made["disclosed"] and made["withheld"] + made["erased"]:
        output.say(
            "No value can be seen in it: what was asked for is erased."
            if made["erased"]
            else "No value can be seen in it: no entry has one that all the options let through. Look at "
            "the numbers and names you gave."
        )
    output.say(
        f"Check it with: python -m audit verify {target} --key KEY, where KEY is the log's key as "
        "it was handed out, not from the package."
    )


@command(audit, "verifier", example="governance audit verifier > verify.py", place=False)
@click.option("--page", is_flag=True, help="The page for browsers instead, one HTML file.")
@click.option("--digest", is_flag=True, help="Print the file's SHA-256 instead, to be published.")
def verifier(frame: Frame, page: bool, digest: bool) -> None:
    """Print the verifier as one Python file, which needs only `cryptography`.

    Whoever gets a package from you should not trust the copy in it: publish the SHA-256 where they
    would look for it, or hand the file over on another way.
    """
    content = frame.app.verify_page() if page else single.text().encode()
    found = hashlib.sha256(content).hexdigest()
    if frame.json:
        output.document({"file": "verify.html" if page else "verify.py", "sha256": found})
    else:
        click.echo(found if digest else content, nl=digest)


@command(
    audit,
    "verify",
    example="governance audit verify audit-package --key log.vkey --head kept-head.txt",
    place=False,
)
@click.argument("package", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "log_keys",
    multiple=True,
    help="The log's verifier key, or a file with it, kept apart from the package; repeat for more.",
)
@click.option("--head", type=click.Path(path_type=Path), help="A head or checkpoint you kept.")
@click.option(
    "--receipt",
    "receipts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A receipt you kept; repeat for more.",
)
@click.option(
    "--policy", type=click.Path(path_type=Path), help="A trust policy (C2SP tlog-policy) to be met."
)
@click.option(
    "--tsa",
    "authorities",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Certificates (PEM) of a time-stamp authority you trust; repeat for more.",
)
def verify(
    frame: Frame,
    package: Path,
    log_keys: tuple[str, ...],
    head: Path | None,
    receipts: tuple[Path, ...],
    policy: Path | None,
    authorities: tuple[Path, ...],
) -> None:
    """The same as `python -m audit verify`: exit 0, 10 tampered, 11 key, 12 gap, 13 nothing.

    A workspace's own log is checked by `governance audit fsck`.
    """
    args = ["verify", str(package), "--output", "json" if frame.json else "text"]
    for option, values in (
        ("--key", log_keys),
        ("--head", [head] if head else []),
        ("--receipt", receipts),
        ("--policy", [policy] if policy else []),
        ("--tsa", authorities),
    ):
        for value in values:
            args += [option, str(value)]
    raise click.exceptions.Exit(verify_main(args))


@command(audit, "replay", example="governance audit replay audit-package")
@click.argument("source", type=click.Path(path_type=Path), required=False)
def replay(frame: Frame, source: Path | None) -> None:
    """Perform state and verdicts again, of a package or of this workspace.

    It trusts the bytes it is given: verify a package first.
    """
    counts = exporting.replay(source or frame.directory)
    output.show(frame.output, counts)
    if counts["different"] or counts["state"] != "same":
        raise Failed(f"{counts['different']} verdicts came out differently", TAMPERED)


@command(audit, "fsck", example="governance audit fsck --repair -w my-workspace")
@click.option("--repair", is_flag=True, help="Make again what follows from the entries.")
@click.option(
    "--owner",
    default="",
    metavar="ADDRESS",
    help="For --repair on PostgreSQL: how the database's owner connects (or env:NAME).",
)
def fsck(frame: Frame, repair: bool, owner: str) -> None:
    """Hold hashes, tree, heads, facts and read models against the entries of the log.

    Every difference is named with what it means and what to do. --repair makes again what follows
    from entries that a signed head vouches for, and touches no entry; what was found is kept in
    `archive`, and the log records the repair. It refuses while a service owns the workspace.

    \b
    Exit: 0 all is as the log says (after --repair: again)
          10 something differs that cannot be made again
          14 what differs can be made again with --repair
    """
    found = frame.app.fsck(frame.directory, repair=repair, owner=owner)
    if frame.json:
        output.document(found)
    else:
        _print_findings(found)
    if found["lasting"]:
        raise Failed("the workspace does not say what its log says; see above", TAMPERED)
    if found["derivable"]:
        raise Failed("what differs follows from the log; add --repair to make it again", DERIVABLE)


def _print_findings(found: Mapping[str, Any]) -> None:
    """Each difference as a record, then the sums."""
    problems = found["problems"]
    for problem in problems:
        shown = {name: problem[name] for name in ("where", "what", "means", "to_do")}
        output.facts(shown)
        click.echo("")
    for part, count in found.get("repaired", {}).items():
        output.say(f"made again: {count} {part}")
    if found.get("kept"):
        output.say(f"What was found is kept in {found['kept']}.")
    count = found["derivable"] + found["lasting"]
    output.say(f"{found['entries']} entries, {count} problem{'s' * (count != 1)}.")
    if count > len(problems):
        output.say(f"{count - len(problems)} more of the same kinds are not shown.")
    output.say(
        "This holds the workspace against itself. Whether all of it was put back to an older day "
        "only a head kept elsewhere can tell: `governance audit verify PACKAGE --head`."
    )
    if found["unchecked"]:
        output.say("Not checked:")
        for each in found["unchecked"]:
            output.say(f"  {each}")
