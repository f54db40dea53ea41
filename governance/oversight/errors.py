"""How a rule of oversight says no.

Law: a refusal is a sentence for people.  It names what was given in backticks, says what was
expected and what to do next, and never leaks how the service is built.  `type` is a short slug
that programs may rely on; nothing is written to the log when one is raised under the lock.
"""


class Refused(Exception):
    """A command that may not be carried out: nothing is written.

    `type`: slug, stable for programs (`not-allowed`, `unknown`, `conflict`, `expired`, ...).
    `detail`: the sentence for people.  `field`: path of the offending field of the request, if
    one is to blame.  `retry_after`: whole seconds after which the same request may succeed.
    """

    def __init__(
        self, slug: str, detail: str, *, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.type, self.detail, self.field, self.retry_after = slug, detail, field, retry_after

    def __reduce__(self) -> tuple[object, tuple[object, ...], dict[str, object]]:
        return type(self), (self.type, self.detail), dict(vars(self))
