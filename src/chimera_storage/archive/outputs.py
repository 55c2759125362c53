"""Finished conversions against the index: files are taken in, rows without a file are taken out."""

import stat
from dataclasses import replace
from pathlib import Path

from chimera_storage.archive import walk
from chimera_storage.archive.images import Archive
from chimera_storage.errors import ConflictError
from chimera_storage.log import get_logger
from chimera_storage.model import Conversion, ConversionStatus

_log = get_logger()


def reconcile_outputs(archive: Archive) -> None:
    """Compares once. Raises OSError where captures cannot be listed, StorageError.

    A file whose row says another name was made while another time zone was configured: the name
    stays (people keep links), so the row takes on what the name says in the present zone.
    """
    for path in list(archive.layout.captures.iterdir()):
        named = archive.layout.parse_output(path.name)
        if named is not None:
            _adopt(archive, named, path)
    for row in archive.index.conversions():
        if row.status is ConversionStatus.DONE and walk.is_gone(archive.layout.output_path(row)):
            archive.index.remove_conversion(row.id)
            _log.info("conversion_without_file_removed", id=row.id)


def _adopt(archive: Archive, named: Conversion, path: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return
    row = archive.index.conversion(named.id)
    if row is None:
        found = replace(named, size=status.st_size, finished_us=status.st_mtime_ns // 1000)
        try:
            archive.index.add_conversion(found)
        except ConflictError:
            return
        if walk.is_gone(path):
            archive.index.remove_conversion(named.id)
    elif row.status is ConversionStatus.DONE and walk.is_gone(archive.layout.output_path(row)):
        archive.index.update_conversion(
            replace(
                row,
                type=named.type,
                camera=named.camera,
                start_us=named.start_us,
                end_us=named.end_us,
                requested_us=named.requested_us,
            )
        )
