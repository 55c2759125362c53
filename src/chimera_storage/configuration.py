"""The settings as they are now, and how they change while the server runs.

Three ways lead here: a hand in storage.toml and SIGHUP, the admin API, the switches of home
automation. The file is the truth: it is read again before each change, so that what a hand changed
meanwhile is taken in and never overwritten; the changed text is read back before it is written,
beside a copy of the one before. `docs/decisions/0014-changes-while-running.md`.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from chimera_storage import config_edit
from chimera_storage.camera_address import kept_address
from chimera_storage.config import CameraSettings, Settings
from chimera_storage.config_load import own_file, parse_camera, parse_settings, read_text
from chimera_storage.config_write import replace_file
from chimera_storage.errors import (
    ConfigurationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from chimera_storage.log import get_logger
from chimera_storage.motion_settings import Section

Values = Mapping[str, Any]

LIVE = ("camera", "camera_names", "retention", "exports", "alerts")
LIVE_OF_STORAGE = ("max_gb", "min_free_gb")
_OWN_FILE = """\
# Written by the server when its cameras were changed; yours to edit as well
# (docs/configuration.md). A server that is started with --config FILE reads that one instead.
[storage]
path = "."
"""

log = get_logger()


class Names(Mapping[int, str]):
    """The names of cameras as they are now."""

    def __init__(self, configuration: "Configuration") -> None:
        self._configuration = configuration

    def __getitem__(self, camera: int) -> str:
        return self._configuration.settings.names()[camera]

    def __iter__(self) -> Iterator[int]:
        return iter(self._configuration.settings.names())

    def __len__(self) -> int:
        return len(self._configuration.settings.names())

    def shown(self, camera: int) -> str:
        """The name, else "Camera 3"."""
        return self.get(camera) or f"Camera {camera}"

    def of_configured(self) -> dict[int, str]:
        """Of every camera that this server records."""
        return {camera.id: self.shown(camera.id) for camera in self._configuration.settings.camera}


class Configuration:
    """`settings` and `names`: what holds now. Raises ConfigurationError where none can be loaded.

    `path`: the file (None: the data folder's own storage.toml, which the first change makes).
    `overrides` win over the file (`load_settings`); `demo` adds a demonstration camera where there
    is none. `check` says in a ConfigurationError what else is wrong with a new camera.
    """

    def __init__(
        self,
        path: Path | None,
        environ: Mapping[str, str],
        *,
        overrides: Values | None = None,
        demo: bool = False,
        check: Callable[[CameraSettings], None] = lambda _camera: None,
    ) -> None:
        self._environ = environ
        self._overrides = overrides
        self._demo = demo
        self._check = check
        self._is_own = path is None
        self._path = path or own_file(environ, overrides)
        self._hearers: list[Callable[[Settings], None]] = []
        self._lock = asyncio.Lock()
        self.settings = self._started = self._parse(self._text())
        self.names = Names(self)

    @property
    def path(self) -> Path:
        """The file that changes are written to."""
        return self._path

    def tell(self, *hearers: Callable[[Settings], None]) -> None:
        """Have these called with the settings, now and after each change, in the event loop."""
        self._hearers += hearers
        for hear in hearers:
            hear(self.settings)

    async def reload(self) -> list[str]:
        """Take in what the file says now; the keys that wait for a restart, `server.port`.

        Raises ConfigurationError, and everything stays as it is.
        """
        async with self._lock:
            new = await asyncio.to_thread(lambda: self._parse(self._text()))
            self._use(new)
        return keys_that_wait(self.settings, new)

    def find(self, camera: int) -> CameraSettings | None:
        """A configured camera."""
        return _camera(self.settings, camera)

    async def add_camera(self, values: Values) -> int:
        """Record one more; its id. Raises InvalidInputError, ConflictError (also: id is taken)."""
        number = _number(values)
        if self.find(number) is not None:
            raise ConflictError(f"camera {number} is there already; PUT changes it")
        await self._store({number: values})
        return number

    async def change_camera(self, camera: int, values: Values) -> None:
        """Give a camera these settings; what they leave out is as by default, but for the address.

        Raises NotFoundError, InvalidInputError or ConflictError.
        """
        before = self._known(camera)
        if values.get("id", camera) != camera:
            raise InvalidInputError("id: a camera keeps its number; add another, remove this one")
        await self._store({camera: _kept(before, values)})

    async def pause_camera(self, camera: int, *, paused: bool) -> None:
        """Record a camera no more for now, or again. Raises NotFoundError or ConflictError."""
        before = self._known(camera)
        if before.paused != paused:
            await self._store({camera: {**_plain(before), "paused": paused}})

    async def remove_camera(self, camera: int) -> None:
        """Take a camera out; its footage stays. Raises NotFoundError or ConflictError."""
        self._known(camera)
        await self._store({camera: None})

    async def replace_cameras(self, cameras: Sequence[Values]) -> None:
        """Make these the cameras, each as in `add_camera` or `change_camera`; others go.

        Raises InvalidInputError or ConflictError, and nothing is changed.
        """
        wanted: dict[int, Values | None] = {}
        for values in cameras:
            number = _number(values)
            if number in wanted:
                raise InvalidInputError(f"camera id {number} stands twice; each once is right")
            before = self.find(number)
            wanted[number] = values if before is None else _kept(before, values)
        gone = {c.id: None for c in self.settings.camera if c.id not in wanted}
        await self._store({**wanted, **gone})

    def _known(self, camera: int) -> CameraSettings:
        found = self.find(camera)
        if found is None:
            raise NotFoundError(f"camera {camera} is not configured; POST /cameras adds one")
        return found

    async def _store(self, wanted: Mapping[int, Values | None]) -> None:
        """Bring these cameras into the file and into effect; None takes one out."""
        async with self._lock:
            text = await asyncio.to_thread(self._text_for_change)
            current = self._parse_changed(text)
            for number in wanted:
                if _camera(current, number) != self.find(number):
                    self._use(current)
                    raise ConflictError(
                        f"camera {number} was changed in {self._path.name} meanwhile; that holds"
                        " now: look at it again and repeat the change where it is still right"
                    )
            new = await asyncio.to_thread(self._write_change, text, current, wanted)
            self._use(new)

    def _write_change(
        self, text: str, current: Settings, wanted: Mapping[int, Values | None]
    ) -> Settings:
        after = {number: self._checked(values) for number, values in wanted.items() if values}
        try:
            edited = self._edited(text, current, wanted, after)
            new = self._parse(edited)
        except (LookupError, TypeError, ValueError) as error:
            raise ConflictError(f"{self._path.name} cannot be changed from here: {error}") from None
        except ConfigurationError as error:
            raise InvalidInputError(_one_line(error)) from None
        expected = {c.id: c for c in current.camera if c.id not in wanted} | after
        if {camera.id: camera for camera in new.camera} != expected:
            raise ConflictError(
                f"{self._path.name} is written in a way that cannot be changed from here; change"
                " it by hand and send the server SIGHUP"
            )
        if edited != text:
            replace_file(self._path, edited, text)
            log.info("configuration_written", file=self._path.name)
        return new

    def _checked(self, values: Values) -> CameraSettings:
        try:
            camera = parse_camera(values, self._path.resolve().parent)
            self._check(camera)
        except ConfigurationError as error:
            raise InvalidInputError(_one_line(error)) from None
        return camera

    @staticmethod
    def _edited(
        text: str,
        current: Settings,
        wanted: Mapping[int, Values | None],
        after: Mapping[int, CameraSettings],
    ) -> str:
        """The text with those cameras. Raises LookupError where one cannot be found in it."""
        if not config_edit.has_cameras(text):  # they come of a motion.conf, or are demonstrations
            for camera in current.camera:
                text = config_edit.with_camera(text, _plain(camera, exclude_defaults=True))
        for number, values in wanted.items():
            before = _camera(current, number)
            if values is None:
                text = config_edit.without_camera(text, number)
                continue
            given = {key: values[key] for key in ("url", "detect_url") if values.get(key)}
            if before is None:
                new = {**_plain(after[number], exclude_defaults=True), **given}
                text = config_edit.with_camera(text, new)
                continue
            changes = config_edit.differences(_plain(before), _plain(after[number]))
            changes |= {key: value for key, value in given.items() if key in changes}
            if changes:
                text = config_edit.with_changed_camera(text, number, changes)
        return text

    def _use(self, new: Settings) -> None:
        """From now on these hold, but for what needs a restart."""
        storage = {key: getattr(new.storage, key) for key in LIVE_OF_STORAGE}
        self.settings = self._started.model_copy(
            update={
                **{key: getattr(new, key) for key in LIVE},
                "storage": self._started.storage.model_copy(update=storage),
            }
        )
        for hear in self._hearers:
            hear(self.settings)

    def _parse(self, text: str) -> Settings:
        path = None if self._is_own and not text else self._path
        settings = parse_settings(text, path, self._environ, overrides=self._overrides)
        return _with_demonstration(settings) if self._demo else settings

    def _parse_changed(self, text: str) -> Settings:
        try:
            return self._parse(text)
        except ConfigurationError as error:
            raise ConflictError(
                f"{self._path.name} is not right as it stands, so nothing is written to it:"
                f" {_one_line(error)}"
            ) from None

    def _text(self) -> str:
        """Raises ConfigurationError where it cannot be read, or was named and is not there."""
        return "" if self._is_own and not self._path.exists() else read_text(self._path)

    def _text_for_change(self) -> str:
        try:
            return self._text() or (_OWN_FILE if self._is_own else "")
        except ConfigurationError as error:
            raise ConflictError(str(error)) from None


def keys_that_wait(settings: Settings, file: Settings) -> list[str]:
    """What the file says otherwise than what holds, and a restart would bring: `server.port`."""
    keys = []
    for name in Settings.model_fields:
        now, then = getattr(settings, name), getattr(file, name)
        if now == then:
            continue
        if isinstance(now, Section):
            fields = type(now).model_fields
            keys += [f"{name}.{f}" for f in fields if getattr(now, f) != getattr(then, f)]
        else:
            keys.append(name)
    return keys


def _camera(settings: Settings, camera: int) -> CameraSettings | None:
    return next((c for c in settings.camera if c.id == camera), None)


def _with_demonstration(settings: Settings) -> Settings:
    if any(camera.url.get_secret_value().startswith("demo:") for camera in settings.camera):
        return settings
    taken = {camera.id for camera in settings.camera}
    number = next(n for n in range(1, len(taken) + 2) if n not in taken)
    camera = CameraSettings.model_validate({"id": number, "url": "demo:", "name": "Demonstration"})
    return settings.model_copy(update={"camera": (*settings.camera, camera)})


def _kept(before: CameraSettings, values: Values) -> Values:
    """The values with the stored addresses and passwords where they were left as shown."""
    url = before.url.get_secret_value()
    kept = {**values, "id": before.id}
    if kept.get("url") is None:
        kept["url"] = url
    elif isinstance(kept["url"], str):
        kept["url"] = kept_address(kept["url"], url)
    second = before.detect_url
    if second is not None and isinstance(kept.get("detect_url"), str):
        kept["detect_url"] = kept_address(kept["detect_url"], second.get_secret_value())
    return kept


def _number(values: Values) -> int:
    number = values.get("id")
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidInputError("id is missing; right would be a whole number that is not taken")
    return number


def _plain(camera: CameraSettings, *, exclude_defaults: bool = False) -> dict[str, Any]:
    """As in the file, passwords included."""
    dumped = camera.model_dump(exclude_defaults=exclude_defaults)
    return {key: _revealed(value) for key, value in dumped.items()}


def _revealed(value: Any) -> Any:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case dict():
            return {key: _revealed(item) for key, item in value.items()}
        case tuple():
            return [_revealed(item) for item in value]
    return value


def _one_line(error: ConfigurationError) -> str:
    return "; ".join(str(error).splitlines())
