"""ONVIF cameras asked for their streams, by SOAP.

Of ONVIF's core and media service four requests are needed: GetSystemDateAndTime, as cameras refuse
a log-in whose time is off, GetCapabilities, GetProfiles and GetStreamUri. A user name token (WS-
Security UsernameToken Profile 1.0) logs in, or HTTP digest where the camera asks for that. What
answers is untrusted: bounded, and read by namespaces' local names only.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from chimera_storage.errors import SourceError

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 8.0
_MOST_BYTES = 1_000_000
_MOST_PROFILES = 8
_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>{header}</s:Header>'
    "<s:Body>{body}</s:Body></s:Envelope>"
)
_SECURITY = (
    '<Security s:mustUnderstand="1" xmlns="http://docs.oasis-open.org/wss/2004/01/'
    'oasis-200401-wss-wssecurity-secext-1.0.xsd"><UsernameToken><Username>{user}</Username>'
    '<Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-'
    'profile-1.0#PasswordDigest">{digest}</Password><Nonce>{nonce}</Nonce>'
    '<Created xmlns="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-'
    '1.0.xsd">{created}</Created></UsernameToken></Security>'
)
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream of a camera; `url` without user and password. Sizes in pixels, 0: not told."""

    name: str
    url: str
    width: int
    height: int
    encoding: str


async def streams(service: str, user: str, password: str) -> list[Stream]:
    """What a camera sends, the largest first. Raises SourceError with the reason."""
    import httpx  # a tenth of a second that the server's start does without

    parts = urlsplit(service)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceError("An ONVIF address begins with http:// or https://; search again.")
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, verify=False) as http:  # noqa: S501 - cameras sign their own
            async with asyncio.timeout(4 * _TIMEOUT_S):
                return await _Camera(http, service, user, password).streams()
    except (httpx.HTTPError, TimeoutError):
        raise SourceError(f"{parts.hostname} does not answer as an ONVIF camera does.") from None
    except ET.ParseError:
        raise SourceError(f"{parts.hostname} answers with something that is no ONVIF.") from None


class _Camera:
    def __init__(self, http: "httpx.AsyncClient", service: str, user: str, password: str) -> None:
        self._http = http
        self._service = service
        self._host = urlsplit(service).hostname or ""
        self._user = user
        self._password = password
        self._ahead = timedelta()  # the camera's clock

    async def streams(self) -> list[Stream]:
        self._ahead = await self._clock_is_ahead()
        body = f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category></GetCapabilities>'
        answer = await self._ask(self._service, body)
        media = next((text_of(e, "XAddr") for e in named(answer, "Media")), "") or self._service
        profiles = await self._ask(media, f'<GetProfiles xmlns="{_MEDIA}"/>')
        found = []
        for profile in list(named(profiles, "Profiles"))[:_MOST_PROFILES]:
            encoder = next(named(profile, "VideoEncoderConfiguration"), None)
            if encoder is None:
                continue
            token = escape(profile.get("token", ""))
            body = (
                f'<GetStreamUri xmlns="{_MEDIA}"><StreamSetup>'
                f'<Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream><Transport xmlns="{_SCHEMA}">'
                f"<Protocol>RTSP</Protocol></Transport></StreamSetup>"
                f"<ProfileToken>{token}</ProfileToken></GetStreamUri>"
            )
            url = text_of(await self._ask(media, body), "Uri")
            if url.startswith(("rtsp://", "rtsps://", "http://", "https://")):
                found.append(
                    Stream(
                        name=text_of(profile, "Name") or token,
                        url=_without_credentials(url),
                        width=_number(encoder, "Width"),
                        height=_number(encoder, "Height"),
                        encoding=text_of(encoder, "Encoding"),
                    )
                )
        return sorted(found, key=lambda stream: -stream.width * stream.height)

    async def _clock_is_ahead(self) -> timedelta:
        answer = await self._ask(
            self._service, f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>', logs_in=False
        )
        for moment in named(answer, "UTCDateTime"):
            parts = [
                _number(moment, n) for n in ("Year", "Month", "Day", "Hour", "Minute", "Second")
            ]
            try:
                return datetime(*parts, tzinfo=UTC) - datetime.now(UTC)  # type: ignore[misc, arg-type]
            except ValueError:
                break
        return timedelta()

    async def _ask(self, address: str, body: str, *, logs_in: bool = True) -> ET.Element:
        """The body of the answer. Raises SourceError, httpx.HTTPError, ET.ParseError."""
        if urlsplit(address).hostname != self._host:
            raise SourceError(f"{self._host} sends on to another address, which is not followed.")
        header = self._login() if logs_in and self._user else ""
        import httpx

        auth = httpx.DigestAuth(self._user, self._password)  # used where the camera asks for it
        content = _ENVELOPE.format(header=header, body=body).encode()
        answer = await self._http.post(
            address,
            content=content,
            headers={"content-type": "application/soap+xml; charset=utf-8"},
            auth=auth if header else httpx.USE_CLIENT_DEFAULT,
        )
        if len(answer.content) > _MOST_BYTES:
            raise SourceError(f"{self._host} answers with too much.")
        if answer.status_code in (401, 403) or b"NotAuthorized" in answer.content:
            raise SourceError(f"{self._host} refuses this user or password.")
        found = ET.fromstring(answer.content)  # noqa: S314 - expat bounds what entities expand to
        if answer.is_error or next(named(found, "Fault"), None) is not None:
            raise SourceError(f"{self._host} does not do what ONVIF asks for.")
        return found

    def _login(self) -> str:
        nonce = os.urandom(16)
        created = f"{datetime.now(UTC) + self._ahead:%Y-%m-%dT%H:%M:%S.000Z}"
        digest = hashlib.sha1(nonce + created.encode() + self._password.encode()).digest()  # noqa: S324 - as ONVIF has it
        return _SECURITY.format(
            user=escape(self._user),
            digest=base64.b64encode(digest).decode(),
            nonce=base64.b64encode(nonce).decode(),
            created=created,
        )


def named(element: ET.Element, name: str) -> Iterator[ET.Element]:
    """The elements of that local name, in order."""
    return (e for e in element.iter() if e.tag.rpartition("}")[2] == name)


def text_of(element: ET.Element, name: str) -> str:
    """The text of the first element of that local name, or empty."""
    found = next(named(element, name), None)
    return "" if found is None else (found.text or "").strip()


def _number(element: ET.Element, name: str) -> int:
    text = text_of(element, name)
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _without_credentials(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
