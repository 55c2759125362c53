"""What the web asks for before a camera is configured. Nothing here runs unless somebody asks."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from pathlib import Path

from chimera_storage.config import CameraSettings
from chimera_storage.errors import ConflictError, SourceError
from chimera_storage.motion.finding import discovery, onvif
from chimera_storage.motion.messages import Work, encode_order

EXIT_NO_PICTURE = 3  # of trial.py, which imports what decodes; the server starts without that
TIMEOUT_S = 20.0
_AT_ONCE = 2
_START_S = 15.0  # of an interpreter on a busy small machine
_MOST_BYTES = 40_000_000


class Finder:
    """Test pictures and ONVIF cameras. Used from one event loop."""

    def __init__(self) -> None:
        self._trials = asyncio.Semaphore(_AT_ONCE)
        self._discovering = asyncio.Lock()

    async def picture(self, camera: CameraSettings) -> bytes:
        """A picture that the camera gives now, as JPEG.

        Raises SourceError with the reason, ConflictError where others are being tried.
        """
        if self._trials.locked():
            raise ConflictError("other addresses are being tried just now; try again in a moment")
        async with self._trials:
            return await _tried(camera)

    async def discover(self, address: str | None = None) -> Sequence[discovery.FoundCamera]:
        """The ONVIF cameras that answer, on the local network or at one address; takes 4 s.

        Raises ConflictError where somebody is searching already, SourceError.
        """
        if self._discovering.locked():
            raise ConflictError("the network is being searched just now; try again in a moment")
        async with self._discovering:
            return await asyncio.to_thread(discovery.discover, address)

    async def streams(self, service: str, user: str, password: str) -> Sequence[onvif.Stream]:
        """What an ONVIF camera sends, by the address that `discover` gave. Raises SourceError."""
        return await onvif.streams(service, user, password)


async def _tried(camera: CameraSettings) -> bytes:
    work = Work(data=Path(), timezone="UTC", sync_interval_s=1, cameras=[camera])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "chimera_storage.motion.finding.trial",
        stdin=PIPE,
        stdout=PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S + _START_S):
            content, _ = await process.communicate(encode_order(work))
    except TimeoutError:
        raise SourceError("The camera did not give a picture in time.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode == EXIT_NO_PICTURE:
        raise SourceError(content.decode("utf-8", "replace"))
    if process.returncode or len(content) > _MOST_BYTES:
        raise SourceError("What this camera sends cannot be read here (see the log).")
    return content
