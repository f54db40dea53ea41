"""`governance` and `python -m governance`: the command line over the wired app.

Law: the app is loaded when a command needs it; help, hooks and commands to a running service do not
wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from governance import cli

if TYPE_CHECKING:
    from governance.wiring import App


class Later:
    """The wired app, loaded at the first use of it."""

    def __init__(self) -> None:
        self._app: App | None = None

    def __getattr__(self, name: str) -> Any:
        if self._app is None:
            from governance.wiring import App

            self._app = App()
        return getattr(self._app, name)


def main() -> None:
    """Run the command line."""
    cli.main(Later())


if __name__ == "__main__":
    main()
