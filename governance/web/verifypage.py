"""The page on which a browser checks a package: one file, which loads nothing and sends nothing.

Law: the page is the same bytes for everybody, from the service, from a file and from a mirror; it
carries its own policy, which lets exactly its own script and style run and nothing connect. It is the
only page here with a script, and the only one that needs no sign-in: it shows nothing of ours.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Response

_STATIC = Path(__file__).parent / "static"
_SPRITE = Path(__file__).parent / "templates" / "_icons.html"
_SCRIPTS = (
    "bytes", "zip", "folder", "entry", "tree", "notes", "log", "reading", "check", "words", "page"
)  # fmt: skip
_STYLES = ("tokens.css", "console.css", "verify/verify.css")
_POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:;"
    " base-uri 'none'; form-action 'none'"
)


@lru_cache(maxsize=1)
def page() -> bytes:
    """The whole page as UTF-8."""
    text = (_STATIC / "verify" / "page.html").read_text(encoding="utf-8")
    script, style = _script(), _style()
    filling = {
        "{policy}": policy(),
        "{icon}": "data:image/svg+xml," + quote((_STATIC / "icon.svg").read_text().strip()),
        "{style}": style,
        "{sprite}": _SPRITE.read_text(encoding="utf-8").strip(),
        "{script}": script,
    }
    for place, content in filling.items():
        before, found, after = text.partition(place)
        assert found, place
        text = before + content + after
    return text.encode()


def digest() -> str:
    """The SHA-256 of the page, in hex, to be published."""
    return hashlib.sha256(page()).hexdigest()


def policy() -> str:
    """The content security policy that the page carries and is served with."""
    return _POLICY.format(script=_source(_script()), style=_source(_style()))


def blueprint() -> Blueprint:
    """`GET /verify`, for everybody."""
    mounted = Blueprint("verifypage", __name__)

    @mounted.get("/verify")
    def verify() -> Response:
        response = Response(page(), content_type="text/html; charset=utf-8")
        response.headers.update(
            {
                "Content-Security-Policy": policy() + "; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
                "Referrer-Policy": "no-referrer",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Cache-Control": "no-cache",
                "ETag": f'"{digest()}"',
            }
        )
        return response

    return mounted


@lru_cache(maxsize=1)
def _script() -> str:
    parts = [(_STATIC / "verify" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return '\n"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


@lru_cache(maxsize=1)
def _style() -> str:
    return "\n" + "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in _STYLES)


def _source(text: str) -> str:
    """A source expression for an inline script or style, CSP Level 3 §2.3.1."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
