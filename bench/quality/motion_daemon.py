"""The Motion daemon (4.5.1 in Debian) with the values of its package's motion.conf.

It plays files only in real time and says what it found in no file, so it runs in setup mode, which
changes nothing in what it detects and logs the changed pixels of each picture whenever their number
changes. A picture is motion if they are more than `threshold` (1500, whatever the resolution), as
minimum_motion_frames is 1. While nothing moves Motion looks at 3 pictures a second only; what it
found in one stands for those up to the next.

The clip is given a lead-in, its first second to and fro, since Motion starts with a grey picture
that it takes a while to forget, with one negative flash in it: the clip's frames are counted from
the moment at which the log shows the flash.
"""

import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from .encode import Planes, write_near_lossless
from .result import Result

BEFORE_FLASH_S, FLASH_S, AFTER_FLASH_S = 20.0, 1.0, 10.0
ATTEMPTS = 3
UNEVEN = 0.02  # a busy machine holds it up: more than that and its frames cannot be placed
FLASH_SHARE = 0.3  # of the picture that changes
THRESHOLD = 1500
_CHANGES = re.compile(r"(?:Changes|changes after '\w+'):\s*(\d+)")
CONFIG = """daemon off
setup_mode on
log_level 7
target_dir {folder}
netcam_url file://{video}
netcam_params capture_rate={fps}
width {width}
height {height}
framerate {fps}
threshold {threshold}
despeckle_filter EedDl
minimum_motion_frames 1
event_gap 60
pre_capture 3
post_capture 0
picture_output off
movie_output off
webcontrol_port 0
stream_port 0
"""


class MotionDaemon:
    name = "motion"

    def run(self, path: Path) -> Result:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            video = folder / "clip.mp4"
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                fps, count = float(stream.average_rate or 25), stream.frames
                width, height = stream.width & ~15, stream.height & ~15  # it takes no others
                whole_rate = max(2, round(fps))
            lead = write_near_lossless(video, _with_lead_in(path, fps), fps) - count
            config = CONFIG.format(
                folder=folder,
                video=video,
                width=width,
                height=height,
                fps=whole_rate,
                threshold=THRESHOLD,
            )
            (folder / "motion.conf").write_text(config)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            for _ in range(ATTEMPTS):
                log, end_s = _watch(folder / "motion.conf", 1.5 * (lead + count) / fps + 10)
                interval_s = _interval_s(log, end_s, width * height, fps, count)
                if interval_s is not None and abs(interval_s * whole_rate - 1) < UNEVEN:
                    break
            else:
                raise RuntimeError("Motion did not play evenly; on a quiet machine it does.")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        flags = _flags(log, end_s, width * height, fps, count)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cpu_s *= count / (lead + count)
        return Result(flags=flags, boxes=[[] for _ in flags], cpu_s=cpu_s)


def _with_lead_in(path: Path, fps: float) -> Iterator[Planes]:
    first: list[Planes] = []
    for planes in _planes(path):
        first.append(planes)
        if len(first) >= fps:
            break
    to_and_fro = first + first[::-1]
    flash_at, flash_frames = round(BEFORE_FLASH_S * fps), round(FLASH_S * fps)
    for n in range(flash_at + flash_frames + round(AFTER_FLASH_S * fps)):
        y, u, v = to_and_fro[n % len(to_and_fro)]
        if flash_at <= n < flash_at + flash_frames:
            y = np.asarray(np.where(y < 126, 230, 20), np.uint8)
        yield y, u, v
    yield from _planes(path)


def _planes(path: Path) -> Iterator[Planes]:
    with av.open(str(path)) as container:
        for decoded in container.decode(video=0):
            frame = decoded.reformat(format="yuv420p")
            values = frame.to_ndarray()
            rows, columns = frame.height, frame.width
            flat, area = values.reshape(-1), rows * columns
            yield (
                flat[:area].reshape(rows, columns),
                flat[area : area * 5 // 4].reshape(rows // 2, columns // 2),
                flat[area * 5 // 4 :].reshape(rows // 2, columns // 2),
            )


def _watch(config: Path, longest_s: float) -> tuple[list[tuple[float, int]], float]:
    """Times (monotonic, s) and numbers of changed pixels, as the log says them; and of its end."""
    log: list[tuple[float, int]] = []
    started = now = time.monotonic()
    with subprocess.Popen(
        ["motion", "-n", "-c", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            now = time.monotonic()
            if found := _CHANGES.search(line):
                log.append((now, int(found[1])))
            if "End of file" in line or now - started > longest_s:
                break
        process.terminate()
        process.stderr.read()
        process.wait(20)
    return log, now


def _flags(
    log: list[tuple[float, int]], end_s: float, pixels: int, fps: float, count: int
) -> list[bool]:
    """Whether each frame of the clip is motion; what the log said last holds until it says more.

    Frames come evenly between the flash and the end of the file: Motion plays a little slower or
    faster than the file's own rate.
    """
    flash_s = _flash_s(log, pixels)
    interval_s = _interval_s(log, end_s, pixels, fps, count)
    assert flash_s is not None
    assert interval_s is not None
    start_s = flash_s + _after_flash(fps) * interval_s
    flags, place, value = [], 0, 0
    for n in range(count):
        while place < len(log) and log[place][0] <= start_s + (n + 0.5) * interval_s:
            value = log[place][1]
            place += 1
        flags.append(value > THRESHOLD)
    return flags


def _flash_s(log: list[tuple[float, int]], pixels: int) -> float | None:
    """When the flash of the lead-in began, by the clock of the log."""
    for (_, before), (now_s, now) in pairwise(log):
        late = now_s - log[0][0] >= BEFORE_FLASH_S / 2
        if late and now >= FLASH_SHARE * pixels > before:
            return now_s
    return None


def _after_flash(fps: float) -> int:
    """Frames of the lead-in from the flash's first on."""
    return round(FLASH_S * fps) + round(AFTER_FLASH_S * fps)


def _interval_s(
    log: list[tuple[float, int]], end_s: float, pixels: int, fps: float, count: int
) -> float | None:
    """Seconds a frame between the flash and the end of the file; None without the flash."""
    flash_s = _flash_s(log, pixels)
    return None if flash_s is None else (end_s - flash_s) / (_after_flash(fps) + count)
