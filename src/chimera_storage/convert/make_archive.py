"""A saved archive: images in, one zip or tar out."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from chimera_storage.archive.images import Archive
from chimera_storage.clock import to_us
from chimera_storage.convert.archive_file import Sink, write_archive
from chimera_storage.convert.contents import pin
from chimera_storage.convert.make import Made, NoImagesError
from chimera_storage.convert.selection import Selection
from chimera_storage.errors import NotFoundError
from chimera_storage.model import ConversionType


def make_archive(
    archive: Archive,
    selection: Selection,
    sink: Sink,
    *,
    type: ConversionType,  # noqa: A002
    manifest: bool,
    folder: Path | None,
    on_image: Callable[[int, int], None],
) -> Made:
    """Store the images in an archive; `on_image` gets the number through and the bytes after each.

    `folder`: where the list of them is kept meanwhile, in files without a name, 40 bytes an image
    (None: where temporary files are kept). A vanished image is left out; a broken one is archived
    as it is. Raises NoImagesError, StorageError or OSError.
    """

    def open_part(_name: str) -> BinaryIO:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))

    try:
        contents = pin(
            archive.index,
            archive.layout,
            selection,
            type=type,
            manifest=manifest,
            made_us=to_us(archive.clock.now()),
            open_part=open_part,
        )
    except NotFoundError:
        raise NoImagesError("there is no image in this range") from None
    try:
        made = write_archive(contents, sink, on_image)
    finally:
        contents.close()
    if not made:
        raise NoImagesError("none of the images can be read")
    return Made(images=made, missing=contents.pinned.images - made)
