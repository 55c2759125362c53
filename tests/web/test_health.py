"""/storage/health always answers; /storage/ready fails where nothing is recorded, and says why."""

from chimera_storage.model import CameraReport, CameraState
from tests.support.web import Room

CONNECTED, FAILED = CameraState.CONNECTED, CameraState.FAILED


def cameras(room: Room, *states: CameraState) -> None:
    room.recorders.said = [
        CameraReport(
            camera=number, state=state, since_us=0, problem="rtsp://user:secret@192.0.2.1 is off"
        )
        for number, state in enumerate(states, start=1)
    ]


def said(room: Room) -> tuple[str, list[str], int]:
    """Status of health, reasons, and the code of ready, which have to agree."""
    health, ready = room.get("/storage/health"), room.get("/storage/ready")
    assert health.status_code == 200
    assert room.request("HEAD", "/storage/ready").status_code == ready.status_code
    status, reasons = health.json()["status"], health.json()["reasons"]
    assert ready.json()["reasons"] == reasons
    assert ready.json()["ready"] is (ready.status_code == 200)
    assert ready.json().get("error", "") == (" ".join(reasons) if status == "failed" else "")
    return status, reasons, ready.status_code


def test_cameras_that_work_or_have_just_begun_are_well(room: Room) -> None:
    for states in ((), (CameraState.STARTING,), (CONNECTED, CameraState.ENDED)):
        cameras(room, *states)
        assert said(room) == ("ok", [], 200)


def test_one_camera_that_fails_is_said_but_others_record(room: Room) -> None:
    cameras(room, FAILED, CONNECTED)
    assert said(room) == ("degraded", ["1 of 2 cameras fail."], 200)


def test_recording_has_failed_where_every_camera_fails(room: Room) -> None:
    cameras(room, FAILED, FAILED)
    assert said(room) == ("failed", ["Every camera fails."], 503)


def test_a_recorder_that_ends_again_and_again_or_does_not_run_is_a_failure(room: Room) -> None:
    cameras(room, CameraState.STARTING)
    for status in ("errored", "stopped"):
        room.recorders.is_now = status
        state, reasons, code = said(room)
        assert (state, code) == ("failed", 503)
        assert "recorder process" in reasons[0]


def test_a_disk_that_is_not_there_is_a_failure(diskless_room: Room) -> None:
    state, reasons, code = said(diskless_room)
    assert (state, code) == ("failed", 503)
    assert "is its disk mounted?" in reasons[0]


def test_who_is_not_logged_in_learns_that_cameras_fail_but_nothing_of_them(room: Room) -> None:
    room.api_token()  # from now on everybody has to log in
    cameras(room, FAILED, FAILED)
    assert said(room) == ("failed", ["Every camera fails."], 503)
    text = room.get("/storage/health").text + room.get("/storage/ready").text
    for secret in ("secret", "192.0.2.1", "Front door"):
        assert secret not in text
    assert room.get("/cameras").status_code == 401
