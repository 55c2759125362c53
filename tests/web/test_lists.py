"""listFramesVideo beyond the contract: by motion, and as one picture of all."""

import re
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import simplejpeg

from tests.support.saved_images import coloured
from tests.support.web import NOW, Room

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]


def save(room: Room, contents: list[bytes]) -> list[str]:
    begin = NOW - timedelta(minutes=30)
    return [
        room.url(room.save(1, begin + timedelta(seconds=i), content=content))
        for i, content in enumerate(contents)
    ]


def listed(room: Room, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = room.answer("/convert/listFramesVideo", {"camera": 1, **more})
    return answer


def test_a_sprite_shows_each_image_at_its_place(room: Room) -> None:
    urls = save(room, [coloured(*COLOURS[i % 3], 1280, 720) for i in range(12)])

    answer = listed(room, frames=12, sprite="true")

    assert answer["list"] == urls
    sprite = answer["sprite"]
    got = room.get(sprite["url"])
    assert got.headers["content-type"] == "image/jpeg"
    pixels = simplejpeg.decode_jpeg(got.content, colorspace="RGB")
    assert pixels.shape == (sprite["height"], sprite["width"], 3) == (180, 1600, 3)
    assert len(sprite["places"]) == 12
    for number, (x, y, w, h) in enumerate(sprite["places"]):
        middle = pixels[y + h // 4 : y + 3 * h // 4, x + w // 4 : x + 3 * w // 4]
        assert np.abs(middle.mean(axis=(0, 1)) - COLOURS[number % 3]).max() < 12
        assert (w, h) == (160, 90)
    etag = got.headers["etag"]
    assert room.get(sprite["url"], headers={"if-none-match": etag}).status_code == 304


def test_a_sprite_of_images_of_other_shapes_and_broken_ones(room: Room) -> None:
    save(room, [coloured(9, 9, 9, 64, 48), coloured(9, 9, 9, 30, 90), b"broken", b""])
    room.save(1, NOW, content=coloured(9, 9, 9, 2000, 500))

    sprite = listed(room, sprite=True)["sprite"]

    first, second, *broken, wide = sprite["places"]
    assert first[2:] == [64, 48]  # never larger than it is
    assert second[2:] == [30, 90]
    assert broken == [None, None]
    assert wide[2:] == [160, 40]
    assert all(
        x + w <= sprite["width"] and y + h <= sprite["height"] for x, y, w, h in (first, wide)
    )


def test_the_same_images_have_the_same_sprite_and_only_some_are_remembered(room: Room) -> None:
    save(room, [coloured(9, 9, 9)] * 3)
    assert listed(room, sprite=True)["sprite"] == listed(room, sprite=True)["sprite"]
    other = listed(room, sprite=True, frames=2)["sprite"]["url"]
    assert other != listed(room, sprite=True)["sprite"]["url"]
    assert re.fullmatch(r"/convert/sprite/[0-9a-f]{24}\.jpg", other)
    assert room.get("/convert/sprite/000000000000000000000000.jpg").status_code == 404
    assert room.get("/convert/sprite/..%2f..%2findex.db").status_code == 404


def test_without_images_there_is_no_sprite(room: Room) -> None:
    assert listed(room, sprite=True) == {"list": []}


def test_by_motion_the_best_of_each_share_is_listed(room: Room) -> None:
    save(room, [b"x"] * 4)
    images = room.archive.index.images(1, 0, 2**60)
    assert listed(room, frames=2, prefer="motion")["list"] == [
        room.url(images[0]),
        room.url(images[2]),
    ]
    assert listed(room, frames=2, prefer="even")["list"] == [
        room.url(images[0]),
        room.url(images[3]),
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"prefer": "cats"},
        {"prefer": 1},
        {"prefer": ["motion"]},
        {"prefer": True},
        {"sprite": "yes"},
        {"sprite": True, "frames": 501},
        {"frames": 0},
        {"frames": "many"},
        {"frames": 1.5},
        {"frames": -3},
        {"frames": 10_001},
        {"frames": [10]},
    ],
)
def test_wrong_values_are_refused(still_room: Room, more: dict[str, object]) -> None:
    still_room.refusal("/convert/listFramesVideo", {"camera": 1, **more}, status=400)
