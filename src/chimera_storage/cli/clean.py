"""`chimera-storage clean` and `deletions`: what the rules of retention do, would do and did."""

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from chimera_storage.cli.options import ConfigFile, DataFolder, configured
from chimera_storage.clock import from_us
from chimera_storage.config import Settings
from chimera_storage.errors import ConflictError
from chimera_storage.log import configure_logging
from chimera_storage.model import Deletion, Forecast, PlannedDeletion, Preview
from chimera_storage.web.formatting import file_size

if TYPE_CHECKING:
    from rich.table import Table


def clean(
    config: ConfigFile = None,
    path: DataFolder = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.")
    ] = False,
) -> None:
    """Delete what the rules of retention say; while no server runs, or with --dry-run."""
    configure_logging()
    from chimera_storage.service.alone import rules_alone

    settings = configured(config, path)
    shown = _Shown(settings)
    with contextlib.ExitStack() as stack:
        retention = stack.enter_context(rules_alone(settings, asks_only=dry_run))
        preview = retention.preview()
        if preview.waits is not None:
            raise ConflictError(preview.waits)
        shown.preview(preview)
        if not dry_run and preview.planned:
            started = time.monotonic()
            gone = retention.apply("cli")
            seconds = time.monotonic() - started
            typer.echo(f"Deleted {gone.count:,} in {seconds:.1f} s, {file_size(gone.size)}.")


def deletions(
    config: ConfigFile = None,
    path: DataFolder = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
) -> None:
    """List what was deleted: when, by whom, by which rule, how many; the newest first."""
    configure_logging()
    from chimera_storage.service.alone import rules_alone

    settings = configured(config, path)
    with rules_alone(settings, asks_only=True) as retention:
        _Shown(settings).deletions(retention.deletions(limit))


class _Shown:
    """Tables and sentences on standard output; times in the configured zone."""

    def __init__(self, settings: Settings) -> None:
        from rich.console import Console

        self._zone = ZoneInfo(settings.server.timezone)
        self._names = settings.names()
        self._console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)

    def preview(self, preview: Preview) -> None:
        if preview.planned:
            table = _table("Rule", "Camera", "Images", "Size", "From", "To")
            for planned in preview.planned:
                table.add_row(
                    planned.rule,
                    self._camera(planned.camera),
                    f"{'' if planned.exact else 'about '}{planned.images:,}",
                    file_size(planned.bytes),
                    self._time(planned.oldest_us),
                    self._time(planned.newest_us),
                )
            self._console.print(table)
        typer.echo(_sum(preview.planned))
        disk = preview.disk
        typer.echo(f"Free on the disk: {file_size(disk.free)} of {file_size(disk.total)}.")
        typer.echo(self._outlook(preview.forecast))

    def deletions(self, found: list[Deletion]) -> None:
        if not found:
            typer.echo("Nothing was deleted yet.")
            return
        table = _table("When", "Who", "Rule", "Camera", "Images", "Size", "From", "To")
        for deletion in found:
            table.add_row(
                self._time(deletion.at_us),
                deletion.who,
                deletion.rule,
                self._camera(deletion.camera),
                f"{deletion.images:,}",
                file_size(deletion.bytes),
                self._time(deletion.oldest_us),
                self._time(deletion.newest_us),
            )
        self._console.print(table)

    def _outlook(self, forecast: Forecast) -> str:
        rate = f"At the rate of the last 7 days, {file_size(forecast.bytes_per_day)} a day,"
        if forecast.full_us is None:
            return f"{rate} the disk will not be full."
        full = f"{rate} the disk would then be full on {self._time(forecast.full_us)}"
        if forecast.held_by is None:
            return f"{full}; no rule keeps it from that."
        return f"{full} if nothing were deleted; {forecast.held_by} keeps it from that."

    def _camera(self, camera: int | None) -> str:
        if camera is None:
            return "videos, archives"
        name = self._names.get(camera)
        return f"{camera} {name}" if name else str(camera)

    def _time(self, us: int) -> str:
        return from_us(us).astimezone(self._zone).strftime("%Y-%m-%d %H:%M")


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in ("Images", "Size") else "left")
    return table


def _sum(planned: tuple[PlannedDeletion, ...]) -> str:
    if not planned:
        return "The rules delete nothing now."
    images, size = sum(p.images for p in planned), sum(p.bytes for p in planned)
    about = "" if all(p.exact for p in planned) else "about "
    return f"To delete: {about}{images:,}, which frees {file_size(size)}."
