"""Images and events of one camera come to rest here.

A data folder that cannot be written to loses images, not the camera: the failure is kept in
`problem` and every further image is tried again.
"""

from dataclasses import replace

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.clock import Clock, to_us
from chimera_storage.config import CameraSettings
from chimera_storage.errors import DiskFullError, StorageError
from chimera_storage.log import get_logger
from chimera_storage.model import Event, ImageKey
from chimera_storage.motion.decoding import Developer, Shot
from chimera_storage.motion.detector import Motion
from chimera_storage.motion.picking import Picker, Snapshots
from chimera_storage.motion.picture import encode_jpeg
from chimera_storage.motion.tally import Tally

_PROBLEM_SHOWN_S = 60.0


class Saver:
    """Saves the shots of a camera, and opens and closes its events.

    `images_saved` counts since the start, `tally` is told of what is not saved; `event_since_us` is
    None while nothing is recorded; `disk_full_us` says when there last was no room for an image.
    """

    def __init__(
        self,
        camera: CameraSettings,
        writer: ImageWriter,
        archive: Archive,
        clock: Clock,
        tally: Tally,
    ) -> None:
        self._tally = tally
        self._camera = camera
        self._writer = writer
        self._archive = archive
        self._clock = clock
        self._log = get_logger(camera=camera.id)
        self._developer = Developer()
        self._picker: Picker[Shot, Motion] = Picker(camera.motion)
        self._snapshots = Snapshots(camera.motion.snapshot_interval)
        self._event: int | None = None
        self._only: ImageKey | None = None  # that is saved of the event where one is to be
        self._problem: str | None = None
        self._problem_at_s = 0.0
        self._last_saved_us = 0
        self.images_saved = 0
        self.event_since_us: int | None = None
        self.disk_full_us: int | None = None

    @property
    def problem(self) -> str | None:
        """Why images could not be saved lately; None where they can."""
        if self._problem and self._clock.monotonic() - self._problem_at_s > _PROBLEM_SHOWN_S:
            self._problem = None
        return self._problem

    def save(self, shot: Shot, motion: Motion, size: tuple[int, int]) -> None:
        """Save a shot of the open event, now, at its close or not at all (`picture_output`).

        `size`: width and height that the boxes refer to.
        """
        is_ready = shot.picture is not None or shot.jpeg is not None
        # One that may have to wait does not keep the other pictures of its group.
        kept = replace(shot, gop=None) if is_ready else shot
        chosen = self._picker.offer(kept, motion, shot.time_us, size)
        if chosen is None:
            self._tally.let_go += 1
        else:
            self._write(*chosen)
        if chosen is None or self._picker.replaces:
            self._last_saved_us = max(self._last_saved_us, shot.time_us)

    def save_if_periodic(self, shot: Shot, motion: Motion) -> None:
        """Save a shot whatever moves, once in every `snapshot_interval`."""
        begins_group = shot.gop is not None and shot.gop.packets[0].time_us == shot.time_us
        is_cheap = shot.picture is not None or shot.jpeg is not None or begins_group
        if self._snapshots.due(shot.time_us, is_cheap=is_cheap):
            self._write(shot, motion, periodic=True)

    def _write(self, shot: Shot, motion: Motion, *, periodic: bool = False) -> None:
        """Write an image; one that was kept compressed is decoded now."""
        jpeg, width, height = shot.jpeg, shot.width, shot.height
        if jpeg is None:
            picture = self._developer.picture(shot)
            if picture is None:
                self._tally.damaged += not periodic
                return
            jpeg = encode_jpeg(picture, self._camera.motion.picture_quality)
            width, height = picture.width, picture.height
        try:
            image = self._writer.save(
                self._camera.id,
                shot.time_us,
                jpeg,
                width=width,
                height=height,
                score=motion.score,
                boxes=motion.boxes,
                event=None if periodic else self._event,
                numbered=not periodic,
            )
        except StorageError as error:
            self._tally.unsaved += not periodic
            self._failed(error)
            return
        self.images_saved += 1
        if not periodic:
            self._last_saved_us = max(self._last_saved_us, shot.time_us)
        if self._picker.replaces and not periodic:
            self._put_in_place(image.key)
        if self._problem is not None:
            self._problem = None
            self._log.info("saving_again")

    def _put_in_place(self, key: ImageKey) -> None:
        """This image is the only one of its event."""
        former, self._only = self._only, key
        if former is None:
            return
        self.images_saved -= 1
        self._tally.let_go += 1
        try:
            self._archive.delete([former])
        except StorageError as error:
            self._failed(error)

    def open_event(self, start_us: int) -> None:
        """What is saved from now on belongs to a new event."""
        self.event_since_us = self._last_saved_us = self._event = start_us
        self._writer.note_event(Event(camera=self._camera.id, start_us=start_us))
        self._log.info("event_opened", event_id=self._event)

    def close_event(self) -> None:
        """The event that is open is over, if there is one; its best image is saved if wanted."""
        if self.event_since_us is None:
            self._developer.forget()
            return
        best = self._picker.close()
        if best is not None:
            self._tally.let_go -= 1  # so it was counted when another was better, or too near
            self._write(*best)
        self._developer.forget()
        self.event_since_us = self._only = None
        event, self._event = self._event, None
        self._log.info("event_closed", event_id=event, images_saved=self.images_saved)
        if event is None:
            return
        self._writer.note_event(
            Event(camera=self._camera.id, start_us=event, end_us=self._last_saved_us)
        )

    def _failed(self, error: StorageError) -> None:
        if self._problem is None:
            self._log.error("saving_failed", problem=str(error))
        self._problem = str(error)
        self._problem_at_s = self._clock.monotonic()
        if isinstance(error, DiskFullError):
            self.disk_full_us = to_us(self._clock.now())
