"""Settings become anchors, by kind.

Law: whatever cannot work (a secret that is not set, roots that cannot be read, a key that is none)
stops the start with a sentence; whatever is merely not reachable now does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from audit.errors import LogError
from audit.trust import TrustPolicy
from governance.anchoring.anchor import Anchor
from governance.anchoring.file import FileAnchor
from governance.anchoring.git import GitAnchor
from governance.anchoring.mail import MailAnchor
from governance.anchoring.settings import Anchoring, AnchorSettings
from governance.anchoring.station import Anchors, Station
from governance.anchoring.timestamps import TimestampAnchor
from governance.anchoring.webhook import WebhookAnchor
from governance.anchoring.witnesses import WitnessAnchor
from governance.config import ConfigError

CACHE: Final = "anchors"
"""The folder in the workspace where copies of repositories at a URL lie; it can be thrown away."""

Make = Callable[[AnchorSettings, Path], Anchor]

KINDS: Final[Mapping[str, Make]] = {
    "file": lambda settings, _: FileAnchor(settings),
    "git": lambda settings, directory: GitAnchor(settings, directory / CACHE / _stamp(settings)),
    "webhook": lambda settings, _: WebhookAnchor(settings),
    "mail": lambda settings, _: MailAnchor(settings),
    "witness": lambda settings, _: WitnessAnchor(settings),
    "timestamp": lambda settings, _: TimestampAnchor(settings),
}


def anchors(settings: Sequence[AnchorSettings], asked: Anchoring, directory: Path) -> Anchors:
    """The anchors of the workspace in `directory`, where paths begin. Raises ConfigError."""
    placed = [_placed(each, directory.absolute()) for each in settings]
    return Anchors(
        tuple(Station(each, KINDS[each.kind](each, directory)) for each in placed),
        asked.alarm_minutes * 60.0,
        _policy(asked.policy and str(directory / asked.policy)),
    )


def _placed(anchor: AnchorSettings, directory: Path) -> AnchorSettings:
    """The same with whole paths, wherever the service was started."""
    if anchor.roots:
        anchor = replace(anchor, roots=str(directory / anchor.roots))
    if anchor.kind == "file" or (anchor.kind == "git" and (directory / anchor.target).is_dir()):
        anchor = replace(anchor, target=str(directory / anchor.target))
    return anchor


def _stamp(settings: AnchorSettings) -> str:
    return hashlib.sha256(settings.target.encode()).hexdigest()[:16] + ".git"


def _policy(path: str) -> TrustPolicy | None:
    if not path:
        return None
    try:
        return TrustPolicy.parse(Path(path).read_bytes())
    except (OSError, LogError) as error:
        why = (error.strerror or "").lower() if isinstance(error, OSError) else error
        raise ConfigError(
            f"`anchoring.policy` names `{path}`, which is no trust policy: {why}"
        ) from error
