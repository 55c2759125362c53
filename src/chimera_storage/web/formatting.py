"""Sizes and times in words, for answers and pages."""

from datetime import tzinfo

from chimera_storage.clock import from_us

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def file_size(size: int) -> str:
    """Bytes in decimal units with one digit after the point: "443.5 kB"."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in _UNITS:
        value /= 1000
        if value < 999.95 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"


def local_time(us: int, zone: tzinfo) -> str:
    """YYYY-MM-DD HH:MM:SS in the zone."""
    return from_us(us).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
