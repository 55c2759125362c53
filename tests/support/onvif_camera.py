"""An ONVIF camera that speaks the real protocols on 127.0.0.1: WS-Discovery by UDP, SOAP by HTTP.

It is strict where cameras are: the log-in's time must be its own, a nonce is taken once.
"""

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER, PASSWORD = "viewer", "p@ss<&>word"
_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_PROBE_MATCH = (
    '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{soap}"'
    ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><e:Header>'
    "<w:MessageID>uuid:84ede3de-7dec-11d0-c360-f01234567890</w:MessageID>"
    "<w:RelatesTo>{message}</w:RelatesTo>"
    "<w:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</w:To>"
    "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</w:Action>"
    '<d:AppSequence InstanceId="1" MessageNumber="1"/></e:Header><e:Body><d:ProbeMatches>'
    "<d:ProbeMatch><w:EndpointReference><w:Address>urn:uuid:11223344</w:Address>"
    "</w:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>"
    "<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Yard%20Eye"
    " onvif://www.onvif.org/hardware/X1</d:Scopes><d:XAddrs>{service}</d:XAddrs>"
    "<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
)


@dataclass
class OnvifCamera:
    """What it says; `clock_ahead`: its clock is off by so much. `asked`: the requests it got."""

    streams: dict[str, str]
    clock_ahead: timedelta = timedelta(days=-400)
    asked: list[str] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    service: str = ""
    udp_port: int = 0

    def answer(self, request: str) -> tuple[int, str]:
        """Status and body."""
        name = re.search(r"<s:Body><(\w+)", request)
        self.asked.append(name[1] if name else "?")
        if self.asked[-1] == "GetSystemDateAndTime":
            now = datetime.now(UTC) + self.clock_ahead
            date = "".join(
                f"<t:{p.title()}>{getattr(now, p)}</t:{p.title()}>"
                for p in ("year", "month", "day")
            )
            time = "".join(
                f"<t:{p.title()}>{getattr(now, p)}</t:{p.title()}>"
                for p in ("hour", "minute", "second")
            )
            return (
                200,
                f"<r><t:UTCDateTime><t:Time>{time}</t:Time><t:Date>{date}</t:Date></t:UTCDateTime></r>",
            )
        if not self._is_known(request):
            return (
                400,
                "<e:Fault><e:Code><e:Subcode><e:Value>ter:NotAuthorized</e:Value></e:Subcode></e:Code></e:Fault>",
            )
        match self.asked[-1]:
            case "GetCapabilities":
                return 200, f"<r><t:Media><t:XAddr>{self.service}</t:XAddr></t:Media></r>"
            case "GetProfiles":
                return 200, "<r>" + "".join(self._profile(n) for n in self.streams) + "</r>"
            case "GetStreamUri":
                token = re.search(r"<ProfileToken>(\w+)<", request)
                assert token is not None
                url = self.streams[token[1]].replace("&", "&amp;")
                return 200, f"<r><t:MediaUri><t:Uri>{url}</t:Uri></t:MediaUri></r>"
        return 500, "<e:Fault/>"

    @staticmethod
    def _profile(name: str) -> str:
        width, height = (1920, 1080) if name == "main" else (640, 360)
        return (
            f'<t:Profiles token="{name}"><t:Name>{name} stream</t:Name>'
            f"<t:VideoEncoderConfiguration><t:Encoding>H264</t:Encoding><t:Resolution>"
            f"<t:Width>{width}</t:Width><t:Height>{height}</t:Height></t:Resolution>"
            "</t:VideoEncoderConfiguration></t:Profiles>"
        )

    def _is_known(self, request: str) -> bool:
        found = {
            name: match[1]
            for name in ("Username", "Password", "Nonce", "Created")
            if (match := re.search(rf"<{name}[^>]*>([^<]*)</{name}>", request))
        }
        if len(found) < 4 or found["Nonce"] in self.nonces:
            return False
        self.nonces.add(found["Nonce"])
        created = datetime.fromisoformat(found["Created"])
        if abs(datetime.now(UTC) + self.clock_ahead - created) > timedelta(seconds=5):
            return False
        nonce = base64.b64decode(found["Nonce"])
        digest = hashlib.sha1(nonce + found["Created"].encode() + PASSWORD.encode()).digest()  # noqa: S324
        return found["Username"] == USER and base64.b64decode(found["Password"]) == digest


@contextmanager
def onvif_camera(**streams: str) -> Iterator[OnvifCamera]:
    """The camera, answering until left; keywords are its profiles and their addresses."""
    camera = OnvifCamera(streams)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["content-length"])).decode()
            status, body = camera.answer(request)
            content = (
                f'<?xml version="1.0"?><e:Envelope xmlns:e="{_SOAP}" xmlns:t="urn:t"'
                f' xmlns:ter="urn:ter"><e:Body>{body}</e:Body></e:Envelope>'
            ).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    camera.udp_port = udp.getsockname()[1]
    camera.service = f"http://127.0.0.1:{http.server_port}/onvif/device_service"

    def hear() -> None:
        while True:
            try:
                data, sender = udp.recvfrom(65536)
            except OSError:
                return
            message = re.search(r"MessageID>([^<]+)<", data.decode())
            if message is None or "NetworkVideoTransmitter" not in data.decode():
                continue
            told = _PROBE_MATCH.format(soap=_SOAP, message=message[1], service=camera.service)
            udp.sendto(told.encode(), sender)

    threads = [threading.Thread(target=run, daemon=True) for run in (http.serve_forever, hear)]
    for thread in threads:
        thread.start()
    try:
        yield camera
    finally:
        http.shutdown()
        http.server_close()
        udp.close()
