"""Who looks at which camera, in the server's process; the recorder process makes the pictures.

A camera is watched from the moment somebody looks at it until a few seconds after the last one has
left, so that who asks for a picture every second does not begin anew each time.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chimera_storage.model import LivePicture
from chimera_storage.motion.messages import Show

LINGER_S = 3.0


class View:
    """One who looks at a camera."""

    def __init__(self, camera: "_Camera") -> None:
        self._camera = camera
        self._seen_us: int | None = None

    @property
    def over(self) -> bool:
        """Nothing more is shown: the server ends."""
        return self._camera.over

    async def next(self, timeout_s: float) -> LivePicture | None:
        """The newest picture, once there is one that was not given yet; None where none comes."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.over:
                    picture = self._camera.newest
                    if picture is not None and picture.time_us != self._seen_us:
                        self._seen_us = picture.time_us
                        return picture
                    await self._camera.news()
        except TimeoutError:
            pass
        return None


class _Camera:
    def __init__(self) -> None:
        self.newest: LivePicture | None = None
        self.over = False
        self._waiting: list[asyncio.Future[None]] = []

    async def news(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)

    def show(self, picture: LivePicture) -> None:
        self.newest = picture
        self.wake()

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Views:
    """All who look. For one event loop; `tell` hears which cameras are looked at."""

    def __init__(self, tell: Callable[[Show], None], *, linger_s: float = LINGER_S) -> None:
        self._tell = tell
        self._linger_s = linger_s
        self._looking: Counter[int] = Counter()
        self._cameras: dict[int, _Camera] = {}

    @contextmanager
    def look(self, camera: int) -> Iterator[View]:
        """Somebody looks at the camera until this is left."""
        self._looking[camera] += 1
        if camera not in self._cameras:
            self._cameras[camera] = _Camera()
            self._say()
        try:
            yield View(self._cameras[camera])
        finally:
            self._looking[camera] -= 1
            if not self._looking[camera]:
                asyncio.get_running_loop().call_later(self._linger_s, self._end, camera)

    def show(self, picture: LivePicture) -> None:
        """A picture came."""
        if (camera := self._cameras.get(picture.camera)) is not None:
            camera.show(picture)

    def close(self) -> None:
        """Nothing more is shown to anybody."""
        for camera in self._cameras.values():
            camera.over = True
            camera.wake()

    def _end(self, camera: int) -> None:
        if not self._looking[camera] and self._cameras.pop(camera, None) is not None:
            del self._looking[camera]
            self._say()

    def _say(self) -> None:
        self._tell(Show(cameras=tuple(sorted(self._cameras))))
