"""What /proc says of processes."""

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # of the fields behind the name in /proc/PID/stat, from 0


def children(pid: int) -> list[int]:
    """Every process below this one; one that is over and was not waited for is none."""
    parents: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = _stat(int(folder.name))
            if fields[0] != "Z":
                parents[int(fields[1])].append(int(folder.name))
    found, left = [], [pid]
    while left:
        left = [child for parent in left for child in parents[parent]]
        found += left
    return found


def command_line(pid: int) -> str:
    """As it was started; "" where it is over."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
    except OSError:
        return ""


def processor_s(pid: int) -> float:
    """Seconds of processor that it has had, user and system. Raises OSError."""
    fields = _stat(pid)
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Its memory. Raises OSError."""
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(row for row in rows if row.startswith("VmRSS:")).split()[1]) * 1024


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
