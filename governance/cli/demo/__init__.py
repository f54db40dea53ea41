"""`governance demo`: the whole product at work in one fresh workspace, told in plain words.

Law: nothing is staged that the product does not really do; every number printed was counted, and a step
that does not come out as told ends the demo with exit code 1.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from governance.cli import output
from governance.cli.demo import acts, cast, moments, stage
from governance.cli.frame import Frame, command
from governance.cli.transport import SOCKET, Failed, over_socket
from governance.service import backtesting, checking, exporting


def register(root: click.Group) -> None:
    """Add the command to the root."""

    @command(root, "demo", example="governance demo demo-workspace")
    @click.argument("directory", type=click.Path(path_type=Path))
    @click.option("--fresh", is_flag=True, help="Delete an earlier demo in that directory first.")
    def demo(frame: Frame, directory: Path, fresh: bool) -> None:
        """Five agents, more than a thousand decisions, people who answer, and the proof."""
        _clear(directory, fresh)
        result = run(frame.app, directory.resolve())
        if frame.json:
            output.document(result)
        else:
            _tell(result)


def _clear(directory: Path, fresh: bool) -> None:
    if not directory.exists() or not any(directory.iterdir()):
        return
    if not fresh or not stage.left_over(directory):
        raise Failed(
            f"`{directory}` is not empty; give a new directory, or --fresh for an old demo"
        )
    if over_socket(directory / SOCKET) is not None:
        raise Failed(f"the service of `{directory}` is still running; end it, then try again")
    shutil.rmtree(directory)


def run(app: Any, directory: Path) -> dict[str, Any]:
    """Play the whole demo; the figures and paths it ends with."""
    began = time.monotonic()
    say = output.say
    say("A fresh workspace, and the service in a process of its own…")
    scene = stage.build(app, directory, say)
    made = directory / "demo"
    made.mkdir()
    try:
        result = _play(scene, made)
    finally:
        scene.close()
    result["seconds"] = round(time.monotonic() - began)
    return result


def _play(scene: stage.Stage, made: Path) -> dict[str, Any]:
    say = scene.say
    say(f"{len(cast.PEOPLE)} people get roles; a second release needs two of them from now on.")
    stage.hire(scene)
    stage.release(scene, checking.read_folder(scene.directory / "policies"))
    say(f"{len(cast.AGENTS)} agents are onboarded, each by one manager and confirmed by another.")
    stage.onboard(scene)
    overridden = _override(scene)
    say("They work: payments, refunds, code, applications, tickets…")
    counted = acts.work(scene)
    figures: dict[str, Any] = {"answers": dict(counted)}
    say(f"  {sum(counted.values())} decisions: {_list(counted)}.")
    answered = acts.answer(scene)
    used = acts.use_grants(scene)
    say(f"People answered: {_list(answered)}; {used} grants were used by the exact same action.")
    expired = acts.let_expire(scene)
    say(f"Request {expired} was answered by nobody in time, which is a no.")
    figures |= {"people": dict(answered), "grants_used": used, "expired": expired}
    figures |= {"override": overridden, **_interventions(scene)}
    return figures | _evidence(scene, made, int(overridden["denied"]))


def _override(scene: stage.Stage) -> dict[str, Any]:
    overridden = acts.override(scene)
    scene.say(
        f"Priya overrode refused refund {overridden['denied']} for one hour, once: "
        f"it ran as decision {overridden['allowed']}."
    )
    acts.reverse(scene, overridden["allowed"])
    scene.say("Mia reversed it again when the parcel turned up.")
    return overridden


def _interventions(scene: stage.Stage) -> dict[str, Any]:
    reviewed = acts.review(scene)
    scene.say(
        f"{reviewed['drawn']} decisions were drawn for review across agents and verdicts; {reviewed['waiting']} "
        f"still wait, and Jonas and Sofia disagree about decision {reviewed['disputed']}."
    )
    drilled = acts.drill(scene)
    scene.say(
        f"A stop drill (entry {drilled['stop']}) held payments-1 in the middle of "
        f"{acts.DRILL_DECISIONS} requests; two people lifted it."
    )
    erased = acts.erase(scene)
    scene.say("A customer was forgotten: values and keys are gone, counts and proofs stay.")
    return {"reviewed": reviewed, "drill": drilled, "erased": erased}


def _evidence(scene: stage.Stage, made: Path, denied: int) -> dict[str, Any]:
    say, directory = scene.say, scene.directory
    time.sleep(0.2)
    report = scene.api(cast.COMPLIANCE).post("/v1/reports/periodic")
    package = made / "package"
    exporting.write(directory, package)
    code, words = moments.verify(package, scene.log_key)
    if code != 0:
        raise Failed(f"the exported package does not verify (exit {code}): {words}")
    say("\nA stranger verifies the exported package with nothing but a public key:")
    say(_indented(words))
    replayed = exporting.replay(package)
    if replayed.get("different"):
        raise Failed(f"{replayed['different']} verdicts came out differently when replayed")
    say(
        f"Replay took {replayed['same']} of all {replayed['decisions']} decisions again (those at "
        "work, after people had answered, and in the drill), all the same; "
        f"{replayed['not_disclosed']} lack values that were erased or are not disclosed."
    )
    draft = moments.draft(directory / "policies", made / "draft-policies")
    changed, tampered = moments.rehearse(
        lambda: backtesting.backtest(directory, checking.read_folder(draft)),
        package, scene.log_key, made / "altered-package", denied,
    )  # fmt: skip
    say("\nMoment one. Small payments end at 10 EUR instead of 500: what would have changed?")
    for line in _changes(changed):
        say(f"  {line}")
    say("\nMoment two. One letter of one entry is altered in a copy of the package:")
    say(_indented(tampered))
    return {
        "workspace": str(directory),
        "url": scene.url,
        "sign_in": {who.email: scene.passwords[who.email] for who in cast.PEOPLE},
        "log_key": scene.log_key,
        "package": str(package),
        "altered_package": str(made / "altered-package"),
        "draft": str(draft),
        "report": [str(directory / "reports" / name) for name in report["files"]],
        "replay": replayed,
        "backtest": {"changed": len(changed["changed"]), "by_change": changed["by_change"]},
        "verify": {"exit": moments.TAMPERED, "said": tampered},
    }


def _changes(result: Mapping[str, Any]) -> list[str]:
    lines = [f"{count} × {change}" for change, count in result["by_change"].items()]
    for item in result["changed"][:3]:
        rules = ", ".join(item["rules_now"])
        lines.append(f"decision {item['decision']}: {item['was']} -> {item['now']} ({rules})")
    if len(result["changed"]) > 3:
        lines.append(f"… and {len(result['changed']) - 3} more")
    if result["follow_on"]:
        lines.append(
            f"{result['follow_on']} of them only follow: payments that are refused use up no limit, "
            "so later ones fit"
        )
    return lines


def _tell(result: Mapping[str, Any]) -> None:
    pdf = next(path for path in result["report"] if path.endswith(".pdf"))
    people = [
        f"{who.email} with {result['sign_in'][who.email]}" for who in (cast.MANAGER, cast.SECOND)
    ]
    output.say(
        f"\nDone in {result['seconds']} s. Where to look:\n"
        f"  the report       {pdf}\n"
        f"  the package      {result['package']}\n"
        f"  what was altered {result['altered_package']}\n"
        f"  the draft rule   {result['draft']}\n"
        f"  first of all     . .venv/bin/activate   (if `governance` is not found)\n"
        f"  in the browser   governance serve -w {result['workspace']}\n"
        f"                   {result['url']}  sign in as {people[0]}\n"
        f"                   and, in a private window, as {people[1]}\n"
        f"  in a terminal    governance audit tail -w {result['workspace']}"
    )


def _list(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counted.items()))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
