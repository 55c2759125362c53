"""What `chimera-storage doctor --chaos` prints."""

import json
import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chimera_storage.config import Settings
    from chimera_storage.doctor.chaos.run import Outcome


def show_chaos(settings: "Settings", seed: int, *, as_json: bool) -> None:
    """Say what is going to be done, do it, print. Raises ChimeraStorageError."""
    from chimera_storage.doctor.chaos.run import ROOM, run
    from chimera_storage.doctor.scratch import scratch_folder

    sys.stderr.write(
        "This takes two to eight minutes; Ctrl-C ends it. A server of its own with cameras of its"
        " own is tried in a scratch folder; archive, cameras and a running server are left alone.\n"
    )
    outcomes = []
    with scratch_folder(settings, ROOM) as scratch:
        for outcome in run(scratch, seed):
            outcomes.append(outcome)
            if not as_json:
                _show(outcome)
    tell(outcomes, seed, as_json=as_json)


def tell(outcomes: "Sequence[Outcome]", seed: int, *, as_json: bool) -> None:
    """The sum of all; ends the program with exit code 1 where anything is lost."""
    failed = [outcome for outcome in outcomes if outcome.lost]
    if as_json:
        said = {"seed": seed, "lost": bool(failed), "trials": [o.to_dict() for o in outcomes]}
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False))
    elif failed:
        typer.echo(f"Lost: {', '.join(outcome.trial for outcome in failed)}.")
    else:
        typer.echo("Nothing is lost.")
    if failed:
        raise SystemExit(1)


def _show(outcome: "Outcome") -> None:
    mark = ("LOST" if outcome.lost else "ok") if outcome.tried else "-"
    line = f"{mark:<5}{outcome.trial}: {outcome.done}"
    if outcome.tried:
        line += f" ({outcome.images:,} images, {outcome.seconds:.0f} s)"
    typer.echo(line)
    for text in outcome.lost:
        typer.echo(f"      -> {text}")
    sys.stdout.flush()
