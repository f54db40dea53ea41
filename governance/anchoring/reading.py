"""An anchor's settings as people write them: in a table, or in one word on the command line.

Law: an anchor that could not work is refused with a sentence that names the setting; a setting that
its kind does not have is refused, not ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from governance.addresses import is_loopback, is_url
from governance.anchoring.settings import KINDS, OPTIONS, TLS, AnchorSettings

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}").fullmatch
_MAILBOX: Final = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+").fullmatch
_BRANCH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*").fullmatch
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_URLS: Final = ("webhook", "witness", "timestamp")


class BadAnchor(ValueError):
    """An anchor's settings do not fit; the message says which and what to write."""


def spelt(text: str) -> dict[str, Any]:
    """The table that `KIND:TARGET[,setting=value…]` spells. Raises `BadAnchor`."""
    kind, colon, rest = text.partition(":")
    target, *settings = rest.split(",")
    if not colon or not target:
        raise BadAnchor(f"write KIND:TARGET, where KIND is one of {_listed(KINDS)}")
    table: dict[str, Any] = {"kind": kind, "target": target}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name in table:
            raise BadAnchor(f"`{setting}` is not of the form SETTING=VALUE, each once")
        table[name] = _typed(name, value)
    return table


def _typed(name: str, value: str) -> str | int | bool:
    if name == "every_seconds" and value.isascii() and value.isdigit():
        return int(value)
    if name == "allow_private" and value in ("true", "false"):
        return value == "true"
    return value


def check(anchor: AnchorSettings, given: Iterable[str] = ()) -> None:
    """Refuse an anchor that could not work; `given` are the settings that were written.

    Raises `BadAnchor`.
    """
    kind = KINDS.get(anchor.kind)
    if kind is None:
        raise BadAnchor(f"`{anchor.kind}` is not a kind of anchor; write one of {_listed(KINDS)}")
    if NAME(anchor.name) is None:
        raise BadAnchor("a name has 1 to 40 lower-case letters, digits, `.`, `-` and `_`")
    if not anchor.target or anchor.target.startswith("-") or _CONTROL.search(anchor.target):
        raise BadAnchor(f"`target` is `{anchor.target}`; write {kind.target}")
    has = (*kind.needs, *kind.may, *OPTIONS)
    unknown = sorted(set(given) - {"name", "kind", "target", *has})
    if unknown:
        raise BadAnchor(
            f"`{unknown[0]}` is not a setting of the kind `{anchor.kind}`; it has {_listed(has)}"
        )
    for need in kind.needs:
        if not getattr(anchor, need):
            raise BadAnchor(f"the kind `{anchor.kind}` needs the setting `{need}`")
    if anchor.kind in _URLS and not is_url(anchor.target):
        raise BadAnchor(f"`target` is `{anchor.target}`; write {kind.target}")
    if anchor.kind in _URLS and "@" in urlsplit(anchor.target).netloc:
        raise BadAnchor(
            "`target` has a name or a password before `@`, which nobody would be sent; write the "
            "address without it"
        )
    if anchor.kind == "git" and _BRANCH(anchor.branch) is None:
        raise BadAnchor(f"`branch` is `{anchor.branch}`; write the name of a branch")
    if anchor.kind == "mail":
        _check_mail(anchor)


def _check_mail(anchor: AnchorSettings) -> None:
    host, _, port = anchor.server.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadAnchor(
            f"`server` is `{anchor.server}`; write host and port: `mail.corp.example:587`"
        )
    for name, address in (("target", anchor.target), ("sender", anchor.sender)):
        if _MAILBOX(address) is None:
            raise BadAnchor(f"`{name}` is `{address}`; write one mail address")
    if anchor.tls not in TLS:
        raise BadAnchor(f"`tls` is `{anchor.tls}`; write one of {_listed(TLS)}")
    if anchor.tls == "none" and not is_loopback(host.strip("[]")):
        raise BadAnchor(f"`tls` is `none` and `{host}` another machine; write `starttls` or `tls`")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
