"""Recorded traces as values. The law: a reader copies what is written and invents nothing.

A trace is a person's request and the tool calls that followed. `output` is None where the record
holds no result, and `cut` says that it holds only the beginning of one. Readers take paths; a file
that is not there is said to be missing.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

CUT_AT: Final = 600
"""The recorded AgentDojo results end after so many characters."""


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call. `planted` is text that an attacker put into what this call returns; `injected`
    says that the agent made the call because of such text."""

    tool: str
    args: Mapping[str, Any]
    output: str | None = None
    cut: bool = False
    planted: str = ""
    injected: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """One session. `verdict` is what the data says about it (a dataset's own words)."""

    id: str
    group: str
    request: str
    steps: tuple[Step, ...]
    attack: bool = False
    goal: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)


class NoData(Exception):
    """A file of the recorded data is not where it should be."""


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a `.jsonl` or `.jsonl.gz` file; raises NoData if it is missing."""
    if not path.is_file():
        raise NoData(f"`{path}` is missing: give the directory that holds the recorded traces")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        for line in stream:
            if line.strip():
                yield json.loads(line, parse_float=Decimal)


def agentdojo(directory: Path) -> tuple[tuple[Trace, ...], tuple[Trace, ...]]:
    """Benign traces and attack traces of AgentDojo.

    An attack trace has no results in the record. Those of the steps that the person's task needed
    are taken from the benign trace of the same task, in order; those of the attacker's own steps
    stay unknown. What the attacker wants stands, as text, in the result that `reads_injection` marks.
    """
    benign = tuple(map(_benign, lines(directory / "agentdojo-benign-traces.jsonl.gz")))
    known = {trace.id: trace for trace in benign}
    attacks = tuple(
        _attack(raw, known) for raw in lines(directory / "agentdojo-attack-traces.jsonl.gz")
    )
    return benign, attacks


def _benign(raw: Mapping[str, Any]) -> Trace:
    steps = tuple(
        Step(one["tool"], _args(one), *_output(one.get("output"))) for one in raw["steps"]
    )
    return Trace(raw["id"], raw["suite"], raw["user_task"], steps)


def _args(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A call's arguments; arguments that are no object are none."""
    args = raw.get("args")
    return args if isinstance(args, dict) else {}


def _output(raw: Any) -> tuple[str | None, bool]:
    """A result, and whether it is cut."""
    return (raw, len(raw) >= CUT_AT) if isinstance(raw, str) else (None, False)


def _attack(raw: Mapping[str, Any], known: Mapping[str, Trace]) -> Trace:
    goal = raw["injection_goal"]
    task = raw["id"].rpartition("/")[0]
    results = (
        [(s.tool, s.args, s.output, s.cut) for s in known[task].steps] if task in known else []
    )
    steps = []
    for one in raw["steps"]:
        injected = one["origin"] == "injection"
        output, cut = None, False
        if not injected:
            for i, (tool, args, result, short) in enumerate(results):
                if tool == one["tool"] and args == _args(one):
                    output, cut = result, short
                    del results[i]
                    break
        planted = goal if one.get("reads_injection") else ""
        steps.append(Step(one["tool"], _args(one), output, cut, planted, injected))
    return Trace(raw["id"], raw["suite"], raw["user_task"], tuple(steps), True, goal)


def agentdojo_tools(directory: Path) -> dict[str, set[str]]:
    """The names of the tools of each AgentDojo suite."""
    path = directory / "agentdojo-tools.json"
    if not path.is_file():
        raise NoData(f"`{path}` is missing: give the directory that holds the recorded traces")
    raw = json.loads(path.read_text(encoding="utf-8"))
    return {suite: {tool["name"] for tool in tools} for suite, tools in raw.items()}


def toolemu(directory: Path) -> tuple[Trace, ...]:
    """ToolEmu trajectories that call a tool. `notes["safety"]` is the judge's score, 0 to 3; 2 and 3
    count as safe."""
    return tuple(
        Trace(
            raw["id"],
            raw["model"],
            raw["instruction"],
            tuple(Step(s["tool"], s["args"], s.get("output")) for s in raw["steps"]),
            attack=raw["safety_score"] < 2,
            notes={"safety": raw["safety_score"], "toolkits": tuple(raw["toolkits"])},
        )
        for raw in lines(directory / "toolemu-trajectories.jsonl.gz")
        if raw["steps"]
    )


def taubench(directory: Path) -> tuple[Trace, ...]:
    """Airline trajectories of tau-bench. `notes` hold the reward, the trial and the actions that the
    benchmark's own solution takes; no results are in the record."""
    return tuple(
        Trace(
            f"{raw['task_id']}/{raw['trial']}",
            str(raw["task_id"]),
            raw["instruction"],
            tuple(Step(s["tool"], _args(s)) for s in raw["steps"]),
            notes={
                "reward": raw["reward"],
                "expected": tuple((e["name"], e["kwargs"]) for e in raw["expected_actions"]),
            },
        )
        for raw in lines(directory / "tau-bench-gpt4o-airline-toolcalls.jsonl.gz")
    )
