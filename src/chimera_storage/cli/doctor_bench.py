"""What `chimera-storage doctor --bench` prints."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from chimera_storage.cli.bar import Bar

if TYPE_CHECKING:
    from chimera_storage.config import Settings
    from chimera_storage.doctor.bench.measure import Measured, Sized
    from chimera_storage.doctor.bench.sizing import Carried

_HEAD = (
    f"{'':16}{'of a core':>18}{'memory':>9}{'images/s':>10}{'size':>9}   this machine carries about"
)
_SECOND = f"{'camera':16}{'still':>9}{'moving':>9}{'':28}   still mostly       always moving"


def show_bench(settings: "Settings", *, as_json: bool) -> None:
    """Say how long it takes, measure, print. Raises ChimeraStorageError."""
    from chimera_storage.doctor.bench.measure import ROOM, Steps, measure
    from chimera_storage.doctor.scratch import scratch_folder

    sys.stderr.write(
        "Measuring takes one to three minutes and all of the processor at times; Ctrl-C ends it."
        " Cameras and archive are left alone.\n"
    )
    with scratch_folder(settings, ROOM) as scratch, Bar(Steps.total) as bar:
        found = measure(settings, scratch, bar.show)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
    else:
        typer.echo("\n".join(table(found)))


def table(found: "Measured") -> list[str]:
    """What is shown, line by line."""
    disk = found.disk
    lines = [
        f"{found.cores} cores, {found.memory / 1e9:.1f} GB of memory free; measured in"
        f" {found.seconds:.0f} s",
        f"disk: writes {disk.bytes_per_s / 1e6:.0f} MB/s; an image synced in"
        f" {disk.image_s * 1000:.1f} ms (longest {disk.longest_image_s * 1000:.0f}); saves"
        f" {found.saves:.0f} images of 150 kB a second",
    ]
    if found.video is not None:
        lines.append(f"a video of 1080p images: {found.video:.0f} images/s")
    lines += ["", _HEAD, _SECOND, *map(_row, found.kinds), ""]
    lines.append(
        "Still mostly: something moves a tenth of the time. (p) the processor would be too"
    )
    lines.append(
        "little for more, (m) the memory, (d) the disk. A quarter of processor and memory is"
    )
    lines.append("left to the server, its pages, videos and the system.")
    for use in found.tried:
        was = "kept up" if use.kept_up >= 0.97 else f"saw {use.kept_up:.0%} of the pictures in time"
        lines.append(
            f"Tried: {use.cameras} cameras of H.264 1080p 15/s at once, always moving: {was},"
            f" {use.processor * use.cameras * use.kept_up:.2f} cores, {use.memory / 1e6:.0f} MB."
        )
    return lines + found.remarks


def _row(sized: "Sized") -> str:
    cost = sized.cost
    return (
        f"{cost.kind!s:16}{cost.still.processor:>9.1%}{cost.moving.processor:>9.1%}"
        f"{cost.memory / 1e6:>6.0f} MB{cost.moving.images_per_s:>10.1f}"
        f"{cost.moving.image_bytes / 1000:>6.0f} kB   {_carried(sized.still_mostly):<18}"
        f" {_carried(sized.moving)}"
    )


def _carried(carried: "Carried") -> str:
    return f"{carried.cameras} ({carried.limit[0]})"
