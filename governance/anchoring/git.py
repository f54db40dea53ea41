"""An anchor that is a git repository: each head is a commit on a branch of its own.

Law: the branch only grows. A commit is made upon the tip that is there, the branch is moved with a
compare-and-set, a push is never forced, and what a work tree or other branches hold is not touched.
The system's `git` does it, with no hook, no prompt and no transport but file, ssh, http and git.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from governance.anchoring.anchor import LONGEST, AnchorFailed, Head
from governance.anchoring.settings import AnchorSettings

SECONDS: Final = 30.0
FILE: Final = "checkpoint"
_SURE: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_AUTHOR_NAME": "governance",
    "GIT_AUTHOR_EMAIL": "governance@localhost.example",
    "GIT_COMMITTER_NAME": "governance",
    "GIT_COMMITTER_EMAIL": "governance@localhost.example",
    "LC_ALL": "C",
}
_SSH: Final = "GIT_SSH_COMMAND"  # an operator's way to name a key
_MISSING: Final = "0" * 40


class GitAnchor:
    """A repository in a folder, pushed to its first remote if it has one, or at a URL.

    A URL needs a folder of its own, `cache`, which may be thrown away.
    """

    tells = True
    proves = False

    def __init__(self, settings: AnchorSettings, cache: Path) -> None:
        self._target, self._branch = settings.target, settings.branch
        self._ref = f"refs/heads/{settings.branch}"
        self._is_url = not Path(settings.target).is_dir()
        self._folder = cache if self._is_url else Path(settings.target)

    def newest(self, origin: str) -> str | None:
        """The checkpoint of `origin` at the tip of the branch, the remote's if there is a remote."""
        tip = self._tip(self._remote())
        if tip is None:
            return None
        place = f"{tip}:{_path(origin)}"
        if self._asks("cat-file", "-e", place) is None:
            return None
        return self._git("cat-file", "blob", place)[:LONGEST]

    def publish(self, head: Head) -> bytes:
        """Commit the head upon the tip and push it."""
        remote = self._remote()
        tip = self._tip(remote)
        commit = self._commit(head, tip)
        if remote is not None:
            self._git("push", "--quiet", remote, f"{commit}:{self._ref}")
        if not self._is_url:
            self._move(commit)
        return b""

    def _commit(self, head: Head, tip: str | None) -> str:
        blob = self._git("hash-object", "-w", "--stdin", given=head.note).strip()
        with tempfile.TemporaryDirectory(prefix="anchor-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            if tip is not None:
                self._git("read-tree", tip, more=index)
            place = f"100644,{blob},{_path(head.origin)}"
            self._git("update-index", "--add", "--cacheinfo", place, more=index)
            tree = self._git("write-tree", more=index).strip()
        parents = ["-p", tip] if tip is not None else []
        message = f"{head.origin}: head of {head.size} entries\n"
        return self._git("commit-tree", tree, *parents, given=message).strip()

    def _move(self, commit: str) -> None:
        """Move the folder's own branch, unless somebody else's commits are on it."""
        here = self._here()
        if here is not None and self._asks("merge-base", "--is-ancestor", here, commit) is None:
            raise AnchorFailed(
                f"the branch `{self._branch}` of `{self._target}` has other commits than its "
                "remote; give the log a branch of its own"
            )
        self._git("update-ref", self._ref, commit, here or _MISSING)

    def _remote(self) -> str | None:
        if not self._is_url:
            names = self._git("remote").split()
            return names[0] if names else None
        if not (self._folder / "HEAD").exists():
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise AnchorFailed(f"`{self._folder}` cannot be made: {error.strerror}") from error
            self._git("init", "--quiet", "--bare")
        return self._target

    def _tip(self, remote: str | None) -> str | None:
        if remote is None:
            return self._here()
        found = self._git("ls-remote", remote, self._ref).split()
        if not found:
            return None if self._is_url else self._here()
        self._git("fetch", "--quiet", "--no-tags", remote, self._ref)
        return found[0]

    def _here(self) -> str | None:
        found = self._asks("rev-parse", "--verify", "--quiet", self._ref)
        return found.strip() if found else None

    def _git(self, *arguments: str, given: str = "", more: Mapping[str, str] | None = None) -> str:
        """What git says. Raises `AnchorFailed` with its last line when it fails."""
        code, said, complaint = self._run(arguments, given, more or {})
        if code != 0:
            lines = [line for line in complaint.splitlines() if line.strip()]
            why = lines[-1].strip() if lines else f"it ended with {code}"
            raise AnchorFailed(f"git {arguments[0]} in `{self._target}` failed: {why}")
        return said

    def _asks(self, *arguments: str) -> str | None:
        """What git says, None when the answer is no."""
        code, said, _ = self._run(arguments, "", {})
        return said if code == 0 else None

    def _run(
        self, arguments: tuple[str, ...], given: str, more: Mapping[str, str]
    ) -> tuple[int, str, str]:
        command = ["git", "-C", str(self._folder), "-c", "core.hooksPath=/dev/null", *arguments]
        # what a caller's shell says about another repository is not meant for this one
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith("GIT_") or name == _SSH
        }
        kept.setdefault(_SSH, "ssh -o BatchMode=yes -o ConnectTimeout=10")
        try:
            running = subprocess.Popen(  # noqa: S603 - arguments are ours, the target is no option
                command,
                env={**kept, **_SURE, **more},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise AnchorFailed(f"`git` cannot be run ({error.strerror}); install it") from error
        try:
            said, complaint = running.communicate(given.encode(), timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
            raise AnchorFailed(
                f"git {arguments[0]} with `{self._target}` did not end within {SECONDS:.0f} s"
            ) from None
        return running.returncode, _text(said), _text(complaint)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _path(origin: str) -> str:
    """Where a log's head lies in the repository."""
    return f"{origin}/{FILE}"
