"""On-disk names: the one codec between (camera, time, number) and paths, and the one containment check."""

from datetime import tzinfo
from pathlib import Path

from chimera_storage.model import Conversion, ConversionType, ImageKey


class Layout:
    """Names and paths below one data folder.

    <root>/shared/captures/<camera>/<YYYYMMDD>/<HH>/<YYYYMMDD-HHMMSS>-<NN>.jpg   images, UTC
    <root>/shared/captures/<camera>/<YYYYMMDD-HHMMSS>[-<NN>].jpg                 flat, in `timezone`
    <root>/shared/captures/output_<camera>_<start>_<end>_<id>.<mp4|zip>          conversions, in `timezone`
    <root>/index.db
    Temporary files begin with "." and are never listed, served or counted.
    """

    def __init__(self, root: Path, timezone: tzinfo) -> None: ...

    root: Path
    shared: Path
    captures: Path
    index: Path
    timezone: tzinfo

    def camera_folder(self, camera: int) -> Path: ...
    def image_path(self, key: ImageKey) -> Path: ...
    def image_url(self, key: ImageKey) -> str:
        """`/shared/captures/...` of an image."""
    def parse_image(self, path: Path) -> ImageKey | None:
        """The key that a path below `captures` names; None where it is no image of ours."""
    def output_name(self, conversion: Conversion) -> str: ...
    def output_path(self, conversion: Conversion) -> Path: ...
    def output_url(self, conversion: Conversion) -> str: ...
    def parse_output(self, name: str) -> Conversion | None:
        """A finished conversion (status DONE, frames 0) from a file's name; None where it is none."""
    def resolve(self, relative: str) -> Path:
        """A client's path below `shared` → a real path inside it.

        Raises InvalidInputError (NUL, "..", absolute parts, backslashes), NotFoundError (does not
        exist, hidden, temporary, or a symlink leads outside).
        """
    # also: stamp(us)->"YYYYMMDD-HHMMSS" and parse_stamp(text)->us in `timezone`


ConversionType  # noqa: B018
