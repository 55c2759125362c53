from dataclasses import replace

from chimera_storage.model import CameraNews, CameraReport, CameraState, Health
from chimera_storage.motion.alerts import CameraAlerts

GOOD = CameraReport(camera=3, state=CameraState.CONNECTED, since_us=0)
BAD = CameraReport(
    camera=3,
    state=CameraState.FAILED,
    since_us=5,
    problem="rtsp://me:secret@10.0.0.7/x refuses the connection.",
)


class Told:
    """What is said of one camera, with its report looked at every two seconds."""

    def __init__(self) -> None:
        self._alerts = CameraAlerts(lambda camera: f"Camera {camera}", lambda us: f"<{us}>")
        self._now_s = 100.0
        self.news: list[CameraNews] = []

    def see(self, report: CameraReport, seconds: int) -> list[str]:
        """The messages that follow."""
        before = len(self.news)
        for _ in range(0, seconds, 2):
            self.news += self._alerts.news([report], self._now_s)
            self._now_s += 2
        return [news.text for news in self.news[before:]]

    @property
    def texts(self) -> list[str]:
        """All that was said."""
        return [news.text for news in self.news]


def test_a_camera_that_fails_for_a_minute_is_told_of_once_and_again_when_it_is_back() -> None:
    told = Told()
    assert told.see(GOOD, 100) == []
    assert told.see(BAD, 58) == []
    assert told.see(BAD, 1000) == [
        "Camera 3: failed at <5>. rtsp://***@10.0.0.7/x refuses the connection."
    ]
    assert told.see(GOOD, 1000) == ["Camera 3: works again, after 18 min."]
    assert len(told.see(BAD, 100)) == 1


def test_a_camera_that_restarts_is_no_news() -> None:
    told = Told()
    for _ in range(10):
        told.see(GOOD, 30)
        told.see(BAD, 40)
    assert told.texts == []


def test_a_camera_that_comes_and_goes_is_told_of_once() -> None:
    told = Told()
    for _ in range(10):
        told.see(BAD, 70)
        told.see(GOOD, 10)
    assert len(told.texts) == 1
    assert len(told.see(GOOD, 60)) == 1


def test_a_camera_that_never_connects_is_told_of() -> None:
    told = Told()
    assert told.see(replace(BAD, state=CameraState.STARTING, problem=None), 100) == [
        "Camera 3: failed at <5>. It does not answer."
    ]


def test_a_file_that_is_over_has_not_failed() -> None:
    told = Told()
    assert told.see(replace(GOOD, state=CameraState.ENDED), 1000) == []


def test_what_a_camera_sees_is_told_of_when_it_changes() -> None:
    told = Told()
    told.see(GOOD, 10)
    assert told.see(replace(GOOD, health=Health.COVERED), 100) == [
        "Camera 3: Hardly anything can be seen; is something in front of the lens?"
    ]
    assert told.see(replace(BAD, health=Health.COVERED), 20) == []
    assert told.see(replace(GOOD, health=Health.COVERED), 20) == []
    assert told.see(GOOD, 100) == ["Camera 3: sees as usual again."]


def test_what_is_told_says_of_which_camera_what_since_when() -> None:
    told = Told()
    told.see(BAD, 100)
    told.see(GOOD, 100)
    told.see(replace(GOOD, health=Health.BLACK, health_since_us=77), 4)
    assert [(news.camera, news.state, news.since_us) for news in told.news] == [
        (3, "failed", 5),
        (3, "working", 0),
        (3, "black", 77),
    ]


def test_a_camera_that_is_paused_neither_fails_nor_works_again() -> None:
    told = Told()
    told.see(BAD, 40)
    assert told.see(replace(BAD, state=CameraState.PAUSED, problem=None), 1000) == []
    assert told.see(BAD, 50) == []
    assert len(told.see(BAD, 20)) == 1
