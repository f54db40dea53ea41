"""What was stated and counted about an action, as rows: values, claims, limits, histories.

Law: beside each row stands who says so; what only binds is not called true, what was erased says
so, and what cannot be told is shown as that and never as nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from governance.engine import words
from governance.oversight.times import MICROSECOND
from governance.service import describing
from governance.web.console import saying
from governance.web.console.present import Clockface, number
from governance.web.console.views import Fact, Known, Source

if TYPE_CHECKING:
    from governance.engine.catalogue import ActionType
    from governance.engine.compile import Release
    from governance.service.desk import Desk
    from governance.service.releases import Ready


def texts(desk: Desk, release: str | None) -> Mapping[str, tuple[str, str]]:
    """Titles and reasons of a release's rules; none when its files are not kept."""
    if release is None or not desk.releases.known(release):
        return {}
    return desk.releases.get(release).texts


def heading(decided: Mapping[str, Any], action: ActionType | None) -> str:
    """What would happen, in one line: the action's title and its first quantity."""
    said = action.title.rstrip(".?") if action else decided["action"]
    for name, arg in (action.args if action else {}).items():
        given = decided["args"].get(name)
        if arg.type.name == "money" and isinstance(given, str):
            return f"{said}: {saying.amount(given)}"
    return said


def title_of(desk: Desk, index: int) -> str:
    """What the decision at `index` was about, in one line; empty when it is no longer kept."""
    if index < desk.reader.minimum:
        return ""
    decided = desk.reader.entry(index).data
    return heading(decided, describing.action_of(desk, decided))


PLACEHOLDERS = ("action", "tool")
"""Types of a resource that name the action once more, because AuthZEN wants a resource."""


def worth_showing(facts: Iterable[Mapping[str, Any]], action: str) -> list[Mapping[str, Any]]:
    """`facts` without a resource that only stands in for the action itself."""
    given = list(facts)
    type_, id_ = (
        next((fact["value"] for fact in given if fact["field"] == f"resource.{name}"), None)
        for name in ("type", "id")
    )
    if type_ in PLACEHOLDERS or id_ == action:
        return [fact for fact in given if fact["field"] not in ("resource.type", "resource.id")]
    return given


_SPEAKS_FOR_ITSELF = ("duration", "iban", "money", "boolean", "url", "email", "date", "datetime")
"""Types whose values nobody mistakes, so that the type's name beside them would only be noise."""
_EXACT = ("iban", "path", "command", "host", "url", "email")


def facts(given: Iterable[Mapping[str, Any]], *, arguments: bool = False) -> tuple[Fact, ...]:
    """What was stated about an action, or only its arguments; who says it stands beside each."""
    out = []
    for each in given:
        if arguments and not each["field"].startswith("args."):
            continue
        kind = each["type"] or ""
        look: Any = "amount" if kind == "money" else "mono" if kind in _EXACT else "plain"
        unit = "" if kind in _SPEAKS_FOR_ITSELF else saying.words(kind)
        value = saying.value(each["value"], kind)
        source, who = source_of(each), ""
        if each["field"].startswith("args.") and source == "claimed":
            # What is asked for is no statement about the world: the digest binds it as it is.
            source, who = "exact", "Bound as asked"
        label = saying.label(each["field"])
        out.append(Fact(label, value, source, unit, _note(each), look, who))
    return tuple(out)


def _note(fact: Mapping[str, Any]) -> str:
    if fact.get("spoiled"):
        return f"cannot be read: {saying.words(str(fact['spoiled']))}"
    if fact.get("undeclared"):
        return "the catalogue does not know this argument"
    if fact["value"] is None:
        return "the value was erased; the log still binds it"
    return ""


def source_of(fact: Mapping[str, Any]) -> Source:
    if fact["says"] == "service":
        return "ours"
    return "vouched" if fact["says"] == "gateway" else "claimed"


_SAYS: dict[Source, str] = {
    "ours": "Recorded here",
    "vouched": "Vouched for by the gateway",
    "claimed": "Claimed by the agent",
}


def said(fact: Mapping[str, Any]) -> Known:
    """A claim as a row of what is known, with who says so."""
    source = source_of(fact)
    value = saying.value(fact["value"], fact["type"] or "")
    about = fact["field"].replace("_", " ").replace(".", ": ", 1)
    return Known(saying.capped(about, 80).capitalize(), value, source, _SAYS[source])


def windows(
    desk: Desk, clock: Clockface, totals: Iterable[Any], release: str | None
) -> list[Known]:
    """What limits and histories held when the decision was taken; what happened comes first.

    A history has two series, of what was allowed and of what was confirmed as done: one row.
    """
    known = release is not None and desk.releases.known(release)
    ready = desk.releases.get(release) if known and release else None
    out, pasts = [], dict[tuple[str, str, int | None], dict[str, tuple[int, bool]]]()
    for series, key, since, total, count, mixed in totals:
        word, _, rest = series.partition(":")
        if ready is not None and word in ("did", "done") and series in ready.release.series:
            pasts.setdefault((rest, key, since), {})[word] = (count, mixed)
            continue
        about = _limit(ready, series)
        named = ", ".join(str(each) for each in _key(key) if not _is_hidden(each))
        if named:
            about += f" ({saying.capped(named, 80)})"
        who = "Cannot be told" if mixed else "Recorded here"
        spec = None if ready is None else ready.release.series.get(series)
        held = _window(clock, since, total, count, mixed, "" if spec is None else spec.unit)
        out.append((not count, Known(about, held, None if mixed else "ours", who)))
    for (rest, _, since), counts in pasts.items():
        assert ready is not None
        out.append(_past(ready.release, clock, rest, since, counts))
    # Two rules may look for the same thing in the same time: once is enough.
    return list(dict.fromkeys(row for _, row in sorted(out, key=lambda each: each[0])))


def _past(
    release: Release,
    clock: Clockface,
    series: str,
    since: int | None,
    counts: Mapping[str, tuple[int, bool]],
) -> tuple[bool, Known]:
    """One history in words, and whether nothing of it ever happened."""
    spec = next(release.series[f"{word}:{series}"] for word in counts)
    about = words.actions(spec.actions, release.catalogue.actions)
    about = about[:1].upper() + about[1:]
    same = [words.field(name).removeprefix("the ") for name in spec.keys if name != "agent.id"]
    if "agent.id" in spec.keys:
        about += ", by this agent"
    if same:
        about += f", for the same {saying.listing(same)}"
    if any(mixed for _, mixed in counts.values()):
        return False, Known(saying.capped(about, 200), "", None, "Cannot be told")
    start = _start(clock, since)
    said = [
        f"{_times(count)} {'allowed' if word == 'did' else 'carried out'}"
        for word, (count, _) in counts.items()
        if count
    ]
    held = f"{saying.listing(said)} {start}" if said else f"No, {_never(start)}"
    return not said, Known(saying.capped(about, 200), held, "ours", "Recorded here")


def _limit(ready: Ready | None, series: str) -> str:
    """A series in words: the limit it belongs to, or what else it counts."""
    if series == "budget":
        return "Cost stated so far in this budget's period"
    if not series.startswith("limit:"):
        return "Earlier actions that a rule looks for; its text is not kept here"
    policy, rule = saying.split_rule(series.removeprefix("limit:").rpartition(":")[0])
    title, _ = ready.texts.get(f"{policy}/{rule}", ("", "")) if ready else ("", "")
    return f"{rule}, {title}: used before" if title else f"{rule}: used before"


_PSEUDONYM = re.compile(r"[ps]-[a-z0-9]{8,40}").fullmatch


def _is_hidden(part: Any) -> bool:
    """A part of a key that tells a person nothing: missing, or a pseudonym of the log."""
    return part is None or part == "?" or (isinstance(part, str) and bool(_PSEUDONYM(part)))


def _key(key: str) -> list[Any]:
    try:
        found = json.loads(key)
    except ValueError:
        return [key]
    return found if isinstance(found, list) else [key]


def _window(
    clock: Clockface, since: int | None, total: str, count: int, mixed: bool, unit: str
) -> str:
    if mixed:
        return ""
    start = _start(clock, since)
    counts = total in ("0", str(count)) and not unit
    sums = "" if counts else f", in all {saying.amount(f'{total} {unit}'.strip())}"
    return f"{_times(count)} {start}{sums}" if count else f"Nothing {start}"


def _start(clock: Clockface, since: int | None) -> str:
    return "ever" if since is None else f"since {clock.plain(_moment(since))}"


def _never(start: str) -> str:
    return "never" if start == "ever" else f"not {start}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{number(count)} times"


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(0, tz=UTC) + micros * MICROSECOND
