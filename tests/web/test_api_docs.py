"""docs/api.md and /openapi.json say what there is."""

import re
from pathlib import Path
from typing import Any

import pytest

from chimera_storage.access import Role
from tests.support.web import NOW, Room

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
HEADINGS = set(
    re.findall(r"\b(GET|POST|PUT|DELETE) (/[^\s,]*)", "\n".join(re.findall("^### .*", TEXT, re.M)))
)
PAGES = {("GET", path) for path in ("/", "/docs", "/openapi.json", "/processes")} | {
    ("POST", "/language")
}
SEED = {
    ("GET", "/motion/status"),
    ("POST", "/convert/createVideo"),
    ("POST", "/convert/listFramesVideo"),
    ("POST", "/convert/createZip"),
    ("POST", "/convert/statusProcess"),
    ("POST", "/convert/cancelProcess"),
    ("POST", "/convert/listProcess"),
    ("POST", "/convert/deleteProcess"),
    ("POST", "/file/pathSize"),
    ("POST", "/file/pathFileCount"),
    ("POST", "/file/pathDelete"),
    ("POST", "/file/pathClean"),
    ("GET", "/shared/{path}"),
}


@pytest.fixture
def schema(still_room: Room) -> dict[str, Any]:
    described = still_room.get("/openapi.json")
    assert described.status_code == 200
    answer: dict[str, Any] = described.json()
    return answer


def operations(schema: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_is_in_the_documentation_and_the_other_way_round(
    schema: dict[str, Any],
) -> None:
    assert set(operations(schema)) | PAGES == HEADINGS
    assert set(operations(schema)) >= SEED


def test_every_route_has_an_example_with_curl() -> None:
    for section in re.split(r"^### ", TEXT, flags=re.M)[1:]:
        heading = section.partition("\n")[0]
        if not re.search(r"GET /(docs|,|$)", heading):
            assert "curl -s" in section, heading


def test_every_documented_field_of_an_answer_is_in_the_documentation(
    schema: dict[str, Any],
) -> None:
    for name, model in schema["components"]["schemas"].items():
        for field in model.get("properties", {}):
            assert re.search(rf"\b{field}\b", TEXT), f"{name}.{field}"


def test_openapi_tells_bodies_answers_and_errors_but_never_422(schema: dict[str, Any]) -> None:
    ids = set()
    for (method, path), operation in operations(schema).items():
        assert "422" not in operation["responses"], path
        assert operation["summary"], path
        ids.add(operation["operationId"])
        content = operation["responses"]["200"]["content"]
        if "application/json" in content:
            assert "$ref" in content["application/json"]["schema"], path
        if method == "POST":
            body = operation["requestBody"]["content"]
            assert set(body) == {"application/json", "application/x-www-form-urlencoded"}
            described = body["application/json"]["schema"]
            assert described["title"] == "EmptyRequest" or described["properties"], path
            assert {"400", "401", "403", "413"} <= set(operation["responses"])
    assert len(ids) == len(operations(schema))
    assert "ValidationError" not in str(schema)


def test_openapi_says_that_a_path_may_stand_in_for_the_camera_of_a_folder(
    schema: dict[str, Any],
) -> None:
    for name in ("pathSize", "pathFileCount", "pathDelete", "pathClean"):
        body = schema["paths"][f"/file/{name}"]["post"]["requestBody"]["content"]
        described = body["application/json"]["schema"]
        assert described["anyOf"] == [{"required": ["camera"]}, {"required": ["path"]}], name
        assert described.get("required", []) == (["days"] if name == "pathClean" else [])
        assert described["properties"]["path"]["examples"] == ["shared/captures/1"]


def test_openapi_knows_what_files_may_be_answered_with(schema: dict[str, Any]) -> None:
    for path in ("/shared/{path}", "/cameras/{camera}/latest.jpg"):
        assert {"200", "206", "304", "404", "416"} <= set(schema["paths"][path]["get"]["responses"])


def test_the_answers_have_the_documented_fields(room: Room) -> None:
    room.save(1, NOW)
    process_id = room.answer("/convert/createVideo", {"camera": 1})["id"]
    kept = {"camera": 1, "hours": 1}
    user = {"name": "owner", "password": "correct horse"}
    schema = room.get("/openapi.json").json()
    bodies: dict[str, dict[str, Any]] = {
        "/convert/createVideo": {"camera": 1},
        "/convert/createZip": {"camera": 1},
        "/convert/listFramesVideo": {"camera": 1, "sprite": True},
        "/convert/listProcess": {},
        "/convert/statusProcess": {"id": process_id},
        "/convert/cancelProcess": {"id": process_id},
        "/convert/deleteProcess": {"id": process_id},
        "/file/pathSize": {"camera": 1},
        "/file/pathFileCount": {"camera": 1},
        "/file/pathClean": {"camera": 1, "days": 1},
        "/file/createKeep": kept,
        "/file/deleteKeep": {"id": room.answer("/file/createKeep", kept)["id"]},
        "/file/pathDelete": {"camera": 1},
        "/file/rangeDelete": {"camera": 1, "start": 0, "end": 1},
        "/convert/estimate": {"camera": 1},
        "/login": user,
        "/links": {"camera": 1, "hours": 1},
        "/links/revoke": {"id": "none"},
        "/sessions/revoke": {"id": "none"},
        "/users": {"name": "kid", "password": "correct horse"},
        "/users/change": {"name": "other", "role": "operator"},
        "/users/remove": {"name": "other"},
        "/tokens": {"name": "ha"},
        "/tokens/revoke": {"id": "none"},
    }
    room.accounts.add_user(user["name"], user["password"], role=Role.ADMIN)
    room.accounts.add_user("other", user["password"], role=Role.VIEWER)
    room.headers = {"authorization": f"Bearer {room.api_token()}"}
    span = "?camera=1&start=2026-01-31&end=2026-01-31"
    bodies["/convert/listProcess"] = {"limit": 5}
    queries = {
        "/convert/listProcess": "?limit=5",
        "/events": "?camera_id=1&date=2026-01-31",
        "/motion/events": "?camera=1",
        "/timeline/activity": span,
        "/timeline/images": span,
    }
    bodies |= {
        "/cameras": {"id": 9, "url": "demo:"},
        "/cameras/streams": {"service": "http://h/onvif", "user": "viewer", "password": "secret"},
        "/cameras/{camera}/marks": {"start": 1, "end": 2, "wanted": True},
        "PUT /cameras": {"cameras": [{"id": 1}, {"id": 2}]},
        "PUT /cameras/{camera}": {"name": "Door"},
    }
    for (method, path), operation in operations(schema).items():
        content = operation["responses"]["200"]["content"]
        if "application/json" not in content:
            continue
        name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        asked = path.replace("{id}", process_id) + queries.get(path, "")
        asked = asked.replace("{camera}", "2" if method == "DELETE" else "1")
        body = bodies.get(f"{method} {path}", bodies.get(path) if method == "POST" else None)
        answer = room.request(method, asked, json=body).json()
        described = schema["components"]["schemas"][name]
        if described.get("type") == "array":
            assert isinstance(answer, list), path
        elif path == "/account/password":
            assert "error" in answer  # it is for users, and a token asks here
        elif path != "/file/pathAutoClean":  # `skipped` alone without a quota, the others with one
            assert set(answer) == set(described["properties"]), path


def test_docs_page_takes_everything_from_this_server(still_room: Room) -> None:
    page = still_room.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith("/static/")
        assert still_room.get(address).status_code == 200, address
    assert "<script>" not in page
    assert "validatorUrl: null" in still_room.get("/static/docs.js").text
