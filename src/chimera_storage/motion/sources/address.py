"""A camera's address as the settings give it → its kind, its parts, and what may be shown of it.

Passwords stand percent-encoded in addresses and are decoded here once. Nothing in this module's
error messages repeats the address: with a mistake in it a password can stand anywhere.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, unquote

from chimera_storage.errors import SourceError

_NETWORK = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?:(?P<userinfo>[^/?#]*)@)?"
    r"(?P<host>\[[0-9a-f:.]+(?:%\w+)?\]|[^/?#@:\[\]\s%]+)"
    r"(?::(?P<port>\d{1,5}))?"
    r"(?P<rest>[/?].*)?",
    re.IGNORECASE | re.DOTALL,
)
_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://", re.IGNORECASE)


class AddressKind(StrEnum):
    """How pictures are fetched."""

    RTSP = "rtsp"
    HTTP = "http"
    DEVICE = "device"
    FILE = "file"
    DEMO = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where pictures come from.

    `target`: the address without user and password (RTSP, HTTP), the path of the device or file,
    or what stands behind `demo:`. `place`: what people may be shown: host and port, or the name of
    the file. A path or query is no part of it, since some cameras want the password there.
    """

    kind: AddressKind
    target: str = field(repr=False)
    place: str
    host: str = ""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def with_credentials(self) -> str:
        """The whole address for FFmpeg, user and password encoded as it decodes them."""
        if self.user is None:
            return self.target
        scheme, rest = self.target.split("://", 1)
        password = "" if self.password is None else ":" + quote(self.password, safe="")
        return f"{scheme}://{quote(self.user, safe='')}{password}@{rest}"


def parse_address(url: str) -> Address:
    """The address that `url` means. Raises SourceError with what would be right."""
    url = url.strip()
    scheme = _SCHEME.match(url)
    if "\0" in url:
        raise SourceError("The camera's address holds a NUL character; take it out.")
    if url.startswith("demo:"):
        return Address(kind=AddressKind.DEMO, target=url[5:], place="the demonstration")
    if url.startswith(("v4l2:", "/dev/video")):
        path = url.removeprefix("v4l2:").removeprefix("//")
        return Address(kind=AddressKind.DEVICE, target=path, place=path)
    match scheme["scheme"].lower() if scheme else "":
        case "":
            return _file(url)
        case "file":
            return _file(unquote(url[7:].removeprefix("localhost")))
        case "rtsp" | "rtsps" | "http" | "https" as name:
            return _network(AddressKind(name.removesuffix("s")), url)
        case other:
            raise SourceError(
                f"Addresses that begin with {other}:// are not supported; rtsp://, rtsps://, http://,"
                " https://, /dev/video0 or the path of a video file are."
            )


def _file(path: str) -> Address:
    name = path.rstrip("/").rsplit("/", 1)[-1]
    return Address(kind=AddressKind.FILE, target=path, place=name or "/")


def _network(kind: AddressKind, url: str) -> Address:
    parts = _NETWORK.fullmatch(url)
    if parts is None or (parts["port"] and not 0 < int(parts["port"]) < 65536):
        raise SourceError(
            "The camera's address is not of the form scheme://host:port/path, with user:password@"
            " before the host where the camera wants them; in user and password write # as %23,"
            " / as %2F, ? as %3F, @ as %40, : as %3A and % as %25."
        )
    host = parts["host"]
    place = f"{host}:{parts['port']}" if parts["port"] else host
    user: str | None = None
    password: str | None = None
    if parts["userinfo"]:
        name, colon, secret = parts["userinfo"].partition(":")
        user, password = unquote(name), unquote(secret) if colon else None
    return Address(
        kind=kind,
        target=f"{parts['scheme'].lower()}://{place}{parts['rest'] or '/'}",
        place=place,
        host=host.strip("[]"),
        user=user,
        password=password,
    )
