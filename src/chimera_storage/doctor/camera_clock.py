"""What time a camera thinks it is, by the Date header of its answers (RFC 9110, RFC 2326 12.18)."""

import socket
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime

import httpx

from chimera_storage.motion.sources.address import Address, AddressKind

_TIMEOUT_S = 3.0
_RTSP_PORT = 554
_LARGEST_ANSWER = 16_384


def clock_skew_s(address: Address) -> float | None:
    """Seconds that the camera's clock is ahead of this machine's, to a second.

    None where it does not say, which is no fault. Asked without user and password: a refusal has
    the header too.
    """
    with suppress(OSError, httpx.HTTPError, ValueError, TypeError):
        before = time.time()
        said = _date(address)
        if said is not None:
            middle = (before + time.time()) / 2
            return parsedate_to_datetime(said).timestamp() + 0.5 - middle
    return None


def _date(address: Address) -> str | None:
    if address.kind is AddressKind.HTTP:
        with httpx.stream("GET", address.target, timeout=_TIMEOUT_S, verify=False) as answer:  # noqa: S501
            return str(answer.headers["date"]) if "date" in answer.headers else None
    if address.kind is not AddressKind.RTSP or address.target.startswith("rtsps"):
        return None
    _, _, port = address.place.rpartition(":") if address.place != address.host else ("", "", "")
    number = int(port) if port.isdecimal() else _RTSP_PORT
    with socket.create_connection((address.host, number), _TIMEOUT_S) as connection:
        ask = f"OPTIONS {address.target} RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        connection.sendall(ask.encode("utf-8"))
        said = b""
        while b"\r\n\r\n" not in said and len(said) < _LARGEST_ANSWER:
            piece = connection.recv(4096)
            if not piece:
                break
            said += piece
    for line in said.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "date":
            return value.strip()
    return None
