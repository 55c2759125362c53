"""Texts go as gzip to who takes it, and are the same texts."""

import httpx
import pytest

from tests.support.web import NOW, Room

STYLE = "/static/style.css"
DAY = "/timeline/activity?camera=1&start=2026-01-31&end=2026-01-31"


def ask(room: Room, path: str, takes: str, **headers: str) -> httpx.Response:
    sent = {"accept-encoding": takes} | {n.replace("_", "-"): v for n, v in headers.items()}
    return room.get(path, headers=sent)


@pytest.mark.parametrize("path", [STYLE, "/static/timeline/main.js", "/timeline", DAY])
def test_a_text_is_sent_as_gzip_to_who_takes_it_and_as_it_is_to_others(
    room: Room, path: str
) -> None:
    room.save(1, NOW)
    for refuses in ("br", "gzip;q=0", "gzip; q=0.0", "identity", "gzipped"):
        plain = ask(room, path, refuses)
        assert (plain.status_code, "content-encoding" in plain.headers) == (200, False), refuses
    for takes in ("gzip", "br, gzip;q=0.5", "GZIP"):
        packed = ask(room, path, takes)
        assert (packed.status_code, packed.headers["content-encoding"]) == (200, "gzip")
        assert packed.headers["vary"] == "Accept-Encoding"
        assert int(packed.headers["content-length"]) < len(plain.content) / 2
        assert packed.headers["content-type"] == plain.headers["content-type"]
        assert packed.content == plain.content


def test_a_static_file_that_the_client_has_is_not_sent_again(room: Room) -> None:
    for takes in ("gzip", "identity"):
        tag = ask(room, STYLE, takes).headers["etag"]
        again = ask(room, STYLE, takes, if_none_match=tag)
        assert (again.status_code, again.content) == (304, b"")


def test_images_are_not_compressed(room: Room) -> None:
    image = room.save(1, NOW, content=b"\xff\xd8" + bytes(5000) + b"\xff\xd9")
    for path in (room.url(image), "/cameras/1/latest.jpg"):
        assert "content-encoding" not in ask(room, path, "gzip").headers


def test_a_short_answer_is_sent_as_it_is(room: Room) -> None:
    assert "content-encoding" not in ask(room, "/file/dailyStats", "gzip").headers
