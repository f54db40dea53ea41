"""What command lines do, evasions included: each row is a line somebody could hide behind."""

from __future__ import annotations

import itertools
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import DELETES, EFFECT_ROWS, PIPED, PLAIN, READS, UNKNOWN, WRITES

from governance.engine.command import DOUBTS, FIELDS, file_action, parse
from governance.engine.model import CannotTell
from governance.engine.programs import ALIASES, EFFECTS, TABLE, known_name

WORK = "/srv/work"


def seen(line: str, **more: Any) -> dict[str, Any]:
    """The fields of a line run in the workspace; *cannot tell* is None."""
    found = parse(line, workspace=WORK, **more)
    return {name: None if isinstance(v, CannotTell) else v for name, v in found.items()}


@pytest.mark.parametrize(("line", "place"), DELETES, ids=[line for line, _ in DELETES])
def test_what_a_command_deletes_is_named_however_it_is_written(line: str, place: str) -> None:
    """If a spelling hid what is deleted, `rm` outside the workspace would pass as harmless."""
    assert place in (seen(line)["deletes"] or ())


@pytest.mark.parametrize(("line", "place"), READS, ids=[line for line, _ in READS])
def test_what_a_command_reads_is_named_whatever_program_reads_it(
    line: str, place: str | None
) -> None:
    """If one program's reading went unseen, that program would be the way to the secrets."""
    reads = seen(line)["reads"]
    assert (reads is None) if place is None else (reads is None or place in reads)


@pytest.mark.parametrize(("line", "place"), WRITES, ids=[line for line, _ in WRITES])
def test_what_a_command_writes_is_named_whatever_program_writes_it(line: str, place: str) -> None:
    """If one way of writing went unseen, an agent could change what controls it."""
    assert place in seen(line)["writes"]


@pytest.mark.parametrize(("line", "effect"), EFFECT_ROWS, ids=[line for line, _ in EFFECT_ROWS])
def test_a_command_has_the_effects_of_all_its_programs(line: str, effect: str) -> None:
    """If an effect were missed, a rule about that effect would silently never match."""
    effects = seen(line)["effects"]
    assert effects is None or effect in effects


@pytest.mark.parametrize(("line", "field"), UNKNOWN, ids=[line[:40] for line, _ in UNKNOWN])
def test_what_cannot_be_known_before_it_runs_is_said_to_be_unknown(line: str, field: str) -> None:
    """If a guess stood in for what cannot be known, the guess would be the way through."""
    found = seen(line)
    assert found[field] is None
    assert found["understood"] is False


@pytest.mark.parametrize("line", PIPED)
def test_nothing_reaches_an_interpreter_unseen(line: str) -> None:
    """If feeding a shell went unseen, `curl | sh` would run code that nobody has looked at."""
    assert seen(line)["piped_to_shell"] in (True, None)


@pytest.mark.parametrize(("line", "fields"), PLAIN, ids=[line for line, _ in PLAIN])
def test_everyday_commands_are_understood(line: str, fields: dict[str, Any]) -> None:
    """If harmless lines were in doubt, every one of them would be refused or asked about."""
    found = seen(line)
    assert found["understood"] is True
    for name, value in fields.items():
        assert found[name] == value


def test_flags_have_one_name_however_they_are_written() -> None:
    """If `-rf` and `--force --recursive` differed, a rule about one would miss the other."""
    spellings = ["-rf", "-fr", "-r -f", "--recursive --force", "-Rf", "-f -r"]
    found = {frozenset(seen(f"rm {flags} x")["flags"]) for flags in spellings}
    assert found == {frozenset({"--recursive", "--force"})}


def test_the_fields_are_always_the_same_and_every_doubt_has_a_sentence() -> None:
    """If a field were missing or a doubt nameless, a rule or a person would meet a hole."""
    for line in [*(row[0] for row in DELETES + READS + WRITES + EFFECT_ROWS + UNKNOWN), *PIPED, ""]:
        found = parse(line, workspace=WORK)
        assert set(found) == set(FIELDS)
        for value in found.values():
            assert not isinstance(value, CannotTell) or value.why in DOUBTS
        effects = found["effects"]
        assert isinstance(effects, CannotTell) or set(effects) <= set(EFFECTS)  # type: ignore[arg-type]


def test_doubts_never_repeat_what_the_command_said() -> None:
    """If a reason quoted the command, a private argument would be in the log in the clear."""
    found = parse("rm -rf $SECRET/geheim 'unterminated", workspace=WORK)
    assert all("geheim" not in v.why for v in found.values() if isinstance(v, CannotTell))


def test_without_a_workspace_a_relative_path_is_unknown() -> None:
    """If a relative path were placed without a workspace, it would be placed anywhere."""
    found = parse("rm x")
    assert isinstance(found["deletes"], CannotTell)
    assert parse("rm /x")["deletes"] == ("/x",)


@pytest.mark.parametrize("workspace", ["/", "/home", "/home/ann", "/Users/ann/", "/root", "work"])
def test_a_workspace_that_is_too_wide_tells_nothing(workspace: str) -> None:
    """If a whole home could be the workspace, the keys in it would be the agent's own files."""
    assert isinstance(parse("cat .ssh/id_rsa", workspace=workspace)["reads"], CannotTell)


def test_every_program_of_the_table_can_be_read_with_anything_behind_it() -> None:
    """If one row made the reader fail, one word would take the service down."""
    tails = ["", " x", " -x", " --x=y", ' "$X"', " -o", " --", " *", " install x", " -c x", " {} ;"]
    for name, tail in itertools.product([*TABLE, *ALIASES], tails):
        found = parse(f"{name}{tail}", workspace=WORK)
        assert set(found) == set(FIELDS)
        assert known_name(name) is not None


LONG = [
    "x" * 20_000,
    "a " * 9_999,
    "echo " + "$( " * 6_000,
    "echo " + "{a," * 5_000,
    "echo " + "[a" * 5_000,
    "cat " + "*/" * 3_000,
    "cat " + "?" * 4_000,
    "rm -rf " + "a*" * 1_500,
    "; ".join(["cd a"] * 490),
    "|".join(["ls"] * 400),
    "(" * 5_000,
    "zz " + "/a/b " * 490,
    "find " + "a " * 240 + "-exec rm " + "x " * 240 + ";",
    "bash -" + "c" * 4_000 + "!",
    "sed 's/" + "\\a" * 2_000 + "!' x",
    "sed '" + " ;" * 2_000 + "!' x",
    "cat <<" + "A\n" * 9_000,
    "rm -" + "r" * 4_000 + " x",
    "`" * 3_001,
]


@pytest.mark.parametrize("line", LONG, ids=[line[:12] for line in LONG])
def test_no_line_takes_long_to_read(line: str) -> None:
    """If a line could take for ever, one hijacked agent would hold up every other."""
    before = process_time()
    parse(line, workspace=WORK)
    assert process_time() - before < 1


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="rm -f/.~*?$`'\"\\(){}[]<>|&;=\n!#ab,:@", max_size=60))
def test_reading_never_fails(line: str) -> None:
    """If a strange line raised, the request would end without a verdict."""
    found = parse(line, workspace=WORK)
    assert set(found) == set(FIELDS)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([line for line, _ in DELETES if "\n" not in line and "<<" not in line]),
    st.sampled_from(["ls; {}", "true && {}", "( {} )", "{} ; ls", "{} || true", "{} | cat"]),
)
def test_company_never_hides_a_command(line: str, frame: str) -> None:
    """If a harmless neighbour hid a command, every command would bring one."""
    if line.endswith("&"):
        return
    alone, framed = seen(line), seen(frame.replace("{}", line))
    assert framed["deletes"] is None or set(alone["deletes"]) <= set(framed["deletes"])


def test_file_tools_of_a_runtime_are_file_actions() -> None:
    """If a file tool had another name in the rules, reading a key by tool would go unseen."""
    assert file_action("Read", {"file_path": "/x", "limit": 3}) == ("file.read", {"path": "/x"})
    assert file_action("Write", {"file_path": "/x", "content": "y"}) == (
        "file.write",
        {"path": "/x", "content": "y"},
    )
    edit = {"file_path": "/x", "old_string": "a", "new_string": "b", "replace_all": True}
    assert file_action("Edit", edit) == (
        "file.write",
        {"path": "/x", "content": "b", "replaces": "a"},
    )
    assert file_action("Grep", {"pattern": "a", "-n": True}) == (
        "file.search",
        {"path": ".", "pattern": "a"},
    )
    assert file_action("Read", {}) == ("file.read", {})
    assert file_action("Bash", {"command": "ls"}) is None


def test_an_argument_of_a_file_tool_that_is_not_known_stays_visible() -> None:
    """If unknown arguments were dropped, a tool could be given a new power without a rule."""
    made = file_action("Read", {"file_path": "/x", "follow": True})
    assert made == ("file.read", {"path": "/x", "follow": True})
