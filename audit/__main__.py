"""`python -m audit`: verify a package, or one entry's proof, without trusting whoever made it.

Needs the standard library and `cryptography`. Prints what is proven and what is not; the exit
code says the outcome: 0 proven, 2 usage, 10 tampered, 11 signature or key unknown, 12 gap or
incomplete, 13 nothing to verify.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from audit import proofcommand, told
from audit.encoding import b64
from audit.errors import LogError, NotVerified
from audit.statement import Proven
from audit.verify import verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["witness"]:
        # Only whoever runs a witness needs a server; a verifier stays without one.
        from audit.witness_cli import main as witness

        return witness(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    _add_verify(commands)
    proofcommand.add(commands)
    commands.add_parser(
        "witness", help="run a witness that cosigns checkpoints: `witness --help`", add_help=False
    )
    options = parser.parse_args(arguments)
    code: int = options.run(parser, options)
    return code


def _verify(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    try:
        keys = [key for text in options.key for key in told.read_keys(text, options.package)]
        head = options.head.read_bytes() if options.head else None
        receipts = [path.read_bytes() for path in options.receipt]
        if not options.package.exists():
            parser.error(f"there is no file or directory `{options.package}`")
    except (LogError, OSError, UnicodeDecodeError) as error:
        parser.error(str(error))
    try:
        proven = verify(options.package, keys, head, receipts, workers=options.workers)
    except NotVerified as error:
        told.tell_failure(error, options.output)
        return error.exit_code
    except OSError as error:
        parser.error(f"`{options.package}` cannot be read: {error.strerror}")
    _print_proven(proven, options.output)
    return 0


def _add_verify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("verify", help="verify an exported package", epilog=told.EPILOG)
    command.set_defaults(run=_verify)
    command.add_argument("package", type=Path, metavar="PACKAGE", help="directory or .zip")
    told.add_key_option(command)
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
    told.add_output_option(command)
    command.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)"
    )


def _print_proven(proven: Proven, output: str) -> None:
    facts = {
        "origin": proven.origin,
        "size": proven.size,
        "root": b64(proven.root),
        "signed_by": proven.signed_by,
        "form": proven.form,
        "first_at": proven.first_at,
        "last_at": proven.last_at,
        "kinds": proven.kinds,
    }
    told.tell_proven(f"{proven.form} package", proven.proven, proven.not_proven, facts, output)


if __name__ == "__main__":
    sys.exit(main())
