"""A time-stamp authority of our own: two certificates and `openssl ts`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.optional import absent

_CONFIG = """
[ca]
distinguished_name = dn
x509_extensions = root
prompt = no
[dn]
CN = {name}
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[stamping]
basicConstraints = critical, CA:false
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
[tsa]
default_tsa = tsa1
[tsa1]
dir = {folder}
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
"""


class TimeAuthority:
    """`stamp` signs what it is given; `roots` is the certificate to be trusted, in PEM."""

    def __init__(self, folder: Path, name: str = "Time of Example") -> None:
        if shutil.which("openssl") is None:
            absent("openssl", "`apt-get install -y openssl`")
        folder.mkdir()
        self._folder = folder
        (folder / "serial").write_text("01\n")
        self._config = folder / "openssl.cnf"
        self._config.write_text(_CONFIG.format(folder=folder, name=name))
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self._run("req", "-x509", "-config", "openssl.cnf", "-section", "ca", *key,
                  "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650")  # fmt: skip
        self._run("req", "-config", "openssl.cnf", "-section", "ca", *key, "-keyout", "tsa.key",
                  "-out", "tsa.csr", "-subj", "/CN=stamper")  # fmt: skip
        self._run("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                  "-CAcreateserial", "-out", "tsa.pem", "-days", "3650", "-extfile", "openssl.cnf",
                  "-extensions", "stamping")  # fmt: skip
        self.roots = (folder / "ca.pem").read_bytes()

    def stamp(self, text: bytes) -> bytes:
        """A DER TimeStampResp over `text`, with the signer's certificate in it."""
        (self._folder / "text").write_bytes(text)
        self._run("ts", "-query", "-data", "text", "-sha256", "-cert", "-out", "query.tsq")
        self._run("ts", "-reply", "-config", "openssl.cnf", "-section", "tsa1", "-queryfile",
                  "query.tsq", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "reply.tsr")  # fmt: skip
        return (self._folder / "reply.tsr").read_bytes()

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr)
