"""Webhooks to a real HTTP server: signed, patient, never in the way."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from chimera_storage.access import Role
from chimera_storage.config import Settings, WebhookSettings
from chimera_storage.model import (
    CameraNews,
    CameraReport,
    CameraState,
    Conversion,
    ConversionStatus,
    ConversionType,
    Event,
)
from chimera_storage.notify import webhooks as module
from chimera_storage.notify.webhooks import Webhooks
from chimera_storage.service.signed_links import SignedLinks
from tests.support.receiver import SECRET, Receiver, receiver
from tests.support.waiting import until
from tests.support.web import NOW, Room, web_room

KEY = "signing-secret-0815"
BEGIN = NOW - timedelta(seconds=5)
BEGIN_US = int(BEGIN.timestamp()) * 1_000_000
IDLE = CameraReport(camera=1, state=CameraState.CONNECTED, since_us=0)
OPEN = replace(IDLE, event_since_us=BEGIN_US, recording=True)
QUEUED, RUNNING, DONE, FAILED, CANCELLED = ConversionStatus
VIDEO = Conversion(
    id="abcdefgh-20260101-093320",
    type=ConversionType.MP4,
    camera=1,
    start_us=BEGIN_US,
    end_us=BEGIN_US + 1,
    requested_us=BEGIN_US,
    frames=7,
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with web_room(tmp_path, camera=[{"id": 1, "name": "Front door", "url": "x"}]) as opened:
        yield opened


def webhooks(
    room: Room,
    url: SecretStr,
    *events: str,
    delays_s: tuple[float, ...] = (0.01, 0.01),
) -> Webhooks:
    values: dict[str, Any] = {"url": url, "secret": KEY} | ({"events": events} if events else {})
    settings = Settings.model_validate(
        {"webhooks": [values], "server": {"public_url": "https://cameras.example"}}
    )
    return Webhooks(
        settings.webhooks,
        room.archive,
        room.clock,
        SignedLinks(room.accounts, room.archive.layout, settings.server),
        reports=room.recorders.reports,
        name=lambda camera: {1: "Front door"}.get(camera, f"Camera {camera}"),
        retry_delays_s=delays_s,
    )


def news(text: str) -> CameraNews:
    return CameraNews(camera=1, state="failed", since_us=1_700_000_000_000_000, text=text)


def tell(hooks: Webhooks, *conversions: Conversion, health: str = "") -> None:
    """Tell of these changes and wait until all that is to be sent is."""

    async def run() -> None:
        await hooks.start()
        before = None
        for conversion in conversions:
            hooks.conversion_changed(conversion, before)
            before = conversion
        if health:
            hooks.health_changed(news(health))
        await hooks.close()

    asyncio.run(run())


def is_signed(hook: Receiver, index: int, secret: str) -> bool:
    """As a receiver would check it."""
    said = dict(part.split("=") for part in hook.headers[index]["X-Chimera-Signature"].split(","))
    assert abs(int(said["t"]) - time.time()) < 60
    signed = said["t"].encode() + b"." + hook.bodies[index]
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() == said["v1"]


def test_the_start_and_the_end_of_motion_are_told_with_a_link_that_needs_no_account(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_INTERVAL_S", 0.02)
    room.recorders.said = [IDLE]
    with receiver() as hook:

        async def run() -> None:
            hooks = webhooks(room, hook.url)
            await hooks.start()
            room.recorders.said = [OPEN]
            await until(lambda: hook.bodies, "the start")
            room.save(1, BEGIN, event=BEGIN_US, score=0.1, content=b"\xff\xd8 little \xff\xd9")
            best = room.save(1, NOW, event=BEGIN_US, score=0.5, content=b"\xff\xd8 most \xff\xd9")
            room.recorders.said = [IDLE]
            end_us = best.taken_at_us
            event = Event(camera=1, start_us=BEGIN_US, end_us=end_us)
            room.archive.index.add_events([event])
            await until(lambda: len(hook.bodies) == 2, "the end")
            await hooks.close()

        asyncio.run(run())

    start, end = hook.messages
    assert start["event"] == "motion.start"
    assert end["event"] == "motion.end"
    for message in (start, end):
        assert (message["camera"], message["name"]) == (1, "Front door")
        assert message["start"] == BEGIN_US // 1000
    assert (end["end"], end["images"], end["score"]) == (BEGIN_US // 1000 + 5000, 2, 0.5)
    address = end["best"]["url"]
    assert address.startswith("https://cameras.example/link/")
    room.api_token(Role.ADMIN)  # from now on everybody has to log in
    shown = room.get(address.removeprefix("https://cameras.example"))
    assert shown.content == b"\xff\xd8 most \xff\xd9"
    assert room.get("/cameras").status_code == 401


def test_bug_an_event_whose_rows_do_not_come_held_up_all_other_messages(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a bad disk, of all times, each event that ended kept everything else for ten seconds."""
    monkeypatch.setattr(module, "LOOK_INTERVAL_S", 0.02)
    with receiver() as hook:

        async def run() -> None:
            hooks = webhooks(room, hook.url)
            await hooks.start()
            room.recorders.said = [OPEN]
            await until(lambda: hook.bodies, "the start")
            room.recorders.said = [IDLE, replace(OPEN, camera=2)]
            await until(lambda: len(hook.bodies) == 2, "the start of another")
            hooks.health_changed(news("No image can be saved."))
            await until(lambda: len(hook.bodies) == 3, "what is wrong")
            room.clock.time += timedelta(seconds=module.STORED_TIMEOUT_S + 1)
            await until(lambda: len(hook.bodies) == 4, "the end")
            await hooks.close()

        asyncio.run(run())

    told = [(message["event"], message["camera"]) for message in hook.messages]
    assert told == [("motion.start", 1), ("motion.start", 2), ("health", 1), ("motion.end", 1)]
    assert (hook.messages[3]["end"], hook.messages[3]["best"]) == (None, None)


def test_the_receiver_can_tell_who_sent_it(room: Room) -> None:
    with receiver() as hook:
        tell(webhooks(room, hook.url), health="Front door (1): works again.")
    (message,) = hook.messages
    assert message["event"] == "health"
    assert message["text"] == "Front door (1): works again."
    assert (message["camera"], message["name"]) == (1, "Front door")
    assert (message["state"], message["since"]) == ("failed", 1_700_000_000_000)
    assert is_signed(hook, 0, KEY)
    assert not is_signed(hook, 0, KEY + "!")


def test_conversions_are_told_of_once_each_and_not_at_another_try(room: Room) -> None:
    running = replace(VIDEO, status=RUNNING, started_us=BEGIN_US)
    again = replace(running, attempts=2)
    with receiver() as hook:
        tell(webhooks(room, hook.url), VIDEO, running, again, replace(running, status=DONE))
        failed = replace(running, status=FAILED, error="the disk is full")
        tell(webhooks(room, hook.url), failed, replace(running, status=CANCELLED))
    told = [(message["event"], message["error"]) for message in hook.messages]
    assert told == [
        ("conversion.running", None),
        ("conversion.done", None),
        ("conversion.failed", "the disk is full"),
        ("conversion.cancelled", None),
    ]
    assert [bool(message["url"]) for message in hook.messages] == [False, True, False, False]


def test_only_what_was_asked_for_is_told(room: Room) -> None:
    with receiver() as hook:
        tell(webhooks(room, hook.url, "health"), replace(VIDEO, status=DONE), health="well")
    assert [message["event"] for message in hook.messages] == ["health"]


def test_what_was_refused_is_sent_again_with_the_same_id_and_then_given_up(room: Room) -> None:
    with receiver(500, 503, 204, 404, 500, 500, 500) as hook:
        for text in ("one", "two", "three"):
            tell(webhooks(room, hook.url), health=text)
    texts = [message["text"] for message in hook.messages]
    assert texts == ["one"] * 3 + ["two"] + ["three"] * 3
    assert len({message["id"] for message in hook.messages}) == 3
    assert all(is_signed(hook, index, KEY) for index in range(len(texts)))


def test_a_receiver_that_never_answers_holds_up_nothing_and_does_not_fill_the_memory(
    room: Room, capfd: pytest.CaptureFixture[str]
) -> None:
    with receiver(None) as hook:

        async def run() -> float:
            hooks = webhooks(room, hook.url)
            await hooks.start()
            began_s = time.monotonic()
            for _ in range(3000):
                hooks.health_changed(news("again"))
            passed_s = time.monotonic() - began_s
            await until(lambda: hook.bodies, "the first")
            await hooks.close(0.1)
            return passed_s

        assert asyncio.run(run()) < 1
    assert "webhooks_dropped" in capfd.readouterr().err


def test_neither_address_nor_secret_is_in_a_log_line_or_a_refusal(
    room: Room, capfd: pytest.CaptureFixture[str]
) -> None:
    for url in (f"http://127.0.0.1:1/{SECRET}", f"http://[{SECRET}/", f"http://x\0{SECRET}/"):
        tell(webhooks(room, SecretStr(url)), health="well")
    written = "".join(capfd.readouterr())
    assert "webhook_not_delivered" in written
    assert SECRET not in written
    assert KEY not in written


def test_settings_that_cannot_work_are_refused() -> None:
    good = {"url": "https://hooks.example/x", "secret": KEY}
    assert WebhookSettings.model_validate(good).events == ("motion", "conversions", "health")
    changes: tuple[dict[str, Any], ...] = (
        {"url": "ftp://x"},
        {"secret": "short"},
        {"events": ["all"]},
        {"events": []},
    )
    for bad in changes:
        with pytest.raises(ValidationError):
            WebhookSettings.model_validate(good | bad)
