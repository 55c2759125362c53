"""Rows follow their sidecar: one that was copied here after its images, or with a folder.

Where only a file was asked, its row has neither score nor event nor microseconds. A copy job may
bring the sidecar of an hour last, and a folder may be exchanged for another's with the same names.
"""

from chimera_storage.archive import sidecar, walk
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.sidecar import Facts, Sidecar


def follow(layout: Layout, index: Index, camera: int, hour: int) -> None:
    """Of one hour (since 1970), gives the rows that lack it what the sidecar says, and the events.

    Reads the sidecar only where there are such rows. Raises StorageError.
    """
    bare = index.bare(camera, hour)
    if not bare:
        return
    found = sidecar.read(layout.hour_folder(camera, hour), hour)
    told = {
        name: found.images[name]
        for name, content in bare.items()
        if name in found.images and _is_of(found.images[name], content)
    }
    if not told:
        return
    images = list(Sidecar(images=told).as_images(camera))
    index.add_events(found.as_events(camera))
    index.add_images(images, replace=True)
    # See `writer` on deletions in between.
    index.remove_images(i.key for i in images if walk.is_gone(layout.image_path(i.key)))


def _is_of(facts: Facts, content: tuple[int, int | None]) -> bool:
    """Whether they are of a file of this size and CRC-32, and say more than that."""
    fraction_us, size, crc32, _, _, score, _, event = facts
    says_more = fraction_us != 0 or score is not None or event is not None
    return says_more and size == content[0] and content[1] in (None, crc32)
