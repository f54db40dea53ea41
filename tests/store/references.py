"""What a verifier says of the references of a log that a test wrote; asked when it is closed."""

from __future__ import annotations

from audit.entry import decode, role_of
from governance.store.reader import Reader


def require_good(log: Reader) -> None:
    """Each reference points back, to an entry of its role; else `audit verify` calls the log tampered."""
    minimum, size = log.minimum, log.size
    roles: list[str] = []
    for index, data in enumerate(log.entries(minimum, size), minimum):
        entry = decode(data)
        roles.append(role_of(entry.kind))
        for role, target in entry.data.get("refs", {}).items():
            assert target < index, f"{entry.kind} {index} points forward, to {role} {target}"
            if target >= minimum:
                found = roles[target - minimum]
                assert found == role, f"{entry.kind} {index}: refs.{role} is a {found}"
