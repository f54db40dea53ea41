"""Reads how far a file counts: `observe` and `gradual`. The law: a stage has a person and an end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from governance.engine import rules
from governance.engine.common import day
from governance.engine.meaning import of_condition
from governance.engine.model import Mode
from governance.engine.reading import Findings, Way
from governance.engine.shape import nearest
from governance.engine.values import duration

if TYPE_CHECKING:
    from governance.engine.policyfile import Reader

LONGEST: Final = timedelta(days=30)
"""For so long a file may watch, or speak for a share."""


def observing(
    reader: Reader, data: dict[str, Any], mode: Mode, at: date | None
) -> rules.Observing | None:
    """The `observe` of a file: there exactly when its mode is observe."""
    given = _given(reader, "observe", mode is Mode.OBSERVE, "observing needs a person and an end",
                   "add observe: {by: <person>, from: <date>, until: <date>}")  # fmt: skip
    if given is None:
        return None
    period = _period(reader, "observe")
    if period is None:
        return None
    if _too_long(period):
        reader.wrong(("observe", "until"), "observes-too-long", _SPAN.format(*period))
    if at is not None and period[1] < at:
        reader.wrong(("observe", "until"), "observing-ended", f"observing ended on {period[1]}",
                     "set mode: enforce, or name a new period")  # fmt: skip
    return rules.Observing(given["by"], *period)


def gradual(
    reader: Reader, data: dict[str, Any], mode: Mode, at: date | None
) -> rules.Gradual | None:
    """The `gradual` of a file: there exactly when its mode is gradual."""
    given = _given(reader, "gradual", mode is Mode.GRADUAL,
                   "a share needs a person, an end and a stop",
                   "add gradual: {replaces: <policy>, share: 10 %, of: agents, by: <person>, "
                   "from: <date>, until: <date>, stop_if: {denied: 20 %, out_of: 20, "
                   "in_last: 1h}}")  # fmt: skip
    if given is None:
        return None
    stop, share = given["stop_if"], _share(given["share"])
    denied, held_back, in_last = _stop(reader, stop)
    period = _period(reader, "gradual")
    if period is None or share is None or in_last is None:
        return None
    if _too_long(period):
        reader.wrong(("gradual", "until"), "gradual-too-long", _SPAN.format(*period))
    if at is not None and period[1] < at:
        reader.wrong(("gradual", "until"), "gradual-ended", f"the share ended on {period[1]}",
                     "put this file in force for everybody, or name a new period")  # fmt: skip
    said = [data["policy"], given["replaces"], share, given["of"], *period, denied, held_back,
            stop["out_of"], in_last]  # fmt: skip
    digest = hashlib.sha256("\0".join(map(str, said)).encode()).hexdigest()[:20]
    return rules.Gradual(
        replaces=given["replaces"],
        share=share,
        of=given["of"],
        by=given["by"],
        since=period[0],
        until=period[1],
        denied=denied,
        held_back=held_back,
        out_of=stop["out_of"],
        in_last=in_last,
        series=f"gradual:{data['policy']}:{digest}",
    )


def _given(reader: Reader, key: str, wanted: bool, needs: str, hint: str) -> dict[str, Any] | None:
    """What stands under the key of a stage, which is there exactly when it is wanted."""
    data = reader.document.data
    given: dict[str, Any] | None = data.get(key)
    if wanted and given is None:
        reader.wrong(("mode",), "missing-key", needs, hint)
    if not wanted and given is not None:
        reader.wrong((key,), "does-not-apply", f"the mode is {data['mode']}", key=True)
        return None
    return given


def _period(reader: Reader, key: str) -> tuple[date, date] | None:
    """The first and the last day of a stage, or None after a finding was added."""
    given = reader.document.data[key]
    since = day(reader, given["from"], (key, "from"))
    until = day(reader, given["until"], (key, "until"))
    return None if since is None or until is None else (since, until)


_SPAN: Final = "from {} until {} is not between 0 and 30 days"


def _too_long(period: tuple[date, date]) -> bool:
    return not timedelta(0) <= period[1] - period[0] <= LONGEST


def _stop(
    reader: Reader, stop: Mapping[str, Any]
) -> tuple[Decimal | None, Decimal | None, timedelta | None]:
    """How much may be denied, or held back, in how long, before a share stops."""
    denied, held_back = _share(stop.get("denied")), _share(stop.get("held_back"))
    if denied is None and held_back is None:
        reader.wrong(("gradual", "stop_if"), "missing-key",
                     "`stop_if` needs `denied`, `held_back` or both",
                     "such as {denied: 20 %, out_of: 20, in_last: 1h}")  # fmt: skip
    in_last = duration(stop["in_last"])
    if in_last is not None and in_last > LONGEST:
        reader.wrong(("gradual", "stop_if", "in_last"), "gradual-too-long",
                     "the stop looks back at most 30 days")  # fmt: skip
    return denied, held_back, in_last


def _share(raw: str | None) -> Decimal | None:
    return None if raw is None else Decimal(raw.removesuffix("%").rstrip())


def replaced(
    policies: Mapping[str, rules.PolicyFile], readers: Mapping[str, Reader], findings: Findings
) -> None:
    """What a gradual file replaces is in force, speaks for nothing more, and is replaced once."""
    taken: dict[str, str] = {}
    for name, file in policies.items():
        if file.gradual is None:
            continue
        reader, old = readers[name], policies.get(file.gradual.replaces)
        way: Way = ("gradual", "replaces")
        if old is None or old.mode is not Mode.ENFORCE:
            known = [each for each, made in policies.items() if made.mode is Mode.ENFORCE]
            reader.wrong(way, "unknown-replaced",
                         f"`{file.gradual.replaces}` is not a policy in force",
                         nearest(file.gradual.replaces, known))  # fmt: skip
            continue
        if old.policy in taken:
            reader.wrong(way, "unknown-replaced",
                         f"`{old.policy}` is already replaced by `{taken[old.policy]}`",
                         "one after the other")  # fmt: skip
        taken[old.policy] = name
        missing = [action for action in old.governs if action not in file.governs]
        if missing:
            reader.wrong(("governs",), "governs-less",
                         f"`{old.policy}` governs `{missing[0]}`, which would be denied in the share",
                         "govern at least what it governs")  # fmt: skip
        if of_condition(old.applies_to) != of_condition(file.applies_to):
            reader.wrong(("applies_to",), "governs-less",
                         f"`{old.policy}` applies to other agents, so that some would be without it",
                         "apply to the same agents")  # fmt: skip
