"""Which folders of a camera do not look as they did when they were compared last."""

from collections.abc import Callable, Iterable, Mapping
from os import stat_result
from pathlib import Path

from chimera_storage.archive import walk
from chimera_storage.archive.flat import FlatFiles, list_camera
from chimera_storage.archive.index.folders import Stamp, hour_name
from chimera_storage.archive.walk import Names


class ChangedFolders:
    """One walk through a camera's folders, from the top: `flat_files`, `hours`, `gone`, in order.

    `known`: the folders as they were ("" is the camera's own); a folder without a time, or that
    changed less than `settled_s` ago, counts as changed. `on_folder(camera, folder)` hears of each
    before it is looked at. `noted` is what they look like now. Methods raise OSError.
    """

    def __init__(
        self,
        folder: Path,
        camera: int,
        known: Mapping[str, Stamp],
        *,
        settled_s: float,
        on_folder: Callable[[int, str], None],
    ) -> None:
        self._folder = folder
        self._camera = camera
        self._known = known
        self._settled_s = settled_s
        self._on_folder = on_folder
        self._days: list[str] = []
        self._changed_days: set[str] = set()
        self._found: set[int] = set()
        self.noted: dict[str, Stamp] = {}

    def flat_files(self, names: Names, pause: Callable[[], None]) -> FlatFiles | None:
        """The flat files; None where the camera's own folder is as it was."""
        self._on_folder(self._camera, "")
        if self._is_as_it_was("", self._folder.stat()):
            self._days = [name for name in self._known if len(name) == 8]
            return None
        flat, self._days = list_camera(self._folder, self._camera, names, pause)
        return flat

    def hours(self) -> list[int]:
        """The hours since 1970 whose folders are there and changed."""
        for day in sorted(self._days):
            self._found.update(self._of_day(day))
        return [hour for hour in sorted(self._found) if self._is_changed(hour)]

    def gone(self, with_rows: Iterable[int]) -> list[int]:
        """Of the hours that have rows those that have no folder, where one may have been."""
        return [
            hour
            for hour in with_rows
            if hour not in self._found
            and (
                (name := hour_name(hour)) in self._known
                or name[:8] in self._changed_days
                or "" not in self._known
            )
        ]

    def _of_day(self, day: str) -> list[int]:
        self._on_folder(self._camera, day)
        try:
            if self._is_as_it_was(day, (self._folder / day).lstat()):
                names = [name for name in self._known if name[:9] == f"{day}/"]
                hours = [walk.parse_hour(day, name[9:]) for name in names]
                return [hour for hour in hours if hour is not None]
            self._changed_days.add(day)
            return walk.hours_of_day(self._folder / day)
        except (FileNotFoundError, NotADirectoryError):
            self._changed_days.add(day)
            self.noted.pop(day, None)
            return []

    def _is_changed(self, hour: int) -> bool:
        name = hour_name(hour)
        self._on_folder(self._camera, name)
        try:
            return not self._is_as_it_was(name, (self._folder / name).lstat())
        except (FileNotFoundError, NotADirectoryError):
            return True

    def _is_as_it_was(self, name: str, status: stat_result) -> bool:
        stamp = self.noted[name] = walk.stamp_of(status, self._settled_s)
        return stamp[0] != 0 and self._known.get(name) == stamp
