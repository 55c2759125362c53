"""What rules may not delete: kept ranges for good, images that are being read for a while."""

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import SECOND_US
from chimera_storage.clock import to_us
from chimera_storage.upkeep.rules import Protected, Range, merged

# A conversion of a million images takes some three hours; one that hangs must not keep the disk
# from being cleaned for good.
LONGEST_CONVERSION_S = 6 * 3600


def kept(archive: Archive) -> Protected:
    """The seconds that somebody keeps. Raises StorageError where that cannot be told."""
    return {camera: merged(ranges) for camera, ranges in archive.keep.seconds().items()}


def read_now(archive: Archive) -> Protected:
    """What conversions and downloads read, queued or running, for six hours each."""
    ranges: dict[int, list[Range]] = {}
    earliest_us = to_us(archive.clock.now()) - LONGEST_CONVERSION_S * SECOND_US
    for conversion in archive.index.conversions():
        began_us = conversion.started_us or conversion.requested_us
        if conversion.status.active and began_us >= earliest_us:
            span = (conversion.start_us // SECOND_US, conversion.end_us // SECOND_US)
            ranges.setdefault(conversion.camera, []).append(span)
    for camera, first_s, last_s in archive.holds.spans():
        ranges.setdefault(camera, []).append((first_s, last_s))
    return {camera: merged(of_camera) for camera, of_camera in ranges.items()}


def kept_and_converted(archive: Archive) -> Protected:
    """Both."""
    keep, read = archive.keep.seconds(), read_now(archive)
    return {
        camera: merged([*keep.get(camera, ()), *read.get(camera, ())])
        for camera in keep.keys() | read.keys()
    }
