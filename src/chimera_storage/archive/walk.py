"""What image files there are, found by listing folders; nothing but names is looked at.

Symlinked folders are not entered: what they lead to belongs to another camera or to nobody here.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from chimera_storage.archive.index.folders import Stamp
from chimera_storage.archive.layout import HOUR_S, SECOND_US, Layout, is_temporary, parse_camera
from chimera_storage.clock import to_us
from chimera_storage.model import ImageKey

SETTLED_S = 2.0  # a folder's time says little about what happens in the same tick of a clock


def camera_ids(layout: Layout) -> list[int]:
    """The cameras that have a folder, ascending. Raises OSError where captures cannot be listed."""
    ids = (parse_camera(name) for name in _folders(layout.captures))
    return sorted(id_ for id_ in ids if id_ is not None)


def dated_hours(layout: Layout, camera: int) -> Iterator[int]:
    """The hours since 1970 that have a dated folder. Raises OSError."""
    folder = layout.camera_folder(camera)
    for day in sorted(_folders(folder)):
        if len(day) == 8:
            yield from hours_of_day(folder / day)


def hours_of_day(folder: Path) -> list[int]:
    """The hours since 1970 that have a folder in a day's; none where that is gone.

    Raises OSError.
    """
    try:
        hours = [parse_hour(folder.name, name) for name in _folders(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(hour for hour in hours if hour is not None)


def hour_keys(layout: Layout, camera: int, hour: int) -> Iterator[ImageKey]:
    """The images in the dated folder of one hour. Raises OSError."""
    folder = layout.hour_folder(camera, hour)
    for name in os.listdir(folder):  # noqa: PTH208 - names are enough, and there are many
        key = layout.dated_key(camera, folder.parent.name, folder.name, name)
        if key is not None:
            yield key


def flat_keys(layout: Layout, camera: int) -> Iterator[ImageKey]:
    """The images directly in the camera's folder. Raises OSError."""
    for name in os.listdir(layout.camera_folder(camera)):  # noqa: PTH208
        key = layout.flat_key(camera, name)
        if key is not None:
            yield key


def all_keys(layout: Layout, camera: int) -> Iterator[ImageKey]:
    """Every image file of a camera; folders that vanish meanwhile are passed over."""
    try:
        yield from flat_keys(layout, camera)
        for hour in list(dated_hours(layout, camera)):
            try:
                yield from hour_keys(layout, camera, hour)
            except FileNotFoundError:
                continue
    except FileNotFoundError:
        return


def is_gone(path: Path) -> bool:
    """Whether there certainly is nothing at `path`; False where that cannot be found out."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def parse_hour(day: str, hour: str) -> int | None:
    """The hour since 1970 that folders of these names stand for; None: no such names."""
    if not (
        len(day) == 8 and len(hour) == 2 and (day + hour).isascii() and (day + hour).isdecimal()
    ):
        return None
    try:
        moment = datetime(int(day[:4]), int(day[4:6]), int(day[6:]), int(hour), tzinfo=UTC)
    except ValueError:
        return None
    return to_us(moment) // (HOUR_S * 1_000_000)


Name = tuple[int, int]  # second since 1970, number within it or -1 (the name has none)
_IN_HOUR = {f"{m:02}{s:02}": m * 60 + s for m in range(60) for s in range(60)}
_NUMBERS = {"": -1} | {f"-{n:02}": n for n in range(100)}


class Names:
    """Names of images as numbers and back, at the speed of listing.

    The layout's own functions are exact and cost 10 us a name; here an hour's beginning is asked of
    them once. An hour in which clocks change is left to them.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._begins: dict[str, int | None] = {}  # "20260320-12" → second; None: no usual hour
        self._minutes: dict[int, str] = {}  # second → "20260320-1200"

    def dated(self, camera: int, day: str, hour: str, file: str) -> Name | None:
        """Of a file in `<camera>/<day>/<hour>/`; None: no image's name."""
        if file[:8] != day or file[9:11] != hour:
            return None
        return self._read(camera, file, flat=False)

    def of_hour(self, camera: int, folder: str, files: list[str]) -> dict[Name, str]:
        """The images among the files of a dated folder (`20260320/12`)."""
        day, hour = folder.split("/")
        start = f"{day}-{hour}"
        begin = self._begin(camera, start, flat=False)
        found: dict[Name, str] = {}
        within_of, number_of = _IN_HOUR.get, _NUMBERS.get
        for file in files:
            within, number = within_of(file[11:15]), number_of(file[15:-4])
            if (
                within is not None
                and number is not None
                and begin is not None
                and file[:11] == start
                and file[-4:] == ".jpg"
            ):
                found[begin + within, number] = file
            else:
                name = self.dated(camera, day, hour, file)
                if name is not None:
                    found[name] = file
        return found

    def flat(self, camera: int, file: str) -> Name | None:
        """Of a file directly in the camera's folder; None: no image's name."""
        return self._read(camera, file, flat=True)

    def flat_file(self, camera: int, name: Name) -> str:
        """The name of a flat image's file."""
        second, number = name
        minute = self._minutes.get(second - second % 60)
        if minute is None:
            stamp = self._layout.stamp((second - second % 60) * SECOND_US)
            if not stamp.endswith("00"):  # an offset of the time before 1972, with seconds in it
                return self._layout.image_path(to_key(camera, name, flat=True)).name
            if len(self._minutes) > 100_000:
                self._minutes.clear()
            minute = self._minutes[second - second % 60] = stamp[:-2]
        end = "" if number < 0 else f"-{number:02}"
        return f"{minute}{second % 60:02}{end}.jpg"

    def _read(self, camera: int, file: str, *, flat: bool) -> Name | None:
        within = _IN_HOUR.get(file[11:15])
        number = _NUMBERS.get(file[15:-4])
        if within is not None and number is not None and file.endswith(".jpg"):
            begin = self._begin(camera, file[:11], flat=flat)
            if begin is not None:
                return begin + within, number
        if flat:
            key = self._layout.flat_key(camera, file)
        else:
            key = self._layout.dated_key(camera, file[:8], file[9:11], file)
        if key is None:
            return None
        return key.second, -1 if key.number is None else key.number

    def _begin(self, camera: int, hour: str, *, flat: bool) -> int | None:
        cached = hour if flat else f"{hour}Z"
        if cached not in self._begins:
            if len(self._begins) > 100_000:
                self._begins.clear()
            ends = []
            for end in ("0000", "5959"):
                file = f"{hour}{end}.jpg"
                if flat:
                    ends.append(self._layout.flat_key(camera, file))
                else:
                    ends.append(self._layout.dated_key(camera, hour[:8], hour[9:11], file))
            first, last = ends
            usual = first is not None and last is not None and last.second - first.second == 3599
            self._begins[cached] = first.second if usual and first is not None else None
        return self._begins[cached]


def to_key(camera: int, name: Name, *, flat: bool) -> ImageKey:
    """The key of a name."""
    second, number = name
    return ImageKey(camera=camera, second=second, number=None if number < 0 else number, flat=flat)


def looks_like_an_image(file: str) -> bool:
    """Whether a name has the form of an image's, even where its time does not exist."""
    return len(file) >= 19 and file.endswith(".jpg") and file[:8].isdecimal() and file[8] == "-"


def below(key: ImageKey, path: Path) -> str:
    """The folder of an image below its camera's: "" or "20260320/12"."""
    return "" if key.flat else f"{path.parent.parent.name}/{path.parent.name}"


def temporary_files(folder: str) -> list[str]:
    """The temporary files of ours in a folder. Raises OSError."""
    return [name for name in os.listdir(folder) if is_temporary(name)]  # noqa: PTH208


def stamp_of(status: os.stat_result, age_s: float) -> Stamp:
    """What a folder looks like; time 0, as no folder has, where it changed less than `age_s` ago.

    A clock that was set back leaves folders of the future, which count as settled.
    """
    settled = abs(time.time() - status.st_mtime) >= age_s
    return (status.st_mtime_ns if settled else 0, status.st_ino)


@contextmanager
def opened(folder: str) -> Iterator[int | None]:
    """A descriptor of a folder that is no symlink; None where there is none. Raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
