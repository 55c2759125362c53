"""ONVIF with a camera that speaks the real protocols, on this machine alone."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from chimera_storage.errors import SourceError
from chimera_storage.motion.finding import discovery, onvif
from tests.support.onvif_camera import PASSWORD, USER, OnvifCamera, onvif_camera


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    streams = {
        "sub": "rtsp://admin:x@127.0.0.1:554/sub",
        "main": "rtsp://127.0.0.1:554/main?a=1&b=2",
        "odd": "javascript:alert(1)",
    }
    with onvif_camera(**streams) as running:
        yield running


def test_a_camera_is_found_at_its_address_and_says_its_streams(camera: OnvifCamera) -> None:
    (found,) = discovery.discover("127.0.0.1", port=camera.udp_port, lasts_s=0.3)
    assert (found.name, found.host, found.service) == ("Yard Eye", "127.0.0.1", camera.service)
    streams = asyncio.run(onvif.streams(found.service, USER, PASSWORD))
    assert [(s.name, s.url, s.width, s.height, s.encoding) for s in streams] == [
        ("main stream", "rtsp://127.0.0.1:554/main?a=1&b=2", 1920, 1080, "H264"),
        ("sub stream", "rtsp://127.0.0.1:554/sub", 640, 360, "H264"),
    ]


def test_everybody_on_a_network_is_asked_by_multicast() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind((discovery.GROUP, 0))
        local = socket.inet_aton(discovery.GROUP) + socket.inet_aton("127.0.0.1")
        heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, local)
        heard.settimeout(5)
        probes: list[bytes] = []
        listening = threading.Thread(target=lambda: probes.append(heard.recv(65536)))
        listening.start()
        port = heard.getsockname()[1]
        assert discovery.discover(port=port, interfaces=["lo"], lasts_s=0.2) == []
        listening.join()
    assert b"NetworkVideoTransmitter" in probes[0]


def test_a_wrong_password_is_said_and_the_right_one_is_never_sent_in_plain(
    camera: OnvifCamera,
) -> None:
    with pytest.raises(SourceError, match="refuses this user or password"):
        asyncio.run(onvif.streams(camera.service, USER, "wrong"))
    assert camera.asked == ["GetSystemDateAndTime", "GetCapabilities"]


def test_a_camera_does_not_lead_to_another_host(camera: OnvifCamera) -> None:
    own, camera.service = camera.service, "http://127.0.0.2:1/elsewhere"
    with pytest.raises(SourceError, match="not followed"):
        asyncio.run(onvif.streams(own, USER, PASSWORD))


@pytest.mark.parametrize(
    ("service", "said"),
    [("ftp://h/", "begins with http"), ("http://127.0.0.1:1/onvif", "does not answer as an ONVIF")],
)
def test_what_is_no_camera_is_said(service: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        asyncio.run(onvif.streams(service, "", ""))


def test_answers_to_another_question_and_what_is_no_answer_are_left_out() -> None:
    for data in (b"", b"<", b"<a/>", b"\xff", b"<a><RelatesTo>1</RelatesTo></a>"):
        assert discovery.matches(data, "2") == []
    odd = (
        b"<a><RelatesTo>uuid:2</RelatesTo><ProbeMatch><XAddrs>ftp://h/ http://[x http://h/o"
        b"</XAddrs></ProbeMatch></a>"
    )
    assert [camera.service for camera in discovery.matches(odd, "2")] == ["http://h/o"]


def test_a_name_that_nobody_knows_is_said() -> None:
    with pytest.raises(SourceError, match="No host"):
        discovery.discover("no-such-host.invalid", lasts_s=0.1)
