"""Reads how far a file counts: `observe` and `gradual`. The law: a stage has a person and an end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from governance.engine import rules
from governance.engine.meaning import of_condition
from governance.engine.model import Mode
from governance.engine.reading import Findings, Way
from governance.engine.shape import nearest
from governance.engine.values import duration

if TYPE_CHECKING:
    from governance.engine.policyfile import Reader

LONGEST: Final = timedelta(days=30)
"""For so long a file may watch, or speak for a share."""


def day(reader: Reader, raw: str, way: Way) -> date | None:
    """A date such as 2027-05-31, or None after a finding was added."""
    try:
        return date.fromisoformat(raw)
    except ValueError:
        reader.wrong(way, "wrong-form", f"`{raw}` is not a date", "such as 2027-05-31")
        return None


def observing(
    reader: Reader, data: dict[str, Any], mode: Mode, at: date | None
) -> rules.Observing | None:
    """The `observe` of a file: there exactly when its mode is observe."""
    given = data.get("observe")
    if mode is not Mode.OBSERVE:
        if given is not None:
            reader.wrong(("observe",), "does-not-apply", f"the mode is {mode.value}", key=True)
        return None
    if given is None:
        reader.wrong(("mode",), "missing-key", "observing needs a person and an end",
                     "add observe: {by: <person>, from: <date>, until: <date>}")  # fmt: skip
        return None
    since = day(reader, given["from"], ("observe", "from"))
    until = day(reader, given["until"], ("observe", "until"))
    if since is None or until is None:
        return None
    if not timedelta(0) <= until - since <= LONGEST:
        reader.wrong(("observe", "until"), "observes-too-long",
                     f"from {since} until {until} is not between 0 and 30 days")  # fmt: skip
    if at is not None and until < at:
        reader.wrong(("observe", "until"), "observing-ended", f"observing ended on {until}",
                     "set mode: enforce, or name a new period")  # fmt: skip
    return rules.Observing(given["by"], since, until)


def gradual(
    reader: Reader, data: dict[str, Any], mode: Mode, at: date | None
) -> rules.Gradual | None:
    """The `gradual` of a file: there exactly when its mode is gradual."""
    given = data.get("gradual")
    if mode is not Mode.GRADUAL:
        if given is not None:
            reader.wrong(("gradual",), "does-not-apply", f"the mode is {mode.value}", key=True)
        return None
    if given is None:
        reader.wrong(("mode",), "missing-key", "a share needs a person, an end and a stop",
                     "add gradual: {replaces: <policy>, share: 10 %, of: agents, by: <person>, "
                     "from: <date>, until: <date>, stop_if: {denied: 20 %, out_of: 20, "
                     "in_last: 1h}}")  # fmt: skip
        return None
    since = day(reader, given["from"], ("gradual", "from"))
    until = day(reader, given["until"], ("gradual", "until"))
    stop = given["stop_if"]
    denied, held_back = _share(stop.get("denied")), _share(stop.get("held_back"))
    if denied is None and held_back is None:
        reader.wrong(("gradual", "stop_if"), "missing-key",
                     "`stop_if` needs `denied`, `held_back` or both",
                     "such as {denied: 20 %, out_of: 20, in_last: 1h}")  # fmt: skip
    if since is None or until is None:
        return None
    if not timedelta(0) <= until - since <= LONGEST:
        reader.wrong(("gradual", "until"), "gradual-too-long",
                     f"from {since} until {until} is not between 0 and 30 days")  # fmt: skip
    if at is not None and until < at:
        reader.wrong(("gradual", "until"), "gradual-ended", f"the share ended on {until}",
                     "put this file in force for everybody, or name a new period")  # fmt: skip
    share, in_last = _share(given["share"]), duration(stop["in_last"])
    if share is None or in_last is None:
        return None
    if in_last > LONGEST:
        reader.wrong(("gradual", "stop_if", "in_last"), "gradual-too-long",
                     "the stop looks back at most 30 days")  # fmt: skip
    said = [data["policy"], given["replaces"], str(share), given["of"], str(since), str(until),
            str(denied), str(held_back), str(stop["out_of"]), str(in_last)]  # fmt: skip
    digest = hashlib.sha256("\0".join(said).encode()).hexdigest()[:20]
    return rules.Gradual(
        replaces=given["replaces"],
        share=share,
        of=given["of"],
        by=given["by"],
        since=since,
        until=until,
        denied=denied,
        held_back=held_back,
        out_of=stop["out_of"],
        in_last=in_last,
        series=f"gradual:{data['policy']}:{digest}",
    )


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
