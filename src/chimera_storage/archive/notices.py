"""What the kernel says of changes in the folders of cameras (inotify).

A watch is for one folder, costs the kernel about 1 KB, and their number is limited for each user
(fs.inotify.max_user_watches). So at most half of what is allowed is taken: captures and cameras
first, then days and hours, the newest first. What is not watched is left to scanning, as is
everything on a file system whose other writers the kernel does not hear of (`complete`).
"""

import errno
import heapq
import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from inotify_simple import INotify, flags

from chimera_storage.archive import sidecar
from chimera_storage.archive.layout import Layout, parse_camera
from chimera_storage.log import get_logger

_LARGEST_LIMIT = 65_536  # watches; 70 MB of the kernel's memory
_USUAL_LIMIT = 8192  # where the kernel does not say
_GATHER_S = 0.05  # after the first notice: a burst is one batch
_MASK = (
    flags.CREATE
    | flags.CLOSE_WRITE
    | flags.MOVED_TO
    | flags.MOVED_FROM
    | flags.DELETE
    | flags.ONLYDIR
    | flags.DONT_FOLLOW
    | flags.EXCL_UNLINK
)
# File systems that other machines, or programs behind the kernel's back, write to.
_SHARED = ("nfs", "cifs", "smb", "9p", "ceph", "afs", "fuse.", "gluster", "virtiofs", "vboxsf")

Folder = tuple[int, str]  # camera, and below its folder: "", "20260320" or "20260320/12"

_log = get_logger()


class Kind(Enum):
    """What happened to a name last."""

    WRITTEN = auto()  # closed by who wrote it, or moved here
    CREATED = auto()  # perhaps still being written; a hard link says no more than this
    GONE = auto()


@dataclass(slots=True)
class Changes:
    """What happened since the last `read`."""

    files: dict[Folder, dict[str, Kind]] = field(default_factory=lambda: defaultdict(dict))
    folders: list[Folder] = field(default_factory=list)  # that came or went, in order
    sidecars: set[Folder] = field(default_factory=set)  # folders whose sidecar was written to
    cameras: set[int] = field(default_factory=set)  # whose folder came or went
    lost: bool = False  # more happened than the kernel could keep

    def __bool__(self) -> bool:
        return bool(self.files or self.folders or self.sidecars or self.cameras or self.lost)


class Notices:
    """Watches folders. For one thread.

    `limit`: how many at most (None: what is sensible; 0: none).
    """

    def __init__(self, layout: Layout, limit: int | None = None) -> None:
        self._layout = layout
        self._limit = _sensible_limit() if limit is None else limit
        self._inotify: INotify | None = None
        self._folders: dict[int, Folder | None] = {}  # by watch descriptor; None: captures
        self._watches: dict[Folder | None, int] = {}
        self._newest_last: list[tuple[str, int]] = []  # dated folders that are watched, a heap
        self._is_shared = False
        self._left_out = False

    @property
    def complete(self) -> bool:
        """Whether every folder that was asked for is watched, and every writer heard of."""
        return self._inotify is not None and not self._is_shared and not self._left_out

    @property
    def watched(self) -> int:
        """How many folders."""
        return len(self._watches)

    def open(self) -> None:
        """Begins anew, with captures alone; where that cannot be, `complete` is False."""
        self.close()
        self._is_shared = _file_system(self._layout.captures).startswith(_SHARED)
        self._left_out = False
        if not self._limit:
            return
        try:
            self._inotify = INotify()
        except OSError as error:
            _log.warning("watching_not_possible", problem=error.strerror, effect="scanning instead")
            return
        self._add(None, self._layout.captures)

    def close(self) -> None:
        """Lets go of every watch."""
        if self._inotify is not None:
            self._inotify.close()
        self._inotify = None
        self._folders, self._watches, self._newest_last = {}, {}, []

    def watch(self, camera: int, below: str) -> None:
        """Watches a folder from now on; called before it is listed, so that nothing is missed."""
        if self._inotify is None:
            return
        folder = (camera, below)
        is_full = folder not in self._watches and len(self._watches) >= self._limit
        if is_full and not self._make_room(below):
            self._leave_out()
            return
        self._add(folder, self._layout.camera_folder(camera) / below)

    def read(self, timeout_s: float) -> Changes:
        """What happened, after waiting for something to happen for `timeout_s` at most."""
        changes = Changes()
        if self._inotify is None:
            return changes
        gather_ms = int(_GATHER_S * 1000) if timeout_s else None
        for event in self._inotify.read(timeout=int(timeout_s * 1000), read_delay=gather_ms):
            if event.mask & flags.Q_OVERFLOW:
                changes.lost = True
            elif event.mask & flags.IGNORED:
                self._drop(event.wd)
            elif event.wd in self._folders:
                self._note(changes, self._folders[event.wd], event.name, event.mask)
        return changes

    def _note(self, changes: Changes, folder: Folder | None, name: str, mask: int) -> None:
        gone = bool(mask & (flags.MOVED_FROM | flags.DELETE))
        if folder is None:
            camera = parse_camera(name)
            if camera is not None:
                changes.cameras.add(camera)
                if gone:
                    self._forget(camera, "")
        elif mask & flags.ISDIR:
            below = f"{folder[1]}/{name}".removeprefix("/")
            if gone:
                self._forget(folder[0], below)
            changes.folders.append((folder[0], below))
        elif name.endswith(".jpg") and not name.startswith("."):
            if gone:
                kind = Kind.GONE
            elif mask & flags.CREATE:
                kind = Kind.CREATED
            else:
                kind = Kind.WRITTEN
            changes.files[folder][name] = kind
        elif name == sidecar.NAME and mask & (flags.CLOSE_WRITE | flags.MOVED_TO):
            changes.sidecars.add(folder)

    def _add(self, folder: Folder | None, path: Path) -> None:
        assert self._inotify is not None  # noqa: S101 - asked by both callers
        try:
            watch = self._inotify.add_watch(path, _MASK)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                self._limit = len(self._watches)
                self._leave_out()
            elif error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                self._left_out = True  # it cannot be read: scanning says why
            return
        if self._watches.get(folder) != watch and folder is not None and folder[1]:
            heapq.heappush(self._newest_last, (folder[1], folder[0]))
        self._watches[folder] = watch
        self._folders[watch] = folder

    def _make_room(self, below: str) -> bool:
        """Lets go of the oldest dated folder where that is older than `below` ("": a camera's)."""
        assert self._inotify is not None  # noqa: S101
        while self._newest_last and (not below or self._newest_last[0][0] < below):
            name, camera = heapq.heappop(self._newest_last)
            watch = self._watches.get((camera, name))
            if watch is not None:
                self._remove(watch)
                self._leave_out()
                return True
        return False

    def _leave_out(self) -> None:
        if not self._left_out:
            self._left_out = True
            _log.warning(
                "watches_limited",
                folders=len(self._watches),
                effect="older folders are scanned instead",
                hint="raise fs.inotify.max_user_watches",
            )

    def _forget(self, camera: int, below: str) -> None:
        """A folder went: what lay below went with it, and would be told under its old name."""
        start = f"{below}/" if below else ""
        for folder in [f for f in self._watches if f is not None and f[0] == camera]:
            if folder[1] == below or folder[1].startswith(start):
                self._remove(self._watches[folder])

    def _remove(self, watch: int) -> None:
        assert self._inotify is not None  # noqa: S101
        with suppress(OSError):  # the kernel has let go of it already
            self._inotify.rm_watch(watch)
        self._drop(watch)

    def _drop(self, watch: int) -> None:
        if watch in self._folders:
            folder = self._folders.pop(watch)
            if self._watches.get(folder) == watch:
                del self._watches[folder]


def _sensible_limit() -> int:
    try:
        allowed = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    except (OSError, ValueError):
        allowed = _USUAL_LIMIT
    return min(allowed // 2, _LARGEST_LIMIT)


def _file_system(path: Path) -> str:
    """The type of the file system that holds `path`, as mountinfo names it; "" where unknown."""
    with suppress(OSError, ValueError, IndexError):
        device = path.stat().st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields, _, rest = line.partition(" - ")
            if fields.split()[2] == number:
                return rest.split()[0]
    return ""
