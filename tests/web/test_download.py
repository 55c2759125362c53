"""Archives over HTTP: with their length, in parts, resumed, and never whole when they are not."""

import io
import tarfile
import zipfile
from typing import Any

import pytest

from tests.support.web import NOW, Room


def link(room: Room, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = room.answer("/convert/createZip", {"camera": 1, "link": True, **more})
    return answer


def test_unsaved_zip_says_its_length_and_where_it_can_be_asked_for_again(room: Room) -> None:
    room.save_many(1, 30)

    whole = room.post("/convert/createZip", {"camera": 1, "save": False})

    assert whole.status_code == 200
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    again = room.get(whole.headers["content-location"])
    assert again.content == whole.content
    assert again.headers["etag"] == whole.headers["etag"]
    assert zipfile.ZipFile(io.BytesIO(whole.content)).testzip() is None
    assert room.conversions.all == {}


def test_link_says_what_is_there_and_has_no_limit(room: Room) -> None:
    room.save_many(1, 1001)

    told = link(room)

    assert told["frames"] == 1001
    assert not told["frameLimitMet"]
    head = room.request("HEAD", told["url"])
    assert int(head.headers["content-length"]) == told["size"]
    assert head.content == b""
    got = room.get(told["url"])
    assert got.headers["content-type"] == "application/zip"
    assert got.headers["content-disposition"] == f'attachment; filename="{told["url"][18:]}"'
    assert len(zipfile.ZipFile(io.BytesIO(got.content)).namelist()) == 1001


def test_a_download_that_broke_off_is_resumed(room: Room) -> None:
    images = room.save_many(1, 30)
    url = link(room, manifest="true")["url"]
    half = 3000
    begun = room.get(url, headers={"range": f"bytes=0-{half - 1}"})
    room.save(1, NOW, number=7)
    room.archive.deleter.keys([images[0].key])  # it was sent already

    rest = room.get(url, headers={"range": f"bytes={half}-", "if-range": begun.headers["etag"]})

    assert (begun.status_code, rest.status_code) == (206, 206)
    size = half + len(rest.content)
    assert rest.headers["content-range"] == f"bytes {half}-{size - 1}/{size}"
    archive = zipfile.ZipFile(io.BytesIO(begun.content + rest.content))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 33


def test_a_part_that_is_not_there_and_one_that_the_client_has(room: Room) -> None:
    room.save_many(1, 2)
    told = link(room)

    beyond = room.get(told["url"], headers={"range": f"bytes={told['size']}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{told['size']}"
    etag = room.get(told["url"]).headers["etag"]
    assert room.get(told["url"], headers={"if-none-match": etag}).status_code == 304


def test_tar(room: Room) -> None:
    room.save_many(1, 3)

    got = room.post("/convert/createZip", {"camera": 1, "save": False, "format": "tar"})

    assert got.headers["content-type"] == "application/x-tar"
    assert got.headers["content-disposition"].endswith('.tar"')
    with tarfile.open(fileobj=io.BytesIO(got.content)) as archive:
        assert len(archive.getnames()) == 3
    saved = room.answer("/convert/createZip", {"camera": 1, "format": "tar"})
    assert saved["url"].endswith(".tar")
    assert room.answer("/convert/statusProcess", {"id": saved["id"]})["type"] == "tar"


@pytest.mark.parametrize("value", ["rar", 7, ["zip"], {"a": 1}, True, "zip\0", "../zip"])
def test_other_formats_are_refused(room: Room, value: object) -> None:
    assert "zip or tar" in room.refusal(
        "/convert/createZip", {"camera": 1, "format": value}, status=400
    )


def test_without_images_there_is_no_link(room: Room) -> None:
    told = link(room)
    assert told["frames"] == 0
    assert "url" not in told


def test_an_image_deleted_before_the_first_byte_is_a_conflict(room: Room) -> None:
    image = room.save_many(1, 3)[0]
    url = link(room)["url"]
    room.archive.layout.image_path(image.key).unlink()

    assert room.get(url).status_code == 409
    gone = room.get(url)
    assert gone.status_code == 404
    assert "again" in gone.json()["error"]


def test_an_image_deleted_later_breaks_the_connection_off(room: Room) -> None:
    room.save_many(1, 2)
    for number in range(3):
        image = room.save(1, NOW, number=number + 1, content=b"x" * 1_200_000)
    url = link(room)["url"]
    room.archive.layout.image_path(image.key).unlink()

    got = room.get(url)  # in the test there is no connection that could be closed

    assert len(got.content) < int(got.headers["content-length"])
    assert room.get(url).status_code == 404


@pytest.mark.parametrize("name", ["..", "index.db", "x.zip", "output_1.zip", "%00", "a%2Fb", "é"])
def test_other_names_are_404(room: Room, name: str) -> None:
    assert room.get_raw(f"/convert/download/{name}")[0] == 404
