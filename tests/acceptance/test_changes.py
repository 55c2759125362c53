"""The real server with real streams: cameras change while another one loses no frame."""

import os
import signal
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from chimera_storage.archive.index import Index
from tests.motion.clips import RATE, write_clip
from tests.support.rtsp import RtspServer
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = pytest.mark.acceptance
CONFIG = """
# the one that must not be disturbed
[[camera]]
id = 1
url = "{url}"   # the yard
"""


def states(server: RunningServer) -> dict[int, str]:
    cameras = server.http.get("/motion/status").json()["cameras"]
    return {camera["id"]: camera["state"] for camera in cameras}


def until_state(server: RunningServer, camera: int, state: str | None) -> None:
    wait_for(lambda: states(server).get(camera) == state, lambda: f"{state} in {server.log}")


def test_cameras_change_by_request_and_by_hand_while_another_one_loses_no_frame(
    tmp_path: Path,
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    write_clip(clips / "moving.mp4", 60, [(begin, begin + 1.9) for begin in range(0, 60, 2)])
    write_clip(clips / "still.mp4", 10, [])
    with RtspServer(clips) as rtsp:
        config = CONFIG.format(url=rtsp.url("moving.mp4", user="viewer:secret"))
        other = {"id": 2, "url": rtsp.url("still.mp4"), "name": "Cellar"}
        with RunningServer(tmp_path, config) as server:
            file = tmp_path / "storage.toml"
            wait_for(lambda: len(server.images(1)) > 5, "the first images")
            began_us = time.time_ns() // 1000
            server.post("/cameras", **other)
            until_state(server, 2, "connected")
            zone = {"polygon": [[0, 0], [1, 0], [1, 1]], "threshold": 0.1}
            changed = {**other, "motion": {"zone": [zone]}}
            assert server.http.put("/cameras/2", json=changed).status_code == 200
            until_state(server, 2, "connected")
            server.post("/cameras/2/pause")
            assert states(server)[2] == "paused"
            text = file.read_text()
            assert text.startswith(config.rstrip("\n"))
            file.write_text(text.replace("paused = true", "paused = false"))
            os.kill(server.pid, signal.SIGHUP)
            until_state(server, 2, "connected")
            file.write_text("[[camera]\n")
            os.kill(server.pid, signal.SIGHUP)
            wait_for(lambda: "configuration_not_reloaded" in server.log, "the refusal")
            assert "not valid TOML" in server.log
            until_state(server, 2, "connected")  # what was said until now may be of before
            file.write_text(text.replace("\n[[camera]]", "\n[server]\nport = 1\n[[camera]]", 1))
            os.kill(server.pid, signal.SIGHUP)
            until_state(server, 2, "paused")
            assert '"needs_restart": ["server.port"]' not in server.log  # a flag wins over it
            assert server.http.delete("/cameras/2").json()["removed"]
            assert 2 not in states(server)
            ended_us = time.time_ns() // 1000
            wait_for(lambda: newest_us(server) > ended_us, "images after the last change")
            (camera,) = server.http.get("/motion/status").json()["cameras"]
            log = server.log
        assert camera["restarts"] == 0
        assert log.count("recorder_started") == 1
        assert "secret" not in log
    with closing(Index(server.data / "index.db")) as index:
        taken_us = [
            image.taken_at_us
            for image in index.images(1, began_us, ended_us)
            if began_us <= image.taken_at_us <= ended_us
        ]
    gaps_s = [(b - a) / 1e6 for a, b in pairwise(taken_us)]
    assert max(gaps_s) < 1.5 / RATE, max(gaps_s)
    assert len(taken_us) == pytest.approx((ended_us - began_us) / 1e6 * RATE, abs=2)


def newest_us(server: RunningServer) -> int:
    latest = server.http.get("/cameras").json()["cameras"][0]["latest"]
    return int(latest["taken"] * 1000)
