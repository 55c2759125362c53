"""/convert as CONTRACT.md has it, line by line."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chimera_storage.errors import ConversionError
from chimera_storage.model import ConversionStatus, ConversionType
from tests.support.web import NOW, Room

CREATE = [("/convert/createVideo", "mp4"), ("/convert/createZip", "zip")]


@pytest.mark.parametrize(("route", "suffix"), CREATE)
@pytest.mark.parametrize("save", [{}, {"save": True}, {"save": "true"}, {"save": 1}])
def test_saved_request_answers_at_once_and_is_in_the_list(
    room: Room, route: str, suffix: str, save: dict[str, object]
) -> None:
    room.save_many(1, 5)
    body = {"camera": "1", "start": "20260131-185900", "end": "20260131-190000", "skip": "1"}
    answer = room.answer(route, body | save)
    assert set(answer) == {"id", "url", "frameLimitMet", "frames"}
    assert answer["frameLimitMet"] is False
    assert answer["frames"] == 5
    name = f"output_1_20260131-185900_20260131-190000_{answer['id']}.{suffix}"
    assert answer["url"] == f"/shared/captures/{name}"
    (process,) = room.answer("/convert/listProcess")["list"]
    assert (process["id"], process["running"], process["status"]) == (answer["id"], True, "queued")


@pytest.mark.parametrize(("route", "suffix"), CREATE)
def test_a_range_without_images_answers_without_url_and_leaves_no_process(
    room: Room, route: str, suffix: str
) -> None:
    for save in (True, False):
        answer = room.answer(route, {"camera": 1, "save": save})
        assert answer["frames"] == 0
        assert answer["id"]
        assert "url" not in answer
    assert room.answer("/convert/listProcess") == {"list": []}


def test_unsaved_zip_is_streamed_as_a_download(room: Room) -> None:
    room.save_many(1, 30)
    response = room.post("/convert/createZip", {"camera": 1, "save": "false", "skip": 2})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/zip"
    disposition = response.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="output_1_20260124-190000_20260131-190000_')
    assert disposition.endswith('.zip"')
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert len(archive.namelist()) == 15
    assert room.answer("/convert/listProcess") == {"list": []}
    assert room.conversions.streams_open == 0


def test_unsaved_video_is_streamed_as_mp4(room: Room) -> None:
    room.save_many(1, 3)
    room.conversions.stream_parts = [b"one", b"two"]
    response = room.post("/convert/createVideo", {"camera": 1, "save": False})
    assert response.content == b"onetwo"
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["content-disposition"].endswith('.mp4"')
    assert "content-length" not in response.headers


@pytest.mark.parametrize(("route", "limit"), [("createVideo", 500), ("createZip", 1000)])
def test_over_the_default_limit_an_unsaved_request_becomes_a_saved_process(
    room: Room, route: str, limit: int
) -> None:
    room.save_many(1, limit + 1)
    answer = room.answer(f"/convert/{route}", {"camera": 1, "save": False})
    assert answer["frameLimitMet"] is True
    assert answer["frames"] == limit + 1
    assert answer["url"]
    assert len(room.conversions.all) == 1


def test_the_limit_counts_after_skip_and_can_be_configured(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(convert={"video_frame_limit": 4})
    room.save_many(1, 8)
    room.conversions.stream_parts = [b"video"]
    body = {"camera": 1, "save": False}
    assert room.post("/convert/createVideo", body | {"skip": 2}).content == b"video"
    assert room.answer("/convert/createVideo", body)["frameLimitMet"] is True


def test_a_stream_that_fails_at_once_is_a_500_with_a_sentence_and_no_half_file(room: Room) -> None:
    room.save_many(1, 3)
    room.conversions.stream_error = ConversionError("the encoder stopped")
    response = room.post("/convert/createVideo", {"camera": 1, "save": False})
    assert response.status_code == 500
    assert response.json()["error"] == "the encoder stopped"
    assert room.conversions.streams_open == 0


def test_a_stream_without_a_single_byte_is_an_error_not_an_empty_file(room: Room) -> None:
    room.save_many(1, 3)
    room.conversions.stream_parts = []
    response = room.post("/convert/createVideo", {"camera": 1, "save": False})
    assert response.status_code == 500
    assert response.json()["error"]


def test_fps_and_skip_reach_the_conversion_and_default_to_20_and_1(room: Room) -> None:
    room.save_many(1, 3)
    room.answer("/convert/createVideo", {"camera": 1})
    room.answer("/convert/createVideo", {"camera": 1, "fps": "7", "skip": 2})
    second, first = room.conversions.list()
    assert (first.fps, first.skip) == (20, 1)
    assert (second.fps, second.skip) == (7, 2)
    assert (first.type, second.frames) == (ConversionType.MP4, 2)


@pytest.mark.parametrize("fps", [0, 61, -1, 1.5, "x", [20], {}, True, 1e300, "1e1"])
def test_fps_out_of_range_is_refused(still_room: Room, fps: object) -> None:
    sentence = still_room.refusal("/convert/createVideo", {"camera": 1, "fps": fps}, status=400)
    assert sentence.startswith("fps is ")
    assert "from 1 to 60" in sentence


def test_zip_does_not_look_at_fps(room: Room) -> None:
    room.save_many(1, 1)
    assert room.answer("/convert/createZip", {"camera": 1, "fps": 0})["frames"] == 1


def test_options_are_kept_with_the_process_and_shown(room: Room) -> None:
    room.save_many(1, 2)
    asked = {"height": "720", "quality": "High", "codec": "h265", "timestamps": 1, "pace": "real"}
    created = room.answer("/convert/createVideo", {"camera": 1} | asked)
    status = room.answer("/convert/statusProcess", {"id": created["id"]})
    assert status["options"] == {
        "height": 720,
        "quality": "high",
        "codec": "h265",
        "timestamps": True,
        "pace": "real",
    }
    defaults = {"height": "", "quality": None, "codec": "h264", "timestamps": "false"}
    created = room.answer("/convert/createVideo", {"camera": 1} | defaults)
    assert room.answer("/convert/statusProcess", {"id": created["id"]})["options"] == {}


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_a_format_is_the_type_of_the_process_and_the_end_of_its_name(room: Room, kind: str) -> None:
    room.save_many(1, 2)
    created = room.answer("/convert/createVideo", {"camera": 1, "format": kind.upper()})
    assert created["url"].endswith(f".{kind}")
    assert room.answer("/convert/statusProcess", {"id": created["id"]})["type"] == kind
    answer = room.post("/convert/createVideo", {"camera": 1, "format": kind, "save": False})
    assert answer.headers["content-type"] == f"image/{kind}"


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ({"height": 15}, "a whole number from 16 to 4320"),
        ({"height": "1e9"}, "a whole number from 16 to 4320"),
        ({"height": [720]}, "a whole number from 16 to 4320"),
        ({"codec": "xvid"}, "one of h264, h265, av1, mjpeg"),
        ({"codec": {"name": "h264"}}, "one of h264, h265, av1, mjpeg"),
        ({"quality": 5}, "one of low, normal, high"),
        ({"timestamps": "sometimes"}, "true or false"),
        ({"pace": "\0"}, "one of even, real, smart"),
        ({"codec": "mjpeg", "height": 100}, "another codec"),
        ({"codec": "mjpeg", "timestamps": True}, "another codec"),
        ({"format": "avi"}, "one of mp4, gif, webp"),
        ({"format": ["gif"]}, "one of mp4, gif, webp"),
        ({"format": "webp", "codec": "av1"}, "format mp4"),
        ({"format": "gif", "fps": 51}, "a whole number from 1 to 50"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_what_would_be_right(
    still_room: Room, asked: dict[str, object], right: str
) -> None:
    body = {"camera": 1} | asked
    assert right in still_room.refusal("/convert/createVideo", body, status=400)


@pytest.mark.parametrize("value", ["maybe", 2, [], {}, 0.5])
def test_save_that_is_no_truth_value_is_refused(still_room: Room, value: object) -> None:
    sentence = still_room.refusal("/convert/createVideo", {"camera": 1, "save": value}, status=400)
    assert "true or false" in sentence


def test_links_are_absolute_only_where_a_public_address_is_configured(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(server={"public_url": "https://cctv.example/"})
    room.save_many(1, 3)
    room.host = "cctv.example"
    assert room.answer("/convert/createVideo", {"camera": 1})["url"].startswith(
        "https://cctv.example/shared/captures/output_1_"
    )
    link = room.answer("/convert/listFramesVideo", {"camera": 1})["list"][0]
    assert link.startswith("https://cctv.example/shared/captures/1/")
    assert room.get(link).content.startswith(b"\xff\xd8")


def test_list_frames_is_evenly_spread_in_order_with_first_and_last(room: Room) -> None:
    images = room.save_many(1, 101)
    links = room.answer("/convert/listFramesVideo", {"camera": 1, "frames": 11})["list"]
    assert links == [room.url(image) for image in images[::10]]
    assert len(room.answer("/convert/listFramesVideo", {"camera": 1})["list"]) == 10
    assert room.answer("/convert/listFramesVideo", {"camera": 1, "frames": "500"})["list"] == [
        room.url(image) for image in images
    ]
    assert room.get(links[0]).headers["content-type"] == "image/jpeg"


def test_list_frames_without_images_is_an_empty_list(still_room: Room) -> None:
    assert still_room.answer("/convert/listFramesVideo", {"camera": 1}) == {"list": []}


def test_a_range_is_inclusive_at_both_ends_to_the_second(room: Room) -> None:
    begin = NOW - timedelta(seconds=10)
    for number in range(3):
        room.save(1, begin, number)
        room.save(1, NOW, number)
    room.save(1, NOW + timedelta(seconds=1))
    room.save(1, begin - timedelta(seconds=1))
    body = {"camera": 1, "start": "20260131-185950", "end": "20260131-190000", "frames": 100}
    assert len(room.answer("/convert/listFramesVideo", body)["list"]) == 6


def test_an_end_that_is_a_date_means_the_whole_day(room: Room) -> None:
    day = datetime(2026, 1, 30, tzinfo=UTC)
    for hours in (-1, 0, 12, 23, 24):
        room.save(1, day + timedelta(hours=hours))
    for date in ("2026-01-30", "20260130"):
        body = {"camera": 1, "start": date, "end": date, "frames": 100}
        assert len(room.answer("/convert/listFramesVideo", body)["list"]) == 3


def test_status_has_the_fields_of_the_seed_and_more(room: Room) -> None:
    room.save_many(1, 5)
    created = room.answer("/convert/createVideo", {"camera": 1, "start": "20260131-180000"})
    status = room.answer("/convert/statusProcess", {"id": created["id"]})
    assert status == {
        "link": created["url"],
        "type": "mp4",
        "id": created["id"],
        "requested": "20260131-190000",
        "camera": 1,
        "start": "20260131-180000",
        "end": "20260131-190000",
        "running": True,
        "status": "queued",
        "progress": 0.0,
        "frames": 5,
        "size": 0,
        "eta": None,
        "error": None,
        "fps": 20,
        "skip": 1,
        "missing": 0,
        "options": {},
    }
    room.conversions.finish(created["id"], b"twelve bytes")
    status = room.answer("/convert/statusProcess", {"id": created["id"]})
    assert (status["running"], status["status"], status["progress"]) == (False, "done", 1.0)
    assert status["size"] == 12
    assert room.get(status["link"]).content == b"twelve bytes"


@pytest.mark.parametrize(
    ("route", "field"),
    [("statusProcess", "running"), ("cancelProcess", "cancelled"), ("deleteProcess", "deleted")],
)
def test_an_unknown_id_is_404_with_the_id_and_false_beside_the_error(
    still_room: Room, route: str, field: str
) -> None:
    response = still_room.post(f"/convert/{route}", {"id": "nobody-20260131-190000"})
    assert response.status_code == 404
    answer = response.json()
    assert answer["error"]
    assert answer["running"] is False
    assert answer[field] is False
    assert answer["id"] == "nobody-20260131-190000"


@pytest.mark.parametrize("route", ["statusProcess", "cancelProcess", "deleteProcess"])
@pytest.mark.parametrize("value", [None, "", 5, [], {}, True, "x" * 300])
def test_an_id_that_is_none_is_400(still_room: Room, route: str, value: object) -> None:
    still_room.refusal(f"/convert/{route}", {"id": value}, status=400)


@pytest.mark.parametrize("value", ["\0", "../../etc", "a'b\"; --", "%00", "é" * 50])
def test_an_id_of_strange_characters_is_unknown_and_never_a_fault(
    still_room: Room, value: str
) -> None:
    for route in ("statusProcess", "cancelProcess", "deleteProcess"):
        raw = ('{"id": ' + ascii_json(value) + "}").encode()
        response = still_room.request(
            "POST",
            f"/convert/{route}",
            content=raw,
            headers={"content-type": "application/json"},
        )
        assert response.status_code == 404
        assert response.json()["id"] == value


def ascii_json(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"'


def test_cancel_is_true_once_and_false_for_what_is_finished(room: Room) -> None:
    room.save_many(1, 2)
    first = room.answer("/convert/createVideo", {"camera": 1})["id"]
    second = room.answer("/convert/createZip", {"camera": 1})["id"]
    room.conversions.finish(second)
    assert room.answer("/convert/cancelProcess", {"id": first}) == {"cancelled": True, "id": first}
    assert room.answer("/convert/cancelProcess", {"id": first})["cancelled"] is False
    done = room.answer("/convert/cancelProcess", {"id": second})
    assert done == {"cancelled": False, "id": second}
    assert room.conversions.all[second].status is ConversionStatus.DONE


def test_2021_bug_a_part_of_an_id_deleted_anothers_file(room: Room) -> None:
    room.save_many(1, 2)
    created = room.answer("/convert/createVideo", {"camera": 1})
    room.conversions.finish(created["id"])
    for part in (created["id"][:4], created["id"][1:], "m", "*", "%"):
        assert room.post("/convert/deleteProcess", {"id": part}).status_code == 404
    assert room.get(created["url"]).status_code == 200
    answer = room.answer("/convert/deleteProcess", {"id": created["id"]})
    assert answer == {"deleted": True, "id": created["id"]}
    assert room.get(created["url"]).status_code == 404


def test_list_process_answers_get_and_post_without_a_body_newest_first(room: Room) -> None:
    room.save_many(1, 2)
    ids = [room.answer("/convert/createVideo", {"camera": 1})["id"] for _ in range(3)]
    header = {"content-type": "application/json"}
    for response in (
        room.get("/convert/listProcess"),
        room.request("POST", "/convert/listProcess"),
        room.request("POST", "/convert/listProcess", headers=header),
        room.request("POST", "/convert/listProcess", headers=header, content=b" \n"),
    ):
        assert [process["id"] for process in response.json()["list"]] == ids[::-1]


def test_list_process_can_be_filtered(room: Room) -> None:
    room.save_many(1, 2)
    room.save_many(2, 2)
    video = room.answer("/convert/createVideo", {"camera": 1})["id"]
    archive = room.answer("/convert/createZip", {"camera": 2})["id"]
    room.conversions.finish(archive)

    def ids(query: str) -> list[str]:
        response = room.get(f"/convert/listProcess?{query}")
        return [process["id"] for process in response.json()["list"]]

    assert ids("camera=Front%20door") == [video]
    assert ids("type=zip") == [archive]
    assert ids("running=true") == [video]
    assert ids("running=false&camera=2") == [archive]
    assert ids("status=failed") == []
    assert room.answer("/convert/listProcess", {"camera": 2})["list"][0]["id"] == archive
    for query in ("type=avi", "status=x", "running=x", "camera=../1", "camera=1&camera=2"):
        assert room.get(f"/convert/listProcess?{query}").status_code == 400


def test_processes_are_listed_in_parts_that_say_how_many_there_are(room: Room) -> None:
    room.save_many(1, 3)
    made = [room.answer("/convert/createZip", {"camera": 1})["id"] for _ in range(5)]
    part = room.answer("/convert/listProcess", {"limit": 2, "offset": 1, "type": "zip"})
    assert [process["id"] for process in part["list"]] == [made[3], made[2]]
    assert part["total"] == 5
    assert room.get("/convert/listProcess?limit=9&type=mp4").json() == {"list": [], "total": 0}
    assert "total" not in room.answer("/convert/listProcess")
    assert room.post("/convert/listProcess", {"limit": 0}).status_code == 400
