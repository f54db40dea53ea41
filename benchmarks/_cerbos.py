"""A Cerbos server beside ours: as many rules, the same requests, its file decision log switched on."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._children import free_port, wait_for
from benchmarks._http_workspace import COUNTRIES, RULES_EACH, bodies

PACKAGE = "@cerbos/cerbos-linux-x64"


class Missing(Exception):
    """Cerbos cannot be had on this machine; the message says why."""


@contextmanager
def cerbos(directory: Path, rules: int) -> Iterator[tuple[str, Path]]:
    """A Cerbos server with a file decision log; its check address and the bodies for it."""
    folder = directory / "cerbos"
    (folder / "policies").mkdir(parents=True)
    program = _fetch_cerbos(folder)
    actions = max(1, rules // RULES_EACH)
    for number in range(actions):
        (folder / "policies" / f"a{number:03d}.json").write_text(json.dumps(_cerbos_policy(number)))
    port = free_port()
    settings = {
        "server": {
            "httpListenAddr": f"127.0.0.1:{port}",
            "grpcListenAddr": f"127.0.0.1:{free_port()}",
        },
        "storage": {"driver": "disk", "disk": {"directory": str(folder / "policies")}},
        "audit": {
            "enabled": True,
            "accessLogsEnabled": False,
            "decisionLogsEnabled": True,
            "backend": "file",
            "file": {"path": str(folder / "decisions.log")},
        },
        "telemetry": {"disabled": True},
    }
    (folder / "config.json").write_text(json.dumps(settings))
    lines = folder / "bodies.jsonl"
    lines.write_text("".join(_cerbos_body(body) + "\n" for body in bodies(rules)))
    with (folder / "server.log").open("wb") as output:
        process = subprocess.Popen(
            [str(program), "server", f"--config={folder / 'config.json'}"],
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/_cerbos/health", process, folder / "server.log")
        yield f"http://127.0.0.1:{port}/api/check/resources", lines
    finally:
        process.terminate()
        process.wait(10)


def _fetch_cerbos(folder: Path) -> Path:
    if shutil.which("npm") is None:
        raise Missing("npm is not installed")
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE],
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = [
        path for path in folder.glob("node_modules/@cerbos/*/cerbos-linux-x64") if path.is_file()
    ]
    if done.returncode or not found:
        raise Missing(f"npm could not fetch {PACKAGE}")
    return found[0]


def _cerbos_policy(number: int) -> dict[str, Any]:
    rules: list[dict[str, Any]] = [
        {
            "actions": ["pay"],
            "effect": "EFFECT_ALLOW",
            "roles": ["agent"],
            "condition": {"match": {"expr": "R.attr.amount <= 500.0"}},
        }
    ]
    rules += [
        {
            "actions": ["pay"],
            "effect": "EFFECT_DENY",
            "roles": ["agent"],
            "condition": {
                "match": {"expr": f'R.attr.country == "{country}" && R.attr.amount > {n}.0'}
            },
        }
        for n, country in enumerate(COUNTRIES, start=1)
    ]
    return {
        "apiVersion": "api.cerbos.dev/v1",
        "resourcePolicy": {"resource": f"a{number:03d}", "version": "default", "rules": rules},
    }


def _cerbos_body(body: Mapping[str, Any]) -> str:
    given = body["action"]["properties"]["arguments"]
    document = {
        "principal": {"id": body["subject"]["id"], "roles": ["agent"]},
        "resources": [
            {
                "actions": ["pay"],
                "resource": {
                    "kind": body["action"]["name"].rpartition(".")[2],
                    "id": body["resource"]["id"],
                    "attr": {**given, "amount": float(given["amount"]["amount"])},
                },
            }
        ],
    }
    return json.dumps(document, separators=(",", ":"))
