"""The real server tells a real broker and a webhook when something moves before a camera."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.motion.clips import write_clip
from tests.support.mosquitto import PASSWORD, USER, Mosquitto, needs_mosquitto, until_heard
from tests.support.receiver import SECRET, receiver
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, needs_mosquitto]
MOTION = "chimera-storage/camera/1/motion"
IMAGE = "chimera-storage/camera/1/image"
STATUS = "chimera-storage/status"


def test_motion_is_told_and_a_server_that_dies_is_offline(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_clip(clip, 3, [(0.8, 1.8)])
    broker = Mosquitto(tmp_path)
    broker.start()
    with receiver() as hook:
        config = f"""
[[camera]]
id = 1
name = "Yard"
url = "{clip}"
[camera.motion]
event_gap = 1
[mqtt]
host = "127.0.0.1"
port = {broker.port}
user = "{USER}"
password = "{PASSWORD}"
[[webhooks]]
url = "{hook.url.get_secret_value()}"
secret = "{SECRET}"
"""

        async def told(server: RunningServer) -> None:
            async with broker.heard() as heard:
                await until_heard(heard, lambda h: h.get(IMAGE, b"")[:2] == b"\xff\xd8")
                await until_heard(heard, lambda h: h.get(MOTION) == b"OFF")
                assert heard[STATUS] == b"online"
                await asyncio.to_thread(wait_for, lambda: len(hook.bodies) >= 2, "the webhook")
                server.stop(signal.SIGKILL)
                await until_heard(heard, lambda h: h.get(STATUS) == b"offline")

        with RunningServer(tmp_path, config) as server:
            asyncio.run(told(server))
            log = server.log
    broker.stop()
    assert [message["event"] for message in hook.messages[:2]] == ["motion.start", "motion.end"]
    assert hook.messages[1]["best"]["url"].startswith("/link/")
    assert hook.messages[1]["images"] > 0
    assert SECRET not in log
    assert PASSWORD not in log
