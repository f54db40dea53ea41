"""What every verb raises when it cannot do what was asked: an RFC 9457 problem in waiting.

Law: bad input, missing rights and lost races are values with a status, a type and a sentence that
says what to do; anything else that is raised is a defect of the service, not an answer.
"""

from collections.abc import Mapping
from typing import Final

from governance.oversight.errors import Refused

# slug -> (HTTP status, title).  RFC 9457 section 3.1: the title belongs to the type, not the case.
TYPES: Final[Mapping[str, tuple[int, str]]] = {
    "bad-request": (400, "the request does not fit"),
    "bad-field": (400, "a field of the request does not fit"),
    "service-fact": (400, "the request states a fact that only the service may state"),
    "bad-policy": (400, "the policy files do not make a release"),
    "unauthenticated": (401, "no valid key"),
    "not-allowed": (403, "the caller has no right to this"),
    "wrong-subject": (403, "the key does not speak for this agent"),
    "needs-another": (403, "this takes another person"),
    "unknown": (404, "there is no such thing here"),
    "conflict": (409, "this is not possible now"),
    "not-shown": (409, "the person has not seen what they answer"),
    "stopped": (409, "a stop is in force"),
    "expired": (410, "too late"),
    "used": (410, "already used"),
    "pruned": (410, "no longer kept"),
    "too-large": (413, "too large"),
    "key-reused": (422, "the idempotency key was used for another request"),
    "cooling-down": (429, "refused a short while ago"),
    "too-many": (429, "too many"),
    "not-ready": (503, "the service cannot answer now"),
}


class Problem(Refused):
    """A refusal with an HTTP status.

    `type` is a slug of `TYPES` (or a full URN of a standard, then `status` and `title` are
    given); surfaces prefix slugs with `urn:governance:problem:`.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        status: int | None = None,
        title: str | None = None,
    ) -> None:
        super().__init__(slug, detail, field=field, retry_after=retry_after)
        known = TYPES.get(slug, (400, slug))
        self.status = known[0] if status is None else status
        self.title = known[1] if title is None else title

    def __reduce__(self) -> tuple[object, tuple[object, ...], dict[str, object]]:
        return type(self), (self.type, self.detail), dict(vars(self))

    @property
    def headers(self) -> Mapping[str, str]:
        """`Retry-After` where waiting helps (RFC 9110 section 10.2.3), else nothing."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @classmethod
    def of(cls, refused: Refused) -> "Problem":
        """The problem for any refusal, whichever floor it came from."""
        if isinstance(refused, cls):
            return refused
        return cls(
            refused.type, refused.detail, field=refused.field, retry_after=refused.retry_after
        )
