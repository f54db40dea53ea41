"""`governance` and `python -m governance`: the command line over the wired app."""

from __future__ import annotations

from governance import cli
from governance.wiring import App


def main() -> None:
    """Run the command line."""
    cli.main(App())


if __name__ == "__main__":
    main()
