"""Which camera a client means: a number, its text, a configured name or, on /file, a folder.

What cannot be a camera at all is refused (400) before anything is looked up; what could be one and
is not is unknown (404), and so is one that who asks may not see. The answer is always an int, so no
text of a client gets near a path.
"""

import re
from collections.abc import Mapping
from typing import Any

from chimera_storage.config import Settings
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.model import MAX_CAMERA_ID
from chimera_storage.web.parsing import given, shown
from chimera_storage.web.ports import Services
from chimera_storage.web.sight import sees

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_FOLDER = re.compile(r"(?:\./)?shared/captures/([^/\\\0]+)/?")
_NEVER_IN_A_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")


class CameraNames:
    """The cameras that are configured, named, or have images in the archive."""

    def __init__(self, services: Services) -> None:
        self._archive = services.archive
        self._services = services
        self._known_of = _Known(services.settings)

    @property
    def _now(self) -> "_Known":
        """What the settings say now."""
        if self._known_of.settings is not self._services.settings:
            self._known_of = _Known(self._services.settings)
        return self._known_of

    def all(self) -> list[int]:
        """Ids, ascending. Reads the index."""
        return sorted(filter(sees, self._now.configured | set(self._archive.index.cameras())))

    def name(self, camera: int) -> str:
        """The configured name, else "Camera 3"."""
        return self._now.names.get(camera) or f"Camera {camera}"

    def of(self, body: Mapping[str, Any], *, folder_too: bool = False) -> int:
        """The camera a body names.

        folder_too: `path: "shared/captures/1"` may stand in for `camera`. Raises InvalidInputError
        where it is missing or none, NotFoundError where it is unknown. Reads the index.
        """
        value = given(body, "camera")
        if value is None and folder_too and given(body, "path") is not None:
            value = self._from_folder(given(body, "path"))
        if value is None:
            raise InvalidInputError("camera is missing; right would be its number or its name")
        return self.find(value)

    def find(self, value: object) -> int:
        """The id of a number, its text or a name, as `of` does."""
        if isinstance(value, str):
            return self._find_text(value.strip())
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise self._no_camera(value)
        if value < 0:
            raise self._no_camera(value)
        return self._known(value, int(value) if value <= MAX_CAMERA_ID else None)

    def _find_text(self, text: str) -> int:
        if _NUMBER.fullmatch(text):
            return self._known(text, int(text))
        camera = self._now.ids_by_name.get(text.casefold())
        if camera is not None and sees(camera):
            return camera
        if not text or len(text) > 100 or _NEVER_IN_A_NAME.search(text) or text.startswith("."):
            raise self._no_camera(text)
        if re.fullmatch(r"[-+]?[0-9.]+", text, re.ASCII):
            raise self._no_camera(text)
        raise NotFoundError(f"there is no camera {shown(text)}; GET /cameras lists all")

    def _known(self, value: object, camera: int | None) -> int:
        if camera is not None and camera <= MAX_CAMERA_ID and sees(camera):
            if camera in self._now.configured:
                return camera
            if camera in self._archive.index.cameras():
                return camera
            if self._archive.layout.camera_folder(camera).is_dir():
                return camera
        raise NotFoundError(f"there is no camera {shown(value)}; GET /cameras lists all")

    @staticmethod
    def _from_folder(path: object) -> str:
        match = _FOLDER.fullmatch(path.strip()) if isinstance(path, str) else None
        if match is None:
            raise InvalidInputError(
                f"path is {shown(path)}; right would be a camera's folder such as shared/captures/1"
            )
        return match[1]

    @staticmethod
    def _no_camera(value: object) -> InvalidInputError:
        return InvalidInputError(
            f"camera is {shown(value)}; right would be its number or its configured name"
        )


class _Known:
    """What one state of the settings says of cameras."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.names = settings.names()
        self.configured = {camera.id for camera in settings.camera} | set(self.names)
        self.ids_by_name = {name.casefold(): camera for camera, name in self.names.items()}
