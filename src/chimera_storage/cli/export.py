"""`chimera-storage export`: a video or an archive of a time range, into any file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from chimera_storage.cli.bar import Bar
from chimera_storage.cli.options import ConfigFile, DataFolder, configured
from chimera_storage.clock import SystemClock, to_us
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.log import configure_logging
from chimera_storage.model import ConversionType
from chimera_storage.options import Options
from chimera_storage.web.formatting import file_size

if TYPE_CHECKING:
    from chimera_storage.archive.images import Archive
    from chimera_storage.config import Settings
    from chimera_storage.convert.job import Report


def export(
    file: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    camera: Annotated[str, typer.Option(help="Number or name.")],
    start: Annotated[
        str | None, typer.Option("--from", help="As in the API; default: a week before --to.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="As in the API; default: now.")] = None,
    *,
    hours: Annotated[float | None, typer.Option(help="In place of --from.")] = None,
    days: Annotated[float | None, typer.Option(help="In place of --from.")] = None,
    kind: Annotated[
        ConversionType | None,
        typer.Option("--format", help="Default: what the file's ending says, else mp4."),
    ] = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="The same as --format zip.")] = False,
    skip: Annotated[int, typer.Option(min=1, max=1_000_000, help="Take every Nth image.")] = 1,
    fps: Annotated[int, typer.Option(min=1, max=60, help="Images a second of a video.")] = 20,
    height: Annotated[int | None, typer.Option(help="Of a video, in pixels.")] = None,
    quality: Annotated[str | None, typer.Option(help="Of a video: low, normal, high.")] = None,
    codec: Annotated[
        str | None, typer.Option(help="Of a video: h264, h265, av1, or mjpeg to copy the images.")
    ] = None,
    timestamps: Annotated[
        bool | None, typer.Option("--timestamps", help="Draw time and camera into a video.")
    ] = None,
    pace: Annotated[str | None, typer.Option(help="Of a video: even, real, smart.")] = None,
    manifest: Annotated[
        bool | None, typer.Option("--manifest", help="Put lists of the images into an archive.")
    ] = None,
    config: ConfigFile = None,
    path: DataFolder = None,
) -> None:
    """Make a video or an archive of a camera's images; beside a running server, or without one."""
    configure_logging()
    from chimera_storage.convert.alone import export as run
    from chimera_storage.convert.job import Job, zone_name
    from chimera_storage.service.alone import archive_alone
    from chimera_storage.web.parsing import time_range

    settings = configured(config, path)
    chosen = _kind(file, kind, as_zip=as_zip)
    if fps > chosen.highest_fps:
        raise InvalidInputError(f"--fps of a {chosen.value} is at most {chosen.highest_fps}")
    given = {
        "height": height, "quality": quality, "codec": codec, "timestamps": timestamps,
        "pace": pace, "manifest": manifest,
    }  # fmt: skip
    options = _options(chosen, given)
    zone = ZoneInfo(settings.server.timezone)
    start_us, end_us = time_range(
        {"start": start, "end": end, "hours": hours, "days": days},
        now_us=to_us(SystemClock().now()),
        zone=zone,
    )
    with archive_alone(settings, asks_only=True) as archive:
        number = _camera(archive, settings, camera)
        images = -(-archive.index.count(number, start_us, end_us) // skip)
    # The data folder is free again: a server may start meanwhile.
    if not images:
        raise NotFoundError(f"camera {number} has no image in this time")
    job = Job(
        id="export",
        type=chosen,
        camera=number,
        name=settings.names().get(number, ""),
        start_us=start_us,
        end_us=end_us,
        fps=fps,
        skip=skip,
        root=settings.storage.path.absolute(),
        timezone=zone_name(zone),
        output=file.absolute(),
        options=options.to_json(),
    )
    with _Progress(images) as progress:
        made = run(job, progress.report)
    size = file_size(file.stat().st_size)
    missing = f"; {made.missing:,} could not be read" if made.missing else ""
    typer.echo(f"{file}: {made.done:,} images, {size}{missing}.")


def _kind(file: Path, kind: ConversionType | None, *, as_zip: bool) -> ConversionType:
    if as_zip and kind not in (None, ConversionType.ZIP):
        raise InvalidInputError("--zip and --format say different things; give one of them")
    if as_zip or kind is not None:
        return kind or ConversionType.ZIP
    ending = file.suffix.lower().removeprefix(".")
    known = [member.value for member in ConversionType]
    return ConversionType(ending) if ending in known else ConversionType.MP4


def _options(kind: ConversionType, given: dict[str, Any]) -> Options:
    """Those of the format; one that is of another format is refused."""
    from chimera_storage.web.options import read_options

    values = {name: value for name, value in given.items() if value is not None}
    others = sorted(set(values) - set(kind.options_type.model_fields))
    if others:
        raise InvalidInputError(f"--{others[0]} is no option of a {kind.value}; leave it out")
    return read_options(kind.options_type, values)


def _camera(archive: "Archive", settings: "Settings", text: str) -> int:
    names = {name.casefold(): number for number, name in settings.names().items()}
    known = {*names.values(), *archive.index.cameras(), *(c.id for c in settings.camera)}
    text = text.strip()
    number = int(text) if text.isascii() and text.isdecimal() else names.get(text.casefold())
    if number not in known:
        listed = ", ".join(map(str, sorted(known))) or "none"
        raise NotFoundError(f"there is no camera {text!r}; known: {listed}")
    return number


class _Progress(Bar):
    """A bar over the images."""

    def report(self, report: "Report") -> None:
        """How far it is."""
        self.show(report.done, file_size(report.size))
