"""Cameras changed over HTTP: written back, shown without passwords, refused in plain words."""

import json
import tomllib
from datetime import timedelta
from typing import Any

import pytest

from chimera_storage.access import Role
from tests.support.web import NOW, Room


def stored(room: Room) -> dict[int, dict[str, Any]]:
    """The cameras as the file says them."""
    values = tomllib.loads((room.root / "storage.toml").read_text())
    return {camera["id"]: camera for camera in values["camera"]}


def test_settings_are_shown_without_the_password_and_stay_when_they_come_back(room: Room) -> None:
    shown = room.get("/cameras/front door").json()
    assert shown["url"] == "rtsp://user@192.0.2.1/one"
    assert shown["motion"]["threshold"] == 0.0005
    assert "secret" not in json.dumps(shown)
    changed = {**shown, "name": "Door", "motion": {**shown["motion"], "threshold": 0.01}}
    answer = room.request("PUT", "/cameras/1", json=changed)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"camera": changed, "file": "storage.toml"}
    assert stored(room)[1] == {
        "id": 1,
        "name": "Door",
        "url": "rtsp://user:secret@192.0.2.1/one",
        "motion": {"threshold": 0.01},
    }
    assert room.get("/cameras").json()["cameras"][0]["name"] == "Door"
    assert room.post("/file/pathSize", {"camera": "Door"}).status_code == 200
    assert room.post("/file/pathSize", {"camera": "Front door"}).status_code == 404


def test_a_camera_is_added_paused_resumed_and_removed_and_its_images_stay(room: Room) -> None:
    room.save(2, NOW - timedelta(hours=1))
    added = room.answer("/cameras", {"id": 3, "url": "demo:", "name": "Try"})
    assert (added["camera"]["name"], added["file"]) == ("Try", "storage.toml")
    assert room.answer("/cameras/try/pause") == {"id": 3, "paused": True}
    assert stored(room)[3]["paused"] is True
    assert room.answer("/cameras/3/resume") == {"id": 3, "paused": False}
    removed = room.request("DELETE", "/cameras/2").json()
    assert (removed["removed"], removed["id"], removed["count"]) == (True, 2, 1)
    assert sorted(stored(room)) == [1, 3]
    listed = {camera["id"]: camera for camera in room.get("/cameras").json()["cameras"]}
    assert (listed[2]["recorded"], listed[2]["count"]) == (False, 1)
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/pause")):
        assert room.request(method, f"/cameras/2{path}").status_code == 404


def test_bug_a_camera_from_a_form_had_no_id(room: Room) -> None:
    form = {"id": "3", "url": "demo:", "paused": "true", "interval": "2.5"}
    added = room.request("POST", "/cameras", data=form)
    assert added.status_code == 200, added.text
    assert stored(room)[3] == {"id": 3, "url": "demo:", "paused": True, "interval": 2.5}
    changed = room.request("PUT", "/cameras/3", data={"id": "3", "name": "Yard"})
    assert changed.json()["camera"]["url"] == "demo:"
    assert stored(room)[3]["name"] == "Yard"


def test_the_description_says_what_a_camera_needs(room: Room) -> None:
    """PUT of a camera was said to need its address, which stays where it is left out."""
    paths = room.get("/openapi.json").json()["paths"]
    for method, path, needed in (
        ("post", "/cameras", ["id", "url"]),
        ("put", "/cameras", ["id"]),
        ("put", "/cameras/{camera}", []),
    ):
        schema = paths[path][method]["requestBody"]["content"]["application/json"]["schema"]
        if "cameras" in schema["properties"]:
            schema = schema["properties"]["cameras"]["items"]
        assert schema["required"] == needed


def test_all_cameras_are_replaced(room: Room) -> None:
    wanted = [{"id": 1, "name": "Door"}, {"id": 8, "url": "demo:"}]
    answer = room.request("PUT", "/cameras", json={"cameras": wanted})
    assert [camera["id"] for camera in answer.json()["cameras"]] == [1, 8]
    assert stored(room)[1]["url"] == "rtsp://user:secret@192.0.2.1/one"
    for wrong in ({}, {"cameras": 1}, {"cameras": [1]}, {"cameras": [{"id": 1}, {"id": 1}]}):
        assert room.request("PUT", "/cameras", json=wrong).status_code == 400
    assert sorted(stored(room)) == [1, 8]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "id is missing"),
        ({"id": "three"}, "id is 'three'; right would be a whole number"),
        ({"id": 3}, "url is missing"),
        ({"id": -3, "url": "demo:"}, "id is -3; right would be a whole number"),
        ({"id": 3, "url": "demo:", "motion": {"treshold": 1}}, "did you mean threshold"),
        ({"id": 3, "url": "demo:", "name": "front DOOR"}, "stands twice"),
    ],
)
def test_what_cannot_be_a_camera_is_refused(room: Room, body: dict[str, Any], said: str) -> None:
    assert said in room.refusal("/cameras", body, status=400)
    assert sorted(stored(room)) == [1, 2]


def test_only_admins_change_cameras_and_operators_pause_those_they_may_see(room: Room) -> None:
    operator = {"authorization": f"Bearer {room.api_token(Role.OPERATOR, frozenset({1}))}"}
    viewer = {"authorization": f"Bearer {room.api_token(Role.VIEWER)}"}
    for who in (operator, viewer):
        for method, path in (
            ("POST", "/cameras"),
            ("PUT", "/cameras"),
            ("GET", "/cameras/1"),
            ("PUT", "/cameras/1"),
            ("DELETE", "/cameras/1"),
        ):
            answer = room.request(method, path, json={"url": "demo:"}, headers=who)
            assert answer.status_code == 403, (method, path)
    assert room.post("/cameras/1/pause", headers=viewer).status_code == 403
    assert room.post("/cameras/2/pause", headers=operator).status_code == 404
    assert room.post("/cameras/1/pause", headers=operator).status_code == 200
    assert "paused" not in stored(room)[2]


def test_a_file_that_cannot_be_written_is_said_and_changes_nothing(room: Room) -> None:
    (room.root / "storage.toml.bak").mkdir()
    said = room.refusal("/cameras/1/pause", status=409)
    assert "storage.toml cannot be written" in said
    assert room.get("/cameras/1").json()["paused"] is False
