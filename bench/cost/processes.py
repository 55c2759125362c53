"""The recorders that are compared, each in a process of its own, and the CPU time that they take.

CPU time is user plus system of the process and all below it, from /proc, over a stretch of the
clip that begins when the recorder has been playing it for some seconds: starting up is not in it.
"""

import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chimera_storage.config import CameraSettings
from chimera_storage.motion.messages import Work, decode_report, encode_order

from .footage import FPS

SETTLE_S = 6.0  # playing, before it is measured
QUALITY = 75
PRE_FRAMES, POST_FRAMES, GAP_S = 3, 10, 60  # the defaults of Motion, for both
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU seconds per second of video, images saved while measured, memory at the end in MB."""

    cpu: float
    images: int
    memory_mb: float
    frames_left_out: int = 0


def ours(cameras: list[dict[str, object]], seconds: float) -> Cost:
    """The recorder process with these cameras (`url` and more), measured for so many seconds."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        (data / "shared/captures").mkdir(parents=True)
        motion = {
            "picture_quality": QUALITY,
            "pre_capture": PRE_FRAMES / FPS,
            "post_capture": POST_FRAMES / FPS,
            "event_gap": GAP_S,
        }
        settings = [
            CameraSettings.model_validate({"id": n, "loop": True, "motion": motion, **camera})
            for n, camera in enumerate(cameras, 1)
        ]
        work = Work(data=data, timezone="UTC", sync_interval_s=1.0, cameras=settings)
        with (data / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "chimera_storage.motion"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode_order(work))
        process.stdin.flush()
        reports = process.stdout
        connected: set[int] = set()
        try:
            while len(connected) < len(cameras):
                report = decode_report(reports.readline())
                if report.problem:
                    raise RuntimeError(f"camera {report.camera}: {report.problem}")
                if report.state == "connected":
                    connected.add(report.camera)
            _drain_for(reports, SETTLE_S)
            cost = _measured(process.pid, data, lambda s: _drain_for(reports, s), seconds)
        finally:
            process.stdin.close()
            process.wait(20)
        left_out = re.findall(rb"pictures_left_out.*?(\d+)", (data / "log").read_bytes())
        return Cost(
            cpu=cost.cpu,
            images=cost.images,
            memory_mb=cost.memory_mb,
            frames_left_out=sum(map(int, left_out)),
        )


MOTION_CONF = """daemon off
setup_mode off
log_level 6
target_dir {folder}
netcam_url {url}
netcam_params capture_rate={fps}
width {width}
height {height}
framerate {fps}
picture_output on
picture_quality {quality}
picture_filename %Y%m%d-%H%M%S-%q
movie_output off
minimum_motion_frames 1
pre_capture {pre}
post_capture {post}
event_gap {gap}
webcontrol_port 0
stream_port 0
"""


def motion(video: Path, width: int, height: int, fps: int, seconds: float) -> Cost:
    """The Motion daemon with its defaults on the same file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "motion.conf"
        config.write_text(
            MOTION_CONF.format(
                folder=folder,
                url=f"file://{video}",
                fps=fps,
                width=width,
                height=height,
                quality=QUALITY,
                pre=PRE_FRAMES,
                post=POST_FRAMES,
                gap=GAP_S,
            )
        )
        process = subprocess.Popen(
            ["motion", "-n", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            while b") connected" not in process.stderr.readline():
                if process.poll() is not None:
                    raise RuntimeError("Motion ended")
            log = process.stderr
            _drain_for(log, SETTLE_S)
            return _measured(process.pid, folder, lambda s: _drain_for(log, s), seconds)
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _measured(pid: int, folder: Path, wait: Callable[[float], None], seconds: float) -> Cost:
    images = sum(1 for _ in folder.rglob("*.jpg"))
    began_s, before_s = time.monotonic(), _cpu_s(pid)
    wait(seconds)
    passed_s, cpu_s = time.monotonic() - began_s, _cpu_s(pid) - before_s
    return Cost(
        cpu=cpu_s / passed_s,
        images=sum(1 for _ in folder.rglob("*.jpg")) - images,
        memory_mb=_memory_mb(pid),
    )


def _drain_for(pipe: object, seconds: float) -> None:
    """Read what comes for so long, so that nobody waits for us."""
    descriptor = pipe.fileno()  # type: ignore[attr-defined]
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0] and not os.read(descriptor, 65536):
            raise RuntimeError("the process ended")


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(p for child in children for p in _tree(int(child)))]


def _cpu_s(pid: int) -> float:
    total = 0
    for one in _tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
    return total * _TICK_S


def _memory_mb(pid: int) -> float:
    """Proportional set size of the tree."""
    total = 0
    for one in _tree(pid):
        rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])  # type: ignore[index]
    return total / 1024
