"""/shared: files, ranges, conditions, folders, and nothing outside."""

import os
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.support.web import NOW, Room

FILE = "/shared/captures/clip.bin"
CONTENT = bytes(range(256)) * 8


@pytest.fixture
def clip(room: Room) -> Path:
    path = room.captures / "clip.bin"
    path.write_bytes(CONTENT)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


# files


def test_a_file_is_downloaded_with_all_that_is_known_of_it(room: Room, clip: Path) -> None:
    response = room.get(FILE)
    assert response.status_code == 200
    assert response.content == CONTENT
    headers = response.headers
    assert headers["content-disposition"] == 'attachment; filename="clip.bin"'
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-length"] == str(len(CONTENT))
    assert headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert headers["accept-ranges"] == "bytes"
    assert re.fullmatch(r'"[0-9a-f-]+"', headers["etag"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp4", "video/mp4"),
        ("a.zip", "application/zip"),
        ("a.jpg", "image/jpeg"),
        ("a.JPG", "image/jpeg"),
        ("a", "application/octet-stream"),
        ("a.html", "application/octet-stream"),
        ("a.svg", "application/octet-stream"),
    ],
)
def test_types_are_right_and_nothing_that_runs_scripts_is_shown_inline(
    room: Room, name: str, kind: str
) -> None:
    (room.captures / name).write_bytes(b"<script>alert(1)</script>")
    response = room.get(f"/shared/captures/{name}?inline")
    assert response.headers["content-type"] == kind
    shown = kind.startswith(("video/", "image/"))
    assert response.headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("", "attachment"),
        ("?inline", "inline"),
        ("?inline=1", "inline"),
        ("?inline=0", "attachment"),
    ],
)
def test_inline_shows_instead_of_downloading(room: Room, query: str, kind: str) -> None:
    image = room.save(1, NOW)
    response = room.get(room.url(image) + query)
    assert response.headers["content-disposition"].startswith(kind)


def test_a_files_name_cannot_add_a_header(room: Room) -> None:
    (room.captures / 'a"; x=ä\u2028.mp4').write_bytes(b"x")
    response = room.get("/shared/captures/a%22%3B%20x%3D%C3%A4%E2%80%A8.mp4")
    assert response.status_code == 200
    assert response.headers["content-disposition"] == (
        "attachment; filename=\"a__ x___.mp4\"; filename*=UTF-8''a%22%3B%20x%3D%C3%A4%E2%80%A8.mp4"
    )
    assert room.get("/shared/captures/a%0d%0aset-cookie:x=1").status_code == 404


def test_an_empty_file_and_a_large_one_are_whole(room: Room) -> None:
    (room.captures / "empty.zip").touch()
    assert room.get("/shared/captures/empty.zip").content == b""
    large = os.urandom(3_000_001)
    (room.captures / "large.zip").write_bytes(large)
    assert room.get("/shared/captures/large.zip").content == large
    part = room.get("/shared/captures/large.zip", headers={"range": "bytes=1000000-2999999"})
    assert part.content == large[1_000_000:3_000_000]


def test_head_says_the_same_and_sends_nothing(room: Room, clip: Path) -> None:
    once = {"x-request-id": "same"}
    get, head = room.get(FILE, headers=once), room.request("HEAD", FILE, headers=once)
    assert head.content == b""
    assert head.headers == get.headers


# ranges


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=2000-", 2000, 2047),
        ("bytes=-48", 2000, 2047),
        ("bytes=-5000", 0, 2047),
        ("bytes=2040-999999", 2040, 2047),
        ("BYTES=1-2", 1, 2),
    ],
)
def test_a_single_range_is_206(room: Room, clip: Path, wanted: str, first: int, last: int) -> None:
    response = room.get(FILE, headers={"range": wanted})
    assert response.status_code == 206
    assert response.content == CONTENT[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/2048"
    assert response.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize("wanted", ["bytes=2048-", "bytes=5000-6000", "bytes=-0", "bytes=9" * 1])
def test_a_range_beyond_the_end_is_416(room: Room, clip: Path, wanted: str) -> None:
    response = room.get(FILE, headers={"range": wanted})
    if wanted == "bytes=9":
        assert response.status_code == 200  # no range at all
        return
    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */2048"
    assert response.json()["error"]


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-1,5-6", "bytes=5-2", "bytes=-", "bytes=a-b", "lines=1-2", "", "bytes=" + "9" * 99],
)
def test_several_ranges_and_broken_ones_get_the_whole_file(
    room: Room, clip: Path, wanted: str
) -> None:
    response = room.get(FILE, headers={"range": wanted})
    assert response.status_code == 200
    assert response.content == CONTENT


def test_head_takes_no_notice_of_range(room: Room, clip: Path) -> None:
    response = room.request("HEAD", FILE, headers={"range": "bytes=0-9"})
    assert response.status_code == 200
    assert response.headers["content-length"] == "2048"


# conditions


def test_what_the_client_has_already_is_304(room: Room, clip: Path) -> None:
    first = room.get(FILE)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    later = formatdate(1_800_000_000, usegmt=True)
    for headers in (
        {"if-none-match": tag},
        {"if-none-match": f'"other", W/{tag}'},
        {"if-none-match": "*"},
        {"if-modified-since": date},
        {"if-modified-since": later},
        {"if-none-match": tag, "range": "bytes=0-1"},
    ):
        response = room.get(FILE, headers=headers)
        assert response.status_code == 304, headers
        assert response.content == b""
        assert response.headers["etag"] == tag
    earlier = formatdate(1_600_000_000, usegmt=True)
    for headers in (
        {"if-none-match": '"other"'},
        {"if-none-match": '"other"', "if-modified-since": later},
        {"if-modified-since": earlier},
        {"if-modified-since": "yesterday"},
        {"if-modified-since": "x" * 500},
    ):
        assert room.get(FILE, headers=headers).status_code == 200, headers


def test_if_range_gives_the_part_of_the_same_version_only(room: Room, clip: Path) -> None:
    first = room.get(FILE)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for condition, status in (
        (tag, 206),
        (date, 206),
        ('"other"', 200),
        (f"W/{tag}", 200),
        ("nonsense", 200),
        (formatdate(1_800_000_000, usegmt=True), 200),
    ):
        response = room.get(FILE, headers={"range": "bytes=0-9", "if-range": condition})
        assert response.status_code == status, condition


def test_the_etag_changes_with_the_file(room: Room, clip: Path) -> None:
    before = room.get(FILE).headers["etag"]
    clip.unlink()
    clip.write_bytes(CONTENT[::-1])
    os.utime(clip, (1_700_000_000, 1_700_000_001))
    assert room.get(FILE).headers["etag"] != before


# nothing outside

ATTACKS = (
    "/shared/../index.db",
    "/shared/%2e%2e/index.db",
    "/shared/..%2findex.db",
    "/shared/captures/../../index.db",
    "/shared/captures/..%2f..%2findex.db",
    "/shared/captures/%2e%2e%2f%2e%2e%2findex.db",
    "/shared/captures/..%5c..%5cindex.db",
    "/shared/captures/..%c0%af..%c0%afindex.db",
    "/shared/captures/%252e%252e/index.db",
    "/shared//etc/passwd",
    "/shared/%2fetc/passwd",
    "/shared/%2Fetc%2Fpasswd",
    "/shared/captures//etc/passwd",
    "/shared/captures/1/....//....//index.db",
    "/shared/file:///etc/passwd",
    "/shared/captures/clip.bin%00.jpg",
    "/shared/%00",
    "/shared/.",
    "/shared/./captures/",
    "/shared/~root",
    "/shared/captures/.secret",
    "/shared/captures/.hidden/inside.txt",
    "/shared/captures/.clip.mp4.tmp",
    "/shared/captures/link-out.txt",
    "/shared/captures/folder-out/precious.txt",
    "/shared/captures/loop",
    "/shared/captures/pipe",
    "/shared/captures/nothing",
    "/shared/captures/clip.bin/",
    "/shared/captures/clip.bin/more",
    "/shared/captures/" + "a" * 300,
    "/shared/" + "a/" * 3000,
)


@pytest.fixture
def baited(room: Room, clip: Path) -> Room:
    outside = room.root.parent / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("precious")
    captures = room.captures
    (captures / ".secret").write_text("precious")
    (captures / ".hidden").mkdir()
    (captures / ".hidden" / "inside.txt").write_text("precious")
    (captures / ".clip.mp4.tmp").write_text("precious")
    (captures / "link-out.txt").symlink_to(outside / "precious.txt")
    (captures / "folder-out").symlink_to(outside)
    (captures / "loop").symlink_to(captures / "loop")
    os.mkfifo(captures / "pipe")
    return room


def test_nothing_outside_or_hidden_is_served(baited: Room) -> None:
    for attack in ATTACKS:
        for method in ("GET", "HEAD"):
            status, _, content = baited.get_raw(attack, method)
            assert status in {400, 404}, (attack, status)
            assert b"precious" not in content
            assert b"SQLite" not in content


def test_what_is_hidden_or_leads_outside_is_not_listed(baited: Room) -> None:
    page = baited.get("/shared/captures/").text
    assert "clip.bin" in page
    for name in (".secret", ".hidden", ".clip", "link-out", "folder-out", "loop", "index.db"):
        assert name not in page, name


def test_the_attacks_would_be_noticed(baited: Room) -> None:
    assert baited.get_raw("/shared/captures/clip.bin")[2] == CONTENT


def test_a_link_that_stays_inside_is_followed(room: Room, clip: Path) -> None:
    (room.captures / "again.bin").symlink_to(clip)
    assert room.get("/shared/captures/again.bin").content == CONTENT


def test_a_file_deleted_while_it_is_sent_is_still_sent_whole(room: Room) -> None:
    content = os.urandom(5_000_000)
    path = room.captures / "going.zip"
    path.write_bytes(content)
    remover = threading.Timer(0.002, path.unlink)
    remover.start()
    response = room.get("/shared/captures/going.zip")
    remover.join()
    assert response.status_code == 404 or response.content == content


# folders


def test_2021_bug_pages_of_folders_gave_404(room: Room) -> None:
    image = room.save(1, NOW)
    folder = "/"
    for part in room.url(image).strip("/").split("/")[:-1]:
        folder += part + "/"
        response = room.get(folder)
        assert response.status_code == 200, folder
        assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert room.url(image).rpartition("/")[2] in response.text


def test_a_folder_without_its_slash_redirects_to_it(room: Room) -> None:
    for path, location in (
        ("/shared", "/shared/"),
        ("/shared/captures", "/shared/captures/"),
        ("/shared/captures?page=2", "/shared/captures/?page=2"),
    ):
        response = room.get(path)
        assert response.status_code == 302
        assert response.headers["location"] == location


def test_a_redirect_never_leads_to_another_host(room: Room) -> None:
    (room.captures / "evil.example").mkdir()
    for target in (
        "//evil.example/shared",
        "/shared//evil.example",
        "/%2fevil.example",
        "/shared/%2f%2fevil.example",
        "/shared/captures/%5cevil.example",
    ):
        assert room.get_raw(target)[0] in {400, 404}, target
    location = room.get("/shared/captures/evil.example?next=//evil.example").headers["location"]
    assert location.startswith("/shared/captures/evil.example/?")


def test_names_are_escaped_in_pages(room: Room) -> None:
    (room.captures / "<img src=x onerror=alert(1)>").mkdir()
    (room.captures / "a&b 'c\" #?%41.txt").write_text("x")
    page = room.get("/shared/captures/").text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    href = re.search(r'href="(a%26b[^"?]+)"', page)
    assert href is not None
    assert room.get(f"/shared/captures/{href[1]}").text == "x"


def test_a_large_folder_comes_in_pages_newest_first(room: Room) -> None:
    images = room.save_many(1, 450)
    folder = room.url(images[-1]).rpartition("/")[0] + "/"
    in_hour = [i for i in images if room.url(i).startswith(folder)]
    rest = room.url(images[0]).rpartition("/")[0] + "/"
    assert len(in_hour) == 1  # 19:00:00; the others are of 18 o'clock
    names: list[str] = []
    for number in (1, 2, 3):
        page = room.get(f"{rest}?page={number}").text
        names += re.findall(r'href="([^"?]+\.jpg)\?inline"', page)
        assert f"Page {number} of 3" in page
    assert names == [room.url(i).rpartition("/")[2] for i in reversed(images[:-1])]
    assert "loading=lazy" in page.replace('"', "")


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "1e9", "99999999999999999999", "%00"])
def test_a_page_number_that_is_none_shows_some_page(room: Room, page: str) -> None:
    room.save_many(1, 2)
    assert room.get(f"/shared/captures/?page={page}").status_code == 200


def test_names_of_cameras_and_conversions_are_shown(make_room: Callable[..., Room]) -> None:
    room = make_room(server={"timezone": "Europe/Berlin"})
    image = room.save(1, NOW - timedelta(seconds=1))
    name = "output_1_20260131-190000_20260131-200000_abcd1234-20260131-200000.mp4"
    (room.captures / name).write_bytes(b"video")
    page = room.get("/shared/captures/").text
    assert "1 · Front door" in page
    assert "Video · Front door · 2026-01-31 19:00 – 2026-01-31 20:00" in page
    assert f'href="{name}?inline"' in page
    hours = room.url(image).rsplit("/", 2)[0] + "/"
    assert "19:00 (18:00 UTC)" in room.get(hours).text
    assert "2026-01-31 19:59:59" in room.get(room.url(image).rpartition("/")[0] + "/").text


def test_bug_after_logging_out_a_browser_showed_images_of_its_cache_for_an_hour(room: Room) -> None:
    image = room.save(1, NOW)
    for address in (room.url(image), f"/frames/1/{room.url(image).rpartition('/')[2]}"):
        assert room.get(address).headers["cache-control"] == "private, no-cache"
