"""What a recorder process and its parent say to each other when one of them is in trouble."""

import io
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from chimera_storage.config import CameraSettings
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.capture import MAX_SIGHTS
from chimera_storage.motion.live import Live
from chimera_storage.motion.messages import Work, decode_said, encode_order
from chimera_storage.motion.process import Cameras, ReportPipe, _obey
from chimera_storage.motion.recorder import Recorder


def test_what_was_seen_is_kept_for_a_parent_that_hangs_but_not_without_end() -> None:
    read, write = os.pipe()
    pipe = ReportPipe(write, threading.Event())
    for number in range(2 * MAX_SIGHTS):
        sights = ((number, 0.5),)
        pipe.put(CameraReport(camera=1, state=CameraState.CONNECTED, since_us=0, sights=sights))
    pipe.start()
    with os.fdopen(read, "rb") as lines:
        said = decode_said(lines.readline())
    pipe.close()
    os.close(write)
    assert isinstance(said, CameraReport)
    assert [time_us for time_us, _ in said.sights] == list(range(MAX_SIGHTS, 2 * MAX_SIGHTS))


class NoThreadLeft(Cameras):
    """Of a machine that has no room for another thread."""

    def record(self, cameras: Sequence[CameraSettings]) -> None:
        raise RuntimeError(f"can't start new thread for {len(cameras)} cameras")


def no_recorder(camera: CameraSettings) -> Recorder:
    raise AssertionError(camera)


def test_a_process_that_cannot_obey_ends_instead_of_recording_what_it_is_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work(data=Path("/nowhere"), timezone="UTC", sync_interval_s=2, cameras=())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(encode_order(work))))
    stop = threading.Event()
    with pytest.raises(RuntimeError):
        _obey(NoThreadLeft(no_recorder, stop), Live(print), stop)
    assert stop.is_set()
