"""Names of cameras for a page, in its language."""

from chimera_storage.web.naming import CameraNames
from chimera_storage.web.pages.texts import Speaker


def camera_names(names: CameraNames, speaks: Speaker) -> dict[int, str]:
    """By id, ascending, of those that who asks may see. Reads the index."""
    return {camera: named(names, speaks, camera) for camera in names.all()}


def named(names: CameraNames, speaks: Speaker, camera: int) -> str:
    """The configured name, else "Camera 3"."""
    name = names.name(camera)
    return str(speaks.t("folder.camera", camera=camera)) if name == f"Camera {camera}" else name
