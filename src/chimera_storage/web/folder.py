"""What a folder page shows: one page of a folder's entries in some order, read within bounds.

Names are read for the whole folder (they decide the order), everything else only for the entries of
the page, so that a folder of 100,000 images costs one scan of names. How many images folders hold
and what they take comes from the index's totals.

A camera's folder in which very many images stand (flat, as Motion writes them) is not scanned at
all: its page lists the days that have images, and `?day=` the images of one, both from the index.
"""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import HOUR_S, SECOND_US, Layout, parse_camera
from chimera_storage.clock import from_us
from chimera_storage.errors import ChimeraStorageError, NotFoundError
from chimera_storage.model import Image, ImageKey, Totals
from chimera_storage.web.folder_labels import Labels
from chimera_storage.web.formatting import local_time
from chimera_storage.web.frames import hours_of, page_of
from chimera_storage.web.parsing import moment

PER_PAGE = 200
MOST_NAMES = 500_000
LARGE_FOLDER_BYTES = 4 * 1024 * 1024  # of the folder itself: some 100,000 names (ext4, XFS, btrfs)
KINDS = dict.fromkeys((".jpg", ".jpeg", ".png", ".gif", ".webp"), "image") | {
    ".mp4": "video",
    ".webm": "video",
}

_DIGITS = re.compile(r"([0-9]+)")


class Sort(StrEnum):
    """The order of entries."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line or picture of a folder page. `kind`: folder, image, video or file.

    time, taken_us: of an image its time, of other files when they were changed. size: bytes, of a
    folder those of its images, as `count`; None where nobody keeps count.
    """

    name: str
    label: str
    href: str
    kind: str
    time: str = ""
    taken_us: int = 0
    size: int | None = None
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class FolderPage:
    """One page of a folder; `number` counts from 1 to `pages`, `total` counts all entries.

    by_day: it is a large folder; day: the one (YYYY-MM-DD) that alone is shown of it, "": all.
    """

    entries: Sequence[Entry]
    number: int
    pages: int
    total: int
    sort: Sort
    by_day: bool = False
    day: str = ""

    @property
    def is_one_day(self) -> bool:
        """Whether all of its images are of one day."""
        days = {entry.time[:10] for entry in self.entries if entry.kind == "image"}
        return len(days) == 1

    @property
    def address(self) -> str:
        """The query that leads to its pages, but for the number."""
        wish = {"day": self.day, "sort": "" if self.sort is Sort.NEWEST else self.sort}
        return "".join(f"{name}={value}&" for name, value in wish.items() if value)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which page of which folder. relative: its path below shared; folder: what that leads to."""

    relative: str
    folder: Path
    number: int = 1
    sort: Sort = Sort.NEWEST
    day: str = ""


def read_folder(
    archive: Archive, asked: Asked, *, labels: Labels, shows: Callable[[str], bool]
) -> FolderPage:
    """The page. shows: which names are seen. Raises NotFoundError, StorageError."""
    camera = _large_camera(archive.layout, asked)
    if camera is not None:
        return _day(archive, asked, camera) if asked.day else _days(archive, asked, camera)
    folders, files = (list(filter(shows, names)) for names in _names(asked.folder))
    totals = _totals(archive, asked.relative)
    newest_first = asked.sort is not Sort.OLDEST
    folders.sort(key=_natural, reverse=newest_first and asked.relative.strip("/").count("/") >= 1)
    files.sort(reverse=newest_first)
    if asked.sort is Sort.LARGEST:
        folders.sort(key=lambda name: totals[name].size if name in totals else 0, reverse=True)
        files.sort(key=lambda name: _size(asked.folder / name), reverse=True)
    names = folders + files
    number, begin = _place(asked.number, len(names))
    entries = []
    for place, name in enumerate(names[begin : begin + PER_PAGE], start=begin):
        inside = f"{asked.relative.strip('/')}/{name}".lstrip("/")
        with suppress(ChimeraStorageError, OSError):  # gone by now, or a link that leads outside
            stat = archive.layout.resolve(inside).stat()
            entries.append(
                _folder_entry(inside, labels, totals)
                if place < len(folders)
                else _file_entry(archive.layout, inside, labels, stat)
            )
    return _page(asked, entries, number, len(names))


def _page(
    asked: Asked, entries: Sequence[Entry], number: int, total: int, *, by_day: bool = False
) -> FolderPage:
    return FolderPage(
        entries=entries,
        number=number,
        pages=max(1, -(-total // PER_PAGE)),
        total=total,
        sort=asked.sort,
        by_day=by_day,
        day=asked.day if by_day else "",
    )


def _place(number: int, total: int) -> tuple[int, int]:
    """The page that there is, and the place of its first entry."""
    number = min(max(1, number), max(1, -(-total // PER_PAGE)))
    return number, (number - 1) * PER_PAGE


def _names(folder: Path) -> tuple[list[str], list[str]]:
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if entry.name.startswith(".") or not entry.name.isprintable():
                    continue
                if "\\" in entry.name:
                    continue
                (folders if _is_folder(entry) else files).append(entry.name)
                if len(folders) + len(files) >= MOST_NAMES:
                    break
    except OSError:
        raise NotFoundError("there is no such file or folder") from None
    return folders, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle; `_entry` leaves it out
        return False


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - half the cost, for 100,000 of them
    except OSError:
        return 0


def _folder_entry(inside: str, labels: Labels, totals: dict[str, Totals]) -> Entry:
    name = inside.rpartition("/")[2]
    of = totals.get(name)
    return Entry(
        name=name,
        label=labels.of(inside),
        href=quote(name, safe="") + "/",
        kind="folder",
        size=None if of is None else of.size,
        count=None if of is None else of.count,
    )


def _file_entry(layout: Layout, inside: str, labels: Labels, stat: os.stat_result) -> Entry:
    name = inside.rpartition("/")[2]
    image = layout.parse_image(layout.shared / inside)
    taken_us = int(stat.st_mtime * 1e6) if image is None else image.second * SECOND_US
    return Entry(
        name=name,
        label=labels.of(inside),
        href=quote(name, safe=""),
        kind=KINDS.get(Path(name).suffix.lower(), "file"),
        time=local_time(taken_us, layout.timezone),
        taken_us=taken_us,
        size=stat.st_size,
    )


def _totals(archive: Archive, relative: str) -> dict[str, Totals]:
    """Images and bytes of the folders in this one, by name; of cameras, days and hours only."""
    parts = relative.strip("/").split("/")
    if parts == [archive.layout.captures.name]:
        return {str(camera): totals for camera, totals in archive.index.all_totals().items()}
    camera = parse_camera(parts[1]) if len(parts) in {2, 3} else None
    if camera is None or parts[0] != archive.layout.captures.name:
        return {}
    found: dict[str, Totals] = {}
    for totals in archive.index.hourly(camera=camera):
        day, hour = f"{from_us(totals.hour * HOUR_S * SECOND_US):%Y%m%d %H}".split()
        if len(parts) == 3 and day != parts[2]:
            continue
        name = day if len(parts) == 2 else hour
        before = found.get(name, Totals(count=0, size=0))
        found[name] = Totals(count=before.count + totals.images, size=before.size + totals.bytes)
    return found


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sorts camera 2 before camera 10."""
    return [
        (not part.isascii() or not part.isdigit(), int(part) if part.isdecimal() else 0, part)
        for part in _DIGITS.split(name)
        if part
    ]


# a large folder of one camera, by days


def _large_camera(layout: Layout, asked: Asked) -> int | None:
    parts = asked.relative.strip("/").split("/")
    if len(parts) != 2 or parts[0] != layout.captures.name:
        return None
    try:
        is_large = asked.folder.stat().st_size > LARGE_FOLDER_BYTES
    except OSError:
        return None
    return parse_camera(parts[1]) if is_large else None


def _days(archive: Archive, asked: Asked, camera: int) -> FolderPage:
    """The days, in the server's time zone, that have images."""
    days: dict[str, Totals] = {}
    for totals in archive.index.hourly(camera=camera):
        begin_us = totals.hour * HOUR_S * SECOND_US
        day = f"{from_us(begin_us).astimezone(archive.layout.timezone):%Y-%m-%d}"
        before = days.get(day, Totals(count=0, size=0))
        days[day] = Totals(count=before.count + totals.images, size=before.size + totals.bytes)
    ordered = sorted(days, reverse=asked.sort is not Sort.OLDEST)
    if asked.sort is Sort.LARGEST:
        ordered.sort(key=lambda day: days[day].size, reverse=True)
    number, begin = _place(asked.number, len(ordered))
    entries = [
        Entry(
            name=day,
            label=day,
            href=f"?day={day}&sort={asked.sort}",
            kind="folder",
            size=days[day].size,
            count=days[day].count,
        )
        for day in ordered[begin : begin + PER_PAGE]
    ]
    return _page(asked, entries, number, len(ordered), by_day=True)


def _day(archive: Archive, asked: Asked, camera: int) -> FolderPage:
    """The images of `asked.day`, which is a date."""
    layout = archive.layout
    first_us = moment(asked.day, "day", layout.timezone)
    last_us = moment(asked.day, "day", layout.timezone, last=True)
    hours = hours_of(archive, camera, first_us // SECOND_US, last_us // SECOND_US)
    total = sum(count for _, _, count in hours)
    number, first = _place(asked.number, total)
    images: Sequence[tuple[ImageKey, int]]
    if asked.sort is Sort.NEWEST:
        images = _keys(page_of(archive, camera, hours, offset=first, limit=PER_PAGE))
    elif asked.sort is Sort.OLDEST:
        last = max(0, total - first - PER_PAGE)
        limit = total - first - last
        images = _keys(page_of(archive, camera, hours, offset=last, limit=limit))[::-1]
    else:
        images = _largest(archive, camera, (first_us, last_us), first, PER_PAGE)
    prefix = f"/shared/{asked.relative.strip('/')}/"
    entries = []
    for key, size in images:
        href = layout.image_url(key).removeprefix(prefix)
        taken_us = key.second * SECOND_US
        name = href.rpartition("/")[2]
        entries.append(
            Entry(
                name=name,
                label=name,
                href=href,
                kind="image",
                time=local_time(taken_us, layout.timezone),
                taken_us=taken_us,
                size=size,
            )
        )
    return _page(asked, entries, number, total, by_day=True)


def _keys(images: Sequence[Image]) -> list[tuple[ImageKey, int]]:
    return [(image.key, image.size) for image in images]


def _largest(
    archive: Archive, camera: int, span_us: tuple[int, int], offset: int, limit: int
) -> list[tuple[ImageKey, int]]:
    """So many images of the span after `offset` larger ones, with their bytes, the largest first.

    Rows as they come from the index: a day of 86,400 images takes 0.25 s instead of 1.4.
    """
    columns = ("size", "second", "number", "flat")
    rows = chain.from_iterable(archive.index.rows(camera, *span_us, columns, most=10_000))
    return [
        (
            ImageKey(
                camera=camera,
                second=second,
                number=None if number < 0 else number,
                flat=bool(flat),
            ),
            size,
        )
        for size, second, number, flat in nlargest(offset + limit, rows)[offset:]
    ]
