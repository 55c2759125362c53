"""Processors, memory, limits, the clock, and what decodes and encodes."""

import ctypes
import os
import platform
import resource
from collections.abc import Iterator
from pathlib import Path

import av

from chimera_storage.doctor.findings import Finding, advice, good
from chimera_storage.motion.sources.hardware import devices

_TOPIC = "machine"
_LEAST_MEMORY = 500 * 10**6  # the server, a recorder of some cameras, and a video being made
_LEAST_FILES = 1024
_LEAST_WATCHES = 8192
_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
_TIME_ERROR = 5  # of adjtimex(2): nobody sets the clock
_TIMEX_BYTES = 256  # its struct has 208


def look_at_machine() -> Iterator[Finding]:
    """Everything but disks."""
    memory, free = _memory()
    yield good(
        _TOPIC,
        f"Python {platform.python_version()},"
        f" {len(os.sched_getaffinity(0))} cores, {memory / 1e9:.1f} GB of memory, {free / 1e9:.1f}"
        " of it free",
    )
    if free < _LEAST_MEMORY:
        yield advice(
            _TOPIC,
            f"only {free / 1e6:.0f} MB of memory are free",
            "End other programs: the server takes 120 MB, a camera 20 to 40, a video 200 and more.",
        )
    yield _codecs()
    yield _clock()
    if os.geteuid() == 0:
        yield advice(
            _TOPIC,
            "this is the user root",
            "Run the server as a user of its own, as docs/installation.md says: it needs no rights"
            " but those to its data folder.",
        )
    yield from _limits()


def free_memory() -> int:
    """Bytes that programs could have; 0 where /proc does not say."""
    return _memory()[1]


def _memory() -> tuple[int, int]:
    """(all, free) in bytes; (0, 0) where /proc does not say."""
    try:
        rows = dict(row.split(":", 1) for row in Path("/proc/meminfo").read_text().splitlines())
        total, free = (int(rows[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return 0, 0
    return total * 1024, free * 1024


def _codecs() -> Finding:
    kinds = ", ".join(sorted({device.kind.value for device in devices()}))
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    if "libx264" not in av.codecs_available:
        return advice(
            _TOPIC,
            f"FFmpeg (libavcodec {version}) has no libx264, so no videos can be made",
            "Install PyAV from its wheel (pip install --force-reinstall --only-binary av av).",
        )
    helped = f"decoding may use {kinds}" if kinds else "no device decodes, the processor does"
    return good(_TOPIC, f"FFmpeg (libavcodec {version}) with libx264; {helped}")


def _clock() -> Finding:
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state == _TIME_ERROR:
        return advice(
            _TOPIC,
            "nobody sets the clock by a time server",
            "Switch that on (timedatectl set-ntp true, or a chrony of this machine's host): images"
            " are named by the clock.",
        )
    if state < 0:
        return good(_TOPIC, "whether the clock is set by a time server cannot be asked here")
    return good(_TOPIC, "the clock is set by a time server")


def _limits() -> Iterator[Finding]:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < _LEAST_FILES:
        yield advice(
            _TOPIC,
            f"a process may open {files} files",
            f"Raise it to {_LEAST_FILES} or more (ulimit -n, LimitNOFILE= of systemd).",
        )
    try:
        watches = int(_WATCHES.read_text())
    except (OSError, ValueError):
        return
    if watches < _LEAST_WATCHES:
        yield advice(
            _TOPIC,
            f"{watches} folders can be watched at once; changes in others are found later",
            f"sysctl fs.inotify.max_user_watches={_LEAST_WATCHES * 8}",
        )
