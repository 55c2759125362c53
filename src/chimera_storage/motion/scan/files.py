"""Which files are meant by the files and folders that were named."""

from collections.abc import Iterable
from pathlib import Path

from chimera_storage.errors import StorageError

SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg",
    ".vob", ".flv", ".wmv", ".asf", ".3gp", ".ogv", ".mjpg", ".mjpeg", ".h264", ".264", ".avc",
    ".h265", ".265", ".hevc", ".dav", ".mxf",
)  # fmt: skip


def video_files(paths: Iterable[Path]) -> list[Path]:
    """Files as they were named; of folders the videos in them and below, by name. Each once.

    A folder without a video is kept, for the reader to say so.
    """
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if _is_video(p)) if path.is_dir() else []
        found.update(dict.fromkeys(inside or [path]))
    return list(found)


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


class Names:
    """File names for what comes of each recording, no two the same."""

    def __init__(self) -> None:
        self._stems: dict[Path, str] = {}

    def name(self, path: Path, event: int, suffix: str) -> str:
        """`<recording>-<event><suffix>`, as `yard-003.jpg`."""
        return f"{self._stem(path)}-{event:03}{suffix}"

    def _stem(self, path: Path) -> str:
        if path not in self._stems:
            stem, number = path.stem, 1
            while stem in self._stems.values():
                number += 1
                stem = f"{path.stem}_{number}"
            self._stems[path] = stem
        return self._stems[path]


def make_folder(folder: Path) -> None:
    """Make sure that it is there. Raises StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from None
