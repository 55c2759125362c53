"""/file as CONTRACT.md has it."""

from datetime import timedelta

import pytest

from chimera_storage.web.formatting import file_size
from tests.support.web import NOW, Room


def test_path_size_is_decimal_text_with_bytes_formatted_and_confidence(room: Room) -> None:
    room.save(1, NOW, content=b"x" * 443_512)
    room.save(2, NOW, content=b"x" * 999)
    assert room.answer("/file/pathSize", {"camera": 1}) == {
        "size": "443512",
        "bytes": 443512,
        "formatted": "443.5 kB",
        "confidence": 100,
    }
    assert room.answer("/file/pathSize", {"camera": "2"})["formatted"] == "999 B"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_500_000_000, "1.5 GB"),
        (10**12, "1.0 TB"),
        (10**18, "1000.0 PB"),
    ],
)
def test_sizes_in_words(size: int, text: str) -> None:
    assert file_size(size) == text


def test_path_file_count_counts_the_cameras_images_only(room: Room) -> None:
    room.save_many(1, 7)
    room.save_many(2, 2)
    (room.captures / "1" / "note.txt").write_text("not an image")
    assert room.answer("/file/pathFileCount", {"camera": 1})["count"] == 7


def test_path_delete_deletes_every_image_of_the_camera_and_nothing_else(room: Room) -> None:
    room.save_many(1, 5)
    kept = room.save(2, NOW)
    outside = room.root.parent / "precious.txt"
    outside.write_text("still here")
    assert room.answer("/file/pathDelete", {"camera": 1}) == {"deleted": True}
    assert room.answer("/file/pathFileCount", {"camera": 1})["count"] == 0
    assert room.get(room.url(kept)).status_code == 200
    assert room.answer("/file/pathDelete", {"camera": 1}) == {"deleted": False}
    room.save(1, NOW)
    assert room.answer("/file/pathFileCount", {"camera": 1})["count"] == 1


def test_2021_bug_a_camera_of_dots_deleted_outside_the_folder(room: Room) -> None:
    room.save_many(1, 3)
    for body in ({"camera": "../../.."}, {"path": "../../.."}, {"camera": "1/../../.."}):
        room.refusal("/file/pathDelete", body, status=400)
        room.refusal("/file/pathClean", body | {"days": "1"}, status=400)
    assert room.answer("/file/pathFileCount", {"camera": 1})["count"] == 3


def test_path_clean_deletes_by_the_time_in_the_name(room: Room) -> None:
    old = room.save(1, NOW - timedelta(days=8))
    new = room.save(1, NOW - timedelta(days=6))
    other = room.save(2, NOW - timedelta(days=80))
    answer = room.answer("/file/pathClean", {"camera": 1, "days": 7})
    assert answer == {"deleted": True, "confidence": 100}
    assert room.get(room.url(old)).status_code == 404
    assert room.get(room.url(new)).status_code == 200
    assert room.get(room.url(other)).status_code == 200


@pytest.mark.parametrize("days", [1.5, "1.5"])
def test_path_clean_takes_days_and_a_half(room: Room, days: object) -> None:
    old, new = room.save(1, NOW - timedelta(hours=37)), room.save(1, NOW - timedelta(hours=35))
    answer = room.answer("/file/pathClean", {"camera": 1, "days": days})
    assert answer == {"deleted": True, "confidence": 100}
    assert room.get(room.url(old)).status_code == 404
    assert room.get(room.url(new)).status_code == 200


def test_2021_bug_path_clean_never_answered_when_nothing_was_old_enough(room: Room) -> None:
    room.save(1, NOW)
    response = room.post("/file/pathClean", {"camera": 1, "days": "7"})
    assert response.text == '{"deleted":false,"confidence":100}'
    answer = room.answer("/file/pathClean", {"camera": 1, "days": 1e12})
    assert answer == {"deleted": False, "confidence": 100}


@pytest.mark.parametrize(
    "days", [None, "", 0, -1, "0", "-7", 0.5, "0.99", "x", [7], {}, True, 1e300]
)
def test_path_clean_without_a_number_of_days_deletes_nothing(room: Room, days: object) -> None:
    room.save(1, NOW - timedelta(days=1000))
    sentence = room.refusal("/file/pathClean", {"camera": 1, "days": days}, status=400)
    assert sentence.startswith("days is ")
    assert room.answer("/file/pathFileCount", {"camera": 1})["count"] == 1
