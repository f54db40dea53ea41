"""What a signature of the log costs, by where the key is: once for each batch, never for each entry.

    python -m benchmarks.signing

Signs checkpoints through a workspace's own ring of keys, a second's worth for each kind, and prints the
median in microseconds, alone and as a ratio to one Ed25519 key in a file; then what a pinned verifier pays.
A SoftHSM token is made in a temporary directory if `softhsm2-util` and `python-pkcs11` are installed.
"""

from __future__ import annotations

import importlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cryptography

from audit.checkpoint import Checkpoint, encode, open_checkpoint, sign_checkpoint
from audit.note import Signer
from benchmarks._machine import machine
from governance.store.keyring import KeyRing, Wanted
from governance.store.paths import Paths

ORIGIN = "benchmark.example/log"
SECONDS = 1.0
PIN = "247135"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
TREE = Checkpoint(ORIGIN, 1_000_000, bytes(32))


def main() -> None:
    """Measure and print."""
    print(f"{machine()}, cryptography {cryptography.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        base = 0.0
        for name, signers in _kinds(Path(folder)):
            cost = _median(lambda signers=signers: sign_checkpoint(TREE, *signers))
            note = sign_checkpoint(TREE, *signers)
            pinned = [signer.verifier for signer in signers]
            check = _median(lambda note=note, pinned=pinned: open_checkpoint(note, pinned))
            base = base or cost
            print(
                f"{name:<34} {cost:8.0f} µs to sign  {cost / base:6.1f} x   "
                f"{check:6.0f} µs to verify   {len(note.encode()):5} bytes"
            )


def _kinds(folder: Path) -> Iterator[tuple[str, Sequence[Signer]]]:
    first = _ring(folder / "file", Wanted())
    old = first.signers(())
    yield "Ed25519 in a file", old
    text = encode(TREE)
    new = first.prepare(Wanted(), text)
    yield "two Ed25519 (during a rotation)", first.signers((new.vkey, old[0].verifier.vkey))
    large = first.prepare(Wanted(algorithm="ml-dsa-44"), text)
    yield "Ed25519 and ML-DSA-44", first.signers((old[0].verifier.vkey, large.vkey))
    names = {"log": "Ed25519", "p256": "ECDSA P-256"}
    uris = {label: _token(folder, label) for label in names}  # before anybody is logged in
    for label, name in names.items():
        uri = uris[label]
        if uri is None:
            print("SoftHSM                            not installed here: not measured")
            return
        ring = _ring(folder / label, Wanted("pkcs11", at=uri))
        yield f"{name} in SoftHSM, verified", ring.signers(())


def _ring(root: Path, wanted: Wanted) -> KeyRing:
    paths = Paths(root)
    paths.keys.mkdir(parents=True)
    return KeyRing.create(paths, ORIGIN, wanted, ask=lambda *_: PIN)


def _token(folder: Path, label: str) -> str | None:
    """The URI of a new key in a token, made at the first call."""
    tool = shutil.which("softhsm2-util")
    module = next((path for path in MODULES if Path(path).exists()), None)
    try:
        pkcs11: Any = importlib.import_module("pkcs11")
    except ImportError:
        return None
    if tool is None or module is None:
        return None
    if "SOFTHSM2_CONF" not in os.environ:
        (folder / "tokens").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
        os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
        pins = ["--pin", PIN, "--so-pin", PIN]
        made = [tool, "--init-token", "--free", "--label", "benchmark", *pins]
        subprocess.run(made, check=True, capture_output=True)
    ec = pkcs11.util.ec
    edwards = label == "log"
    params = b"\x13\x0cedwards25519" if edwards else ec.encode_named_curve_parameters("secp256r1")
    kind = pkcs11.KeyType.EC_EDWARDS if edwards else pkcs11.KeyType.EC
    token = pkcs11.lib(module).get_token(token_label="benchmark")
    with token.open(user_pin=PIN, rw=True) as session:
        domain = session.create_domain_parameters(
            kind, {pkcs11.Attribute.EC_PARAMS: params}, local=True
        )
        domain.generate_keypair(label=label, store=True)
    return f"pkcs11:token=benchmark;object={label}?module-path={module}"


def _median(call: Callable[[], object]) -> float:
    """Microseconds of one call, the median over a second."""
    taken = []
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e6


if __name__ == "__main__":
    main()
