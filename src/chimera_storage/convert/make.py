"""What making a video and making an archive have in common."""

from dataclasses import dataclass

from chimera_storage.errors import ConversionError


class NoImagesError(ConversionError):
    """Not one image could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How many images are in the file, and how many could not be read."""

    images: int
    missing: int
