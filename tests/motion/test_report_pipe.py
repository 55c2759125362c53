"""Reports to a parent that does not read them."""

import os
import threading

from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.capture import MAX_SIGHTS
from chimera_storage.motion.messages import decode_said
from chimera_storage.motion.process import ReportPipe


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
