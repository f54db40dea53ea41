"""`python -m audit verify PACKAGE --key VKEY`: check a package without trusting whoever made it.

The law: what is pinned comes from outside the package; the outcome is said in words and as exit
code; a wrong use is never a verdict.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from audit import told
from audit.encoding import b64
from audit.errors import BadKey, LogError, NotVerified
from audit.outside import Authorities
from audit.statement import Proven
from audit.trust import TrustPolicy
from audit.verify import verify


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to a parser's commands."""
    command = commands.add_parser("verify", help="verify an exported package", epilog=told.EPILOG)
    command.set_defaults(run=run, parser=command)
    fill(command)


def fill(command: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    command.add_argument("package", type=Path, metavar="PACKAGE", help="directory or .zip")
    told.add_key_option(command, required=False)
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
    command.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="a trust policy (C2SP tlog-policy): the logs and witnesses you trust, and how many of "
        "the witnesses must have cosigned",
    )
    command.add_argument(
        "--tsa",
        type=Path,
        action="append",
        default=[],
        metavar="PEM",
        help="certificates of a time-stamp authority you trust, its root among them; needs "
        "`rfc3161-client`; may be given again",
    )
    told.add_output_option(command)
    command.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)"
    )


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Verify as `options` say and print the outcome; return the exit code.

    Ends with exit code 2 through `parser` when what was given cannot be used.
    """
    for stream in (sys.stdout, sys.stderr):  # a file name in a package can be any bytes
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not options.key and options.policy is None:
        parser.error("give the log's key with --key, or a trust policy with --policy")
    try:
        keys = [key for text in options.key for key in told.read_keys(text, options.package)]
        head = options.head.read_bytes() if options.head else None
        receipts = [path.read_bytes() for path in options.receipt]
        policy = _read_policy(options.policy, options.package)
        authorities = Authorities([path.read_bytes() for path in options.tsa])
        if not options.package.exists():
            parser.error(f"there is no file or directory `{options.package}`")
    except OSError as error:
        parser.error(f"`{error.filename}` cannot be read: {error.strerror}")
    except (LogError, UnicodeDecodeError) as error:
        parser.error(str(error))
    try:
        proven = verify(
            options.package,
            keys,
            head,
            receipts,
            policy=policy,
            authorities=authorities,
            workers=options.workers,
        )
    except NotVerified as error:
        told.tell_failure(error, options.output)
        return error.exit_code
    except LogError as error:
        parser.error(str(error))
    except MemoryError:
        parser.error(f"`{options.package}` holds a file for which there is not enough memory here")
    except OSError as error:
        parser.error(f"`{options.package}` cannot be read: {error.strerror}")
    _tell(proven, options.output)
    return 0


def _read_policy(path: Path | None, package: Path) -> TrustPolicy | None:
    if path is None:
        return None
    if package.resolve() in path.resolve().parents:
        raise BadKey(f"`{path}` lies in the package: a trust policy must come from elsewhere")
    return TrustPolicy.parse(path.read_bytes())


def _tell(proven: Proven, output: str) -> None:
    facts = {
        "origin": proven.origin,
        "size": proven.size,
        "minimum": proven.minimum,
        "root": b64(proven.root),
        "signed_by": proven.signed_by,
        "form": proven.form,
        "first_at": proven.first_at,
        "last_at": proven.last_at,
        "kinds": proven.kinds,
        "seen": [seen._asdict() for seen in proven.outside.seen],
        "quorum": proven.outside.quorum,
    }
    told.tell_proven(f"{proven.form} package", proven.proven, proven.not_proven, facts, output)
