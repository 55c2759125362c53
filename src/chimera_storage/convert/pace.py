"""How long each image of a video is shown; pure.

The time base is 1/fps seconds for an even pace, where every image takes one tick, and
milliseconds for the others.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, pairwise

from chimera_storage.model import Image
from chimera_storage.options import Pace

Shown = Iterator[tuple[Image, int]]  # images with the ticks that each is shown

# Images further apart than this are no motion: recorders save several a second while it lasts.
_STILL_US = 2_000_000
# What lies between two motions goes by so much faster, and never longer than a second.
_FAST = 60
_LONGEST_STILL_MS = 1000
_SECOND_US = 1_000_000
# What an mp4 can say of how long a frame is shown, as FFmpeg writes it: of milliseconds 24 days.
LONGEST_IN_MP4 = 2**31 - 2


def time_base(pace: Pace, fps: int) -> Fraction:
    """Seconds of one tick."""
    return Fraction(1, fps) if pace == "even" else Fraction(1, 1000)


def shown(images: Iterable[Image], pace: Pace, fps: int) -> Shown:
    """Each image (in the order of time) and how many ticks it is shown, at least one.

    real: until the next one was taken; smart: likewise while something moves, and fast in between.
    The last one is shown as long as at an even pace.
    """
    if pace == "even":
        yield from ((image, 1) for image in images)
        return
    last_ms = max(1, 1000 // fps)
    for here, following in pairwise(chain(_moments(images), (None,))):
        if here is None:
            return
        image, at_us = here
        if following is None:
            yield image, last_ms
            return
        then, then_us = following
        real_ms = max(1, then_us // 1000 - at_us // 1000)
        if pace == "real" or _moves(image, then, then_us - at_us):
            yield image, real_ms
        else:
            yield image, min(max(real_ms // _FAST, last_ms), _LONGEST_STILL_MS)


def _moves(image: Image, then: Image, apart_us: int) -> bool:
    """Whether both belong to the same motion; images of other programs know no events."""
    return image.event == then.event and apart_us <= _STILL_US


def _moments(images: Iterable[Image]) -> Iterator[tuple[Image, int]]:
    """Each image with its time; those of the same time are spread out.

    The names of other programs' images say no more than the second: theirs are spread over it, or
    up to the next one.
    """
    same: list[Image] = []
    for image in images:
        if same and image.taken_at_us > same[0].taken_at_us:
            yield from _spread(same, image.taken_at_us)
            same = []
        same.append(image)
    if same:
        yield from _spread(same, same[0].taken_at_us + _SECOND_US)


def _spread(same: list[Image], until_us: int) -> Iterator[tuple[Image, int]]:
    begin_us = same[0].taken_at_us
    room_us = min(until_us - begin_us, _SECOND_US)
    for number, image in enumerate(same):
        yield image, begin_us + room_us * number // len(same)
