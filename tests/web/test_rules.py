"""Rules for every route: bodies, cameras, times, errors. No input of any kind gives a 500."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from chimera_storage.clock import to_us
from chimera_storage.web import parsing
from tests.support.web import NOW, Room

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
POST_ROUTES = (
    "/convert/createVideo",
    "/convert/createZip",
    "/convert/listFramesVideo",
    "/convert/statusProcess",
    "/convert/cancelProcess",
    "/convert/listProcess",
    "/convert/deleteProcess",
    "/file/pathSize",
    "/file/pathFileCount",
    "/file/pathDelete",
    "/file/pathClean",
    "/file/pathMetrics",
    "/file/pathAutoClean",
    "/file/applyRules",
    "/file/previewRules",
    "/file/createKeep",
    "/file/deleteKeep",
)


# bodies


def test_a_form_is_read_like_json(room: Room) -> None:
    room.save_many(1, 4)
    form = {"camera": "1", "start": "20260131-180000", "skip": "2", "save": "true", "fps": "5"}
    response = room.request("POST", "/convert/createVideo", data=form)
    assert response.json()["frames"] == 2
    response = room.request("POST", "/file/pathFileCount", data={"camera": "Front door"})
    assert response.json()["count"] == 4


@pytest.mark.parametrize("kind", [{}, JSON, FORM, {"content-type": "text/plain"}])
def test_no_body_is_an_empty_object(still_room: Room, kind: dict[str, str]) -> None:
    response = still_room.request("POST", "/convert/listProcess", headers=kind)
    assert response.json() == {"list": []}
    response = still_room.request("POST", "/file/pathSize", headers=kind)
    assert response.status_code == 400
    assert response.json()["error"].startswith("camera is missing")


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "image/png", "application/xml", "?"]
)
def test_another_content_type_is_400_with_a_sentence(still_room: Room, kind: str) -> None:
    response = still_room.request(
        "POST", "/file/pathSize", content=b'{"camera": 1}', headers={"content-type": kind}
    )
    assert response.status_code == 400
    assert "application/json" in response.json()["error"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json"]
)
def test_json_under_its_other_names_is_read(still_room: Room, kind: str) -> None:
    response = still_room.request(
        "POST", "/file/pathSize", content=b'{"camera": 1}', headers={"content-type": kind}
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"1",
        b'{"camera": NaN}',
        b'{"camera": -Infinity}',
        b'{"camera": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff\xfe\x00",
        b'{"camera": "\xff"}',
        b"\x00",
        b"camera=1",
        b'{"camera": 1} trailing',
    ],
)
def test_broken_json_is_400_with_a_sentence(still_room: Room, raw: bytes) -> None:
    for route in POST_ROUTES:
        response = still_room.request("POST", route, content=raw, headers=JSON)
        assert response.status_code == 400, (route, response.text)
        assert response.json()["error"]


@pytest.mark.parametrize("raw", [b"camera=1&camera=2", b"camera=%ff", b"\xff=1", b"a=1&" * 200])
def test_a_form_that_cannot_be_read_is_400(still_room: Room, raw: bytes) -> None:
    response = still_room.request("POST", "/file/pathSize", content=raw, headers=FORM)
    assert response.status_code == 400
    assert response.json()["error"]


def test_a_body_over_one_mebibyte_is_413_and_the_next_request_works(still_room: Room) -> None:
    big = json.dumps({"camera": "x" * 10_000_000}).encode()
    response = still_room.request("POST", "/file/pathSize", content=big, headers=JSON)
    assert response.status_code == 413
    assert "1048576" in response.json()["error"]
    assert still_room.post("/file/pathSize", {"camera": 1}).status_code == 200


def test_a_body_that_never_comes_is_408_and_does_not_hang(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "MAX_BODY_SECONDS", 0.05)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/file/pathSize",
        "raw_path": b"/file/pathSize",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"100")],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(room.app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert "did not arrive" in json.loads(sent[1]["body"])["error"]


# cameras


@pytest.mark.parametrize(
    "camera", [1, "1", 1.0, " 1 ", "01", "Front door", "front DOOR", " Front door "]
)
def test_a_camera_is_a_number_its_text_or_its_name(room: Room, camera: object) -> None:
    room.save_many(1, 3)
    assert room.answer("/file/pathFileCount", {"camera": camera})["count"] == 3


@pytest.mark.parametrize("camera", [3, "3", "Back door", 999_999, 10**30, "9" * 18, "x1", 4e17])
def test_an_unknown_camera_is_404(still_room: Room, camera: object) -> None:
    for route in ("/file/pathSize", "/file/pathDelete", "/convert/listFramesVideo"):
        assert "there is no camera" in still_room.refusal(route, {"camera": camera}, status=404)


NO_CAMERAS: list[object] = [
    "../..",
    "../../..",
    "/etc",
    "/",
    "..",
    ".",
    ".hidden",
    "1/../2",
    "1/",
    "1\\2",
    "\0",
    "1\0",
    "a\nb",
    "",
    "   ",
    -1,
    "-1",
    "+1",
    1.5,
    "1.5",
    "9" * 500,
    "x" * 500,
    True,
    False,
    [],
    [1],
    {},
    {"id": 1},
    None,
    1e300,
]


@pytest.mark.parametrize("camera", NO_CAMERAS, ids=lambda c: ascii(c)[:20])
def test_what_is_no_camera_is_400(still_room: Room, camera: object) -> None:
    status = 404 if camera == 1e300 else 400  # a number, if no small one
    for route in ("/file/pathSize", "/file/pathDelete", "/convert/createVideo"):
        still_room.refusal(route, {"camera": camera}, status=status)


@pytest.mark.parametrize(
    "path",
    [
        "shared/captures/1",
        "shared/captures/1/",
        "./shared/captures/1",
        "shared/captures/Front door",
    ],
)
def test_on_file_routes_a_folder_may_stand_in_for_the_camera(room: Room, path: str) -> None:
    room.save_many(1, 3)
    assert room.answer("/file/pathFileCount", {"path": path})["count"] == 3
    assert room.answer("/file/pathFileCount", {"camera": 2, "path": path})["count"] == 0
    assert "camera is missing" in room.refusal(
        "/convert/listFramesVideo", {"path": path}, status=400
    )


@pytest.mark.parametrize(
    "path",
    [
        "shared/captures",
        "shared/captures/",
        "shared/captures/../..",
        "shared/captures/1/20260131",
        "/shared/captures/1",
        "shared/captures/1/../../..",
        "../shared/captures/1",
        "shared/captures/\0",
        "captures/1",
        "/etc",
        5,
        ["shared/captures/1"],
    ],
)
def test_a_path_that_is_no_cameras_folder_is_400(room: Room, path: object) -> None:
    room.save_many(1, 3)
    for route in ("/file/pathSize", "/file/pathDelete", "/file/pathClean"):
        room.refusal(route, {"path": path, "days": 1}, status=400)
    assert room.archive.index.totals(1).count == 3


def test_a_camera_that_only_has_images_or_a_folder_is_known(room: Room) -> None:
    room.save_many(7, 2)
    (room.captures / "8").mkdir()
    assert room.answer("/file/pathFileCount", {"camera": 7})["count"] == 2
    assert room.answer("/file/pathFileCount", {"camera": 8})["count"] == 0


# times


def process_range(room: Room, body: dict[str, Any]) -> tuple[str, str]:
    created = room.answer("/convert/createVideo", {"camera": 1, **body})
    status = room.answer("/convert/statusProcess", {"id": created["id"]})
    return status["start"], status["end"]


BERLIN = {"timezone": "Europe/Berlin"}  # 19:00 UTC is 20:00 there


@pytest.mark.parametrize(
    "start",
    [
        "20260131-193000",
        "2026-01-31T19:30:00",
        "2026-01-31 19:30",
        "2026-01-31T18:30:00Z",
        "2026-01-31T18:30:00.000Z",
        "2026-01-31T20:30:00+02:00",
        "20260131T183000Z",
        "20260131T193000",
        1769884200000,
        1769884200000.0,
        "1769884200000",
    ],
)
def test_a_time_in_any_form_means_the_same(make_room: Callable[..., Room], start: object) -> None:
    room = make_room(server=BERLIN)
    room.save_many(1, 2)
    assert process_range(room, {"start": start}) == ("20260131-193000", "20260131-200000")
    end = {"end": start, "hours": 1}
    room.save(1, NOW - timedelta(minutes=45))
    assert process_range(room, end) == ("20260131-183000", "20260131-193000")


def test_by_default_the_end_is_now_and_the_start_a_week_before_the_end(room: Room) -> None:
    room.save_many(1, 2)
    assert process_range(room, {}) == ("20260124-190000", "20260131-190000")
    room.save(1, datetime(2026, 1, 8, tzinfo=UTC))
    assert process_range(room, {"end": "20260110-000000"}) == ("20260103-000000", "20260110-000000")
    assert process_range(room, {"start": None, "end": ""}) == ("20260124-190000", "20260131-190000")


@pytest.mark.parametrize(
    ("span", "start"),
    [
        ({"hours": 2}, "20260131-170000"),
        ({"hours": "0.5"}, "20260131-183000"),
        ({"days": 1}, "20260130-190000"),
        ({"days": "30"}, "20260101-190000"),
        ({"days": 1e6}, "19700101-000000"),
        ({"hours": 10**17}, "19700101-000000"),
    ],
)
def test_hours_or_days_stand_in_for_start(room: Room, span: dict[str, Any], start: str) -> None:
    room.save_many(1, 2)
    assert process_range(room, span) == (start, "20260131-190000")


@pytest.mark.parametrize(
    "body",
    [
        {"start": "20260131-190001"},
        {"start": "20260131-180000", "end": "20260131-175959"},
        {"start": "20260131-180000", "hours": 1},
        {"hours": 1, "days": 1},
        {"hours": 0},
        {"hours": -1},
        {"days": "x"},
        {"days": True},
        {"hours": []},
        {"hours": 1e30},
    ],
)
def test_a_range_that_is_none_is_400(still_room: Room, body: dict[str, Any]) -> None:
    for route in ("createVideo", "createZip", "listFramesVideo"):
        still_room.refusal(f"/convert/{route}", {"camera": 1, **body}, status=400)


NO_TIMES: list[object] = [
    "yesterday",
    "20260132-000000",
    "20260131-250000",
    "20260131-18300",
    "20260131-183000-00",
    "20260131-183000-05",
    "2026-W05-6",
    "2026-13-01",
    "٢٠٢٦٠١٣١-١٨٣٠٠٠",
    "\0",
    "x" * 1000,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    -1,
    1e300,
    10**30,
    32_503_680_000_000,
    True,
    [],
    ["20260131-183000"],
    {},
]


@pytest.mark.parametrize("value", NO_TIMES, ids=lambda v: ascii(v)[:20])
@pytest.mark.parametrize("name", ["start", "end"])
def test_what_is_no_time_is_400_and_says_what_would_be_right(
    still_room: Room, name: str, value: object
) -> None:
    raw = json.dumps({"camera": 1, name: value}).encode()
    for route in ("createVideo", "listFramesVideo"):
        response = still_room.request("POST", f"/convert/{route}", content=raw, headers=JSON)
        assert response.status_code == 400, response.text
        assert response.json()["error"].startswith(f"{name} is ")
        assert "right would be" in response.json()["error"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "UTC"])
def test_the_first_and_the_last_moment_are_no_fault_in_any_zone(
    make_room: Callable[..., Room], zone: str
) -> None:
    room = make_room(server={"timezone": zone})
    room.save_many(1, 2)
    body = {"start": 0, "end": 32_503_679_999_999}
    start, end = process_range(room, body)
    assert start[:4] in {"1969", "1970"}
    assert end[:4] in {"2999", "3000"}


def test_an_hour_that_the_clock_skips_or_repeats_is_no_fault(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(server=BERLIN)
    for moment in ("20260329-023000", "20251026-023000"):
        room.post("/convert/listFramesVideo", {"camera": 1, "start": moment, "end": moment})
        body = {"camera": 1, "start": moment, "end": moment}
        assert room.answer("/convert/listFramesVideo", body) == {"list": []}


# numbers


@pytest.mark.parametrize("name", ["skip", "frames"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "1.5", "x", [], {}, True, 10**30, "9" * 30, 1e300])
def test_skip_and_frames_are_whole_numbers_from_1(
    still_room: Room, name: str, value: object
) -> None:
    route = "createVideo" if name == "skip" else "listFramesVideo"
    sentence = still_room.refusal(f"/convert/{route}", {"camera": 1, name: value}, status=400)
    assert sentence.startswith(f"{name} is ")


# errors


def test_an_unknown_address_and_a_wrong_method_are_sentences(still_room: Room) -> None:
    response = still_room.get("/nowhere")
    assert response.status_code == 404
    assert "GET /docs" in response.json()["error"]
    response = still_room.get("/file/pathSize")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert "GET" in response.json()["error"]
    assert still_room.post("/file/pathSize/", {"camera": 1}).status_code == 404


def test_a_fault_of_the_server_is_a_500_that_tells_nothing_of_it(room: Room) -> None:
    def broken(_camera: int) -> object:
        raise RuntimeError("/home/somebody/secret")

    room.archive.index.totals = broken  # type: ignore[assignment, method-assign]
    with capture_logs() as lines:
        response = room.post("/file/pathSize", {"camera": 1})
    assert [line["event"] for line in lines] == ["request_crashed"]
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.json()["error"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["1", "mp4", "20260131-183000", "../1", "true", "shared/captures/1", 1, 2]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    [
        "camera",
        "path",
        "start",
        "end",
        "hours",
        "days",
        "fps",
        "skip",
        "frames",
        "save",
        "id",
        "type",
        "status",
        "running",
    ]
)


@given(route=st.sampled_from(POST_ROUTES), body=st.dictionaries(names, values, max_size=8))
@settings(max_examples=150, deadline=None)
def test_no_value_of_any_field_gives_a_fault_or_an_error_without_a_sentence(
    still_room: Room, route: str, body: dict[str, Any]
) -> None:
    raw = json.dumps(body).encode()
    response = still_room.request("POST", route, content=raw, headers=JSON)
    assert response.status_code in {200, 400, 404}, (body, response.text)
    if response.status_code != 200:
        assert response.json()["error"]


def test_the_clock_of_these_tests_is_what_they_say() -> None:
    assert to_us(NOW) == 1769886000000000
