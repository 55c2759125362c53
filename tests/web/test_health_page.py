"""The page /settings/health: what an admin reads in which state of the parts."""

from dataclasses import replace

import pytest

from chimera_storage.access import Role
from chimera_storage.clock import to_us
from chimera_storage.model import CameraReport, CameraState, ConversionStatus, Health
from tests.support.web import NOW, Room

WATCHED = CameraReport(
    camera=1,
    state=CameraState.CONNECTED,
    since_us=to_us(NOW),
    fps=12.5,
    width=1920,
    height=1080,
    reconnects=3,
    frames_read=1000,
    frames_damaged=7,
)


def shown(room: Room) -> str:
    answer = room.get("/settings/health")
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("state", list(CameraState))
@pytest.mark.parametrize("health", [Health.OK, Health.COVERED])
def test_every_state_of_a_camera_has_words(room: Room, state: CameraState, health: Health) -> None:
    room.recorders.said = [replace(WATCHED, state=state, health=health, problem="it <i>hurts</i>")]
    page = shown(room)
    assert "Front door" in page
    assert "it &lt;i&gt;hurts&lt;/i&gt;" in page
    assert "1920×1080" in page
    assert "3 reconnections" in page
    assert "7 of 1,000 pictures lost" in page
    assert ("covered" in page) == (health is Health.COVERED and state is CameraState.CONNECTED)


def test_the_worst_is_said_first(room: Room) -> None:
    room.recorders.said = [WATCHED, replace(WATCHED, camera=2)]
    assert "Everything works." in shown(room)
    room.recorders.said = [WATCHED, replace(WATCHED, camera=2, state=CameraState.FAILED)]
    page = shown(room)
    assert "Some cameras are not recorded." in page
    assert page.index("no picture</span>") < page.index("connected</span>")
    room.recorders.is_now, room.recorders.restarted = "errored", 4
    page = shown(room)
    assert "Nothing is recorded." in page
    assert "ends again and again" in page
    assert "begun anew 4 times" in page


def test_a_camera_without_a_report_and_a_lost_disk_are_said(diskless_room: Room) -> None:
    page = shown(diskless_room)
    assert "not watched" in page
    assert "Nothing is recorded." in page


def test_exports_that_failed_lately_say_why(room: Room) -> None:
    room.save(1, NOW)
    id_ = room.answer("/convert/createVideo", {"camera": 1})["id"]
    failed = replace(
        room.conversions.all[id_], status=ConversionStatus.FAILED, error="no room for it"
    )
    room.conversions.become(failed)
    page = shown(room)
    assert "no room for it" in page
    assert "Video · Front door" in page


def test_it_is_for_admins(room: Room) -> None:
    for role, status in ((Role.OPERATOR, 403), (Role.ADMIN, 200)):
        headers = {"authorization": f"Bearer {room.api_token(role)}"}
        assert room.get("/settings/health", headers=headers).status_code == status
