"""The language server as an editor meets it: a program that is started and spoken to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lsp_client import Editor, find

from tests import optional

optional.library("pygls", "pygls")

POLICIES = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped folder, in a place with blanks and letters beyond ASCII."""
    place = tmp_path_factory.mktemp("home") / "our policies ü😀"
    return Path(shutil.copytree(POLICIES, place))


@pytest.fixture(scope="module")
def editor(root: Path) -> Iterator[Editor]:
    """An editor with its server; it is left as an editor leaves it."""
    made = Editor(root)
    yield made
    if made.program.poll() is None:
        assert made.leave() == 0


class Open:
    """One file that is open in an editor."""

    def __init__(self, editor: Editor, path: Path, text: str) -> None:
        self.editor, self.uri, self.text = editor, path.as_uri(), text
        editor.diagnostics.pop(self.uri, None)
        editor.open(self.uri, text)

    def at(self, part: str, offset: int = 0) -> tuple[int, int]:
        """A place in the text."""
        return find(self.text, part, offset)

    def replace(self, before: str, after: str) -> None:
        """Type `after` where `before` stands."""
        start, end = self.at(before), self.at(before, len(before))
        self.editor.type(self.uri, start, end, after)
        self.text = self.text.replace(before, after, 1)

    def close(self) -> None:
        """Close the file without saving."""
        self.editor.tell("textDocument/didClose", {"textDocument": {"uri": self.uri}})


@pytest.fixture
def payments(editor: Editor, root: Path) -> Iterator[Open]:
    """The payments file, open."""
    made = Open(editor, root / "payments.yaml", (root / "payments.yaml").read_text())
    yield made
    made.close()


def test_a_mistake_is_underlined_where_it_is(payments: Open) -> None:
    """Somebody would look for it in another line, or click into nothing."""
    payments.replace("title: Never pay", "title: 😀 Never pay")
    payments.replace("effect: deny", "effect:  dney")
    found = payments.editor.until(payments.uri, "not-allowed")
    line, column = payments.at("dney")
    assert found["range"] == {
        "start": {"line": line, "character": column},
        "end": {"line": line, "character": column + 4},
    }
    assert found["severity"] == 1
    assert found["source"] == "governance"
    assert found["codeDescription"]["href"].endswith("/findings.md#not-allowed")


def test_columns_are_counted_as_the_editor_counts(payments: Open) -> None:
    """Behind an emoji every underline would be one letter off, and every edit would spoil the file."""
    payments.replace(
        "when: {action: payment.create, args.country: {one_of: $sanctioned_countries}}",
        'when: {action: payment.create, args.country: {one_of: ["😀😀", KP]}, args.instent: {is: true}}',
    )
    found = payments.editor.until(payments.uri, "unknown-field")
    assert found["range"]["start"]["character"] == payments.at("args.instent")[1]
    line, column = payments.at("args.instent", 7)
    offered = payments.editor.at("completion", payments.uri, (line, column))["items"]
    edit = next(each for each in offered if each["label"] == "args.instant")["textEdit"]
    assert edit["range"]["start"]["character"] == payments.at("args.instent")[1]
    assert edit["newText"] == "args.instant"
    payments.replace("args.instent", "args.instant")
    assert "args.instant: {is: true}" in payments.text


def test_a_repair_is_offered_and_right(payments: Open) -> None:
    """Somebody would have to type what the program knows already."""
    payments.replace("severity: critical", "severty: critical")
    payments.editor.until(payments.uri, "unknown-key")
    line, column = payments.at("severty")
    span = {
        "start": {"line": line, "character": column},
        "end": {"line": line, "character": column},
    }
    actions = payments.editor.ask(
        "textDocument/codeAction",
        {"textDocument": {"uri": payments.uri}, "range": span, "context": {"diagnostics": []}},
    )
    edits = actions[0]["edit"]["changes"][payments.uri]
    assert [edit["newText"] for edit in edits] == ["severity"]
    assert edits[0]["range"]["start"] == {"line": line, "character": column}
    assert edits[0]["range"]["end"] == {"line": line, "character": column + len("severty")}


def test_what_is_right_again_is_no_longer_underlined(payments: Open) -> None:
    """Somebody would look for a mistake that is not there."""
    payments.replace("mode: enforce", "mode: enforced")
    payments.editor.until(payments.uri, "not-allowed")
    payments.replace("mode: enforced", "mode: enforce")
    while payments.editor.diagnostics[payments.uri][-1]:
        payments.editor._next()


def test_a_case_that_fails_is_found_when_the_typing_stops(payments: Open) -> None:
    """A rule would be changed without anybody seeing that it breaks its own promise."""
    payments.replace("args.amount: {at_most: 500 EUR}", "args.amount: {at_most: 50 EUR}")
    found = payments.editor.until(payments.uri, "case-failed")
    assert found["range"]["start"]["line"] == payments.at("- [small to a known payee")[0]
    payments.replace("# What payment agents", "# Two\n# What payment agents")
    while True:
        payments.editor._next()
        told = payments.editor.diagnostics[payments.uri][-1]
        if any(e["range"]["start"]["line"] == payments.at("- [small to a")[0] for e in told):
            break


def test_completion_knows_keys_actions_fields_operators_and_values(payments: Open) -> None:
    """Somebody would look up what can stand where, and guess."""
    offered = lambda part, offset: payments.editor.offered(payments.uri, payments.at(part, offset))  # noqa: E731
    assert "instead_of" in offered("effect: deny", 0)
    assert "effect" in offered("effect: deny", 0)
    assert "title" not in offered("effect: deny", 0)
    assert offered("effect: deny", 10) == ["deny", "allow", "require_approval"]
    assert "payment.cancel" in offered("action: payment.create", 12)
    assert offered("args.country: {one_of", 8)[0] == "args.country"
    assert "one_of" in offered("{one_of: $sanct", 3)
    assert "above" not in offered("{one_of: $sanct", 3)
    assert "$trusted_payees" in offered("$sanctioned_countries}", 1)
    assert "this_agent" in offered("by: any_agent", 5)
    assert "1 cfo" in offered("needs: [1 treasurer]", 8)
    assert "PAY-002" in offered("DE, allow,            PAY-002]", 22 + 2)
    assert "allow" in offered("DE, allow,            PAY-002]", 5)
    assert "erp/trusted-payees" in offered("from: erp/", 7)
    assert "sum args.amount" in offered("measure: sum args.amount", 10)


def test_completion_survives_a_file_that_is_broken(payments: Open) -> None:
    """Just while typing, when it is needed, nothing would be offered."""
    payments.replace("    effect: deny\n", "    effect: deny\n    when: {args.\n")
    payments.editor.until(payments.uri, "not-yaml")
    place = payments.at("when: {args.\n", 12)
    assert "args.iban" in payments.editor.offered(payments.uri, place)
    assert "PAY-002" in payments.editor.offered(
        payments.uri, payments.at("allow,            PAY-002", 20)
    )


def test_words_are_shown_for_what_is_under_the_cursor(payments: Open) -> None:
    """Somebody who signs could not see what a rule means where it stands."""

    def words(part: str, offset: int) -> str:
        told = payments.editor.at("hover", payments.uri, payments.at(part, offset))
        return "" if told is None else str(told["contents"]["value"])

    payments.editor.wait_for(payments.uri, 1) if not payments.text else None
    assert "a person decides" in words("id: PAY-003", 6)
    assert "At most 2" in words("id: LIM-1", 6)
    assert "identity of the payee" in words("args.iban: {one_of", 6)
    assert "is one of" in words("one_of: $trusted", 2)
    assert "3 members" in words("$trusted_payees}", 3)
    assert "Pay money out" in words("action: payment.create", 12)
    assert "The strictest wins" in words("effect: deny", 2)
    assert words("because: Sanctions law", 14) == ""


def test_a_definition_is_found_in_whatever_file(payments: Open, root: Path) -> None:
    """Somebody would search the folder for where a thing is declared."""

    def leads_to(part: str, offset: int) -> tuple[str, str]:
        found = payments.editor.at("definition", payments.uri, payments.at(part, offset))
        path = next(p for p in root.rglob("*.yaml") if p.as_uri() == found["uri"])
        lines = path.read_text().split("\n")
        start = found["range"]["start"]
        return path.name, lines[start["line"]][start["character"] :][:20].split(":")[0]

    assert leads_to("action: payment.create", 12) == ("payments.yaml", "payment.create")
    assert leads_to("$trusted_payees}", 4) == ("payments.yaml", "trusted_payees")
    assert leads_to("allow,            PAY-002]", 20) == ("payments.yaml", "PAY-002")
    assert leads_to("from: erp/trusted", 8) == ("trusted-payees.yaml", "erp/trusted-payees")
    assert leads_to("args.country: {one_of", 7) == ("payments.yaml", "country")


def test_the_outline_names_rules_limits_and_tables(payments: Open) -> None:
    """A file of a thousand lines could only be scrolled."""
    told = payments.editor.ask(
        "textDocument/documentSymbol", {"textDocument": {"uri": payments.uri}}
    )
    parts = {each["name"]: [c["name"] for c in each["children"]] for each in told}
    assert parts["rules"][:2] == ["PAY-001", "PAY-002"]
    assert parts["limits"] == ["LIM-1", "LIM-2", "LIM-3"]
    assert parts["lists"] == ["trusted_payees", "sanctioned_countries"]


def test_formatting_gives_the_layout_of_the_command(payments: Open) -> None:
    """The editor and the build would undo each other's layout."""
    before = payments.text
    payments.replace("mode: enforce", "mode:    'enforce'")
    edits = payments.editor.ask(
        "textDocument/formatting",
        {"textDocument": {"uri": payments.uri}, "options": {"tabSize": 2, "insertSpaces": True}},
    )
    assert [edit["newText"] for edit in edits] == [before]
    assert edits[0]["range"]["start"] == {"line": 0, "character": 0}


def test_a_file_on_the_disk_counts_until_it_is_open(payments: Open, root: Path) -> None:
    """A change of the catalogue would not be seen before the editor is started again."""
    actions = root / "actions" / "payments.yaml"
    whole = actions.read_text()
    try:
        actions.write_text(whole.replace("payment.cancel", "payment.undo"))
        payments.editor.tell("workspace/didChangeWatchedFiles", {"changes": []})
        payments.editor.until(payments.uri, "unknown-action")
    finally:
        actions.write_text(whole)
    payments.editor.tell("workspace/didChangeWatchedFiles", {"changes": []})
    while payments.editor.diagnostics[payments.uri][-1]:
        payments.editor._next()


def test_other_kinds_of_files_are_known(editor: Editor, root: Path) -> None:
    """Only policies would be completed, and catalogues written by heart."""
    path = root / "actions" / "payments.yaml"
    catalogue = Open(editor, path, path.read_text())
    assert "money" in editor.offered(catalogue.uri, catalogue.at("type: money", 7))
    assert "category" in editor.offered(catalogue.uri, catalogue.at("class: quantity", 8))
    assert "max_length" in editor.offered(catalogue.uri, catalogue.at("class: quantity", 0))
    catalogue.replace("iban: {type: iban,", "iban: {title: Whom it goes to, type: iban,")
    policy = Open(editor, root / "payments.yaml", (root / "payments.yaml").read_text())
    told = editor.at("hover", policy.uri, policy.at("args.iban: {one_of", 6))
    assert "Whom it goes to" in told["contents"]["value"]
    policy.close()
    catalogue.close()
    path = root / "cases" / "payments.yaml"
    cases = Open(editor, path, path.read_text())
    assert "PAY-001" in editor.offered(cases.uri, cases.at("deny,  PAY-001", 9))
    cases.replace("deny,  PAY-001", "deny,  [PAY-001, ]")
    assert "PAY-002" in editor.offered(cases.uri, cases.at("[PAY-001, ]", 10))
    cases.replace("deny,  [PAY-001, ]", "deny,  PAY-001")
    assert "balance.read" in editor.offered(cases.uri, cases.at("action: payment.create", 8))
    assert "lists.trusted_payees" not in editor.offered(cases.uri, cases.at("deny,  PAY-001", 9))
    told = editor.at("definition", cases.uri, cases.at("deny,  PAY-001", 9))
    assert told["uri"] == (root / "payments.yaml").as_uri()
    cases.close()


def test_a_file_that_is_on_no_disk_belongs_to_the_folder_that_is_open(editor: Editor) -> None:
    """A new file that nobody saved yet would know no action, or make the server fall over."""
    uri = "untitled:Untitled-1"
    editor.open(uri, "policy: new\nmode: \ngoverns: [")
    assert "draft" in editor.offered(uri, (1, 6))
    assert "payment.create" in editor.offered(uri, (2, 10))
    editor.tell("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_what_a_finding_speaks_of_is_one_click_away(editor: Editor, root: Path) -> None:
    """Of two declarations of one action, somebody would find the one they are looking at."""
    path = root / "actions" / "another.yaml"
    catalogue = "catalogue: another\ntitle: x\nowner: y\nactions:\n  payment.create:\n    title: z\n    risk: low\n"
    second = Open(editor, path, catalogue)
    found = editor.until((root / "actions" / "payments.yaml").as_uri(), "duplicate-action")
    place = found["relatedInformation"][0]["location"]
    assert place["uri"] == path.as_uri()
    assert place["range"]["start"] == {"line": 4, "character": 2}
    second.close()


@pytest.mark.parametrize(
    "uri", ["file:///c%3A/Users/Ann/policies/a%20b.yaml", "file://host/s/a.yaml"]
)
def test_addresses_of_other_systems_are_spoken_as_they_came(editor: Editor, uri: str) -> None:
    """On Windows every finding would be about a file that the editor does not know."""
    editor.open(uri, "policy: new\nmode: enforced\n")
    assert editor.until(uri, "not-allowed")["range"]["start"] == {"line": 1, "character": 6}
    assert "draft" in editor.offered(uri, (1, 6))
    editor.tell("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_files_of_other_programs_are_left_alone(editor: Editor, tmp_path: Path) -> None:
    """A home folder would be searched to its end, and every YAML file in it underlined."""
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    path = tmp_path / "alone.yaml"
    editor.open(path.as_uri(), "policy: new\nmode: enforced\n")
    editor.until(path.as_uri(), "not-allowed")
    assert (tmp_path / "compose.yaml").as_uri() not in editor.diagnostics
    editor.tell("textDocument/didClose", {"textDocument": {"uri": path.as_uri()}})


def test_goodbye_ends_the_program(root: Path) -> None:
    """Every closed window would leave a program behind."""
    made = Editor(root, workspace={"didChangeWatchedFiles": {"dynamicRegistration": True}})
    made.open((root / "payments.yaml").as_uri(), (root / "payments.yaml").read_text())
    assert made.leave() == 0
    # It asked to be told when files change that are not open.
    assert [each["method"] for each in made.asked] == ["client/registerCapability"]


def test_an_editor_that_dies_takes_the_server_along(root: Path) -> None:
    """A crashed editor would leave a program behind."""
    made = Editor(root)
    assert made.program.stdin is not None
    made.program.stdin.close()
    made.program.wait(30)
    for pipe in (made.program.stdout, made.program.stderr):
        assert pipe is not None
        pipe.close()


def test_without_the_extra_a_sentence_says_what_to_install() -> None:
    """Somebody would see a traceback where one command is missing."""
    code = (
        "import sys; sys.modules['pygls'] = None\n"
        "sys.argv = ['governance', 'policy', 'language-server']\n"
        "from governance.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "agent-governance[editor]" in done.stderr
    assert "Traceback" not in done.stderr
