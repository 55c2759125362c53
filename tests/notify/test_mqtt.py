"""Home automation over a real broker: found by itself, true at once, and honest when it is gone."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chimera_storage.config import MqttSettings
from chimera_storage.errors import NotFoundError
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.notify import mqtt
from chimera_storage.notify.mqtt import HomeAutomation
from tests.support.mosquitto import PASSWORD, Mosquitto, needs_mosquitto, until_heard
from tests.support.waiting import until
from tests.support.web import NOW, Room, web_room

pytestmark = needs_mosquitto
CONNECTED = CameraReport(camera=1, state=CameraState.CONNECTED, since_us=0)
STATUS, MOTION, AVAILABLE, IMAGE = (
    "chimera-storage/status",
    "chimera-storage/camera/1/motion",
    "chimera-storage/camera/1/available",
    "chimera-storage/camera/1/image",
)
RECORDING = "chimera-storage/camera/1/recording"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def broker(running: Mosquitto) -> Iterator[Mosquitto]:
    """One that remembers nothing of another test."""
    yield running
    running.stop()
    running.start()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(mqtt, "LOOK_INTERVAL_S", 0.02)
    monkeypatch.setattr(mqtt, "RETRY_DELAYS_S", (0.05,))
    with web_room(tmp_path, camera=[{"id": 1, "name": "Front door", "url": "x"}]) as opened:
        opened.recorders.said = [CONNECTED]
        yield opened


def bridge(
    room: Room,
    *,
    cameras: Callable[[], dict[int, str]] = lambda: {1: "Front door"},
    pause: Callable[[int, bool], Coroutine[Any, Any, None]] | None = None,
    **settings: Any,
) -> HomeAutomation:
    async def refused(camera: int, paused: bool) -> None:
        raise NotFoundError(f"camera {camera}: {paused}")

    return HomeAutomation(
        MqttSettings.model_validate(settings),
        room.archive,
        cameras=cameras,
        page="https://cameras.example",
        reports=room.recorders.reports,
        pause=pause or refused,
    )


def test_motion_and_the_newest_image_are_told_and_going_offline_too(
    room: Room, broker: Mosquitto
) -> None:
    async def run() -> None:
        home = bridge(room, **broker.settings)
        async with broker.heard() as heard:
            await home.start()
            await until_heard(heard, lambda h: h.get(STATUS) == b"online")
            await until_heard(heard, lambda h: h.get(MOTION) == b"OFF")
            await until_heard(heard, lambda h: h.get(AVAILABLE) == b"online")
            room.recorders.said = [replace(CONNECTED, event_since_us=1)]
            await until_heard(heard, lambda h: h.get(MOTION) == b"ON")
            room.save(1, NOW, content=b"\xff\xd8 a dog \xff\xd9")
            await until_heard(heard, lambda h: h.get(IMAGE) == b"\xff\xd8 a dog \xff\xd9")
            room.recorders.said = [replace(CONNECTED, state=CameraState.FAILED)]
            await until_heard(heard, lambda h: h.get(MOTION) == b"OFF")
            await until_heard(heard, lambda h: h.get(AVAILABLE) == b"offline")
            await home.close()
            await until_heard(heard, lambda h: h.get(STATUS) == b"offline")

    asyncio.run(run())


def test_home_assistant_finds_every_entity_with_topics_that_there_are(
    room: Room, broker: Mosquitto
) -> None:
    room.save(1, NOW)

    async def run() -> dict[str, bytes]:
        home = bridge(room, **broker.settings)
        await home.start()
        async with broker.heard() as heard:
            await until_heard(heard, lambda h: IMAGE in h)
        await home.close()
        async with broker.heard() as heard:  # whoever comes later knows it all the same
            await until_heard(heard, lambda h: {STATUS, MOTION, IMAGE} <= set(h))
            await until_heard(heard, lambda h: sum("/config" in topic for topic in h) == 3)
            return dict(heard)

    heard = asyncio.run(run())
    found = {topic: json.loads(text) for topic, text in heard.items() if "/config" in topic}
    kinds = {topic.split("/")[1]: entity for topic, entity in found.items()}
    assert set(kinds) == {"binary_sensor", "image", "switch"}
    assert kinds["binary_sensor"]["device_class"] == "motion"
    assert kinds["image"]["content_type"] == "image/jpeg"
    for topic, entity in found.items():
        assert topic.startswith("homeassistant/")
        assert topic.split("/")[2] == entity["unique_id"]
        assert entity["device"]["name"] == "Front door"
        assert entity["device"]["configuration_url"] == "https://cameras.example"
        asked = [one["topic"] for one in entity["availability"]]
        asked += [entity[key] for key in ("state_topic", "image_topic") if key in entity]
        assert set(asked) <= set(heard)
    assert (
        kinds["image"]["device"]["identifiers"] == kinds["binary_sensor"]["device"]["identifiers"]
    )
    assert len({entity["unique_id"] for entity in found.values()}) == 3
    assert kinds["switch"]["command_topic"] == kinds["switch"]["state_topic"] + "/set"


def test_the_switch_pauses_and_resumes_and_shows_what_is(room: Room, broker: Mosquitto) -> None:
    asked: list[tuple[int, bool]] = []

    async def pause(camera: int, paused: bool) -> None:
        asked.append((camera, paused))
        if camera != 1:
            raise NotFoundError("no such camera")
        state = CameraState.PAUSED if paused else CameraState.CONNECTED
        room.recorders.said = [replace(CONNECTED, state=state)]

    async def run() -> None:
        home = bridge(room, pause=pause, **broker.settings)
        async with broker.client() as client, broker.heard() as heard:
            await client.publish(f"{RECORDING}/set", "OFF", qos=1, retain=True)
            await home.start()
            await until_heard(heard, lambda h: h.get(RECORDING) == b"ON")
            assert asked == []  # what the broker kept is an old wish
            for wrong in ("camera/9/recording/set", "camera/x/recording/set"):
                await client.publish(f"chimera-storage/{wrong}", "OFF", qos=1)
            await client.publish(f"{RECORDING}/set", "maybe", qos=1)
            await client.publish(f"{RECORDING}/set", "OFF", qos=1)
            await until_heard(heard, lambda h: h.get(RECORDING) == b"OFF")
            await until_heard(heard, lambda h: h.get(AVAILABLE) == b"offline")
            await client.publish(f"{RECORDING}/set", "ON", qos=1)
            await until_heard(heard, lambda h: h.get(RECORDING) == b"ON")
        await home.close()

    asyncio.run(run())
    assert asked == [(9, True), (1, True), (1, False)]


def test_cameras_that_come_or_go_while_connected_are_found_or_forgotten(
    room: Room, broker: Mosquitto
) -> None:
    cameras = {1: "Front door"}

    def configs(heard: dict[str, bytes]) -> set[str]:
        found = [json.loads(text) for topic, text in heard.items() if "/config" in topic and text]
        return {entity["device"]["name"] for entity in found}

    async def run() -> None:
        home = bridge(room, cameras=lambda: dict(cameras), **broker.settings)
        async with broker.heard() as heard:
            await home.start()
            await until_heard(heard, lambda h: configs(h) == {"Front door"})
            cameras[2] = "Yard"
            await until_heard(heard, lambda h: configs(h) == {"Front door", "Yard"})
            cameras[2] = "Garden"
            await until_heard(heard, lambda h: configs(h) == {"Front door", "Garden"})
            del cameras[1]
            await until_heard(heard, lambda h: configs(h) == {"Garden"})
            await until_heard(heard, lambda h: h.get(MOTION) == b"")
        await home.close()

    asyncio.run(run())


def test_a_broker_that_comes_back_is_told_everything_again(room: Room, broker: Mosquitto) -> None:
    room.save(1, NOW)

    async def run() -> None:
        home = bridge(room, **broker.settings)
        await home.start()
        async with broker.heard() as heard:
            await until_heard(heard, lambda h: IMAGE in h)
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        async with broker.heard() as heard:
            await until_heard(heard, lambda h: {STATUS, MOTION, IMAGE} <= set(h))
            assert heard[STATUS] == b"online"
        await home.close()

    asyncio.run(run())


def test_a_wrong_password_is_said_in_the_log_without_it_and_holds_up_nothing(
    room: Room, broker: Mosquitto, capfd: pytest.CaptureFixture[str]
) -> None:
    written = ""

    def refused() -> bool:
        nonlocal written
        written += capfd.readouterr().err
        return written.count("mqtt_disconnected") >= 2

    async def run() -> None:
        home = bridge(room, **broker.settings | {"password": f"not-{PASSWORD}"})
        await home.start()
        await until(refused, "two tries")
        await home.close()

    asyncio.run(run())
    assert PASSWORD not in written
    assert "mqtt_connected" not in written


def test_without_a_broker_nothing_is_begun(room: Room) -> None:
    async def run() -> None:
        home = bridge(room)
        await home.start()
        assert home._task is None
        await home.close()

    asyncio.run(run())


def test_topics_that_no_broker_takes_are_refused() -> None:
    for bad in ("", "/x", "a/", "a//b", "a/+", "#", "a b"):
        with pytest.raises(ValidationError):
            MqttSettings.model_validate({"topic": bad})
    assert MqttSettings.model_validate({"topic": "home/cameras"}).topic == "home/cameras"
