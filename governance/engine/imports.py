"""Actions out of MCP tool lists, OpenAPI documents and JSON Schemas, as their makers describe them.

Law: a description is a claim. Every action comes out as risk `high` with the labels of the worst it
may do; what a server says in its favour (`readOnlyHint`) becomes a label that no shipped rule trusts
(`says_read_only`), and a person takes labels away. What cannot be taken over is said in a note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from governance.engine import exactjson
from governance.engine.parameters import Argument, arguments, sentence
from governance.engine.unseen import hidden

MOST: Final = 2_000
_METHODS: Final = ("get", "head", "options", "post", "put", "patch", "delete", "trace")
_SCHEMA_KEYS: Final = ("inputSchema", "input_schema", "parameters")
_WORST: Final = ("writes", "destroys", "sends_external")
_REVIEWED: Final = Argument(
    "description_digest", {"type": "text", "class": "category", "max_length": 100}
)


class NotImportable(ValueError):
    """The document is not what it was said to be; the sentence says what was expected."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action found. `name` is the catalogue's, `called` the maker's own; `digest` recognises the
    whole description; `resource` are claims to be declared beside the arguments."""

    name: str
    called: str
    title: str
    labels: tuple[str, ...]
    attaches: tuple[str, ...]
    args: tuple[Argument, ...]
    notes: tuple[str, ...]
    digest: str
    resource: tuple[Argument, ...] = ()


@dataclass(slots=True)
class Found:
    """The actions of one document, and sentences about what to look at. `source` is how the names
    of everything that this maker describes begin; empty where it describes one action only."""

    actions: list[Action] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    source: str = ""


def from_mcp(document: Any, server: str) -> Found:
    """The tools of a `tools/list` result (also inside its JSON-RPC answer, or as a bare list; tool
    definitions of model providers are the same with other names). Raises NotImportable."""
    result = document.get("result", document) if isinstance(document, Mapping) else document
    tools = result.get("tools") if isinstance(result, Mapping) else result
    if not isinstance(tools, list) or not all(isinstance(tool, Mapping) for tool in tools):
        raise NotImportable(
            "this is no tool list: expected an object with `tools`, or a list of tools"
        )
    found = Found(source=f"mcp.{_word(server)}.")
    if isinstance(result, Mapping) and result.get("nextCursor"):
        found.notes.append("the list goes on (`nextCursor`): give all its pages")
    for tool in tools[:MOST]:
        made = _tool(tool, server)
        if made is None:
            found.notes.append("a tool without a name was left out")
        else:
            found.actions.append(made)
    _too_many(found, tools)
    return _told_apart(found)


def _tool(tool: Mapping[str, Any], server: str) -> Action | None:
    inner = tool.get("function")
    body: Mapping[str, Any] = inner if isinstance(inner, Mapping) else tool
    called = body.get("name")
    if not isinstance(called, str) or not called:
        return None
    schema: Any = next((body[key] for key in _SCHEMA_KEYS if key in body), {})
    args, notes = arguments(schema)
    hints = body.get("annotations")
    said = _hints(hints if isinstance(hints, Mapping) else {})
    told = hints.get("title") if isinstance(hints, Mapping) else None
    title = sentence(body.get("description"), 160) or sentence(body.get("title") or told, 160)
    if _hidden(body.get("description")):
        notes.append(
            "its description holds characters that nobody sees: read it before anything else"
        )
    if said:
        notes.append(f"claims of the server, which count for nothing: {', '.join(said)}")
    return Action(
        name=f"mcp.{_word(server)}.{_word(called, '.')}",
        called=called,
        title=title or called,
        labels=("mcp", *_WORST, *said),
        attaches=("private", "untrusted"),
        args=tuple(args),
        notes=tuple(notes),
        digest=exactjson.digest(tool),
        resource=(_REVIEWED,),
    )


def _hidden(text: Any) -> bool:
    return isinstance(text, str) and hidden(text) is not None


def _hints(hints: Mapping[str, Any]) -> tuple[str, ...]:
    """What the server says in its own favour, as labels that claim and nothing more."""
    said = []
    if hints.get("readOnlyHint") is True:
        said.append("says_read_only")
    if hints.get("destructiveHint") is False:
        said.append("says_not_destructive")
    if hints.get("openWorldHint") is False:
        said.append("says_closed_world")
    if hints.get("idempotentHint") is True:
        said.append("says_idempotent")
    return tuple(said)


def from_openapi(document: Any, name: str) -> Found:
    """The operations of an OpenAPI 3.x document. Raises NotImportable."""
    version = document.get("openapi") if isinstance(document, Mapping) else None
    if not str(version).startswith("3."):
        raise NotImportable("this is no OpenAPI 3 document: expected `openapi: 3.…` and `paths`")
    found = Found(source=f"{_word(name)}.")
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        if not isinstance(item, Mapping):
            continue
        if "$ref" in item:
            found.notes.append(f"`{path}` is in another file and was left out")
        for method in _METHODS:
            if isinstance(item.get(method), Mapping):
                found.actions.append(_operation(document, name, str(path), method, item))
    _too_many(found, found.actions)
    found.actions = found.actions[:MOST]
    return _told_apart(found)


def _operation(
    document: Mapping[str, Any], name: str, path: str, method: str, item: Mapping[str, Any]
) -> Action:
    operation = item[method]
    given = operation.get("operationId")
    called = given if isinstance(given, str) and given else f"{method} {path}"
    notes: list[str] = []
    schema = _one_schema(document, operation, item, notes)
    args, told = arguments(schema, document)
    text = operation.get("summary") or operation.get("description")
    quiet = method in ("get", "head", "options")
    return Action(
        name=f"{_word(name)}.{_word(called, '.')}",
        called=f"{method.upper()} {path}",
        title=sentence(text, 160) or f"{method.upper()} {path}",
        labels=("says_read_only",) if quiet else _WORST if method == "delete" else _WORST[::2],
        attaches=("private", "untrusted"),
        args=tuple(args),
        notes=(*notes, *told),
        digest=exactjson.digest(
            {
                "called": f"{method} {path}",
                "text": text if isinstance(text, str) else "",
                "takes": schema,
                "read_as": [[each.name, dict(each.options)] for each in args],
            }
        ),
    )


def _one_schema(
    document: Mapping[str, Any],
    operation: Mapping[str, Any],
    item: Mapping[str, Any],
    notes: list[str],
) -> dict[str, Any]:
    """Parameters and the fields of a JSON body as one object, as a tool would take them."""
    properties: dict[str, Any] = {}
    required: list[str] = []

    def put(name: str, schema: Any, needed: bool, where: str) -> None:
        if name in properties:
            notes.append(f"`{name}` is there twice; the one in the {where} was left out")
            return
        properties[name] = schema
        required.extend([name] if needed else [])

    for each in [*_list(item.get("parameters")), *_list(operation.get("parameters"))]:
        parameter = _referred(each, document)
        name, schema = parameter.get("name"), parameter.get("schema")
        if not isinstance(name, str) or parameter.get("in") in ("header", "cookie"):
            continue
        described = {**schema} if isinstance(schema, Mapping) else {}
        if isinstance(parameter.get("description"), str):
            described.setdefault("description", parameter["description"])
        if operation.get("parameters") and name in properties:
            del properties[name]  # an operation's own parameter replaces its path's
            required = [each for each in required if each != name]
        put(name, described, parameter.get("required") is True, str(parameter.get("in")))
    body = _referred(operation.get("requestBody"), document)
    content = body.get("content")
    kinds = dict(content) if isinstance(content, Mapping) else {}
    kind = next((k for k in kinds if k.split(";")[0].endswith("json")), next(iter(kinds), None))
    if kind is None:
        return {"type": "object", "properties": properties, "required": required}
    if not kind.split(";")[0].endswith("json"):
        notes.append(f"its body is {kind[:60]}: declared as one text")
        put("body", {"type": "string"}, body.get("required") is True, "body")
    else:
        schema = _referred(
            kinds[kind].get("schema") if isinstance(kinds[kind], Mapping) else {}, document
        )
        inner = schema.get("properties")
        if isinstance(inner, Mapping) or schema.get("allOf"):
            whole = {**schema, "properties": {**properties, **dict(inner or {})}}
            notes += [
                f"`{name}` is a parameter and a field of the body: the body's was taken"
                for name in properties.keys() & dict(inner or {}).keys()
            ]
            needed = [str(each) for each in _list(schema.get("required"))]
            keep = needed if body.get("required") is True else []
            return {**whole, "type": "object", "required": [*required, *keep]}
        put("body", schema, body.get("required") is True, "body")
    return {"type": "object", "properties": properties, "required": required}


def _referred(value: Any, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that a `$ref` inside the document leads to; nothing for any other."""
    for _ in range(20):
        if not isinstance(value, Mapping):
            return {}
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return value
        found: Any = document if reference.startswith("#/") else None
        for step in reference[2:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            found = found.get(step) if isinstance(found, Mapping) else None
        value = found
    return {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def from_json_schema(document: Any, name: str) -> Found:
    """One action whose arguments the schema describes. Raises NotImportable."""
    if not isinstance(document, Mapping) or not (
        isinstance(document.get("properties"), Mapping) or "$ref" in document or "allOf" in document
    ):
        raise NotImportable("this is no JSON Schema of an object: expected `properties`")
    args, notes = arguments(document)
    action = Action(
        name=".".join(filter(None, map(_word, name.split(".")))),
        called=name,
        title=sentence(document.get("description") or document.get("title"), 160) or name,
        labels=_WORST,
        attaches=("private", "untrusted"),
        args=tuple(args),
        notes=tuple(notes),
        digest=exactjson.digest(document),
    )
    return _told_apart(Found([action]))


def _word(text: str, also: str = "") -> str:
    """A name's part as the catalogue allows it; never empty, never beginning with a digit."""
    kept = re.sub(rf"[^A-Za-z0-9_/{also}-]+", "_", text).strip("_/.-")[:80]
    return kept if kept[:1].isalpha() else f"x_{kept}"


def _too_many(found: Found, all_of_them: list[Any]) -> None:
    if len(all_of_them) > MOST:
        found.notes.append(f"there are {len(all_of_them)}; only the first {MOST} were taken")


def _told_apart(found: Found) -> Found:
    """Names that fall together are numbered, and that is said."""
    taken: dict[str, Action] = {}
    for action in found.actions:
        name, number = action.name, 1
        while name in taken:
            number += 1
            name = f"{action.name}_{number}"
        if number > 1:
            found.notes.append(
                f"`{action.called}` is written as `{taken[action.name].called}` is: it became `{name}`"
            )
        taken[name] = replace(action, name=name)
    found.actions = list(taken.values())
    return found
