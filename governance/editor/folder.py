"""The policy folder that an open file belongs to: what is on the disk, under what is being typed.

Law: the text in the editor counts, the file on the disk only where nothing is open. What could be
read last stays known while a file is broken, so that words and completion do not vanish with a bracket.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from governance.editor.offers import Own
from governance.engine import forms, jsonschema
from governance.engine.jsonschema import Schema
from governance.engine.known import Known, known, name_of
from governance.engine.load import Bundle, group_of, load
from governance.engine.memory import Memory
from governance.engine.model import LoadFinding, PolicyErrors
from governance.engine.reading import Document, Findings, read

GROUPS = ("actions", "lists", "cases")
MOST_FILES = 5_000
_HIGHEST = 8


def root_of(path: Path) -> Path:
    """The policy folder of a file: the nearest above it that has a catalogue; without one, what is
    above a folder `actions`, `lists` or `cases`, or the folder the file is in."""
    near = list(path.parents)[:_HIGHEST]
    found = next((parent for parent in near if is_policies(parent)), None)
    if found is None:
        found = next((parent.parent for parent in near[:3] if parent.name in GROUPS), path.parent)
    return found


def is_policies(folder: Path) -> bool:
    """A policy folder has a catalogue."""
    return (folder / "actions").is_dir()


@dataclass(slots=True)
class Folder:
    """One policy folder. `texts` are the open files by their name (`policies/...`)."""

    root: Path
    texts: dict[str, str] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    good: Bundle | None = None
    documents: dict[str, Document] = field(default_factory=dict)
    disk: dict[str, tuple[tuple[int, int], bytes]] = field(default_factory=dict)
    names: Known | None = None
    schemas: dict[str, Schema] = field(default_factory=dict)
    seen: bytes = b""

    def name_of(self, path: Path) -> str:
        """A file as findings name it."""
        return "policies/" + path.relative_to(self.root).as_posix()

    def path_of(self, name: str) -> Path:
        """The file that a finding names."""
        return self.root / name.removeprefix("policies/")

    def files(self) -> dict[str, bytes]:
        """Every policy file, as it is now."""
        out: dict[str, bytes] = {}
        for path in self._on_disk():
            name = self.name_of(path)
            if group_of(name) is None or name in self.texts:
                continue
            try:
                stat = path.stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
                if name not in self.disk or self.disk[name][0] != stamp:
                    self.disk[name] = (stamp, path.read_bytes())
            except OSError:
                continue
            out[name] = self.disk[name][1]
        return out | {name: text.encode("utf-8", "replace") for name, text in self.texts.items()}

    def _on_disk(self) -> list[Path]:
        """The files below a policy folder; none of a folder that is not one, because other programs'
        files are no policies, and a home folder has no end."""
        if not is_policies(self.root):
            return []
        found: list[Path] = []
        for place, folders, names in os.walk(self.root):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            found += [Path(place, name) for name in sorted(names) if name.endswith(".yaml")]
            if len(found) > MOST_FILES:
                break
        return found[:MOST_FILES]

    def check(self, today: date) -> tuple[LoadFinding, ...]:
        """What is wrong in the folder, without its cases; the fast part of a check."""
        files = self.files()
        try:
            self.good = load(files, today, memory=self.memory)
            found: tuple[LoadFinding, ...] = ()
        except PolicyErrors as errors:
            found = errors.findings
        self._remember(files)
        return found

    def _remember(self, files: dict[str, bytes]) -> None:
        digest = hashlib.sha256()
        for name in sorted(files):
            digest.update(repr((name, len(files[name]))).encode())
            digest.update(files[name])
        if digest.digest() == self.seen:
            return
        self.seen, self.names, self.schemas = digest.digest(), None, {}
        self.documents = {name: each for name, each in self.documents.items() if name in files}
        for name, data in files.items():
            kept = self.memory.document(name, data)
            made = kept if kept is not None else read(name, data, Findings())
            if made is not None and isinstance(made.data, dict):
                self.documents[name] = made

    def learn(self) -> Known:
        """The names that the folder knows; a file that is broken now counts as it was last."""
        self._remember(self.files())
        if self.names is None:
            self.names = known(self.documents.values())
        return self.names

    def schema(self, kind: str) -> Schema:
        """The JSON Schema of a kind of file, with the names of this folder."""
        names = self.learn()
        if kind not in self.schemas:
            self.schemas[kind] = jsonschema.schema(names, kind)
        return self.schemas[kind]

    def kind_of(self, name: str) -> str:
        """The kind of a file: by what its text begins with, else by the folder it is in."""
        keys = [
            line.partition(":")[0].strip("\"'")
            for line in self.texts.get(name, "").split("\n")
            if line[:1].strip() and not line.startswith(("#", "-")) and ":" in line
        ]
        group = group_of(name) or "policies"
        return forms.kind_of(keys) or (group if group in forms.KINDS else "policies")

    def own(self, name: str) -> Own:
        """The lists and rules of a file, or of the policy that a file of cases is for."""
        names = self.learn()
        document = self.documents.get(name)
        data = document.data if document is not None else {}
        policy = name_of(data)
        rules = [(each.id, each.title) for each in names.named if each.policy == policy]
        return Own(tuple(names.own_lists.get(policy, ())), tuple(rules))
