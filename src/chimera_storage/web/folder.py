"""What a folder page shows: one page of a folder's entries, newest first, read within bounds.

Names are read for the whole folder (they decide the order), everything else only for the entries of
the page, so that a folder of 100,000 images costs one scan of names.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from chimera_storage.archive.layout import Layout, parse_camera
from chimera_storage.clock import from_us
from chimera_storage.errors import ChimeraStorageError, NotFoundError
from chimera_storage.web.formatting import file_size, local_time

PER_PAGE = 200
MOST_NAMES = 500_000
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp"})
VIDEO_SUFFIXES = frozenset({".mp4", ".webm"})

_DATED = re.compile(r"[0-9]{8}(/[0-9]{2})?", re.ASCII)
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line or picture of a folder page. `kind`: folder, image, video or file."""

    name: str
    label: str
    href: str
    kind: str
    size: str = ""
    time: str = ""


@dataclass(frozen=True, kw_only=True)
class FolderPage:
    """One page of a folder; `number` counts from 1 to `pages`, `total` counts all entries."""

    entries: tuple[Entry, ...]
    number: int
    pages: int
    total: int
    folders: int


def read_folder(
    layout: Layout,
    relative: str,
    folder: Path,
    number: int,
    *,
    cameras: Mapping[int, str],
    shows: Callable[[str], bool],
) -> FolderPage:
    """Page `number` of the folder that `relative` (a path below shared) resolved to.

    cameras: the names of cameras by id, to show beside their folders. shows: which names are seen.
    """
    folders, files = (list(filter(shows, names)) for names in _names(folder))
    newest_first = relative.strip("/").count("/") >= 1
    folders.sort(key=_natural, reverse=newest_first)
    files.sort(reverse=True)
    names = folders + files
    pages = max(1, -(-len(names) // PER_PAGE))
    number = min(max(1, number), pages)
    begin = (number - 1) * PER_PAGE
    entries = []
    for position, name in enumerate(names[begin : begin + PER_PAGE], start=begin):
        entry = _entry(layout, relative, name, cameras, is_folder=position < len(folders))
        if entry is not None:
            entries.append(entry)
    return FolderPage(
        entries=tuple(entries),
        number=number,
        pages=pages,
        total=len(names),
        folders=len(folders),
    )


def breadcrumb(
    layout: Layout, relative: str, *, cameras: Mapping[int, str]
) -> list[tuple[str, str]]:
    """(label, address) of `shared` and of each folder down to this one."""
    crumbs = [("shared", "/shared/")]
    names = relative.strip("/").split("/") if relative.strip("/") else []
    for depth in range(1, len(names) + 1):
        inside = "/".join(names[:depth])
        crumbs.append((_label(layout, inside, cameras), f"/shared/{quote(inside)}/"))
    return crumbs


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


def _entry(
    layout: Layout, relative: str, name: str, cameras: Mapping[int, str], *, is_folder: bool
) -> Entry | None:
    """None where the entry is gone by now, or is a link that leads outside."""
    inside = f"{relative.strip('/')}/{name}".lstrip("/")
    try:
        path = layout.resolve(inside)
        stat = path.stat()
    except (ChimeraStorageError, OSError):
        return None
    href = quote(name, safe="")
    label = _label(layout, inside, cameras)
    if is_folder:
        return Entry(name=name, label=label, href=href + "/", kind="folder")
    suffix = Path(name).suffix.lower()
    kind = "image" if suffix in IMAGE_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else "file"
    image = layout.parse_image(layout.shared / inside)
    taken_us = int(stat.st_mtime * 1e6) if image is None else image.second * 1_000_000
    time = local_time(taken_us, layout.timezone)
    return Entry(
        name=name, label=label, href=href, kind=kind, size=file_size(stat.st_size), time=time
    )


def _label(layout: Layout, inside: str, cameras: Mapping[int, str]) -> str:
    """A folder's or file's name as a person would read it; `inside` is its path below shared."""
    parts = inside.split("/")
    name = parts[-1]
    if parts[0] != layout.captures.name or len(parts) < 2:
        return name
    camera = parse_camera(parts[1])
    if camera is not None:
        return _camera_label(layout, parts[2:], cameras.get(camera), name)
    conversion = layout.parse_output(name)
    if conversion is not None:
        what = "Video" if conversion.type.is_video else "Zip"
        camera_name = cameras.get(conversion.camera, f"Camera {conversion.camera}")
        start = from_us(conversion.start_us).astimezone(layout.timezone)
        end = from_us(conversion.end_us).astimezone(layout.timezone)
        return f"{what} · {camera_name} · {start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"
    return name


def _camera_label(layout: Layout, below: list[str], camera_name: str | None, name: str) -> str:
    """Of a camera's folder, or of the folders of days and hours below it, which are in UTC."""
    if not below:
        return f"{name} · {camera_name}" if camera_name else f"Camera {name}"
    if len(below) > 2 or not _DATED.fullmatch("/".join(below)):
        return name
    day, hour = below[0], below[1] if len(below) == 2 else "00"
    try:
        begin = datetime.strptime(f"{day}{hour}+0000", "%Y%m%d%H%z")
        local = begin.astimezone(layout.timezone)
    except (ValueError, OverflowError):
        return name
    is_utc = not local.utcoffset()
    if len(below) == 1:
        return f"{begin:%Y-%m-%d}" if is_utc else f"{begin:%Y-%m-%d} UTC"
    return f"{begin:%H}:00" if is_utc else f"{local:%H:%M} ({begin:%H}:00 UTC)"


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sorts camera 2 before camera 10."""
    return [
        (not part.isascii() or not part.isdigit(), int(part) if part.isdecimal() else 0, part)
        for part in _DIGITS.split(name)
        if part
    ]
