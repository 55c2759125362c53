"""What is done to a server; each trial says in words what it did. Raises TrialError where what has
to come afterwards (an answer, new images, a finished video) does not."""

import os
import random
import resource
import time
import zipfile
from collections.abc import Set
from contextlib import suppress
from datetime import UTC, datetime

import av

from chimera_storage.doctor.chaos.cameras import HONEST, LIES
from chimera_storage.doctor.chaos.room import Room, Trial
from chimera_storage.doctor.chaos.server import TrialError, wait_for

_TIMES = 3
_LIES_S, _SILENCE_S = 2.0, 12.0  # after 10 s a silent camera is given up
_FULL_S = 3.0
_UNDER_WAY_S = 0.5
_LIVED_AGAIN_S = 3  # by which the clock is set back
_STAMP_S = 60.0  # that a slow machine may take until images of the set clock come
_DAMAGE = 16_384  # bytes
_DIED = "conversion_process_died"  # of the server's log


def kill_server(room: Room) -> str:
    """kill -9 of the server alone: its recorder finds that out and ends."""
    for _ in range(_TIMES):
        room.images(3)
        time.sleep(room.chance.random())
        room.server.kill()
        room.server.start()
    room.images(3)
    return f"kill -9 of the server, {_TIMES} times"


def kill_recorder(room: Room) -> str:
    """kill -9 of the process that records: the server starts another one."""
    killed = 0
    for _ in range(_TIMES):
        room.images(3)
        time.sleep(room.chance.random())
        wait_for(lambda: room.server.processes("motion"), "a recorder process")
        killed += room.server.kill_each("motion")
    room.images(3)
    return f"kill -9 of the recorder process, {killed} times"


def kill_everything(room: Room) -> str:
    """All processes at once, as by a power cut that leaves the disk alone."""
    for _ in range(_TIMES):
        room.images(3)
        time.sleep(room.chance.random())
        room.server.kill_all()
        room.server.start()
    room.images(3)
    return f"kill -9 of all its processes at once, {_TIMES} times"


def kill_conversions(room: Room) -> str:
    """kill -9 of conversions while they run: they are made all the same, and whole."""
    room.images(3)
    before = room.server.log.count(_DIED)
    for route in ("createVideo", "createZip", "createVideo"):
        number = room.server.ask(f"/convert/{route}", camera=2, hours=1)["id"]
        time.sleep(room.chance.uniform(0, 0.2))
        room.server.kill_each("convert")
        _wait_until_made(room, number)
    killed = room.server.log.count(_DIED) - before
    return f"kill -9 of {killed} conversions at work; two videos and an archive are whole"


def lie(room: Room) -> str:
    """Two cameras do what cameras should not, one after the other; the third goes on."""
    order = list(LIES)
    room.chance.shuffle(order)
    before = room.witness.count()[1]
    began_s = time.monotonic()
    for kind in order:
        room.cameras.lie = kind
        time.sleep(_SILENCE_S if kind == "stall" else _LIES_S)
    took_s = time.monotonic() - began_s
    others = room.witness.count()[1] - before
    room.cameras.lie = HONEST
    if not others:
        raise TrialError("while two cameras lied nothing was saved of the third")
    room.images(3)
    lies = ", ".join(LIES[kind] for kind in order)
    return f"two cameras {lies}; of the third {others / took_s:.0f} images/s were saved meanwhile"


def fill(room: Room) -> str:
    """No process may write a byte more into a file (RLIMIT_FSIZE), for some seconds."""
    room.images(2)
    for _ in range(_TIMES):
        _limit(room, 0)
        try:
            if saved_meanwhile(room, _FULL_S):
                raise TrialError("images were saved though no byte was to be written")
        finally:
            _limit(room, resource.RLIM_INFINITY)
        room.images(2)
    return f"no byte could be written for {_FULL_S:.0f} s, {_TIMES} times (RLIMIT_FSIZE)"


def set_clock(room: Room) -> str:
    """The server's own clock is set; names that are taken must stay whose they are."""
    shift = room.folder / "shift"
    shift.write_text("0")
    (room.folder / "shifting").mkdir()
    (room.folder / "shifting/sitecustomize.py").write_text(_SHIFTING)
    room.server.stop()
    path = os.environ.get("PYTHONPATH", "")
    room.server.environment = {
        "PYTHONPATH": f"{room.folder / 'shifting'}{os.pathsep}{path}",
        "CHIMERA_DOCTOR_SHIFT": str(shift),
    }
    room.server.start()
    jumps = (3600, 3600 - _LIVED_AGAIN_S, -7200, 0)
    room.images(3)
    for seconds in jumps:
        shift.with_suffix(".new").write_text(str(seconds))
        shift.with_suffix(".new").rename(shift)
        known = room.witness.named().keys()
        room.images(3)
        time.sleep(_LIVED_AGAIN_S)  # so that the names of the seconds that come again are taken
        _require_stamp(room.witness.named().keys() - known, seconds)
    room.server.stop()
    room.server.environment = {}
    room.server.start()
    room.images(2)
    told = ", ".join(f"{seconds:+} s" for seconds in jumps)
    return f"the clock of its programs was set to {told} of the true time (the machine's was not)"


def remove_index(room: Room) -> str:
    """While it runs, and while it does not."""
    room.images(3)
    _remove(room)
    room.images(3)
    room.server.kill_all()
    _remove(room)
    room.server.start()
    room.images(3)
    return "the index removed while the server ran, and while it did not"


def damage_index(room: Room) -> str:
    """Noise in the middle, and half of it cut off."""
    room.images(3)
    index = room.server.data / "index.db"
    for cut in (False, True):
        room.server.stop()
        size = index.stat().st_size
        with index.open("r+b") as file:
            if cut:
                file.truncate(size // 2)
            else:
                file.seek(max(0, room.chance.randrange(max(1, size - _DAMAGE))))
                file.write(random.Random(size).randbytes(_DAMAGE))
        room.server.start()
        room.images(3)
    return f"{_DAMAGE // 1024} KiB of noise in the index, then half of it cut off"


TRIALS: dict[str, Trial] = {
    "server killed": kill_server,
    "recorder killed": kill_recorder,
    "conversions killed": kill_conversions,
    "all killed": kill_everything,
    "lying cameras": lie,
    "full disk": fill,
    "clock set": set_clock,
    "index removed": remove_index,
    "index damaged": damage_index,
}

_SHIFTING = '''"""Sets the clock of chimera_storage by the seconds that stand in a file."""
import os
from datetime import timedelta
from pathlib import Path

from chimera_storage import clock

_true = clock.SystemClock.now


def _now(self):
    shift = Path(os.environ["CHIMERA_DOCTOR_SHIFT"]).read_text()
    return _true(self) + timedelta(seconds=int(shift))


clock.SystemClock.now = _now
'''


def saved_meanwhile(room: Room, seconds: float) -> int:
    """How many images get their names in the time that follows, but for those under way."""
    time.sleep(_UNDER_WAY_S)
    room.witness.look()
    before = len(room.witness.named())
    time.sleep(seconds)
    room.witness.look()
    return len(room.witness.named()) - before


def _require_stamp(names: Set[str], shift_s: int) -> None:
    """Raises TrialError where none of the images was named by the clock as it was set."""
    due_s = time.time() + shift_s
    if not any(abs(_named_at_s(name) - due_s) < _STAMP_S for name in names):
        raise TrialError(f"the clock was set by {shift_s} s, and no image says so")


def _named_at_s(name: str) -> float:
    stamp = name.rpartition("/")[2][: len("YYYYMMDD-HHMMSS")]
    return datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()


def _status(room: Room, number: str) -> str:
    return str(room.server.ask("/convert/statusProcess", id=number)["status"])


def _wait_until_made(room: Room, number: str) -> None:
    """Raises TrialError for a conversion that is not made, or not whole."""
    wait_for(lambda: _status(room, number) not in ("queued", "running"), "the end of a conversion")
    told = room.server.ask("/convert/statusProcess", id=number)
    if told["status"] != "done":
        raise TrialError(f"a {told['type']} is {told['status']}: {told['error']}")
    path = room.server.captures / told["link"].rpartition("/")[2]
    try:
        if told["type"] == "zip":
            with zipfile.ZipFile(path) as archive:
                found, bad = len(archive.namelist()), archive.testzip()
        else:
            with av.open(str(path)) as video:
                found, bad = sum(1 for _ in video.decode(video=0)), None
    except (OSError, av.FFmpegError, zipfile.BadZipFile) as error:
        raise TrialError(f"a {told['type']} that is done cannot be read: {error}") from None
    if found != told["frames"] or bad or path.stat().st_size != told["size"]:
        raise TrialError(f"a {told['type']} of {told['frames']} images has {found}")


def _limit(room: Room, size: int) -> None:
    """How large a file may become that one of its processes writes to."""
    for pid in room.server.processes():
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _remove(room: Room) -> None:
    for path in room.server.data.glob("index.db*"):
        path.unlink(missing_ok=True)
