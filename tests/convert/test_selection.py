"""Which images a conversion takes, and how they are read."""

import pytest

from chimera_storage.convert.selection import read, select
from tests.support.saved_images import SECOND_US, START_US, SavedImages, picture

END_US = START_US + 3600 * SECOND_US


@pytest.mark.parametrize("skip", [1, 2, 3, 7, 45, 1000])
@pytest.mark.parametrize("page", [1, 4, 10, 1000])
def test_every_skipth_image_from_the_first_whatever_the_page(
    saved: SavedImages, skip: int, page: int
) -> None:
    images = saved.save([picture(0)] * 45)

    selected = list(select(saved.index, 1, START_US, END_US, skip=skip, page=page))

    assert [image.key for image in selected] == [image.key for image in images[::skip]]


def test_range_is_inclusive_and_begins_within_a_second(saved: SavedImages) -> None:
    images = saved.save([picture(0)] * 30)
    start_us, end_us = START_US + SECOND_US, START_US + 2 * SECOND_US

    selected = list(select(saved.index, 1, start_us, end_us, skip=1, page=3))

    assert [image.key for image in selected] == [image.key for image in images[10:]]


def test_images_far_apart_are_found_in_a_range_of_centuries(saved: SavedImages) -> None:
    years_us = 365 * 24 * 3600 * SECOND_US
    saved.save([picture(0)], start_us=START_US - 20 * years_us)
    saved.save([picture(0)], start_us=START_US)

    selected = list(select(saved.index, 1, -500 * years_us, 2000 * years_us, skip=1, page=1))

    assert len(selected) == 2


def test_vanished_replaced_and_huge_files_are_none(saved: SavedImages) -> None:
    gone, folder, link, huge, fine = saved.save([picture(i) for i in range(5)])
    saved.path(gone).unlink()
    saved.path(folder).unlink()
    saved.path(folder).mkdir()
    saved.path(link).unlink()
    saved.path(link).symlink_to(saved.path(fine))
    with saved.path(huge).open("r+b") as file:
        file.truncate(100 * 1024 * 1024)

    assert [read(saved.archive, image.key) for image in (gone, folder, link, huge)] == [None] * 4
    assert read(saved.archive, fine.key) == picture(4)
