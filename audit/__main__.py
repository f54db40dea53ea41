"""The programs of this library, for people who trust nobody else's.

    python -m audit verify PACKAGE --key VKEY    check a package without trusting whoever made it
    python -m audit proof FILE --key VKEY        check one entry's proof
    python -m audit single-file > verify.py      the verifier as one file, to be read and kept
    python -m audit witness --help               run a witness that cosigns checkpoints

They need the standard library and `cryptography`. Verifying prints what is proven and what is not;
the exit code says the outcome: 0 proven, 2 usage, 10 tampered, 11 signature or key unknown, 12 gap
or incomplete, 13 nothing to verify.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

try:
    from audit import proofcommand, single, verifycommand
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "cryptography":
        raise
    print(
        "error: this needs the Python package `cryptography`, and nothing else: run "
        "`python -m pip install 'cryptography>=48'`, then try again",
        file=sys.stderr,
    )
    sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["witness"]:
        # Only whoever runs a witness needs a server; a verifier stays without one.
        from audit.witness_cli import main as witness

        return witness(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    verifycommand.add(commands)
    proofcommand.add(commands)
    commands.add_parser(
        "witness", help="run a witness that cosigns checkpoints: `witness --help`", add_help=False
    )
    single.add(commands)
    options = parser.parse_args(arguments)
    code: int = options.run(options.parser, options)
    return code


if __name__ == "__main__":
    os.environ["PYTHONSAFEPATH"] = "1"  # other processes import nothing from the folder we are in
    sys.exit(main())
