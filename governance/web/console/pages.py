"""Templates into answers: the console's own template engine and its few words.

Law: everything that is put on a page goes through `inert` and is escaped; a name that a template
misspells raises instead of staying blank.
"""

from __future__ import annotations

import functools
import hashlib
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from flask import Response, g, make_response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from governance.web.console.front import Front
from governance.web.console.present import Clockface, inert, left, number, ticks

_ROOM = Path(__file__).resolve().parent.parent
TEMPLATES = _ROOM / "templates"
STATIC = _ROOM / "static"


@functools.cache
def environment(zone: tzinfo) -> Environment:
    """The template engine for a time zone; templates are compiled once per process."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=inert,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    clock = Clockface(zone)
    made.filters.update(ticks=ticks, number=number, time=clock.time, minute=clock.minute)
    made.globals.update(style=style_addresses(), zone_name=clock.zone_name)
    return made


class Pages:
    """Renders the console's templates."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._environment = environment(front.zone)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page with this status; frame and form token of the visit are put in by themselves."""
        at = self._front.now()

        def until(moment: datetime) -> str:
            return left(moment, at)

        visit = g.get("visit")
        text = self._environment.get_template(template).render(
            frame=visit.frame if visit else None,
            form_token=g.get("form_token", ""),
            now=at,
            until=until,
            **values,
        )
        response = make_response(text, status)
        response.headers["Content-Type"] = "text/html; charset=utf-8"
        return response

    def message(
        self,
        status: int,
        heading: str,
        text: str,
        *,
        back: str = "/",
        back_text: str = "Go back",
        kept: str = "",
    ) -> Response:
        """A page that says one thing and leads on; `kept` is what the person had typed."""
        return self.render(
            "message.html",
            status,
            heading=heading,
            text=text,
            back=back,
            back_text=back_text,
            kept=kept,
        )

    def download(self, content: str | bytes, mimetype: str, name: str) -> Response:
        """A file that the person keeps under this name."""
        response = make_response(content)
        response.mimetype = mimetype
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def onward(self, path: str) -> Response:
        """A page that leads to `path` on this site, by itself or by its link."""
        return self.render("onward.html", path=path)


def style_addresses() -> tuple[str, ...]:
    """The style sheets' addresses, each with a digest so that browsers may keep them for long."""
    return tuple(
        f"/assets/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"
        for name in ("tokens.css", "console.css")
    )
