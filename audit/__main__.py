"""`python -m audit verify PACKAGE --key VKEY`: check a package without trusting whoever made it.

Needs the standard library and `cryptography`. Prints what is proven and what is not; the exit
code says the outcome: 0 proven, 2 usage, 10 tampered, 11 signature or key unknown, 12 gap or
incomplete, 13 nothing to verify.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audit.encoding import b64
from audit.errors import BadKey, Gap, LogError, NothingToVerify, NotVerified, Tampered, UnknownKey
from audit.keys import Verifier
from audit.statement import Proven
from audit.verify import verify

_EPILOG = """exit codes: 0 proven, 2 usage, 10 tampered, 11 signature or key unknown,
12 gap or incomplete, 13 nothing to verify"""
_OUTCOMES = {
    Tampered: "tampered",
    UnknownKey: "signature or key unknown",
    Gap: "gap or incomplete",
    NothingToVerify: "nothing to verify",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        keys = [key for text in options.key for key in _read_keys(text, options.package)]
        head = options.head.read_bytes() if options.head else None
        receipts = [path.read_bytes() for path in options.receipt]
        if not options.package.exists():
            parser.error(f"there is no file or directory `{options.package}`")
    except (LogError, OSError, UnicodeDecodeError) as error:
        parser.error(str(error))
    try:
        proven = verify(options.package, keys, head, receipts, workers=options.workers)
    except NotVerified as error:
        _print_failure(error, options.output)
        return error.exit_code
    except OSError as error:
        parser.error(f"`{options.package}` cannot be read: {error.strerror}")
    _print_proven(proven, options.output)
    return 0


def _read_keys(text: str, package: Path) -> list[Verifier]:
    """The key that `text` is, or those in the file it names, which must not be the package's."""
    path = Path(text)
    if "+" in text and not path.is_file():
        return [Verifier.from_vkey(text)]
    if package.resolve() in path.resolve().parents:
        raise BadKey(
            f"`{text}` lies in the package: a key must come from elsewhere, or it proves nothing"
        )
    if not path.is_file():
        raise BadKey(
            f"`{text}` is neither a verifier key (name+id+key) nor a file that holds one; ask whoever "
            "runs the log for its key, on another way than you got the package"
        )
    lines = path.read_text().split()
    if not lines:
        raise BadKey(f"the file `{text}` holds no key")
    return [Verifier.from_vkey(line) for line in lines]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("verify", help="verify an exported package", epilog=_EPILOG)
    command.add_argument("package", type=Path, metavar="PACKAGE", help="directory or .zip")
    command.add_argument(
        "--key",
        action="append",
        required=True,
        metavar="VKEY",
        help="a verifier key, or a file of them, got otherwise than with the package; may be "
        "given again",
    )
    command.add_argument(
        "--head",
        type=Path,
        metavar="FILE",
        help="a head file or signed checkpoint kept from earlier",
    )
    command.add_argument(
        "--receipt",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a receipt, .tlog-proof or checkpoint kept from earlier; may be given again",
    )
    command.add_argument("-o", "--output", choices=("text", "json"), default="text")
    command.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)"
    )
    return parser


def _print_proven(proven: Proven, output: str) -> None:
    if output == "json":
        _print_json(
            {
                "outcome": "proven",
                "exit": 0,
                "origin": proven.origin,
                "size": proven.size,
                "root": b64(proven.root),
                "signed_by": proven.signed_by,
                "form": proven.form,
                "first_at": proven.first_at,
                "last_at": proven.last_at,
                "kinds": proven.kinds,
                "proven": proven.proven,
                "not_proven": proven.not_proven,
            }
        )
        return
    print(f"proven ({proven.form} package):")
    for line in proven.proven:
        print(f"  + {line}")
    print("not proven:")
    for line in proven.not_proven:
        print(f"  - {line}")


def _print_failure(error: NotVerified, output: str) -> None:
    outcome = _OUTCOMES[type(error)]
    if output == "json":
        _print_json(
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
    print(f"{outcome}: {error}")


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    sys.exit(main())
