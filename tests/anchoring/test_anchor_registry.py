"""Settings become anchors: what cannot work stops the start, and paths do not depend on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from anchoring_world import Log

from governance import config
from governance.anchoring import registry
from governance.anchoring.settings import KINDS, Anchoring, AnchorSettings
from governance.config import ConfigError
from governance.oversight.anchors import ANCHOR_KINDS


def test_every_kind_is_known_everywhere() -> None:
    """A kind could be configured that nobody can make, or that the log refuses to record."""
    assert tuple(KINDS) == tuple(registry.KINDS) == ANCHOR_KINDS


def test_paths_begin_in_the_workspace(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service started from elsewhere would write its heads elsewhere, and find none at the start."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    made = registry.anchors([config.anchor_of("file:head")], Anchoring(), tmp_path)
    made.stations[0].anchor.publish(log.head())
    assert (tmp_path / "head").read_text() == log.head().note
    assert made.stations[0].settings.target == str(tmp_path / "head")


def test_what_cannot_work_stops_the_start(tmp_path: Path) -> None:
    """The operator would believe in an anchor, or a quorum, that has never been asked for."""
    (tmp_path / "policy").write_text("quorum nobody\n")
    for policy, said in (
        ("policy", "no trust policy: line 1"),
        ("gone", "no trust policy: no such file"),
    ):
        with pytest.raises(ConfigError, match=said):
            registry.anchors([], Anchoring(policy=policy), tmp_path)
    wrong = AnchorSettings("dept", "witness", "https://witness.example", key="none")
    with pytest.raises(ConfigError, match="anchor `dept`"):
        registry.anchors([wrong], Anchoring(), tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file:", "KIND:TARGET"),
        ("file:a,b", "SETTING=VALUE"),
        ("file:a,kind=git", "each once"),
        ("file:a,every_seconds=soon", "must be a whole number"),
        ("file:a,every_seconds=99999999", "between 0 and"),
        ("mail:a@b.example,server=m:25", "needs the setting `sender`"),
        ("witness:https://user:word@w.example,key=k", "name or a password before `@`"),
        ("webhook:https://user@w.example,secret=env:S", "name or a password before `@`"),
    ],
)
def test_an_anchor_spelt_wrongly_is_a_sentence(text: str, said: str) -> None:
    """`init` would make a workspace with half an anchor."""
    with pytest.raises(ConfigError, match=said):
        config.anchor_of(text)


def test_names_are_given_and_numbered() -> None:
    """Two files given to `init` would be one anchor."""
    first = config.anchor_of("file:a")
    assert first.name == "file"
    assert config.anchor_of("file:b", [first.name]).name == "file-2"
    key = "witness.example/w+23b42a4b+BAx0mzQ3GrWxTi1MTyrtTl3uZdGtB0nHsTzqGM7zkQ3f="
    named = config.anchor_of(f"witness:https://w.example,name=dept,every_seconds=30,key={key}")
    assert (named.name, named.every, named.key) == ("dept", 30, key)
