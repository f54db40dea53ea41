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
from governance.service.drafts import compiled
from governance.service.people import name_of
from governance.service.problem import Problem
from governance.service.reading import entry_of
from governance.service.version import version
from reports import handbook
from reports.pdf.handbook import render_handbook

DRAFT = "Not released: these are files on somebody's disk, and nothing of them is in force."

People = tuple[tuple[str, str, str], ...]
"""(what they did, who, when and in which entry)."""


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
    files: Mapping[str, bytes],
    *,
    policy: str | None = None,
    workspace: str,
    at: datetime,
    standing: str = DRAFT,
    people: People = (),
    in_force: bool = False,
) -> bytes:
    """Files as a PDF, made in a process of its own; `standing` and `people` are told on its first
    page, and unless the files are in force no page says that anything is."""
    return child.run(_print, dict(files), policy, workspace, at, standing, people, in_force)


def print_in_force(desk: Desk, *, policy: str | None = None, names: bool = False) -> bytes:
    """The release in force as a PDF; `names`: with the names of who proposed and signed it."""
    release, standing, people = _standing(desk, names=names)
    return print_files(
        release.files, policy=policy, workspace=desk.workspace.origin, at=desk.now(),
        standing=standing, people=people, in_force=True,
    )  # fmt: skip


def told(desk: Desk, person: str, *, names: bool) -> str:
    """Who did something, for the first page: a pseudonym, with the name only where asked for."""
    return f"{name_of(desk, person)} ({person})" if names else person


def minute(at: datetime) -> str:
    """`2026-11-20 09:00 UTC`."""
    return write(at)[:16].replace("T", " ") + " UTC"


def _standing(desk: Desk, *, names: bool) -> tuple[Release, str, People]:
    state = desk.state
    if state.release is None:
        raise Problem("unknown", "no policy is in force")
    release = desk.releases.get(state.release).release
    index = state.release_index
    if index is None:
        return release, "In force since before this log began (a restored one).", ()
    if index < desk.reader.minimum:
        both = zip(("Proposed", "Signed"), state.authors, strict=False)
        people = tuple((what, told(desk, person, names=names), "") for what, person in both)
        return release, f"In force since entry {index} of the log, which was pruned.", people
    entry = entry_of(desk, index, "policy.released")
    data, since = entry.data, minute(entry.at)
    proposal = data["refs"]["policy"]
    proposed = minute(entry_of(desk, proposal, "policy.proposed").at)
    alone = "; nobody else signed it" if data["alone"] else ""
    people = (
        ("Proposed", told(desk, data["proposed_by"], names=names), f"{proposed}, entry {proposal}"),
        ("Signed", told(desk, data["signed_by"], names=names), f"{since}, entry {index}{alone}"),
    )
    return release, f"In force since {since}, entry {index} of the log.", people


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
    people: People,
    in_force: bool,
) -> bytes:
    """In the child."""
    release = compiled(files, released=standing != DRAFT)
    actions = release.catalogue.actions
    return render_handbook(
        handbook.Handbook(
            workspace=workspace,
            release=release.digest,
            made_at=at,
            software=version(),
            standing=standing,
            in_force=in_force,
            people=people,
            chapters=tuple(map(_printed, _wanted(chapters(release), policy))),
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
