"""Small files that the kernel has in memory, read without waiting for a disk, or not at all.

openat2(2) with RESOLVE_CACHED (Linux 5.12) answers EAGAIN where a part of the path would have to be
read from a disk, preadv2(2) with RWF_NOWAIT where bytes would. With RESOLVE_BENEATH, NO_SYMLINKS
and NO_XDEV what is opened is below the folder and on its file system, whatever happens to the path
meanwhile. Only file systems are believed whose open() then touches memory alone: one of a network
may ask its server.

The calls keep Python's lock (PyDLL). Each takes some microseconds; to give the lock to another
thread and get it back takes longer, and there are eight of them.
"""

import ctypes
import os
import stat
import struct
import threading
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 512 * 1024

_OPENAT2 = 437  # the same number on every architecture
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH, _CACHED = 0x01, 0x02, 0x04, 0x08, 0x20
# struct open_how: flags, mode, resolve
_FOLDER = struct.pack("=QQQ", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, _CACHED)
_FILE = struct.pack(
    "=QQQ",
    os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK,
    0,
    _CACHED | _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS | _NO_XDEV,
)
_BTRFS, _EXT, _F2FS, _TMPFS, _XFS = 0x9123683E, 0xEF53, 0xF2F52010, 0x01021994, 0x58465342
_BELIEVED = frozenset({_BTRFS, _EXT, _F2FS, _TMPFS, _XFS})
_STATX_BASIC = 0x7FF
# of struct statx: mode at 28, inode at 32, size at 40, mtime at 112 (seconds, nanoseconds)
_STATX = struct.Struct("=28xH2xQQ64xqI")
_ABOUT_BYTES = 256  # of struct statx; of struct statfs more than it has anywhere

_libc = ctypes.PyDLL(None)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (
    ctypes.c_long,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_size_t,
)


_is_able = all(hasattr(_libc, name) for name in ("fstatfs", "preadv64v2", "statx"))


class _IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@dataclass(frozen=True, slots=True)
class FileAtHand:
    """All of a regular file, and what its inode says."""

    content: bytes
    inode: int
    modified_ns: int


class _Room(threading.local):
    """What the calls write into; of each thread."""

    def __init__(self) -> None:
        self.about = ctypes.create_string_buffer(_ABOUT_BYTES)
        self.content = ctypes.create_string_buffer(MOST_BYTES)
        self.vector = _IoVector(ctypes.addressof(self.content), MOST_BYTES)


_room = _Room()


def read_file(folder: Path, relative: str) -> FileAtHand | None:
    """A regular file below the folder, of MOST_BYTES at most.

    None where that would take a disk, where the kernel, the C library or the file system cannot
    say, and where there is no such file; also for any `relative` that leads through a link or out
    of the folder.
    """
    try:
        name = os.fsencode(relative)
    except UnicodeEncodeError:
        return None
    if b"\0" in name or not _is_able:
        return None
    top = _opened(_AT_FDCWD, os.fsencode(folder), _FOLDER)
    if top is None:
        return None
    try:
        file = _opened(top, name, _FILE) if _is_believed(top) else None
    finally:
        _libc.close(top)
    if file is None:
        return None
    try:
        return _read(file)
    finally:
        _libc.close(file)


def _opened(folder: int, name: bytes, how: bytes) -> int | None:
    descriptor: int = _syscall(_OPENAT2, folder, name, how, len(how))
    return None if descriptor < 0 else descriptor


def _is_believed(folder: int) -> bool:
    if _libc.fstatfs(folder, _room.about) != 0:
        return False
    return ctypes.c_long.from_buffer(_room.about).value & 0xFFFFFFFF in _BELIEVED


def _read(file: int) -> FileAtHand | None:
    if _libc.statx(file, b"", _AT_EMPTY_PATH, _STATX_BASIC, _room.about) != 0:
        return None
    mode, inode, size, second, nanosecond = _STATX.unpack_from(_room.about)
    if not stat.S_ISREG(mode) or not 0 < size < MOST_BYTES:
        return None
    start = ctypes.c_longlong(0)
    count = _libc.preadv64v2(file, ctypes.byref(_room.vector), 1, start, os.RWF_NOWAIT)
    if count != size:
        return None
    content = ctypes.string_at(_room.vector.base, size)
    return FileAtHand(content, inode, second * 1_000_000_000 + nanosecond)
