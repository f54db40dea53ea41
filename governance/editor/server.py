"""The language server: what an editor sends, and what it is told (LSP 3.17 over stdio).

Law: a keystroke is answered before the next one: the quick check runs at once, the whole check (cases
and everything else `governance policy check` does) in a process of its own when the typing stops. A
file outside any policy folder is a folder of its own. Nothing goes to stdout but the protocol.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer
from pygls.workspace import PositionCodec

from governance.editor import answers, cursor, offers, speech
from governance.editor.findings import Findings, fix_of, lines_of, related
from governance.editor.folder import Folder, is_policies, root_of
from governance.engine.format import Unsafe, formatted
from governance.engine.model import LoadFinding, PolicyErrors
from governance.engine.syntax import NotYaml
from governance.service import checking
from governance.service.problem import Problem

SOON: Final = 0.02
"""Seconds after a keystroke before the quick check: several that come at once are one."""
STILL: Final = 0.5
"""Seconds without a keystroke before the whole check."""
_TRIGGERS: Final = [" ", ":", "{", "[", ",", ".", "$", "-"]


@dataclass(slots=True)
class Watched:
    """A folder with what was found, and the number of its newest change."""

    folder: Folder
    findings: Findings = field(default_factory=Findings)
    change: int = 0
    uris: dict[str, str] = field(default_factory=dict)


class PolicyServer(LanguageServer):
    """A language server with the policy folders of its open files."""

    def __init__(self) -> None:
        super().__init__("governance", "1", max_workers=2)
        self.watched: dict[Path, Watched] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.pool = ThreadPoolExecutor(1)
        self.turn = asyncio.Lock()
        self.page: str | None = None

    @property
    def codec(self) -> PositionCodec:
        return self.workspace.position_codec

    def find(self, uri: str) -> tuple[Watched, str]:
        """The folder of a file, and the file's name in it."""
        given = uris.to_fs_path(uri)
        if given is None:  # a new file, on no disk yet: it will belong to the folder that is open
            root = next(filter(is_policies, self.places()), Path("/nowhere"))
            path = root / (re.sub(r"[^A-Za-z0-9-]+", "-", uri) + ".yaml")
        else:
            path = Path(given)
            root = root_of(path)
        watched = self.watched.setdefault(root, Watched(Folder(root)))
        return watched, watched.folder.name_of(path)

    def places(self) -> list[Path]:
        """The folders that are open, and the policies in them."""
        given = [uris.to_fs_path(each.uri) for each in self.workspace.folders.values()]
        found = [Path(each) for each in (*given, self.workspace.root_path) if each]
        return [place for each in found for place in (each, each / "policies")]

    def text(self, uri: str) -> tuple[Watched, str, str, list[str]]:
        """The folder, name, text and lines of an open file."""
        watched, name = self.find(uri)
        source = self.workspace.get_text_document(uri).source
        return watched, name, source, lines_of(source)

    def place(
        self, uri: str, position: types.Position
    ) -> tuple[Watched, str, list[str], cursor.Spot]:
        """The spot of a position in an open file."""
        watched, name, source, lines = self.text(uri)
        watched.folder.texts[name] = source
        at = self.codec.position_from_client_units(lines, position)
        return watched, name, lines, cursor.where(lines, at.line, at.character)

    def changed(self, uri: str, *, closed: bool = False) -> None:
        """A file was opened, typed in, saved or closed: check its folder, soon and then wholly."""
        watched, name = self.find(uri)
        if closed:
            watched.folder.texts.pop(name, None)
        else:
            watched.folder.texts[name] = self.workspace.get_text_document(uri).source
            watched.uris[name] = uri
        self.again(watched)

    def again(self, watched: Watched) -> None:
        watched.change += 1
        task = asyncio.get_running_loop().create_task(self._check(watched, watched.change))
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """What went wrong in a check is said: silence would look like a file without findings."""
        self.tasks.discard(task)
        why = None if task.cancelled() else task.exception()
        if why is not None:
            self.log(f"the check broke off, please report it: {type(why).__name__}: {why}")

    async def _check(self, watched: Watched, change: int) -> None:
        await asyncio.sleep(SOON)
        if change != watched.change:
            return
        watched.findings.quick = watched.folder.check(_today())
        self.show(watched)
        await asyncio.sleep(STILL)
        async with self.turn:  # one at a time; what is overtaken meanwhile is not begun
            if change == watched.change:
                await self._check_wholly(watched, change)

    async def _check_wholly(self, watched: Watched, change: int) -> None:
        files = watched.folder.files()
        loop = asyncio.get_running_loop()
        try:
            made = await loop.run_in_executor(self.pool, checking.in_child, files, _today())
        except (Problem, OSError, RuntimeError) as why:
            self.log(f"the whole check did not come to its end: {why}")
            return
        if change == watched.change:
            watched.findings.checked(made.findings, files)
            self.show(watched)

    def log(self, sentence: str) -> None:
        self.window_log_message(types.LogMessageParams(types.MessageType.Warning, sentence))

    def show(self, watched: Watched) -> None:
        """Publish what changed."""
        now = watched.findings.now(watched.folder)
        for name in {*now, *watched.findings.shown}:
            found = now.get(name, ())
            if found != watched.findings.shown.get(name):
                self._publish(watched, name, found)
        watched.findings.shown = {name: now.get(name, ()) for name in {*now, *watched.uris}}

    def _publish(self, watched: Watched, name: str, found: tuple[LoadFinding, ...]) -> None:
        uri = self.uri_of(watched, name)
        document = self.workspace.text_documents.get(uri)
        lines = self.lines(watched, name)
        told = []
        for each in found:
            made = speech.diagnostic(self.codec, lines, each, self.page)
            made.related_information = [
                types.DiagnosticRelatedInformation(self.location(watched, target), words)
                for target, words in related(each, watched.folder)
            ] or None
            told.append(made)
        version = document.version if document is not None else None
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, diagnostics=told, version=version)
        )

    def uri_of(self, watched: Watched, name: str) -> str:
        """The address of a file, spelt as the editor spells it if it is open."""
        found = watched.uris.get(name) or uris.from_fs_path(str(watched.folder.path_of(name)))
        return str(found)

    def lines(self, watched: Watched, name: str) -> list[str]:
        text = watched.folder.texts.get(name)
        if text is None:
            try:
                text = watched.folder.path_of(name).read_text("utf-8-sig", "replace")
            except OSError:
                text = ""
        return lines_of(text)

    def location(self, watched: Watched, target: answers.Target) -> types.Location:
        line, column = target.place
        lines = self.lines(watched, target.name)
        at = speech.a_range(self.codec, lines, line - 1, column - 1, column - 1 + target.length)
        return types.Location(self.uri_of(watched, target.name), at)


def _today() -> date:
    return datetime.now(UTC).date()  # noqa: TID251 - a check is for the day it is made on


def _page(roots: list[Path]) -> str | None:
    """The page of findings: of the workspace, else the one that came with the program."""
    here = Path(__file__).resolve().parents[1]
    places = [root / "findings.md" for root in roots]
    places += [here / "shipped_policies" / "findings.md", here.parent / "policies" / "findings.md"]
    found = next((place for place in places if place.is_file()), None)
    return None if found is None else uris.from_fs_path(str(found))


def _initialized(ls: PolicyServer, _: types.InitializedParams) -> None:
    ls.page = _page(ls.places())
    workspace = ls.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace is not None else None
    if watching is not None and watching.dynamic_registration:
        every = types.FileSystemWatcher(glob_pattern="**/*.yaml")
        wish = types.Registration(
            id="policy-files",
            method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            register_options=types.DidChangeWatchedFilesRegistrationOptions([every]),
        )
        ls.client_register_capability(types.RegistrationParams([wish]))


async def _opened(ls: PolicyServer, params: types.DidOpenTextDocumentParams) -> None:
    ls.changed(params.text_document.uri)


async def _typed(ls: PolicyServer, params: types.DidChangeTextDocumentParams) -> None:
    ls.changed(params.text_document.uri)


async def _saved(ls: PolicyServer, params: types.DidSaveTextDocumentParams) -> None:
    ls.changed(params.text_document.uri)


async def _closed(ls: PolicyServer, params: types.DidCloseTextDocumentParams) -> None:
    ls.changed(params.text_document.uri, closed=True)


async def _moved(ls: PolicyServer, _: types.DidChangeWatchedFilesParams) -> None:
    for watched in ls.watched.values():
        ls.again(watched)


def _hover(ls: PolicyServer, params: types.HoverParams) -> types.Hover | None:
    uri = params.text_document.uri
    watched, name, lines, spot = ls.place(uri, params.position)
    told = answers.hover(watched.folder, name, spot)
    if not told:
        return None
    where = speech.a_range(ls.codec, lines, params.position.line, spot.start, spot.end)
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, told), where)


def _define(ls: PolicyServer, params: types.DefinitionParams) -> types.Location | None:
    watched, name, _, spot = ls.place(params.text_document.uri, params.position)
    target = answers.definition(watched.folder, name, spot)
    return None if target is None else ls.location(watched, target)


def _outline(
    ls: PolicyServer, params: types.DocumentSymbolParams
) -> list[types.DocumentSymbol] | None:
    _, _, source, _ = ls.text(params.text_document.uri)
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        parts = answers.symbols(source)
    except (NotYaml, ValueError):
        return None
    lines = lines_of(source)
    return [speech.symbol(ls.codec, source, lines, part) for part in parts]


def _complete(ls: PolicyServer, params: types.CompletionParams) -> types.CompletionList:
    watched, name, lines, spot = ls.place(params.text_document.uri, params.position)
    folder = watched.folder
    own = folder.own(name)
    line = params.position.line
    columns = answers.columns_of(lines, line) if "rows" in spot.way else ()
    own = offers.Own(own.lists, own.rules, columns)
    kind = folder.kind_of(name)
    found = offers.offers(folder.schema(kind), kind, spot, folder.learn(), own)
    where = speech.a_range(ls.codec, lines, line, spot.start, spot.end)
    text = lines[line] if line < len(lines) else ""
    colon = text[spot.end : spot.end + 1] == ":"
    items = [speech.item(where, each, i, colon) for i, each in enumerate(found)]
    return types.CompletionList(is_incomplete=False, items=items)


def _repairs(ls: PolicyServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    uri = params.text_document.uri
    watched, name, _, lines = ls.text(uri)
    out = []
    for each in watched.findings.now(watched.folder).get(name, ()):
        if not params.range.start.line <= each.line - 1 <= params.range.end.line:
            continue
        fix = fix_of(each, lines)
        if fix is None:
            continue
        out.append(
            types.CodeAction(
                title=f"{each.code}: write `{fix.text.strip()}`" if fix.text.strip()
                else f"{each.code}: take it away",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[speech.diagnostic(ls.codec, lines, each, ls.page)],
                is_preferred=True,
                edit=types.WorkspaceEdit(changes={uri: [speech.edit(ls.codec, lines, fix)]}),
            )
        )  # fmt: skip
    return out


def _lay_out(
    ls: PolicyServer, params: types.DocumentFormattingParams
) -> list[types.TextEdit] | None:
    _, name, source, lines = ls.text(params.text_document.uri)
    try:
        made = formatted(name, source.encode("utf-8")).decode()
    except PolicyErrors as errors:
        ls.log(f"not laid out: {errors.findings[0]}")
        return None
    except (Unsafe, UnicodeEncodeError) as why:
        ls.log(f"not laid out: {why}")
        return None
    return [] if made == source else [speech.whole(ls.codec, lines, made)]


_FEATURES: Final[tuple[tuple[str, Any, Any], ...]] = (
    (types.INITIALIZED, _initialized, None),
    (types.TEXT_DOCUMENT_DID_OPEN, _opened, None),
    (types.TEXT_DOCUMENT_DID_CHANGE, _typed, None),
    (types.TEXT_DOCUMENT_DID_SAVE, _saved, None),
    (types.TEXT_DOCUMENT_DID_CLOSE, _closed, None),
    (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _moved, None),
    (types.TEXT_DOCUMENT_COMPLETION, _complete, types.CompletionOptions(trigger_characters=_TRIGGERS)),
    (types.TEXT_DOCUMENT_HOVER, _hover, None),
    (types.TEXT_DOCUMENT_DEFINITION, _define, None),
    (types.TEXT_DOCUMENT_CODE_ACTION, _repairs,
     types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])),
    (types.TEXT_DOCUMENT_FORMATTING, _lay_out, None),
    (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _outline, None),
)  # fmt: skip


def make() -> PolicyServer:
    """The server with all that it can do."""
    server = PolicyServer()
    for method, answer, options in _FEATURES:
        server.feature(method, options)(answer)
    return server


def run(stdin: Any = None, stdout: Any = None) -> None:
    """Serve one editor over stdin and stdout until it says goodbye."""
    make().start_io(stdin, stdout)
