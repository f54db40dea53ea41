"""A notifier that keeps what it is told, for whoever looks at what people would have read."""

from __future__ import annotations

from governance.notify import Notice, Notifier, Target


class Kept(Notifier):
    """Sends nothing; `notices` are what it was told."""

    def __init__(self) -> None:
        super().__init__(Target("https://chat.example/hook", b"k" * 32))
        self.notices: list[Notice] = []

    def tell(self, notice: Notice) -> None:
        self.notices.append(notice)
