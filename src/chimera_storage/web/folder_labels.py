"""Names of folders and files as a person would read them, in the reader's language."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from chimera_storage.archive.layout import Layout, parse_camera
from chimera_storage.clock import from_us

_DATED = re.compile(r"[0-9]{8}(/[0-9]{2})?", re.ASCII)


class Labels:
    """Of one data folder. cameras: their names by id; t: the reader's texts (texts.py)."""

    def __init__(self, layout: Layout, cameras: Mapping[int, str], t: Callable[..., str]) -> None:
        self._layout = layout
        self._cameras = cameras
        self._t = t

    def of(self, inside: str) -> str:
        """`inside`: the path below shared."""
        parts = inside.split("/")
        name = parts[-1]
        if parts[0] != self._layout.captures.name or len(parts) < 2:
            return name
        camera = parse_camera(parts[1])
        if camera is not None:
            return self._below_camera(camera, parts[2:]) or name
        conversion = self._layout.parse_output(name)
        if conversion is None:
            return name
        start, end = (
            f"{from_us(us).astimezone(self._layout.timezone):%Y-%m-%d %H:%M}"
            for us in (conversion.start_us, conversion.end_us)
        )
        kind = "folder.video_of" if conversion.type.is_video else "folder.archive_of"
        return self._t(kind, camera=self.camera(conversion.camera), start=start, end=end)

    def camera(self, camera: int) -> str:
        """The configured name, else "Camera 3"."""
        return self._cameras.get(camera) or self._t("folder.camera", camera=camera)

    def breadcrumb(self, relative: str) -> list[tuple[str, str]]:
        """(label, address) of `shared` and of each folder down to this one."""
        crumbs = [("shared", "/shared/")]
        names = relative.strip("/").split("/") if relative.strip("/") else []
        for depth in range(1, len(names) + 1):
            inside = "/".join(names[:depth])
            crumbs.append((self.of(inside), f"/shared/{quote(inside)}/"))
        return crumbs

    def _below_camera(self, camera: int, below: list[str]) -> str | None:
        """Of a camera's folder, or of the folders of days and hours below it, which are in UTC."""
        if not below:
            name = self._cameras.get(camera)
            return f"{camera} · {name}" if name else self.camera(camera)
        if len(below) > 2 or not _DATED.fullmatch("/".join(below)):
            return None
        day, hour = below[0], below[1] if len(below) == 2 else "00"
        try:
            begin = datetime.strptime(f"{day}{hour}", "%Y%m%d%H").replace(tzinfo=UTC)
            local = begin.astimezone(self._layout.timezone)
        except (ValueError, OverflowError):
            return None
        is_utc = not local.utcoffset()
        if len(below) == 1:
            return f"{begin:%Y-%m-%d}" if is_utc else f"{begin:%Y-%m-%d} UTC"
        return f"{begin:%H}:00" if is_utc else f"{local:%H:%M} ({begin:%H}:00 UTC)"
