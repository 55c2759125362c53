"""What became of the pictures of a camera: each one is counted once, where its way ends."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts since the start. `read` pictures came of the stream that images are saved of.

    Between two connections `read` is the sum of the others and of the images that were saved (those
    of `snapshot_interval` aside, which are saved besides): `let_go`: nothing moved, or others were
    enough (`framerate`, `save_framerate`, `picture_output`). `damaged`: no whole picture came of
    it. `dropped`: there was no time or no memory for it. `unsaved`: it could not be written.
    `damaged` grows with the end of a connection, as decoders give pictures late.
    """

    read: int = 0
    let_go: int = 0
    damaged: int = 0
    dropped: int = 0
    unsaved: int = 0
