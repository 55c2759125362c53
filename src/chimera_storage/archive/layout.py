"""On-disk names: the codec between (camera, time, number) and paths, and the containment check.

A name is taken only if formatting what was parsed gives the same name again, so that no two names
mean one image and nothing but ASCII digits in canonical form gets through. Times in the names of
dated folders are UTC; flat names and the names of conversions are in the configured zone. Of a
local time that occurs twice (the hour when clocks go back) the first is meant (`fold=0`); a local
time that does not occur (clocks go forward) names no image.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path

from chimera_storage.archive.at_hand import FileAtHand, read_file
from chimera_storage.clock import EPOCH, from_us, to_us
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.model import (
    MAX_CAMERA_ID,
    Conversion,
    ConversionStatus,
    ConversionType,
    ImageKey,
)

SECOND_US = 1_000_000
HOUR_S = 3600
TEMPORARY_SUFFIX = ".tmp"
MARK_NAME = ".chimera-storage"  # in the data folder and in captures; see `mark`

_NOTHING = "there is no such file or folder"
_STAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})-([0-9]{2})([0-9]{2})([0-9]{2})")
_IMAGE = re.compile(r"([0-9]{8}-[0-9]{6})(?:-([0-9]{2,9}))?\.jpg")
_CAMERA = re.compile(r"0|[1-9][0-9]{0,8}")
_ID = re.compile(r"[A-Za-z0-9]{1,64}-[0-9]{8}-[0-9]{6}")
_KIND = "|".join(ConversionType)
_OUTPUT = re.compile(
    rf"output_({_CAMERA.pattern})_({_STAMP.pattern})_({_STAMP.pattern})_({_ID.pattern})\.({_KIND})"
)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one of our own that was not finished."""
    return name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)


@dataclass(frozen=True, slots=True)
class Place:
    """The real path of something below `shared`, and its parts below `captures` where it is."""

    real: str
    in_captures: tuple[str, ...] | None


class Layout:
    """Names and paths below one data folder.

    <root>/shared/captures/<camera>/<YYYYMMDD>/<HH>/<YYYYMMDD-HHMMSS>[-<NN>].jpg  images, UTC
    <root>/shared/captures/<camera>/<YYYYMMDD-HHMMSS>[-<NN>].jpg                  flat, local
    <root>/shared/captures/output_<camera>_<start>_<end>_<id>.<type>              conversions, local
    <root>/index.db
    <root>/downloads/<name of a conversion>.<part>        what is in archives that are downloaded
    Temporary files begin with "." (and end in ".tmp") and are never listed, served or counted.
    Folders in captures whose name is no decimal camera id are not cameras; they are served.
    """

    def __init__(self, root: Path, timezone: tzinfo) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow symlinks
        self.shared = self.root / "shared"
        self.captures = self.shared / "captures"
        self.index = self.root / "index.db"
        self.downloads = self.root / "downloads"
        self.timezone = timezone

    # times

    def stamp(self, us: int) -> str:
        """`YYYYMMDD-HHMMSS` in `timezone`, the fraction of the second cut off.

        Raises InvalidInputError outside the years 1 to 9999.
        """
        return _format(us // SECOND_US, self.timezone)

    def parse_stamp(self, text: str) -> int:
        """Microseconds since 1970 of `YYYYMMDD-HHMMSS` in `timezone`.

        A local time that occurs twice is the first; one that does not occur is read with the
        offset before the change. Raises InvalidInputError.
        """
        return _parse(text, self.timezone) * SECOND_US

    # images

    def camera_folder(self, camera: int) -> Path:
        """The folder of one camera. Raises InvalidInputError for what is no camera id."""
        return self.captures / _camera_name(camera)

    def hour_folder(self, camera: int, hour: int) -> Path:
        """The dated folder of the hour that begins `hour` * 3600 s after 1970."""
        return self.camera_folder(camera) / _dated_folder(hour * HOUR_S)

    def image_path(self, key: ImageKey) -> Path:
        """Where the image stands. Raises InvalidInputError for a key that has no name."""
        return self.captures / self._image_name(key)

    def image_paths(self, camera: int, rows: Iterable[tuple[int, int, int, int]]) -> Iterator[str]:
        """`image_path` of rows (second, number or -1, flat, size) of one camera, as text.

        Much cheaper where their seconds ascend.
        """
        hour, prefix = None, ""
        for second, number, flat, _ in rows:
            if flat or number < 0:
                key = ImageKey(
                    camera=camera,
                    second=second,
                    number=None if number < 0 else number,
                    flat=bool(flat),
                )
                yield str(self.image_path(key))
                continue
            if second // HOUR_S != hour:
                hour = second // HOUR_S
                folder = self.hour_folder(camera, hour)
                prefix = f"{folder}/{folder.parent.name}-{folder.name}"
            minute, rest = divmod(second % HOUR_S, 60)
            yield f"{prefix}{minute:02}{rest:02}-{number:02}.jpg"

    def image_url(self, key: ImageKey) -> str:
        """`/shared/captures/...` of an image."""
        return f"/shared/captures/{self._image_name(key)}"

    def parse_image(self, path: Path) -> ImageKey | None:
        """The key that a path below `captures` names; None where it is no image of ours.

        `path` is absolute or relative to `captures`.
        """
        if path.is_absolute():
            if not path.is_relative_to(self.captures):
                return None
            path = path.relative_to(self.captures)
        camera = parse_camera(path.parts[0]) if path.parts else None
        if camera is None:
            return None
        if len(path.parts) == 2:
            return self.flat_key(camera, path.parts[1])
        if len(path.parts) == 4:
            return self.dated_key(camera, path.parts[1], path.parts[2], path.parts[3])
        return None

    def flat_key(self, camera: int, name: str) -> ImageKey | None:
        """The key of a file of this name directly in the camera's folder; None: no image."""
        return _image_key(camera, name, self.timezone, flat=True)

    def dated_key(self, camera: int, day: str, hour: str, name: str) -> ImageKey | None:
        """The key of a file of this name in `<camera>/<day>/<hour>/`; None: no image."""
        if name[:8] != day or name[9:11] != hour:
            return None
        return _image_key(camera, name, UTC, flat=False)

    def _image_name(self, key: ImageKey) -> str:
        camera = _camera_name(key.camera)
        if key.flat:
            return f"{camera}/{_file_name(key, self.timezone)}"
        return f"{camera}/{_dated_folder(key.second)}/{_file_name(key, UTC)}"

    # conversions

    def output_name(self, conversion: Conversion) -> str:
        """The file name of a conversion's result.

        Raises InvalidInputError for an id of another form.
        """
        if not _ID.fullmatch(conversion.id):
            raise InvalidInputError("an id is letters and digits, then -YYYYMMDD-HHMMSS")
        start, end = self.stamp(conversion.start_us), self.stamp(conversion.end_us)
        camera = _camera_name(conversion.camera)
        return f"output_{camera}_{start}_{end}_{conversion.id}.{conversion.type.value}"

    def output_path(self, conversion: Conversion) -> Path:
        """Where the result of a conversion stands when it is finished."""
        return self.captures / self.output_name(conversion)

    def output_url(self, conversion: Conversion) -> str:
        """`/shared/captures/...` of a conversion's result."""
        return f"/shared/captures/{self.output_name(conversion)}"

    def parse_output(self, name: str) -> Conversion | None:
        """A finished conversion (status DONE, frames 0) from a file's name; None: no such name."""
        match = _OUTPUT.fullmatch(name)
        if match is None:
            return None
        camera, start, end, id_, kind = match.group(1, 2, 9, 16, 17)
        if parse_camera(camera) is None:
            return None
        try:
            conversion = Conversion(
                id=id_,
                type=ConversionType(kind),
                camera=int(camera),
                start_us=self.parse_stamp(start),
                end_us=self.parse_stamp(end),
                requested_us=self.parse_stamp(id_.partition("-")[2]),
                status=ConversionStatus.DONE,
            )
            return conversion if self.output_name(conversion) == name else None
        except InvalidInputError:
            return None

    # containment

    def resolve(self, relative: str) -> Path:
        """A client's path below `shared` (percent-decoded) → a real path inside it.

        As `open` says, which is for what is then read: the path may lead elsewhere by then.
        """
        descriptor, place = self.open(relative)
        os.close(descriptor)
        return Path(place.real)

    def open(self, relative: str) -> tuple[int, "Place"]:
        """A client's path below `shared` (percent-decoded) → (descriptor, where it is).

        "" is `shared` itself; one trailing slash is allowed. Symlinks are followed as long as
        they end inside `shared` or inside what `captures` is (which may lie on another disk): what
        was opened is asked where it is, so nothing that happens to the path meanwhile matters.
        The descriptor (O_PATH) is the caller's to close; a folder's or a file's of any kind.
        Raises InvalidInputError (NUL, "..", absolute parts, backslashes), NotFoundError (does not
        exist, hidden, temporary, or a symlink leads outside).
        """
        parts = _names(relative)
        try:
            descriptor = os.open("/".join((str(self.shared), *parts)), os.O_PATH | os.O_CLOEXEC)
        except UnicodeEncodeError:
            raise InvalidInputError("a path is text that can be written as UTF-8") from None
        except OSError:
            raise NotFoundError(_NOTHING) from None
        try:
            return descriptor, self._contained(descriptor, is_folder=relative.endswith("/"))
        except BaseException:
            os.close(descriptor)
            raise

    def read_at_hand(self, relative: str) -> tuple[FileAtHand, tuple[str, ...]] | None:
        """As `open`, but only a small file in captures, read without waiting for a disk.

        (the file, its parts below captures); None says nothing: then `open` does.
        Raises InvalidInputError, NotFoundError as that does.
        """
        first, *rest = _names(relative) or [""]
        if first != self.captures.name or not rest or relative.endswith("/"):
            return None
        found = read_file(self.captures, "/".join(rest))
        return None if found is None else (found, tuple(rest))

    def _contained(self, descriptor: int, *, is_folder: bool) -> "Place":
        """Where it is what is open; `is_folder`: it has to be one."""
        about = os.fstat(descriptor)
        if about.st_nlink == 0 or (is_folder and not stat.S_ISDIR(about.st_mode)):
            raise NotFoundError(_NOTHING)
        real = _where(descriptor)
        for folder in (self.captures, self.shared):
            inside = _real(folder)
            if inside is not None and (real == inside or real.startswith(f"{inside}/")):
                rest = real[len(inside) :]
                if "/." in rest:
                    break
                parts = tuple(rest[1:].split("/")) if rest else ()
                return Place(real, parts if folder is self.captures else None)
        raise NotFoundError(_NOTHING)


def _names(relative: str) -> list[str]:
    """The parts of a client's path below shared, none of which could mean another place."""
    parts = relative.removesuffix("/").split("/") if relative else []
    for part in parts:
        if part in ("", "..") or "\0" in part or "\\" in part:
            raise InvalidInputError(
                "a path below shared is names with one / between, without .., \\ and NUL"
            )
    if any(part.startswith(".") for part in parts):
        raise NotFoundError(_NOTHING)
    return parts


def _where(descriptor: int) -> str:
    """The real path of what is open, as the kernel knows it."""
    return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - a Path costs three times that


def _real(folder: Path) -> str | None:
    """The real path of a folder; None where there is none."""
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        return _where(descriptor)
    finally:
        os.close(descriptor)


def parse_camera(name: str) -> int | None:
    """The camera id that a folder's name says; None where it is no camera's folder."""
    if not _CAMERA.fullmatch(name) or int(name) > MAX_CAMERA_ID:
        return None
    return int(name)


def _camera_name(camera: int) -> str:
    if not 0 <= camera <= MAX_CAMERA_ID:
        raise InvalidInputError(f"a camera's id is a whole number from 0 to {MAX_CAMERA_ID}")
    return str(camera)


@lru_cache(4096)
def _format(second: int, zone: tzinfo) -> str:
    try:
        t = from_us(second * SECOND_US).astimezone(zone)
    except (OverflowError, ValueError):
        raise InvalidInputError("a time between the years 1 and 9999 is right") from None
    return f"{t.year:04}{t.month:02}{t.day:02}-{t.hour:02}{t.minute:02}{t.second:02}"


def _parse(text: str, zone: tzinfo) -> int:
    match = _STAMP.fullmatch(text)
    if match is None:
        raise InvalidInputError("a time is YYYYMMDD-HHMMSS")
    year, month, day, hour, minute, second = (int(group) for group in match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        return to_us(moment) // SECOND_US
    except (OverflowError, ValueError):
        raise InvalidInputError("a time is a YYYYMMDD-HHMMSS that is in the calendar") from None


def _dated_folder(second: int) -> str:
    try:
        t = EPOCH + timedelta(seconds=second)
    except OverflowError:
        raise InvalidInputError("a time between the years 1 and 9999 is right") from None
    return f"{t.year:04}{t.month:02}{t.day:02}/{t.hour:02}"


def _file_name(key: ImageKey, zone: tzinfo) -> str:
    if key.number is None:
        return f"{_format(key.second, zone)}.jpg"
    if not 0 <= key.number <= 999_999_999:
        raise InvalidInputError("the number within the second is 0 to 999999999")
    return f"{_format(key.second, zone)}-{key.number:02}.jpg"


def _image_key(camera: int, name: str, zone: tzinfo, *, flat: bool) -> ImageKey | None:
    match = _IMAGE.fullmatch(name)
    if match is None:
        return None
    try:
        second = _parse(match.group(1), zone)
        number = None if match.group(2) is None else int(match.group(2))
        key = ImageKey(camera=camera, second=second, number=number, flat=flat)
        return key if _file_name(key, zone) == name else None
    except InvalidInputError:
        return None
