"""The rules in sentences, for people and for an auditor's shelf.

Law: what is said is made from the checked rules, never kept beside them; who proposed and signed a
release is read from the log. A book of files that nobody released says so on its first page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from governance.engine.book import EFFECTS, Chapter, chapters
from governance.engine.compile import Release
from governance.oversight.times import write
from governance.service import child
from governance.service.desk import Desk
from governance.service.people import name_of
from governance.service.problem import Problem
from governance.service.reading import entry_of
from governance.service.supposing import compiled
from governance.service.version import version
from reports import handbook
from reports.pdf.handbook import render_handbook

DRAFT = "Not released: these are files on somebody's disk, and nothing of them is in force."


def words(files: Mapping[str, bytes], policy: str | None = None) -> dict[str, Any]:
    """Files in sentences: `{release, chapters: [{kind, name, title, owner, review_by, mode, about,
    said: [{kind, policy, owner, id, title, effect, severity, sentence, because, controls}], more,
    lists, controls}]}`. Raises `Problem` for files that do not load and for an unknown policy."""
    return said(compiled(files), policy)


def said(release: Release, policy: str | None = None) -> dict[str, Any]:
    """As `words`, for a release that is compiled."""
    found = _wanted(chapters(release), policy)
    return {"release": release.digest, "chapters": [_plain(chapter) for chapter in found]}


def in_force(desk: Desk, policy: str | None = None) -> dict[str, Any]:
    """As `words`, for the release in force; with `standing` and `people` from the log."""
    release, standing, people = _standing(desk, names=False)
    return said(release, policy) | {"standing": standing, "people": [list(each) for each in people]}


def print_files(
    files: Mapping[str, bytes], *, policy: str | None = None, workspace: str, at: datetime
) -> bytes:
    """Files as a PDF, made in a process of its own; marked as not released."""
    return child.run(_print, dict(files), policy, workspace, at, DRAFT, ())


def print_in_force(desk: Desk, *, policy: str | None = None, names: bool = False) -> bytes:
    """The release in force as a PDF; `names`: with the names of who proposed and signed it."""
    release, standing, people = _standing(desk, names=names)
    where = desk.workspace.origin
    return child.run(_print, dict(release.files), policy, where, desk.now(), standing, people)


def print_release(
    files: Mapping[str, bytes],
    *,
    policy: str | None,
    workspace: str,
    at: datetime,
    standing: str,
    people: tuple[tuple[str, str, str], ...],
) -> bytes:
    """Files as a PDF with what its first page says of them, made in a process of its own."""
    return child.run(_print, dict(files), policy, workspace, at, standing, people)


def _standing(desk: Desk, *, names: bool) -> tuple[Release, str, tuple[tuple[str, str, str], ...]]:
    state = desk.state
    if state.release is None:
        raise Problem("unknown", "no policy is in force")
    release = desk.releases.get(state.release).release
    if state.release_index is None:
        return release, "In force since before this log began (a restored one).", ()
    if state.release_index < desk.reader.minimum:
        both = zip(("Proposed", "Signed"), state.authors, strict=False)
        pruned = f"In force since entry {state.release_index} of the log, which was pruned."
        return (
            release,
            pruned,
            tuple((what, name_of(desk, p) if names else p, "") for what, p in both),
        )
    entry = entry_of(desk, state.release_index, "policy.released")
    data = entry.data
    proposed = entry_of(desk, data["refs"]["policy"], "policy.proposed")

    def who(person: str) -> str:
        return f"{name_of(desk, person)} ({person})" if names else person

    alone = "; nobody else signed it" if data["alone"] else ""
    people = (
        (
            "Proposed",
            who(data["proposed_by"]),
            f"{_day(proposed.at)}, entry {data['refs']['policy']}",
        ),
        ("Signed", who(data["signed_by"]), f"{_day(entry.at)}, entry {state.release_index}{alone}"),
    )
    return (
        release,
        f"In force since {_day(entry.at)}, entry {state.release_index} of the log.",
        people,
    )


def _day(at: datetime) -> str:
    return write(at)[:16].replace("T", " ") + " UTC"


def _wanted(found: Iterable[Chapter], policy: str | None) -> list[Chapter]:
    every = list(found)
    wanted = [chapter for chapter in every if policy in (None, chapter.name)]
    if not wanted:
        known = ", ".join(f"`{chapter.name}`" for chapter in every)
        raise Problem("unknown", f"there is no policy `{policy}`; there are {known}")
    return wanted


def _plain(chapter: Chapter) -> dict[str, Any]:
    return asdict(chapter) | {"review_by": chapter.review_by.isoformat()}


def _print(
    files: Mapping[str, bytes],
    policy: str | None,
    workspace: str,
    at: datetime,
    standing: str,
    people: tuple[tuple[str, str, str], ...],
) -> bytes:
    """In the child."""
    release = compiled(files)
    actions = release.catalogue.actions
    return render_handbook(
        handbook.Handbook(
            workspace=workspace,
            release=release.digest,
            made_at=at,
            software=version(),
            standing=standing,
            in_force=standing != DRAFT,
            people=people,
            chapters=tuple(_printed(each) for each in _wanted(chapters(release), policy)),
            actions=tuple(
                (
                    name,
                    actions[name].title,
                    ", ".join(actions[name].labels),
                    actions[name].risk.word,
                )
                for name in sorted(actions)
            ),
        )
    )


def _printed(chapter: Chapter) -> handbook.Chapter:
    return handbook.Chapter(
        name=chapter.name,
        title=chapter.title,
        owner=chapter.owner,
        review_by=chapter.review_by,
        mode=chapter.mode,
        about=chapter.about,
        rules=tuple(
            handbook.Rule(
                kind=one.kind,
                id=one.id,
                title=one.title,
                does=EFFECTS[one.effect],
                severity=one.severity,
                sentence=one.sentence,
                because=one.because,
                owner=one.owner,
                controls=one.controls,
                points=one.alternatives,
            )
            for one in chapter.said
        ),
        more=chapter.more,
        lists=tuple(handbook.NamedList(**asdict(one)) for one in chapter.lists),
        controls=chapter.controls,
    )
