"""The command line `governance`.

Law: data on stdout, words for people on stderr, and an exit code that means the same everywhere:
0 done · 1 error · 2 usage, or a hook's block · 3 policy invalid · 4 policy cases failed ·
5 policy looser, or an invariant refuted · 6 not proved ·
10 tampered · 11 key unknown · 12 gap · 13 nothing to verify · 14 `fsck --repair` makes it good.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from governance.cli import databases, demo, runtimes, setup
from governance.cli.agents import agent
from governance.cli.anchors import anchor
from governance.cli.approvals import approval, decision
from governance.cli.evidence import data, report
from governance.cli.frame import Frame, Wiring
from governance.cli.log_keys import log_key
from governance.cli.people import key, person
from governance.cli.policy import policy
from governance.cli.proofs import audit
from governance.cli.retention import retention
from governance.cli.stops import stop
from governance.service.version import version

__all__ = ["Wiring", "main", "root"]

EPILOG = """\b
Begin here:
  governance demo demo-workspace        see everything at work in two minutes
  governance init my-workspace          make a workspace of your own
  governance serve -w my-workspace      run it
\b
Exit codes: 0 done, 1 error, 2 usage or a hook's block, 3 policy invalid,
4 policy cases failed, 5 policy looser or refuted, 6 not proved, 10 tampered, 11 key unknown,
12 gap, 13 nothing to verify.
"""


@click.group(
    name="governance",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version(), "--version", message="%(version)s")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Let agents act, stay in control, and be able to prove it."""
    frame = ctx.ensure_object(Frame)
    frame.workspace = Path(os.environ.get("GOVERNANCE_WORKSPACE") or ".")


for group in (policy, agent, person, key, approval, decision, stop, anchor, audit, report, data):
    root.add_command(group)
for group in (runtimes.hook, runtimes.install, runtimes.doctor, setup.clock, log_key, retention):
    root.add_command(group)
setup.register(root)
databases.register(root)
demo.register(root)


def main(app: Wiring) -> None:
    """Run the command line against a wired app."""
    root(obj=Frame(app), prog_name="governance")
