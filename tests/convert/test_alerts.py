"""Alerts to a real HTTP server: once each, patient, never in the way, the address a secret."""

import asyncio
import logging
import socket
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from chimera_storage.alerts import AlertSender
from chimera_storage.archive.layout import Layout
from chimera_storage.convert.alerts import ConversionAlerts
from chimera_storage.model import Conversion, ConversionStatus, ConversionType
from tests.convert.managing import managed, query
from tests.support.receiver import SECRET, receiver
from tests.support.saved_images import SavedImages, picture
from tests.support.waiting import until

QUEUED, RUNNING, DONE, FAILED, CANCELLED = ConversionStatus
LAYOUT = Layout(Path("/nowhere"), ZoneInfo("UTC"))
VIDEO = Conversion(
    id="abcdefgh-20260101-093320",
    type=ConversionType.MP4,
    camera=3,
    start_us=1_767_260_000_000_000,
    end_us=1_767_260_060_000_000,
    requested_us=1_767_260_000_000_000,
    status=RUNNING,
    started_us=1_767_260_001_000_000,
    attempts=1,
)
ASKED_FOR = replace(VIDEO, status=QUEUED, started_us=None, attempts=0)


def sender(url: SecretStr | None, timeout_s: float = 5) -> AlertSender:
    return AlertSender(url, retry_delays_s=(0.01, 0.02, 0.03), timeout_s=timeout_s)


def of_conversions(
    alerts: AlertSender, layout: Layout = LAYOUT, public_url: str = ""
) -> ConversionAlerts:
    return ConversionAlerts(alerts, public_url=public_url, layout=layout)


def send(alerts: AlertSender, *conversions: Conversion, public_url: str = "") -> None:
    """Alert of these, and wait until all that is to be sent is."""
    changed = of_conversions(alerts, public_url=public_url).conversion_changed

    async def run() -> None:
        await alerts.start()
        for before, conversion in pairwise((None, *conversions)):
            assert conversion is not None
            changed(conversion, before)
        await alerts.close()

    asyncio.run(run())


def ended(status: ConversionStatus, error: str | None = None) -> Conversion:
    return replace(VIDEO, status=status, error=error)


def test_start_finish_failure_and_cancellation_are_said_with_link_and_reason() -> None:
    with receiver() as chat:
        send(
            sender(chat.url),
            ASKED_FOR,
            VIDEO,
            ended(DONE),
            ended(FAILED, "the disk is full"),
            ended(CANCELLED),
            public_url="https://cameras.example/",
        )

    started, finished, failed, cancelled = chat.texts
    what = "video of camera 3, 20260101-093320 to 20260101-093420 (abcdefgh-20260101-093320)"
    link = "https://cameras.example/shared/captures/output_3_20260101-093320_20260101-093420_"
    assert started == f"Started: {what}"
    assert finished == f"Finished: {what}\n{link}abcdefgh-20260101-093320.mp4"
    assert failed == f"Failed: {what}\nthe disk is full"
    assert cancelled == f"Cancelled: {what}"
    assert {headers["Content-Type"] for headers in chat.headers} == {"application/json"}


def test_images_that_are_not_in_the_file_are_said() -> None:
    with receiver() as chat:
        few, one = (replace(ended(DONE), missing=count) for count in (1200, 1))
        send(sender(chat.url), few, one)

    assert [text.splitlines()[-1] for text in chat.texts] == [
        "1200 images are not in it: gone or broken.",
        "1 image is not in it: gone or broken.",
    ]


def test_another_try_is_no_other_start() -> None:
    again = replace(VIDEO, attempts=2)
    stopped_in_order = replace(VIDEO, status=QUEUED, attempts=0)
    with receiver() as chat:
        send(sender(chat.url), ASKED_FOR, VIDEO, again, stopped_in_order, VIDEO, ended(DONE))

    assert [text.split(":")[0] for text in chat.texts] == ["Started", "Finished"]


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_receiver_that_refuses_for_the_moment_is_asked_again(status: int) -> None:
    with receiver(status, status) as chat:
        send(sender(chat.url), ended(DONE))

    assert len(chat.bodies) == 3  # two refusals, then it was taken
    assert len(set(chat.bodies)) == 1


def test_it_is_given_up_after_a_few_tries_and_the_next_one_is_sent() -> None:
    with receiver(500, 500, 500, 500) as chat:
        send(sender(chat.url), VIDEO, ended(DONE))

    assert [text.split(":")[0] for text in chat.texts] == ["Started"] * 4 + ["Finished"]


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_a_receiver_that_refuses_for_good_is_not_asked_again(status: int) -> None:
    with receiver(status) as chat:
        send(sender(chat.url), VIDEO, ended(DONE))

    assert [text.split(":")[0] for text in chat.texts] == ["Started", "Finished"]


def test_a_receiver_that_never_answers_may_have_taken_it_and_gets_it_once() -> None:
    with receiver(None) as chat:
        send(sender(chat.url, timeout_s=0.2), VIDEO, ended(DONE))

        assert [text.split(":")[0] for text in chat.texts] == ["Started", "Finished"]


def test_a_receiver_that_is_not_there_yet_gets_it_later() -> None:
    with socket.socket() as place:  # a port where nobody answers until it is closed
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        alerts = AlertSender(
            SecretStr(f"http://127.0.0.1:{port}/{SECRET}"),
            retry_delays_s=(0.05,) * 100,
        )

        async def run() -> None:
            await alerts.start()
            of_conversions(alerts).conversion_changed(ended(DONE), VIDEO)
            await asyncio.sleep(0.1)
            place.close()
            server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
            server.timeout = 5
            await asyncio.to_thread(server.handle_request)
            server.server_close()
            await alerts.close(0.2)

        asyncio.run(run())


def test_closing_does_not_wait_for_a_receiver_that_never_answers() -> None:
    with receiver(None, None) as chat:
        alerts = sender(chat.url, timeout_s=30)

        async def run() -> float:
            await alerts.start()
            of_conversions(alerts).conversion_changed(VIDEO, ASKED_FOR)
            of_conversions(alerts).conversion_changed(ended(DONE), VIDEO)
            await until(lambda: chat.bodies, "the first alert")
            began = time.monotonic()
            await alerts.close(0.2)
            return time.monotonic() - began

        assert asyncio.run(run()) < 2


def test_without_an_address_nothing_happens() -> None:
    for url in (None, SecretStr("")):
        send(sender(url), VIDEO, ended(DONE))


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/{SECRET}",
        f"http://[{SECRET}/",
        f"nonsense {SECRET}",
        f"http://\u2603{SECRET}\udcff/",
        f"http://x\0{SECRET}/",
    ],
)
def test_the_address_is_in_no_log_line(
    url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    send(sender(SecretStr(url)), VIDEO)

    written = "".join(capfd.readouterr()) + caplog.text
    assert "alert_not_delivered" in written
    assert SECRET not in written


def test_a_delivered_alert_is_not_logged_with_its_address(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with receiver() as chat:
        alerts = sender(chat.url)
        caplog.set_level(logging.INFO)
        send(alerts, VIDEO)

    assert len(chat.bodies) == 1
    assert SECRET not in "".join(capfd.readouterr()) + caplog.text


def test_a_real_conversion_alerts_once_each_and_never_waits_for_the_chat(
    saved: SavedImages,
) -> None:
    saved.save([picture(0)])
    with receiver(None) as chat:
        alerts = AlertSender(chat.url, timeout_s=1)

        async def run() -> None:
            await alerts.start()
            async with managed(saved) as opened:
                changed = of_conversions(alerts, saved.layout).conversion_changed
                opened.manager._ledger._on_change = changed
                conversion = await opened.manager.request(**query(ConversionType.ZIP))
                assert (await opened.settled(conversion.id)).status is DONE
            await until(lambda: len(chat.bodies) == 2, "both alerts")
            await alerts.close()

        asyncio.run(run())
        assert [text.split(":")[0] for text in chat.texts] == ["Started", "Finished"]
