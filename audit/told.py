"""What the commands of `python -m audit` share: keys from outside, outcomes, how they are told.

The law: a verification ends in one of the outcomes below, the same in words, in JSON and as exit code;
what is not proven is told as plainly as what is.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from audit.errors import BadKey, Gap, NothingToVerify, NotVerified, Tampered, UnknownKey
from audit.keys import Verifier

EPILOG = """exit codes: 0 proven, 2 usage, 10 tampered, 11 signature or key unknown,
12 gap or incomplete, 13 nothing to verify"""
OUTCOMES = {
    Tampered: "tampered",
    UnknownKey: "signature or key unknown",
    Gap: "gap or incomplete",
    NothingToVerify: "nothing to verify",
}


def add_key_option(command: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The option `--key`, which may be given again."""
    command.add_argument(
        "--key",
        action="append",
        required=required,
        default=None if required else [],
        metavar="VKEY",
        help="a verifier key, or a file of them, got otherwise than with what is verified; may be "
        "given again",
    )


def add_output_option(command: argparse.ArgumentParser) -> None:
    """The option `-o`."""
    command.add_argument("-o", "--output", choices=("text", "json"), default="text")


def read_keys(text: str, package: Path) -> list[Verifier]:
    """The key that `text` is, or those in the file it names, which must not be the package's.

    Raises `BadKey`, `OSError`, `UnicodeDecodeError`.
    """
    path = Path(text)
    if "+" in text and not _is_file(path):
        return [Verifier.from_vkey(text).checked()]
    if package.resolve() in path.resolve().parents:
        raise BadKey(
            f"`{text}` lies in the package: a key must come from elsewhere, or it proves nothing"
        )
    if not _is_file(path):
        raise BadKey(
            f"`{text[:200]}` is neither a verifier key (name+id+key) nor a file that holds one; ask whoever "
            "runs the log for its key, on another way than you got the package"
        )
    lines = path.read_text().split()
    if not lines:
        raise BadKey(f"the file `{text}` holds no key")
    return [Verifier.from_vkey(line).checked() for line in lines]


def _is_file(path: Path) -> bool:
    """Whether there is such a file; none has a name as long as some keys are."""
    try:
        return path.is_file()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def tell_proven(
    title: str,
    proven: Iterable[str],
    not_proven: Iterable[str],
    facts: Mapping[str, Any],
    output: str,
) -> None:
    """Print what is proven and what is not; `facts` are what JSON says besides."""
    if output == "json":
        said = {"proven": tuple(proven), "not_proven": tuple(not_proven)}
        as_json({"outcome": "proven", "exit": 0, **facts, **said})
        return
    lines = [f"proven ({title}):", *(f"  + {harmless(line)}" for line in proven)]
    lines += ["not proven:", *(f"  - {harmless(line)}" for line in not_proven)]
    say("\n".join(lines))


def tell_failure(error: NotVerified, output: str) -> None:
    """Print why it is not proven."""
    outcome = OUTCOMES[type(error)]
    if output == "json":
        as_json(
            {
                "outcome": outcome,
                "exit": error.exit_code,
                "message": str(error),
                "entry": getattr(error, "index", None),
                "span": getattr(error, "span", None),
                "file": getattr(error, "file", None),
            }
        )
        return
    say(f"{outcome}: {harmless(str(error))}")


def as_json(value: Mapping[str, Any]) -> None:
    """Print one JSON document."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    say("\n".join(map(harmless, lines)))


def say(text: str) -> None:
    """Print the text. Whoever reads it may stop early (`| head`): the outcome stays what it is."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # nor shall Python complain when it empties the stream at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def harmless(line: str) -> str:
    """The line without what a terminal would obey: a file's name could paint a verdict over ours."""
    return "".join(c if c.isprintable() else _escaped(c) for c in line)


def _escaped(char: str) -> str:
    """As JSON writes it."""
    return json.dumps(char)[1:-1]
