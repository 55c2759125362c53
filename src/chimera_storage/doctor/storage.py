"""The data folder: whose it is, its disk, its index, its time zone."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from chimera_storage.access import ACCOUNTS_NAME
from chimera_storage.archive import walk
from chimera_storage.archive.index import soundness
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import Mark
from chimera_storage.archive.watch import FLAT_ZONE
from chimera_storage.config import Settings
from chimera_storage.doctor.disk import write_speed
from chimera_storage.doctor.findings import Finding, advice, good, wrong
from chimera_storage.errors import StorageError
from chimera_storage.model import Disk
from chimera_storage.service.opening import layout_of
from chimera_storage.upkeep.disk import disk_of, files_missing, floor_bytes

_TOPIC = "data folder"
_LEAST_BYTES_PER_S = 5e6  # of each camera: 30 images of 150 kB
_LONGEST_SYNC_S = 0.3
_ROOM_TO_TRY = 10**9  # free, before a disk is written to for a try
_LEAST_ROOM = 10**8  # with less there is none for ten minutes of images, or for the index
_LOCALTIME = Path("/etc/localtime")


def look_at_storage(settings: Settings) -> Iterator[Finding]:
    """Nothing is made here that is not there."""
    layout = layout_of(settings)
    yield _zone(settings)
    problem = Mark(layout).obstacle()
    if problem is not None:
        yield wrong(_TOPIC, problem, "Mount the disk, or set storage.path to the right folder.")
        return
    try:
        if layout.captures.is_dir():
            yield from _look(layout, settings)
        else:
            yield from _to_be_made(layout, settings)
    except OSError as error:
        yield wrong(
            _TOPIC,
            f"{error.filename or layout.root} cannot be read by this user ({os.geteuid()}):"
            f" {error.strerror}",
            f"Give it to the user that runs the server (chown -R), below {layout.root}.",
        )


def _look(layout: Layout, settings: Settings) -> Iterator[Finding]:
    """A folder with captures. Raises OSError."""
    refused = [
        path for path in _folders(layout) if not os.access(path, os.R_OK | os.W_OK | os.X_OK)
    ]
    if refused:
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        yield wrong(
            _TOPIC,
            f"{refused[0]}{more} cannot be written to by this user ({os.geteuid()})",
            f"chown -R to the user that runs the server, below {layout.root}.",
        )
    else:
        yield good(_TOPIC, f"{layout.root} and its cameras' folders can be written to")
    yield from _secrets(layout)
    disk = disk_of(layout)
    yield _room(settings, disk)
    yield from _files(layout)
    if not refused:
        yield _speed(settings, layout.captures, disk)
    yield from _index(layout)


def _zone(settings: Settings) -> Finding:
    configured = settings.server.timezone
    machine = os.path.realpath(_LOCALTIME).partition("/zoneinfo/")[2] or "UTC"
    if configured == "UTC" and machine not in ("UTC", "Etc/UTC", "Universal", "Zulu"):
        return advice(
            "configuration",
            f"times are in UTC, while this machine is in {machine}",
            f'Set server.timezone = "{machine}", if requests and schedules are to be in that.',
        )
    return good("configuration", f"times are in {configured}")


def _to_be_made(layout: Layout, settings: Settings) -> Iterator[Finding]:
    """A folder in which nothing was saved yet, or none: what is there of the way to it."""
    place = next(path for path in (layout.root, *layout.root.parents) if path.exists())
    if not place.is_dir():
        yield wrong(_TOPIC, f"{place} is a file, no folder", "Set storage.path to a folder.")
    elif os.path.lexists(layout.captures):
        yield wrong(
            _TOPIC,
            f"{layout.captures} is no folder, or a link to where none is",
            "Mount its disk, or correct the link.",
        )
    elif not os.access(place, os.W_OK | os.X_OK):
        yield wrong(
            _TOPIC,
            f"{place} cannot be written to by this user ({os.geteuid()}), and {layout.captures} is"
            " to be made",
            "Make it and give it to the user that runs the server, or set storage.path.",
        )
    else:
        yield good(_TOPIC, f"{layout.captures} is not there yet; the server makes it at its start")
        usage = shutil.disk_usage(place)
        disk = Disk(total=usage.total, free=usage.free)
        yield _room(settings, disk)
        if place == layout.root:
            yield _speed(settings, place, disk)


def _folders(layout: Layout) -> Iterator[Path]:
    """Those that are written to: the data folder, captures, each camera and its newest day."""
    yield from (layout.root, layout.captures)
    for camera in walk.camera_ids(layout):
        folder = layout.captures / str(camera)
        yield folder
        with suppress(OSError):  # such a folder is found by itself
            days = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
            yield from sorted(days)[-1:]


def _secrets(layout: Layout) -> Iterator[Finding]:
    accounts = layout.root / ACCOUNTS_NAME
    if accounts.exists() and accounts.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield advice(
            _TOPIC,
            f"{ACCOUNTS_NAME} can be read by others on this machine",
            f"chmod 600 {accounts}",
        )


def _room(settings: Settings, disk: Disk) -> Finding:
    floor = floor_bytes(settings, disk)
    says = f"{disk.free / 1e9:.1f} GB of {disk.total / 1e9:.1f} are free"
    if disk.free < min(_LEAST_ROOM, floor / 2 or _LEAST_ROOM):
        return wrong(
            _TOPIC,
            f"the disk is full: {disk.free / 1e6:.0f} MB are free",
            "Make room, or take a larger disk: images that cannot be written are lost.",
        )
    if disk.free < floor:
        return advice(
            _TOPIC,
            f"{says}, less than storage.min_free_gb ({floor / 1e9:.1f} GB)",
            "The oldest images are deleted to make room: take a larger disk, or limit the days.",
        )
    return good(_TOPIC, says)


def _files(layout: Layout) -> Iterator[Finding]:
    if files_missing(layout) > 0:
        yield advice(
            _TOPIC,
            "the disk can hold hardly any more files (df -i)",
            "The oldest images are deleted; make its file system anew with more inodes.",
        )


def _speed(settings: Settings, folder: Path, disk: Disk) -> Finding:
    if disk.free < _ROOM_TO_TRY:
        return good(_TOPIC, "its disk was not tried: less than 1 GB is free")
    try:
        speed = write_speed(folder)
    except OSError as error:
        return wrong(
            _TOPIC,
            f"its disk cannot be written to: {error.strerror}",
            "Look at dmesg and the disk.",
        )
    says = (
        f"its disk writes {speed.bytes_per_s / 1e6:.0f} MB/s,"
        f" and an image, synced, in {speed.image_s * 1000:.0f} ms"
    )
    wanted = _LEAST_BYTES_PER_S * max(1, len(settings.camera))
    if speed.bytes_per_s < wanted or speed.image_s > _LONGEST_SYNC_S:
        return advice(
            _TOPIC,
            says,
            f"That is little for {len(settings.camera)} cameras (they may want"
            f" {wanted / 1e6:.0f} MB/s): take an SSD or a hard disk, or save_framerate = 2.",
        )
    return good(_TOPIC, says)


def _index(layout: Layout) -> Iterator[Finding]:
    if not layout.index.exists():
        yield good(_TOPIC, "there is no index yet; it is made from the files at the next start")
        return
    try:
        problem = soundness.damage(layout.index)
        facts = None if problem else soundness.facts(layout.index)
    except StorageError as error:
        yield wrong(_TOPIC, str(error), "Try again when nothing else reads or writes it.")
        return
    if facts is None:
        yield wrong(
            _TOPIC,
            f"the index is damaged: {problem}",
            "Stop the server and run chimera-storage check --repair: no image is lost by it. Then"
            " look at the disk.",
        )
        return
    yield good(_TOPIC, f"the index is sound: {facts.images:,} images of {facts.cameras} cameras")
    zone = facts.meta.get(FLAT_ZONE, str(layout.timezone))
    if zone != str(layout.timezone):
        yield advice(
            _TOPIC,
            f"the index was made in the time zone {zone}, and {layout.timezone} is configured",
            "If that is meant, nothing: flat images are read anew at the next start.",
        )
