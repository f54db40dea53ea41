"""A release as it is once the lists that got too old are refreshed.

Law: a list that is too old is *cannot tell* whatever its members are, and refreshing the same members
takes nobody's signature.  So what a release may open is only seen with its lists as good as new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from governance.engine.compile import Release, compile_bundle
from governance.engine.load import Bundle
from governance.engine.rules import ListUse


def too_old(release: Release, at: datetime) -> tuple[str, ...]:
    """The names of the list files that are too old at a time for a use of them, sorted."""
    uses = (use for lists in _of(release.bundle) for use in lists.values())
    return tuple(sorted({use.source for use in uses if use.source and _lapsed(use, at)}))


def refreshed(release: Release, at: datetime) -> Release:
    """The release with every such list true as of `at`.  Only to be compared, never in force."""
    bundle = release.bundle
    risk = bundle.risk
    fresh = replace(
        bundle,
        files=tuple(replace(file, lists=_fresh(file.lists, at)) for file in bundle.files),
        risk=None if risk is None else replace(risk, lists=_fresh(risk.lists, at)),
        invariants=tuple(replace(one, lists=_fresh(one.lists, at)) for one in bundle.invariants),
    )
    return compile_bundle(fresh, release.files, release.digest)


def _of(bundle: Bundle) -> Iterable[Mapping[str, ListUse]]:
    yield from (file.lists for file in bundle.files)
    if bundle.risk is not None:
        yield bundle.risk.lists


def _lapsed(use: ListUse, at: datetime) -> bool:
    return use.as_of is not None and use.max_age is not None and use.as_of + use.max_age < at


def _fresh(lists: Mapping[str, ListUse], at: datetime) -> dict[str, ListUse]:
    return {name: replace(u, as_of=at) if _lapsed(u, at) else u for name, u in lists.items()}
