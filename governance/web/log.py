"""What the process tells its operator: one line of JSON for each event, on stderr.

Law: no personal data and no argument of any action. An event names operations, statuses, times,
request ids and public key ids, and nothing else that a caller sent; a defect is told by its type
and the places in our own code, because an exception's message may quote a caller.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import PurePath
from typing import Any

import structlog

log: Any = structlog.get_logger("governance")


def configure(*, level: int = logging.INFO) -> None:
    """Write events as JSON lines to stderr; the server's own warnings take the same way."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    server = logging.getLogger("uvicorn.error")
    server.handlers = [_Bridge()]
    server.propagate = False
    server.setLevel(logging.WARNING)
    logging.getLogger("governance").handlers = [_Ours()]


def defect(event: str, error: BaseException, **about: Any) -> None:
    """Tell the operator about a failure of ours: the error's type and where it passed through."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    log.error(
        event,
        error=type(error).__name__,
        at=[f"{_short(f.filename)}:{f.lineno} {f.name}" for f in frames],
        **about,
    )


def _short(filename: str) -> str:
    return "/".join(PurePath(filename).parts[-3:])


class _Ours(logging.Handler):
    """What rooms without a surface say (the database answers again), as events like all others."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            defect(record.getMessage(), error)
        else:
            log.log(record.levelno, record.getMessage())


class _Bridge(logging.Handler):
    """The web server's warnings as events of ours, without their arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            defect("server", error)
        else:
            log.warning("server", message=str(record.msg)[:200])
