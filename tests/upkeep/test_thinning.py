"""Which images of an hour go; on an archive: tests/upkeep/test_retention.py."""

import pytest

from chimera_storage.model import Image, ImageKey
from chimera_storage.upkeep.thinning import superfluous

AN_HOUR = 54_000  # images at 15 a second


def image(number: int) -> Image:
    return Image(
        key=ImageKey(camera=1, second=number // 15, number=number % 15),
        taken_at_us=number * 66_667,
        size=150_000,
        crc32=0,
        width=1920,
        height=1080,
        score=(number * 7919 % 997) / 997,
        event=0,
    )


@pytest.mark.timeout(20)
def test_an_hour_of_nothing_but_one_event_is_thinned_at_once() -> None:
    """For each image the best was looked for anew, which took 100 s."""
    images = [image(number) for number in range(AN_HOUR)]
    gone = superfluous(images, "best")
    (left,) = {i.key for i in images} - {i.key for i in gone}
    assert left == max(images, key=lambda i: i.score or 0).key
