"""Routes of erasure, reports, exports, receipts and backups. The work is done in child processes."""

from __future__ import annotations

import mimetypes
import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.service import backing_up, clock, erasing, exporting, reporting
from governance.service.acting import receipt_json
from governance.service.disclosing import FAR, Selection
from governance.service.problem import Problem
from governance.web.api.call import Call, Handler, Reply, download


def erase_subject(call: Call) -> Mapping[str, Any]:
    """Delete a data subject's values and keys; what proves them stays."""
    body = call.body
    return erasing.erase(
        call.desk,
        call.who,
        subject_type=body["subject_type"],
        value=body["value"],
        ground=body["ground"],
        note=body.get("note"),
    )


def make_report(call: Call) -> Mapping[str, Any]:
    """Make the periodic report and record that it was issued."""
    body = call.body
    return reporting.periodic(
        call.desk,
        call.who,
        agent=body.get("agent"),
        start=instant(body.get("from"), "from"),
        end=instant(body.get("to"), "to"),
        names=body.get("names", False),
    )


def instant(text: str | None, name: str) -> datetime | None:
    """A time of a body, with its zone; raises `Problem` for any other text."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Problem(
            "bad-field",
            f"`{name}` is `{text}`, which is no time; write one such as `2026-11-20T08:00:00Z`",
            field=name,
        )
    return found


def read_report(call: Call) -> Reply:
    """The bytes of a report that was made here."""
    name = call.given["name"]
    path = call.desk.workspace.paths.reports / name
    try:
        # a link placed in the folder must not lead out of it
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        raise Problem(
            "unknown", f"there is no report `{name}`; `POST /v1/reports/periodic`"
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        content = file.read()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return download(content, kind, name)


def export_log(call: Call) -> Mapping[str, Any]:
    """Write a package that a stranger can verify, into the workspace's exports."""
    folder = call.desk.directory / "exports"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"export-{call.desk.state.size}-{secrets.token_hex(4)}.zip"
    return exporting.export(
        call.desk,
        call.who,
        target,
        shown=_selection(call.body),
    )


def _selection(body: Mapping[str, Any]) -> Selection:
    first, last = body.get("first"), body.get("last")
    return Selection(
        nothing=not body.get("disclose", True),
        first=first or 0,
        stop=FAR if last is None else last + 1,
        fields=tuple(body.get("fields", ())),
        classes=tuple(body.get("classes", ())),
        subjects=tuple(body.get("subjects", ())),
        decisions=tuple(body.get("decisions", ())),
    )


def back_up(call: Call) -> Mapping[str, Any]:
    """Back the workspace up into its backups."""
    return backing_up.backup(call.desk, call.who)


def confirm_clock(call: Call) -> Mapping[str, Any]:
    """Say that the time is right again after a jump."""
    return clock.confirm(call.desk, call.who)


def read_receipt(call: Call) -> Mapping[str, Any]:
    """The receipt of an entry; `proof=1` adds the proof that it is in the receipt's tree."""
    index = call.given["index"]
    try:
        receipt = call.desk.reader.receipt(index)
    except IndexError:
        raise Problem("unknown", f"there is no entry `{index}`", field="index") from None
    return receipt_json(receipt, proof=call.given.get("proof") == "1")


HANDLERS: Mapping[str, Handler] = {
    "eraseSubject": erase_subject,
    "makeReport": make_report,
    "readReport": read_report,
    "exportLog": export_log,
    "backUp": back_up,
    "confirmClock": confirm_clock,
    "readReceipt": read_receipt,
}
