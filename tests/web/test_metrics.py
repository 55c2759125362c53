"""/metrics says what the rooms say; documentation and dashboard name what there is."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from chimera_storage.access import Role
from chimera_storage.model import CameraReport, CameraState, Health
from tests.support.web import NOW, SECOND_US, Room

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "observability.md").read_text("utf-8")
NAMES = re.compile(r"\bchimera_storage_\w+")
REQUESTS = "chimera_storage_http_request_seconds_count"
REPORT = CameraReport(
    camera=1,
    state=CameraState.CONNECTED,
    since_us=0,
    fps=14.5,
    last_frame_us=int(NOW.timestamp() * SECOND_US) - 1_500_000,
    recording=True,
    images_saved=4,
    reconnects=3,
    health=Health.FROZEN,
    frames_read=300,
    frames_decoded=20,
    frames_let_go=288,
    frames_damaged=5,
    frames_dropped=2,
    frames_unsaved=1,
    bytes_read=9000,
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def asked(room: Room) -> Samples:
    answer = room.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, metric: str, /, **labels: str) -> float | None:
    return samples.get((f"chimera_storage_{metric}", frozenset(labels.items())))


def test_what_a_camera_reports_is_said(room: Room) -> None:
    room.recorders.said = [REPORT]
    room.recorders.restarted = 2
    samples = asked(room)
    said = {
        "frames_per_second": 14.5,
        "frames_read_total": 300,
        "frames_decoded_total": 20,
        "frames_let_go_total": 288,
        "frames_damaged_total": 5,
        "frames_dropped_total": 2,
        "frames_unsaved_total": 1,
        "images_saved_total": 4,
        "bytes_read_total": 9000,
        "reconnects_total": 3,
        "recording": 1,
        "lag_seconds": 1.5,
    }
    for name, expected in said.items():
        assert value(samples, f"camera_{name}", camera="1") == expected, name
    assert value(samples, "camera_info", camera="1", name="Front door") == 1
    assert value(samples, "camera_state", camera="1", state="connected") == 1
    assert value(samples, "camera_state", camera="1", state="failed") == 0
    assert value(samples, "camera_health", camera="1", health="frozen") == 1
    assert value(samples, "camera_health", camera="1", health="ok") == 0
    assert value(samples, "recorder_restarts_total") == 2
    assert value(samples, "recorder_status", status="online") == 1


def test_what_is_stored_and_converted_is_said(room: Room) -> None:
    images = room.save_many(2, 3)
    process = room.answer("/convert/createVideo", {"camera": 2})["id"]
    samples = asked(room)
    assert value(samples, "images", camera="2") == 3
    assert value(samples, "images_bytes", camera="2") == sum(image.size for image in images)
    assert value(samples, "conversions", status="queued") == 1
    room.conversions.finish(process)
    assert value(asked(room), "conversions", status="done") == 1
    assert value(samples, "data_writable") == 1
    free, whole = value(samples, "disk_free_bytes"), value(samples, "disk_bytes")
    assert free is not None
    assert whole is not None
    assert 0 < free < whole


def test_a_data_folder_whose_disk_is_missing_is_said(diskless_room: Room) -> None:
    samples = asked(diskless_room)
    assert value(samples, "data_writable") == 0
    assert value(samples, "disk_free_bytes") is None
    assert value(samples, "recorder_status", status="online") == 1


def test_requests_are_counted_by_route_and_status_never_by_what_clients_make_up(
    room: Room,
) -> None:
    for path in ("/cameras/1/latest.jpg", "/cameras/2/latest.jpg", "/no/such/route"):
        assert room.get(path).status_code == 404
    room.request("BREW", "/cameras")
    room.get("/cameras", headers={"host": "evil.example"})
    samples = asked(room)
    named = {labels: n for (name, labels), n in samples.items() if name == REQUESTS}
    assert named == {
        frozenset({"method": method, "route": route, "status": status}.items()): count
        for method, route, status, count in (
            ("GET", "/cameras/{camera}/latest.jpg", "404", 2),
            ("GET", "other", "404", 1),
            ("other", "/cameras", "405", 1),
            ("GET", "other", "403", 1),
        )
    }


def test_it_is_for_whoever_may_see_all_cameras(make_room: Callable[..., Room]) -> None:
    room = make_room()
    some, every = (room.api_token(Role.VIEWER, cameras) for cameras in (frozenset({1}), None))
    for token, status in ((some, 403), (every, 200), ("cs_none", 401)):
        answer = room.get("/metrics", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status


def test_every_metric_is_documented_with_its_type_and_labels_and_none_that_is_not(
    room: Room,
) -> None:
    room.recorders.said = [REPORT]
    room.save(1, NOW)
    room.get("/cameras")
    found = {}
    for family in text_string_to_metric_families(room.get("/metrics").text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert family.samples, name
        labels = set(family.samples[0].labels) - {"le"}
        found[name] = (family.type, labels)
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*)\| .+ \|$", TEXT, re.M)
    described = {
        name: (kind, set(labels.replace(" ", "").split(",")) - {""}) for name, kind, labels in rows
    }
    assert found == described


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_there_are(room: Room) -> None:
    room.recorders.said = [REPORT]
    room.save(1, NOW)
    room.get("/cameras")
    there = {name for name, _ in asked(room)}
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text("utf-8"))
    asked_for = [
        target["expr"] for panel in dashboard["panels"] for target in panel["targets"]
    ] + re.findall(r"^ +expr: (.+)$", TEXT, re.M)
    assert len(asked_for) > 20
    named = set().union(*map(NAMES.findall, asked_for))
    assert named <= there
    shown = {re.sub("_(bucket|count|sum)$", "", name) for name in named}
    assert shown >= {re.sub("_(bucket|count|sum)$", "", name) for name in there}
