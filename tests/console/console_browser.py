"""A real browser for tests: Debian's Chromium, driven by Playwright, watched for trouble.

`Watched` collects whatever a page must never cause: dialogs, script errors, reports of a broken
content security policy, requests to anywhere but the served address.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MISSING = (
    "the browser tests need Debian's `chromium` and did not find it on the path;"
    " run `make browser` (or `apt-get install -y chromium`) and try again"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium. Raises `AssertionError` with what to do when there is none."""
    found = shutil.which("chromium")
    assert found, MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page and the trouble it caused so far."""

    page: Page
    url: str
    trouble: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open a path of the served console."""
        self.page.goto(self.url + path)

    def fits(self, width: int) -> bool:
        """Whether nothing sticks out sideways at this width."""
        self.page.set_viewport_size({"width": width, "height": 740})
        return int(self.page.evaluate("document.documentElement.scrollWidth")) <= width

    def sign_in(self, name: str, password: str) -> None:
        """Sign in with mouse and fields."""
        self.go("/sign-in")
        self.page.get_by_label("E-mail or sign-in name").fill(name)
        self.page.get_by_label("Password").fill(password)
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Sign in").click()


@contextmanager
def watched(browser: Browser, url: str, width: int = 360, **more: Any) -> Iterator[Watched]:
    """A fresh browser profile with one watched page, as wide as a phone."""
    context = browser.new_context(viewport={"width": width, "height": 740}, **more)
    page = context.new_page()
    seen = Watched(page, url)

    def dialog(shown: Any) -> None:
        seen.trouble.append(f"dialog: {shown.message}")
        shown.dismiss()

    def console(message: Any) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            seen.trouble.append(f"{message.type}: {message.text}")

    def request(sent: Any) -> None:
        if not sent.url.startswith(url):
            seen.trouble.append(f"request elsewhere: {sent.url}")

    page.on("dialog", dialog)
    page.on("console", console)
    page.on("pageerror", lambda error: seen.trouble.append(f"script error: {error}"))
    page.on("request", request)
    try:
        yield seen
    finally:
        context.close()
