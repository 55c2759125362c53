"""The recorder process gets every setting of a camera, and the time zone of its hours."""

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import av

from chimera_storage.config import CameraSettings
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.messages import Work, decode_order, decode_report, encode_order
from tests.motion.clips import WIDTH, write_clip
from tests.motion.test_process import started

WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]
FAR_WEST = "Etc/GMT+12"  # twelve hours behind UTC


def around(moment: datetime) -> str:
    begin, end = moment - timedelta(hours=2), moment + timedelta(hours=2)
    return f"{begin:%H:%M}-{end:%H:%M}"


def test_masks_and_zones_arrive_as_they_were_sent() -> None:
    motion = {
        "mask": [{"polygon": WHOLE, "hours": "22:00-06:00"}, {"polygon": WHOLE}],
        "zone": [{"polygon": [[0.1, 0.2], [0.3, 0.4], [0.5, 0.1]], "threshold": 0.01}],
        "mask_file": "/a b.pgm",
        "noise_level": 7,
        "picture_output": "best",
    }
    camera = CameraSettings.model_validate({"id": 1, "url": "x", "motion": motion})
    work = Work(data=Path("/d"), timezone="UTC", sync_interval_s=1, cameras=(camera,))
    assert decode_order(encode_order(work)) == work


def test_hours_are_those_of_the_servers_time_zone(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 6, [(2, 4)])
    now = datetime.now(UTC)
    hours = [around(now.astimezone(ZoneInfo(FAR_WEST))), around(now)]
    cameras = [
        CameraSettings.model_validate(
            {
                "id": number,
                "url": str(tmp_path / "clip.mp4"),
                "motion": {"mask": [{"polygon": WHOLE, "hours": text}]},
            }
        )
        for number, text in enumerate(hours)
    ]
    work = Work(data=tmp_path, timezone=FAR_WEST, sync_interval_s=0.1, cameras=cameras)
    newest: dict[int, CameraReport] = {}
    with started(tmp_path, first_line=encode_order(work)) as process:
        assert process.stdout is not None
        while len(newest) < 2 or {r.state for r in newest.values()} != {CameraState.ENDED}:
            report = decode_report(process.stdout.readline())
            newest[report.camera] = report
    assert newest[0].images_saved == 0
    assert newest[1].images_saved > 10


def test_killed_in_the_middle_of_an_event_its_best_image_so_far_is_there(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 20, [(1, 19)])
    camera = CameraSettings.model_validate(
        {"id": 4, "url": str(tmp_path / "clip.mp4"), "motion": {"picture_output": "best"}}
    )
    work = Work(data=tmp_path, timezone="UTC", sync_interval_s=0.1, cameras=[camera])
    with started(tmp_path, first_line=encode_order(work)) as process:
        assert process.stdout is not None
        while not (report := decode_report(process.stdout.readline())).recording:
            assert report.state is not CameraState.ENDED
        while not decode_report(process.stdout.readline()).images_saved:
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    (image,) = (tmp_path / "shared" / "captures" / "4").rglob("*.jpg")
    with av.open(str(image), format="jpeg_pipe") as file:
        assert next(file.decode(video=0)).width == WIDTH
