"""`python -m audit witness`: run a witness in a department that does not run the log.

The law: whoever runs the log must not be able to run the witness. Everything needed is Python and
`cryptography`; everything remembered is in one directory.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from audit.checkpoint import Checkpoint, encode
from audit.cosigner import generate
from audit.encoding import utc
from audit.errors import BadKey, Gap, LogError, UnknownKey
from audit.keys import ED25519_COSIGNATURE, MLDSA44_COSIGNATURE, Verifier, check_name
from audit.told import read_keys
from audit.tree import empty_root
from audit.witness import Witness
from audit.witness_evidence import EMPTY, FORK, UNPROVEN, Conflict, decode, judge
from audit.witness_http import WitnessServer
from audit.witness_state import Held, PinnedLog, State, WitnessError, origin_hash

CONFLICT = 10
_EPILOG = """exit codes: 0 done, 1 cannot be done (the message says why), 2 usage,
10 a log contradicted itself: there is evidence (list, show, judge),
11 signature or key unknown, 12 the evidence proves nothing (judge)"""
_TYPES = {
    "ed25519": (ED25519_COSIGNATURE,),
    "ml-dsa-44": (MLDSA44_COSIGNATURE,),
    "both": (ED25519_COSIGNATURE, MLDSA44_COSIGNATURE),
}
_WHY = {
    FORK: "the log signed two trees of the same size: it showed different logs to different people",
    EMPTY: "the log signed an empty tree with the root of another one",
    UNPROVEN: "the log signed a tree that was not shown to contain the older one: perhaps a fork, "
    "perhaps a broken client or a stranger's made-up proof; ask for a proof",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except LogError as error:
        print(f"error: {_harmless(str(error))}", file=sys.stderr)
    except OSError as error:
        where = f"`{error.filename}`: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m audit witness",
        description="Cosign the checkpoints of logs that never contradict themselves "
        "(C2SP tlog-witness). For a department that does not run the log.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> Any:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("dir", type=Path, metavar="DIR", help="the witness's directory")
        command.set_defaults(run=run)
        return command

    init = add("init", _init, "make a witness: a directory with a new key; prints the key to pin")
    init.add_argument(
        "--name", required=True, help="who cosigns, like a web address without https://"
    )
    init.add_argument(
        "--key",
        choices=_TYPES,
        default="ed25519",
        help="the kind of key (default: ed25519, which every verifier knows)",
    )
    log = add("add-log", _add_log, "pin a log: from now on its checkpoints are cosigned")
    log.add_argument("vkey", metavar="VKEY", help="the log's key, got otherwise than from the log")
    log.add_argument("--origin", help="the log's origin (default: the key's name)")
    log.add_argument("--name", help="what people here call the log")
    log.add_argument("--url", help="where the log is")
    log.add_argument(
        "--also", action="store_true", help="accept this key beside those pinned: a new key"
    )
    drop = add("drop-key", _drop_key, "trust a log's key no longer; what was seen stays")
    drop.add_argument("vkey", metavar="VKEY", help="the key, as pinned")
    drop.add_argument("--origin", help="the log's origin (default: the key's name)")
    serve = add("serve", _serve, "answer logs over HTTP until stopped (behind a proxy for TLS)")
    serve.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8391, help="port (default: %(default)s)")
    serve.add_argument("--prefix", default="", help="path before the addresses, like /witness")
    listing = add("list", _list, "the logs, how far each was cosigned, and conflicts")
    show = add("show", _show, "one log: its keys, the newest checkpoint, the evidence against it")
    show.add_argument("origin", metavar="ORIGIN", help="the log's origin")
    proof = commands.add_parser(
        "judge",
        help="what a file of evidence proves, to anybody who has the log's key",
        description="What a file of evidence proves, to anybody who has the log's key.",
    )
    proof.add_argument("file", type=Path, metavar="FILE", help="from a witness's `conflicts`")
    proof.add_argument(
        "--key",
        action="append",
        required=True,
        metavar="VKEY",
        help="the log's key, or a file with it, got otherwise than from witness or log; may be "
        "given again",
    )
    proof.set_defaults(run=_judge)
    for command in (listing, show):
        command.add_argument("-o", "--output", choices=("text", "json"), default="text")
    return parser


def _now() -> int:
    return int(time.time())  # noqa: TID251 a surface


def _init(options: argparse.Namespace) -> int:
    check_name(options.name)
    if "://" in options.name:
        raise BadKey(f"`{options.name}`: a witness's name has no `https://` in front")
    cosigners = [generate(options.name, kind, _now) for kind in _TYPES[options.key]]
    State.create(options.dir, cosigners)
    print(f"witness `{options.name}` made in `{options.dir}`. Whoever trusts it pins:")
    for cosigner in cosigners:
        print(cosigner.vkey)
    return 0


def _add_log(options: argparse.Namespace) -> int:
    state, key = State(options.dir), Verifier.from_vkey(options.vkey)
    origin = key.name if options.origin is None else options.origin
    encode(Checkpoint(origin, 0, empty_root()))  # raises for what no checkpoint can name
    if key.algorithm == ED25519_COSIGNATURE:
        raise BadKey(f"`{key.name}` is a witness's key (type 0x04): ask for the log's own key")
    if key.algorithm == MLDSA44_COSIGNATURE and key.name != origin:
        raise BadKey(f"a log's ML-DSA-44 key bears its origin for a name: `{origin}`")
    with state.lock("logs.lock"):
        known = state.log(origin)
        keys = known.keys if known else ()
        if keys and key not in keys and not options.also:
            raise WitnessError(
                f"`{origin}` is known with another key, `{keys[0].vkey}`. If it has a new key, and "
                "you heard so from whoever runs it, add it with `--also`"
            )
        state.pin(
            PinnedLog(
                origin,
                tuple(dict.fromkeys((*keys, key))),
                options.name if options.name is not None else known.name if known else "",
                options.url if options.url is not None else known.url if known else "",
            )
        )
    print(f"checkpoints of `{origin}` are cosigned from now on; its newest one will be at")
    print(f"  <prefix>/{origin_hash(origin)}/checkpoint")
    return 0


def _drop_key(options: argparse.Namespace) -> int:
    state, key = State(options.dir), Verifier.from_vkey(options.vkey)
    origin = key.name if options.origin is None else options.origin
    with state.lock("logs.lock"):
        log = state.log(origin)
        if log is None or key not in log.keys:
            raise WitnessError(f"this key is not pinned for `{origin}`; see `show`")
        left = tuple(each for each in log.keys if each != key)
        state.pin(PinnedLog(origin, left, log.name, log.url))
    count = "1 key is" if len(left) == 1 else f"{len(left)} keys are"
    print(f"`{origin}`: {count} left" if left else f"`{origin}` is cosigned no longer")
    return 0


def _serve(options: argparse.Namespace) -> int:
    if options.prefix and (not options.prefix.startswith("/") or options.prefix.endswith("/")):
        raise WitnessError(f"the prefix `{options.prefix}` must begin with `/` and not end in one")
    state = State(options.dir)
    with state.lock():
        witness = Witness(state, _now, _tell)
        try:
            server = WitnessServer((options.host, options.port), witness, options.prefix)
        except (OSError, OverflowError) as error:
            raise WitnessError(
                f"cannot listen on `{options.host}` port {options.port}: {error}"
            ) from error
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        host, port = server.server_address[:2]
        where = f"[{host!s}]" if ":" in str(host) else str(host)
        print(f"witness at http://{where}:{port}{options.prefix}; its keys:")
        print(*witness.vkeys, sep="\n", flush=True)
        with server:
            server.serve_forever()
        witness.finish()
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _list(options: argparse.Namespace) -> int:
    state = State(options.dir)
    own = [cosigner.verifier for cosigner in state.cosigners(_now)]
    rows = [(log, state.held(log.origin, own), state.conflicts(log.origin)) for log in state.logs()]
    if options.output == "json":
        _print_json(
            {
                "keys": [key.vkey for key in own],
                "logs": [_as_json(*row) for row in rows],
            }
        )
    else:
        print("witness", *(key.vkey for key in own))
        for row in rows:
            _say(_as_line(*row))
        if not rows:
            print("no log is pinned yet: `add-log`")
    return _outcome(conflict for _, _, conflicts in rows for conflict in conflicts)


def _show(options: argparse.Namespace) -> int:
    state = State(options.dir)
    log = state.log(options.origin)
    if log is None:
        known = ", ".join(f"`{each.origin}`" for each in state.logs()) or "none"
        raise WitnessError(f"the log `{options.origin}` is not pinned here (pinned: {known})")
    own = [cosigner.verifier for cosigner in state.cosigners(_now)]
    held, conflicts = state.held(log.origin, own), state.conflicts(log.origin)
    if options.output == "json":
        _print_json(_as_json(log, held, conflicts))
    else:
        _say(_as_line(log, held, conflicts))
        for key in log.keys:
            print(f"  key {key.vkey}")
        for label, text in (("called", log.name), ("at", log.url)):
            if text:
                _say(f"  {label} {text}")
        _say(held.note.rstrip("\n") if held else "never cosigned")
        for conflict in conflicts:
            print(f"{conflict.why} {conflict.at}: {_WHY[conflict.why]}\n  kept in {conflict.file}")
    return _outcome(conflicts)


def _judge(options: argparse.Namespace) -> int:
    keys = [key for text in options.key for key in read_keys(text, options.file)]
    try:
        proven, says = judge(decode(options.file.read_bytes()), keys)
    except UnknownKey as error:
        _say(f"signature or key unknown: {error}")
        return error.exit_code
    _say(says)
    return {True: CONFLICT, None: Gap.exit_code, False: 0}[proven]


def _say(text: str) -> None:
    """Print what a log or a stranger wrote, without what a terminal would obey."""
    print(_harmless(text))


def _harmless(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _outcome(conflicts: Any) -> int:
    return CONFLICT if any(conflict.why != UNPROVEN for conflict in conflicts) else 0


def _as_line(log: PinnedLog, held: Held | None, conflicts: list[Conflict]) -> str:
    seen = f"size {held.tree.size} cosigned {utc(held.time)}" if held else "never cosigned"
    bad = sum(conflict.why != UNPROVEN for conflict in conflicts)
    unproven = len(conflicts) - bad
    more = f", CONFLICTS {bad}" if bad else ""
    more += f", unproven {unproven}" if unproven else ""
    more += ", no key: nothing is cosigned" if not log.keys else ""
    return f"{log.origin}: {seen}{more}"


def _as_json(log: PinnedLog, held: Held | None, conflicts: list[Conflict]) -> dict[str, Any]:
    return {
        "origin": log.origin,
        "keys": [key.vkey for key in log.keys],
        "name": log.name,
        "url": log.url,
        "size": held.tree.size if held else None,
        "cosigned_at": utc(held.time) if held else None,
        "checkpoint": held.note if held else None,
        "conflicts": [
            {"why": c.why, "at": c.at, "says": _WHY[c.why], "file": str(c.file)} for c in conflicts
        ],
    }


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
