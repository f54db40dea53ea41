"""An anchor that is a time-stamping authority: a token that a head existed at a time, RFC 3161.

Law: the imprint is SHA-256 of the checkpoint's note text, without signature lines; a token is kept
only after it was verified against the configured roots, for the nonce that was asked with. Tokens
must be strict DER: an answer of several certificates in another order than DER's is refused by the
library, so an authority is asked to send, and should send, the signer's certificate only;
certificates between it and a root go into the file of roots.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from audit.note import split
from governance.anchoring.anchor import AnchorFailed, Head
from governance.anchoring.calling import call
from governance.anchoring.settings import AnchorSettings
from governance.config import ConfigError


class TimestampAnchor:
    """Asks one authority for a token over each head; it cannot be asked what it stamped before."""

    tells = False
    proves = True

    def __init__(self, settings: AnchorSettings) -> None:
        """Raises ConfigError if the roots cannot be read, or the library is not installed."""
        try:
            import rfc3161_client  # noqa: F401 - only its presence
        except ImportError:
            raise ConfigError(
                f"anchor `{settings.name}`: time-stamps need the package `rfc3161-client`; install it"
            ) from None
        self._url = settings.target
        self._roots, self._between = certificates(Path(settings.roots), settings.name)

    def newest(self, origin: str) -> str | None:
        """Cannot tell."""
        return None

    def publish(self, head: Head) -> bytes:
        """A verified token (DER TimeStampResp) over the head's note text."""
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        text = split(head.note)[0].encode("utf-8")
        asked = TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).build()
        answer = call(
            "POST",
            self._url,
            asked.as_bytes(),
            {
                "Content-Type": "application/timestamp-query",
                "Accept": "application/timestamp-reply",
            },
        )
        if answer.status != 200 or answer.media_type != "application/timestamp-reply":
            raise AnchorFailed(
                f"`{self._url}` answered {answer.status} `{answer.media_type}`; a time-stamping "
                "authority answers 200 `application/timestamp-reply`"
            )
        self._verify(answer.body, text, asked.nonce)
        return answer.body

    def _verify(self, token: bytes, text: bytes, nonce: int | None) -> None:
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

        try:
            found = decode_timestamp_response(token)
        except ValueError as error:
            raise AnchorFailed(
                f"`{self._url}` sent a token that is no strict DER ({error}); an authority that "
                "sends its certificate chain must send the signer's certificate only"
            ) from error
        try:
            VerifierBuilder(
                roots=self._roots, intermediates=self._between, nonce=nonce
            ).build().verify_message(found, text)
        except (VerificationError, ValueError) as error:
            raise AnchorFailed(
                f"the token of `{self._url}` does not hold: {error}; check `roots`, and that this "
                "is the authority you mean"
            ) from error


def certificates(path: Path, anchor: str) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """The roots in a PEM file (those that issued themselves) and those in between.

    Raises ConfigError.
    """
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"anchor `{anchor}`: `roots` names `{path}`, which holds no PEM certificates ({error})"
        ) from error
    roots = [each for each in found if each.issuer == each.subject]
    if not roots:
        raise ConfigError(
            f"anchor `{anchor}`: no certificate in `{path}` issued itself; add the authority's root"
        )
    return roots, [each for each in found if each.issuer != each.subject]
