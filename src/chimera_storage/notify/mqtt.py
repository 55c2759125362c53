"""Motion, newest image and a recording switch of each camera over MQTT, for Home Assistant.

Published with discovery messages, retained, so that whoever comes later knows them too. The broker
says `offline` in our place when the connection breaks (last will). Nothing waits for the broker:
reports, cameras and the index are looked at here, a few times a second, while it is connected.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chimera_storage import __version__
from chimera_storage.archive.images import Archive
from chimera_storage.config import MqttSettings
from chimera_storage.errors import ChimeraStorageError, NotFoundError
from chimera_storage.log import get_logger
from chimera_storage.model import CameraReport, CameraState, ImageKey

if TYPE_CHECKING:
    import aiomqtt  # imported where there is a broker to connect to

LOOK_INTERVAL_S = 0.5
LOOKS_PER_IMAGE = 4  # newest images come at most every so many looks
RETRY_DELAYS_S = (1.0, 2.0, 5.0, 15.0, 30.0)  # the last for ever
TIMEOUT_S = 10.0

log = get_logger()


class HomeAutomation:
    """One broker's view of the cameras; does nothing where no broker is configured.

    `cameras`: id → name of those that are configured now. `page`: the address of this server for
    people, or empty. `pause(camera, paused)` may raise a ChimeraStorageError.
    """

    def __init__(
        self,
        settings: MqttSettings,
        archive: Archive,
        *,
        cameras: Callable[[], Mapping[int, str]],
        page: str,
        reports: Callable[[], Sequence[CameraReport]],
        pause: Callable[[int, bool], Coroutine[Any, Any, None]],
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._cameras = cameras
        self._page = page
        self._reports = reports
        self._pause_camera = pause
        self._install = f"chimera_storage_{archive.index.data_folder_id[:8]}"
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._said: dict[str, str] = {}
        self._shown: dict[int, ImageKey] = {}
        self._announced: dict[int, str] = {}  # id: name

    async def start(self) -> None:
        """Begin to connect."""
        if self._settings.host:
            self._task = asyncio.create_task(self._run(), name="mqtt")

    async def close(self) -> None:
        """Say that the server is offline, and stop."""
        self._closing.set()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=2)
            if not done:
                self._task.cancel()
                await asyncio.wait({self._task})

    async def _run(self) -> None:
        import aiomqtt

        failures = 0
        while not self._closing.is_set():
            try:
                async with self._client() as client:
                    log.info("mqtt_connected", host=self._settings.host)
                    failures = 0
                    await self._connected(client)
            except (aiomqtt.MqttError, OSError, ChimeraStorageError) as error:
                delay_s = RETRY_DELAYS_S[min(failures, len(RETRY_DELAYS_S) - 1)]
                failures += 1
                log.warning("mqtt_disconnected", problem=str(error), retry_in_s=delay_s)
                await self._pause(delay_s)
            except Exception:  # of ours; recording goes on
                log.exception("mqtt_fault")
                await self._pause(RETRY_DELAYS_S[-1])

    def _client(self) -> "aiomqtt.Client":
        import aiomqtt

        settings = self._settings
        password = settings.password
        return aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.user or None,
            password=None if password is None else password.get_secret_value(),
            identifier=self._install,
            tls_context=ssl.create_default_context() if settings.tls else None,
            will=aiomqtt.Will(self._topic("status"), "offline", qos=1, retain=True),
            timeout=TIMEOUT_S,
        )

    async def _connected(self, client: "aiomqtt.Client") -> None:
        """Publish until the connection breaks (MqttError) or the server closes."""
        listening = asyncio.create_task(self._listen(client))  # also hears of a broken one
        try:
            self._said.clear()
            self._shown.clear()
            self._announced.clear()
            await self._announce(client)
            await _publish(client, self._topic("status"), "online")
            looks = 0
            while not (self._closing.is_set() or listening.done()):
                await self._announce(client)
                for report in self._reports():
                    if report.camera in self._announced:
                        await self._say(client, report)
                if looks % LOOKS_PER_IMAGE == 0:
                    for camera in self._announced:
                        await self._show(client, camera)
                looks += 1
                await self._pause(LOOK_INTERVAL_S)
            if listening.done():
                listening.result()
            await _publish(client, self._topic("status"), "offline")
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _announce(self, client: "aiomqtt.Client") -> None:
        """Have cameras that are new or have another name found, and forget those that went."""
        cameras = dict(self._cameras())
        for camera in self._announced.keys() - cameras:
            for topic, _ in self._discovery(camera, ""):
                await _publish(client, topic, b"")
            for part in ("available", "motion", "recording", "image"):
                topic = self._topic(f"camera/{camera}/{part}")
                self._said.pop(topic, None)
                await _publish(client, topic, b"")
            self._shown.pop(camera, None)
        for camera, name in cameras.items():
            if self._announced.get(camera) != name:
                for topic, entity in self._discovery(camera, name):
                    await _publish(client, topic, json.dumps(entity))
        self._announced = cameras

    async def _listen(self, client: "aiomqtt.Client") -> None:
        """Obey the recording switches until the connection breaks."""
        await client.subscribe(self._topic("camera/+/recording/set"), qos=1)
        async for message in client.messages:
            camera = message.topic.value.split("/")[-3]
            wanted = message.payload
            if message.retain or wanted not in (b"ON", b"OFF") or not camera.isdecimal():
                continue  # a wish that was kept by the broker is an old one
            try:
                await self._pause_camera(int(camera), wanted == b"OFF")
            except ChimeraStorageError as error:
                log.warning("mqtt_switch_refused", camera=int(camera), problem=str(error))

    async def _say(self, client: "aiomqtt.Client", report: CameraReport) -> None:
        is_there = report.state in (CameraState.CONNECTED, CameraState.ENDED)
        moves = report.event_since_us is not None
        for part, text in (
            ("available", "online" if is_there else "offline"),
            ("motion", "ON" if moves else "OFF"),
            ("recording", "OFF" if report.state is CameraState.PAUSED else "ON"),
        ):
            topic = self._topic(f"camera/{report.camera}/{part}")
            if self._said.get(topic) != text:
                await _publish(client, topic, text)
                self._said[topic] = text

    async def _show(self, client: "aiomqtt.Client", camera: int) -> None:
        found = await asyncio.to_thread(self._newest, camera)
        if found is not None and self._shown.get(camera) != found[0]:
            await _publish(client, self._topic(f"camera/{camera}/image"), found[1])
            self._shown[camera] = found[0]

    def _newest(self, camera: int) -> tuple[ImageKey, bytes] | None:
        """The newest image, where it was not shown yet."""
        image = self._archive.index.latest(camera)
        if image is None or self._shown.get(camera) == image.key:
            return None
        try:
            with self._archive.open(image.key) as file:
                return image.key, file.read()
        except NotFoundError:  # deleted in between
            return None

    def _discovery(self, camera: int, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Topic and message of each entity of a camera."""
        device: dict[str, Any] = {
            "identifiers": [f"{self._install}_{camera}"],
            "name": name,
            "manufacturer": "Chimera Storage",
            "sw_version": __version__,
        }
        if self._page:
            device["configuration_url"] = self._page
        server = {"topic": self._topic("status")}
        entities: dict[tuple[str, str], dict[str, Any]] = {
            ("binary_sensor", "motion"): {
                "name": "Motion",
                "device_class": "motion",
                "state_topic": self._topic(f"camera/{camera}/motion"),
                "availability": [server, {"topic": self._topic(f"camera/{camera}/available")}],
                "availability_mode": "all",
            },
            ("image", "image"): {
                "name": "Newest image",
                "image_topic": self._topic(f"camera/{camera}/image"),
                "content_type": "image/jpeg",
                "availability": [server],
            },
            ("switch", "recording"): {
                "name": "Recording",
                "icon": "mdi:record-rec",
                "state_topic": self._topic(f"camera/{camera}/recording"),
                "command_topic": self._topic(f"camera/{camera}/recording/set"),
                "availability": [server],
            },
        }
        found = []
        for (kind, what), entity in entities.items():
            unique = f"{self._install}_{camera}_{what}"
            topic = f"{self._settings.discovery_prefix}/{kind}/{unique}/config"
            found.append((topic, {**entity, "unique_id": unique, "device": device}))
        return found

    def _topic(self, name: str) -> str:
        return f"{self._settings.topic}/{name}"

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


async def _publish(client: "aiomqtt.Client", topic: str, payload: str | bytes) -> None:
    await client.publish(topic, payload, qos=1, retain=True)
