"""Folder pages: order, counts from the index, and very large folders by day."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import to_us
from chimera_storage.model import Image, ImageKey
from chimera_storage.web import folder
from tests.support.web import NOW, Room

NAMES = re.compile(r'<a href="([^"?]+)\?inline" data-size')
FOLDERS = re.compile(r'<ul class="folders">.*?</ul>', re.DOTALL)


def shown(room: Room, address: str) -> list[str]:
    answer = room.get(address)
    assert answer.status_code == 200, answer.text
    return NAMES.findall(answer.text)


def folders(room: Room, address: str) -> list[str]:
    """Each folder as it is read: label, images, size."""
    found = FOLDERS.search(room.get(address).text)
    assert found is not None
    items = re.findall(r"<span>(.*?)</span>", found[0])
    return [re.sub(r"<small>", " | ", item).replace("</small>", "") for item in items]


def test_images_are_sorted_by_time_and_size_and_pages_keep_the_order(room: Room) -> None:
    hour = NOW - timedelta(hours=1)
    sizes = [30, 10, 50, 20, 40]
    images = [
        room.save(1, hour + timedelta(seconds=i), content=b"x" * size)
        for i, size in enumerate(sizes)
    ]
    address = room.url(images[0]).rpartition("/")[0] + "/"
    names = [room.url(image).rpartition("/")[2] for image in images]
    assert shown(room, address) == names[::-1]
    assert shown(room, f"{address}?sort=newest") == names[::-1]
    assert shown(room, f"{address}?sort=oldest") == names
    assert shown(room, f"{address}?sort=largest") == [names[i] for i in (2, 4, 0, 3, 1)]
    assert shown(room, f"{address}?sort=nonsense&page=x&day=yesterday") == names[::-1]


def test_the_order_is_kept_from_page_to_page(room: Room) -> None:
    images = room.save_many(1, 450)
    address = room.url(images[0]).rpartition("/")[0] + "/"
    page = room.get(f"{address}?sort=oldest&page=2").text
    assert 'href="?sort=oldest&amp;page=3"' in page
    assert 'href="?sort=oldest&amp;page=1"' in page
    assert NAMES.findall(page)[0] == room.url(images[200]).rpartition("/")[2]


def test_folders_of_cameras_days_and_hours_say_how_much_is_in_them(room: Room) -> None:
    room.save(1, NOW, content=b"x" * 1500)
    room.save(1, NOW, 1, content=b"x" * 500)
    room.save(1, NOW - timedelta(hours=1), content=b"x" * 1000)
    room.save(2, NOW - timedelta(days=1), content=b"x" * 300)
    (room.captures / "empty").mkdir()
    captures = folders(room, "/shared/captures/")
    assert captures == ["1 · Front door | 3 images · 3.0 kB", "Camera 2 | 1 image · 300 B", "empty"]
    assert folders(room, "/shared/captures/1/") == ["2026-01-31 | 3 images · 3.0 kB"]
    assert folders(room, "/shared/captures/1/20260131/") == [
        "19:00 | 2 images · 2.0 kB",
        "18:00 | 1 image · 1.0 kB",
    ]
    assert folders(room, "/shared/captures/?sort=largest")[0].startswith("1 · Front door")


def test_counts_are_those_of_the_cameras_that_may_be_seen(room: Room) -> None:
    room.save(1, NOW, content=b"x" * 1500)
    room.save(2, NOW, content=b"x" * 700)
    from chimera_storage.access import Role

    room.headers = {"authorization": f"Bearer {room.api_token(Role.VIEWER, frozenset({2}))}"}
    page = room.get("/shared/captures/").text
    assert "700 B" in page
    assert "1.5 kB" not in page


# very large folders


@pytest.fixture
def flat(make_room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch) -> Room:
    """A flat folder of three local days that counts as large."""
    room = make_room(server={"timezone": "Europe/Berlin"})
    begin = datetime(2026, 1, 30, 22, 30, tzinfo=UTC)  # 23:30 in Berlin
    images = [
        _flat(room.archive, begin + timedelta(minutes=30 * i), size=100 + (7 * i) % 50)
        for i in range(80)
    ]
    room.archive.index.add_images(images)
    monkeypatch.setattr(folder, "LARGE_FOLDER_BYTES", 0)
    return room


def _flat(archive: Archive, taken: datetime, size: int) -> Image:
    key = ImageKey(camera=1, second=int(taken.timestamp()), number=0, flat=True)
    path = archive.layout.image_path(key)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * size)
    return Image(key=key, taken_at_us=to_us(taken), size=size, crc32=0, width=0, height=0)


def test_a_very_large_folder_is_shown_by_the_days_of_the_server(flat: Room) -> None:
    assert [line.partition(" |")[0] for line in folders(flat, "/shared/captures/1/")] == [
        "2026-02-01",
        "2026-01-31",
        "2026-01-30",
    ]
    assert folders(flat, "/shared/captures/1/?sort=oldest")[0] == "2026-01-30 | 1 image · 100 B"
    assert "1 · Front door" in flat.get("/shared/captures/").text


def test_a_day_of_it_is_sorted_and_every_image_can_be_opened(flat: Room) -> None:
    day = "/shared/captures/1/?day=2026-01-31"
    newest = shown(flat, day)
    assert len(newest) == 48
    assert newest == sorted(newest, reverse=True)
    assert newest[-1] == "20260131-000000-00.jpg"
    assert shown(flat, f"{day}&sort=oldest") == newest[::-1]
    largest = shown(flat, f"{day}&sort=largest")
    sizes = [
        int(flat.get(f"/shared/captures/1/{name}").headers["content-length"]) for name in largest
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert set(largest) == set(newest)


def test_the_pages_of_a_day_have_each_image_once(
    flat: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "PER_PAGE", 7)
    day = "/shared/captures/1/?day=2026-01-31"
    for sort in ("newest", "oldest", "largest"):
        pages = [shown(flat, f"{day}&sort={sort}&page={n}") for n in range(1, 8)]
        names = [name for page in pages for name in page]
        assert len(names) == len(set(names)) == 48, sort
        assert len(pages[-1]) == 48 - 6 * 7
    assert "?day=2026-01-31&amp;sort=oldest&amp;page=3" in flat.get(
        f"{day}&sort=oldest&page=2"
    ).text.replace("&day", "&amp;day")


@pytest.mark.parametrize("day", ["2026-02-30", "2026-1-1", "x", "9999-12-31", "0001-01-01"])
def test_a_day_that_is_none_or_has_no_image_is_no_fault(flat: Room, day: str) -> None:
    assert flat.get(f"/shared/captures/1/?day={day}").status_code == 200


def test_a_folder_of_100_000_names_is_not_looked_into_file_by_file(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout: Layout = room.archive.layout
    room.save_many(1, 1000)
    looked = 0
    resolve = layout.resolve

    def counting(relative: str) -> object:
        nonlocal looked
        looked += 1
        return resolve(relative)

    monkeypatch.setattr(layout, "resolve", counting)
    room.get("/shared/captures/1/20260131/18/")
    assert 200 <= looked < 210


def test_the_size_of_a_folder_grows_with_its_names(room: Room) -> None:
    """What a large folder is known by, on the file system that the tests run on."""
    path = room.captures / "1"
    path.mkdir()
    before = path.stat().st_size
    for number in range(2000):
        os.close(os.open(path / f"20260101-000000-{number:02}.jpg", os.O_CREAT))
    assert path.stat().st_size > before
