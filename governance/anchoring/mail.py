"""An anchor that is a mailbox: somebody gets the head and how to verify with it.

Law: nothing is sent over a network unencrypted (STARTTLS or TLS, the server's certificate checked);
the mail holds the checkpoint byte for byte as an attachment, and no key that its reader should trust:
a key comes from elsewhere.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from governance.anchoring.anchor import TIMEOUT, AnchorFailed, Head
from governance.anchoring.settings import AnchorSettings
from governance.config import secret

TEXT = """\
This is the head of an audit log. Keep this mail: it fixes the first {size} entries of the log
{origin}
as they were on {at}. Whoever changes, takes out or cuts off one of them later cannot hide it from you.

To check a package of that log, save the attached checkpoint and run
    python -m audit verify PACKAGE --key KEY --head checkpoint-{size}.txt
where KEY is the log's public key as it was handed to you on another way, not from this mail and not
from the package. It ends with 0 when the package contains all of what this head fixes.

The checkpoint (a signed note, C2SP tlog-checkpoint):

{note}"""


class MailAnchor:
    """Sends each head to one mailbox; a mailbox cannot be asked what it holds."""

    tells = False
    proves = False

    def __init__(self, settings: AnchorSettings) -> None:
        """Raises ConfigError for a password that is not there."""
        self._settings = settings
        self._password = secret(settings.password) if settings.password else ""
        host, _, port = settings.server.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)

    def newest(self, origin: str) -> str | None:
        """Cannot tell."""
        return None

    def publish(self, head: Head) -> bytes:
        """Send the head."""
        server = self._settings.server
        try:
            with self._connected() as smtp:
                if self._settings.user:
                    smtp.login(self._settings.user, self._password)
                smtp.send_message(message(head, self._settings.sender, self._settings.target))
        except smtplib.SMTPNotSupportedError as error:
            raise AnchorFailed(f"the mail server `{server}`: {error}; use one that does") from None
        except (OSError, smtplib.SMTPException) as error:
            raise AnchorFailed(f"the mail server `{server}` did not take the head: {error}") from (
                error
            )
        return b""

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.roots or None)
        if settings.tls == "tls":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=context)
        smtp = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        try:
            if settings.tls == "starttls":
                smtp.starttls(context=context)
        except BaseException:
            smtp.close()
            raise
        return smtp


def message(head: Head, sender: str, to: str) -> EmailMessage:
    """The mail: text for a person, and the checkpoint as an attachment, byte for byte."""
    mail = EmailMessage(policy=SMTP)
    stamp = hashlib.sha256(f"{head.origin}\n{head.size}\n{head.root.hex()}".encode()).hexdigest()
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = f"Audit log {head.origin}: head of {head.size} entries"
    mail["Date"] = format_datetime(head.at)
    mail["Message-ID"] = f"<{stamp[:32]}@{sender.rpartition('@')[2]}>"
    at = f"{head.at:%Y-%m-%d %H:%M} UTC"
    mail.set_content(TEXT.format(size=head.size, origin=head.origin, at=at, note=head.note))
    mail.add_attachment(
        head.note.encode("utf-8"),
        maintype="application",
        subtype="octet-stream",
        filename=f"checkpoint-{head.size}.txt",
    )
    return mail
