"""The recorder process, as a server starts it, with cameras that play clips in real time."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from chimera_storage.config import CameraSettings
from chimera_storage.doctor.processes import processor_s, resident_bytes
from chimera_storage.errors import ChimeraStorageError
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.messages import STOP_LINE, Watch, Work, decode_report, encode_order

_BEGIN_S = 20.0  # that a slow machine may take until the cameras play
_LOOK_EVERY_S = 0.05
_END_S = 20.0
_SETTLE_S = 2.0  # playing, before it is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a recorder process took while it was measured.

    `processor`: seconds of a core for each second of each camera's video. `memory`: bytes of the
    whole process. `images_per_s`, `image_bytes`: of each camera, and of each image on average.
    `kept_up`: the share of the pictures that it came to look at in the time that it had, 1 where
    it was not too much.
    """

    cameras: int
    processor: float
    memory: int
    images_per_s: float
    image_bytes: int
    kept_up: float


class RecorderProcess:
    """Records `cameras` times the clip into a data folder of its own; to be used in a `with`.

    Raises ChimeraStorageError where it does not begin.
    """

    def __init__(self, data: Path, clip: Path, fps: int, cameras: int) -> None:
        self.data = data
        self._fps = fps
        (data / "shared/captures").mkdir(parents=True)
        self._cameras = [
            CameraSettings.model_validate({"id": number, "url": str(clip), "loop": True})
            for number in range(1, cameras + 1)
        ]
        self._reports: dict[int, tuple[float, CameraReport]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        with (self.data / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "chimera_storage.motion"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, name="reports", daemon=True)
        self._reader.start()
        work = Work(data=self.data, timezone="UTC", sync_interval_s=1.0, cameras=self._cameras)
        numbers = tuple(camera.id for camera in self._cameras)
        assert self._process.stdin is not None  # noqa: S101
        with suppress(BrokenPipeError):  # it is over; `until` says so
            self._process.stdin.write(encode_order(work) + encode_order(Watch(cameras=numbers)))
            self._process.stdin.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None  # noqa: S101
        try:
            if error is None:
                with suppress(OSError):
                    self._process.stdin.write(STOP_LINE)
                    self._process.stdin.close()
                self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            with suppress(OSError):  # what was not sent any more
                self._process.stdin.close()

    def until(self, ready: Callable[[CameraReport], bool]) -> None:
        """Wait until it holds for every camera. Raises ChimeraStorageError."""
        deadline = time.monotonic() + _BEGIN_S
        while not all(map(ready, reports := self._newest())) or len(reports) < len(self._cameras):
            failed = next((r.problem for r in reports if r.state is CameraState.FAILED), None)
            if failed or self._process.poll() is not None or time.monotonic() > deadline:
                raise ChimeraStorageError(
                    f"the recorder does not play a clip: {failed or self._said()}"
                )
            time.sleep(_LOOK_EVERY_S)

    def measure(self, seconds: float) -> Use:
        """What it takes in the time that follows. Raises ChimeraStorageError."""
        try:
            before, cpu_s, began_s = self._marked(), processor_s(self._process.pid), _now()
            time.sleep(seconds)
            after, cpu_s = self._marked(), processor_s(self._process.pid) - cpu_s
            took_s = _now() - began_s
            memory = self.memory()
        except OSError:
            raise ChimeraStorageError(f"the recorder ended: {self._said()}") from None
        rates = [
            (new.frames_read - old.frames_read) / (new_s - old_s) / self._fps
            for (old_s, old), (new_s, new) in zip(before, after, strict=True)
            if new_s > old_s
        ]
        kept_up = min(1.0, sum(rates) / len(rates)) if rates else 0.0
        images = sum(
            n.images_saved - o.images_saved for (_, o), (_, n) in zip(before, after, strict=True)
        )
        played_s = took_s * len(self._cameras)
        sizes = [path.stat().st_size for path in self.data.rglob("[!.]*.jpg")]
        return Use(
            cameras=len(self._cameras),
            processor=cpu_s / played_s / max(kept_up, 0.01),
            memory=memory,
            images_per_s=images / played_s,
            image_bytes=sum(sizes) // len(sizes) if sizes else 0,
            kept_up=kept_up,
        )

    def memory(self) -> int:
        """Bytes of the process now. Raises OSError."""
        return resident_bytes(self._process.pid)

    def _marked(self) -> list[tuple[float, CameraReport]]:
        with self._lock:
            return [self._reports[camera.id] for camera in self._cameras]

    def _newest(self) -> list[CameraReport]:
        with self._lock:
            return [report for _, report in self._reports.values()]

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        with self._process.stdout as pipe:
            for line in pipe:
                with suppress(ValueError, TypeError, LookupError):
                    report = decode_report(line)
                    with self._lock:
                        self._reports[report.camera] = (_now(), report)

    def _said(self) -> str:
        lines = (self.data / "log").read_text(errors="replace").splitlines()
        return lines[-1][:300] if lines else "it says nothing"


def measure_clip(
    data: Path, clip: Path, fps: int, *, cameras: int, moving: bool, seconds: float
) -> Use:
    """What so many cameras take that send the clip. Raises ChimeraStorageError."""
    with RecorderProcess(data, clip, fps, cameras) as process:
        process.until(lambda report: report.state is CameraState.CONNECTED)
        if moving:
            process.until(lambda report: report.recording)
        time.sleep(_SETTLE_S)
        return process.measure(seconds)


def _now() -> float:
    return time.monotonic()
