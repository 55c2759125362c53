"""/motion/status, /cameras and /storage/health."""

from chimera_storage import __version__
from chimera_storage.clock import to_us
from chimera_storage.model import Box, CameraReport, CameraState, Health
from tests.support.web import NOW, Room

NOW_US = to_us(NOW)
NOW_MS = NOW_US // 1000


def test_motion_status_tells_of_the_process_and_each_camera(room: Room) -> None:
    room.recorders.restarted = 3
    room.recorders.said = [
        CameraReport(
            camera=1,
            state=CameraState.CONNECTED,
            since_us=NOW_US - 60_000_000,
            fps=12.4967,
            width=1920,
            height=1080,
            last_frame_us=NOW_US,
            recording=True,
            event_since_us=NOW_US - 5_000_000,
            images_saved=42,
            reconnects=1,
            score=0.25,
            health=Health.DEFOCUSED,
            health_since_us=NOW_US - 90_000_000,
            decoder="software",
        ),
        CameraReport(
            camera=2,
            state=CameraState.FAILED,
            since_us=NOW_US,
            problem="rtsp://user:secret@192.0.2.1/two does not answer",
        ),
    ]
    answer = room.get("/motion/status").json()
    assert answer["processList"] == [{"name": "motion", "status": "online", "restarts": 3}]
    first, second = answer["cameras"]
    assert first == {
        "id": 1,
        "name": "Front door",
        "state": "connected",
        "since": NOW_MS - 60_000,
        "problem": None,
        "fps": 12.5,
        "width": 1920,
        "height": 1080,
        "lastFrame": NOW_MS,
        "recording": True,
        "recordingSince": NOW_MS - 5000,
        "imagesSaved": 42,
        "restarts": 1,
        "score": 0.25,
        "health": "defocused",
        "healthSince": NOW_MS - 90_000,
        "healthProblem": "The picture is blurred; is the lens dirty, wet or out of focus?",
        "decoder": "software",
    }
    assert (second["health"], second["healthSince"], second["healthProblem"]) == ("ok", None, None)
    assert (second["state"], second["name"]) == ("failed", "Camera 2")
    assert "does not answer" in second["problem"]
    assert "secret" not in room.get("/motion/status").text


def test_a_camera_nobody_reports_on_is_stopped(room: Room) -> None:
    room.recorders.is_now = "stopped"
    answer = room.get("/motion/status").json()
    assert answer["processList"][0]["status"] == "stopped"
    assert [camera["state"] for camera in answer["cameras"]] == ["stopped", "stopped"]


def test_cameras_shows_newest_image_boxes_and_totals(room: Room) -> None:
    room.save_many(1, 3)
    newest = room.save(1, NOW, 5, b"x" * 2000, boxes=(Box(1, 2, 3, 4),))
    room.save_many(9, 1)
    answer = room.get("/cameras").json()
    assert answer["now"] == NOW_MS
    first, second, other = answer["cameras"]
    assert first["latest"] == {
        "url": room.url(newest),
        "taken": NOW_MS,
        "width": 1280,
        "height": 720,
        "boxes": [[1, 2, 3, 4]],
    }
    assert (first["count"], first["recorded"]) == (4, True)
    assert first["formatted"] == "2.0 kB" or first["size"] > 2000
    assert (second["latest"], second["count"]) == (None, 0)
    assert (other["id"], other["name"], other["recorded"]) == (9, "Camera 9", False)


def test_no_camera_at_all_is_fine(make_room: object) -> None:
    assert callable(make_room)
    room: Room = make_room(camera=())
    assert room.get("/cameras").json()["cameras"] == []
    assert room.get("/motion/status").json()["cameras"] == []


def test_latest_image_is_shown_inline_by_number_or_name(room: Room) -> None:
    room.save_many(1, 3)
    room.save(1, NOW, 5, b"the newest")
    for camera in ("1", "Front%20door"):
        response = room.get(f"/cameras/{camera}/latest.jpg")
        assert response.content == b"the newest"
        assert response.headers["content-type"] == "image/jpeg"
        assert response.headers["content-disposition"].startswith("inline")
        assert "no-cache" in response.headers["cache-control"]
    tag = response.headers["etag"]
    same = room.get("/cameras/1/latest.jpg", headers={"if-none-match": tag})
    assert same.status_code == 304
    head = room.request("HEAD", "/cameras/1/latest.jpg")
    assert (head.status_code, head.content) == (200, b"")


def test_latest_image_of_a_camera_without_one_or_without_a_camera(room: Room) -> None:
    for camera, status in (("2", 404), ("77", 404), ("..%2f..", 404), ("%00", 400), ("1.5", 400)):
        response = room.get(f"/cameras/{camera}/latest.jpg")
        assert response.status_code == status, camera
        assert response.json()["error"]


def test_latest_image_that_was_deleted_behind_the_index_is_404(room: Room) -> None:
    image = room.save(1, NOW)
    room.archive.layout.image_path(image.key).unlink()
    assert room.get("/cameras/1/latest.jpg").status_code == 404


def test_health_answers_without_log_in(room: Room) -> None:
    storage = {"problem": None, "complete": True, "progress": 1.0, "takenIn": 0}
    answer = {"status": "ok", "reasons": [], "version": __version__, "storage": storage}
    assert room.get("/storage/health").json() == answer
    assert room.request("HEAD", "/storage/health").status_code == 200
