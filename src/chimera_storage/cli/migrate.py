"""`chimera-storage migrate`: what a Chimera install becomes here; writes only with --write."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from chimera_storage.archive.layout import Layout, parse_camera
from chimera_storage.log import configure_logging

if TYPE_CHECKING:
    from chimera_storage.chimera_install import Install


def migrate(
    folder: Annotated[Path, typer.Argument(help="The folder of the Chimera install.")],
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Write the storage.toml; without it nothing is.")
    ] = False,
    beside_motion: Annotated[
        bool, typer.Option("--beside-motion", help="Motion goes on recording; cameras are named.")
    ] = False,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The file to write; it must not exist yet.", readable=False
        ),
    ] = Path("storage.toml"),
    env: Annotated[
        Path | None, typer.Option(help="Its environment file, if not .env in the folder.")
    ] = None,
    motion_conf: Annotated[
        Path | None, typer.Option(help="Its motion.conf, if not where the environment says.")
    ] = None,
    footage: Annotated[
        Path | None,
        typer.Option(help="The folder that holds shared/captures on this machine.", readable=False),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="In which Motion named its images, as Europe/Berlin.")
    ] = None,
) -> None:
    """Take over a Chimera install: say what is there and what it becomes. No footage is touched."""
    from chimera_storage.chimera_install import as_storage_toml, read_install

    configure_logging()
    install = read_install(
        folder, env_file=env, motion_conf=motion_conf, footage=footage, timezone=timezone
    )
    _show(install)
    if not write:
        typer.echo(f"\nNothing was written. With --write this becomes {output}.")
        return
    from chimera_storage.motion_conf import write_new

    write_new(output, as_storage_toml(install, beside_motion=beside_motion))
    typer.echo(f"\n{output} is written. It holds passwords and can be read by you alone.")
    if not beside_motion:
        typer.echo(
            "Stop Motion before you start this server with it, or each thing is saved twice."
        )
    typer.echo(f"chimera-storage config check --config {output}")
    typer.echo(f"chimera-storage serve --config {output}")


def _show(install: "Install") -> None:
    names = "2021" if install.is_of_2021 else "version 6"
    typer.echo(f"A Chimera install with the names of {names} in {install.folder}")
    if install.footage is not None:
        _show_footage(install, install.footage)
    _list(
        f"Cameras of {install.conf_file}",
        [
            f"{camera.table['id']}  {camera.table.get('name', '')}".rstrip()
            for camera in install.conf.cameras
        ],
    )
    _list("Carried over", [f"{name} → {key}" for name, key in install.carried])
    of_cameras = [
        f"camera {camera.table['id']}: {note}"
        for camera in install.conf.cameras
        for note in camera.notes
    ]
    _list(
        "Not carried over, or with another meaning",
        [*install.left, *install.conf.notes, *of_cameras],
    )
    _list("Look at this", install.notes)


def _show_footage(install: "Install", footage: Path) -> None:
    from chimera_storage.archive.walk import camera_ids

    zone = ZoneInfo(install.sections["server"]["timezone"])
    layout = Layout(footage, zone)
    names = install.names()
    configured = {camera.table["id"] for camera in install.conf.cameras}
    typer.echo(f"\nFootage in {layout.captures}")
    for camera in sorted(configured | set(names) | set(camera_ids(layout))):
        who = f"camera {camera} {names.get(camera, '')}".rstrip()
        is_unknown = bool(configured) and camera not in configured
        unknown = "; motion.conf does not have it" if is_unknown else ""
        typer.echo(f"  {who}: {_images(layout, camera)}{unknown}")
    for line in _others(layout):
        typer.echo(f"  {line}")


def _images(layout: Layout, camera: int) -> str:
    """How many, by their names, and from when to when."""
    from chimera_storage.archive.walk import all_keys

    count, first, last = 0, 2**62, -(2**62)
    try:
        for key in all_keys(layout, camera):
            count += 1
            first, last = min(first, key.second), max(last, key.second)
    except OSError as error:
        return f"its folder cannot be read by this user: {error.strerror}"
    if not count:
        return "no images"
    since, until = (layout.stamp(second * 1_000_000) for second in (first, last))
    return f"{count:,} images, {since} to {until}"


def _others(layout: Layout) -> list[str]:
    """Videos and archives, and folders that are no camera's."""
    finished: Counter[str] = Counter()
    folders = []
    for path in sorted(layout.captures.iterdir()):
        output = layout.parse_output(path.name)
        if output is not None:
            finished[output.type.value] += 1
        elif path.is_dir() and parse_camera(path.name) is None and not path.name.startswith("."):
            folders.append(path.name)
    lines = [f"finished {kind}: {number:,}" for kind, number in sorted(finished.items())]
    if folders:
        lines.append(f"served, but neither counted nor cleaned: {', '.join(folders)}")
    return lines


def _list(heading: str, lines: list[str]) -> None:
    if lines:
        typer.echo(f"\n{heading}")
        for line in lines:
            typer.echo(f"  {line}")
