"""The archive and its rules without a server, for the command line."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import Mark, open_index
from chimera_storage.archive.watch import FLAT_ZONE, Reconciler
from chimera_storage.clock import SystemClock
from chimera_storage.config import Settings
from chimera_storage.errors import ConfigurationError, StorageError
from chimera_storage.log import get_logger
from chimera_storage.service.opening import data_folder, layout_of, opened_index
from chimera_storage.upkeep import Retention

_TELL_EVERY_S = 0.3

log = get_logger()


@contextmanager
def rules_alone(settings: Settings, *, asks_only: bool) -> Iterator[Retention]:
    """The rules without a server, after files and index were compared; for the command line.

    `asks_only`: nothing is deleted, so a server may be at work on the data folder; then its index
    is taken as it is. Raises StorageError.
    """
    with archive_alone(settings, asks_only=asks_only) as archive:
        problem = Mark(archive.layout).obstacle
        yield Retention(archive, settings, compared=lambda: True, problem=problem)


@contextmanager
def archive_alone(settings: Settings, *, asks_only: bool) -> Iterator[Archive]:
    """The images without a server, after files and index were compared; see `rules_alone`.

    Raises StorageError where that fails, and ConfigurationError where the server's time zone is
    another one: times that are given would mean others, and every flat name would be taken into the
    index anew.
    """
    clock = SystemClock()
    layout = layout_of(settings)
    if not layout.captures.is_dir():
        raise StorageError(f"{layout.root} is no data folder: it has no shared/captures")
    with ExitStack() as opened:
        try:
            opened.enter_context(data_folder(layout))
            is_alone = True
        except StorageError:
            if not asks_only:
                raise
            is_alone = False
        index = opened_index(layout, settings, clock) if is_alone else open_index(layout)
        archive = Archive(layout, opened.enter_context(closing(index)), clock)
        _require_zone_of(index, layout)
        if is_alone:
            reconciler = opened.enter_context(closing(Reconciler(archive)))
            reconciler.start()
            while not reconciler.wait_complete(_TELL_EVERY_S):
                problem = reconciler.status().problem
                if problem is not None:  # a server tries again; somebody waits for a command
                    raise StorageError(f"files and index cannot be compared: {problem}")
                log.info("comparing_files_and_index", progress=round(reconciler.progress, 3))
        yield archive


def _require_zone_of(index: Index, layout: Layout) -> None:
    zone = index.meta(FLAT_ZONE)
    if zone not in (None, str(layout.timezone)):
        raise ConfigurationError(
            f"the server of {layout.root} works in the time zone {zone}, this command in"
            f" {layout.timezone}; name the server's storage.toml with --config"
        )
