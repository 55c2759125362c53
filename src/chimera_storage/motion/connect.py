"""Which source an address wants."""

from chimera_storage.clock import Clock
from chimera_storage.config import CameraSettings
from chimera_storage.errors import SourceError
from chimera_storage.motion.address import AddressKind, parse_address
from chimera_storage.motion.demo_source import DemoSource
from chimera_storage.motion.http_camera import HttpSource
from chimera_storage.motion.source import Source
from chimera_storage.motion.stream import FileSource, StreamSource


def source_for(camera: CameraSettings, clock: Clock) -> Source:
    """A source for a new connection to a camera. Raises SourceError for an address that is none."""
    if camera.detect_url is not None:
        raise SourceError(
            "detect_url, a second stream for detection, is not supported yet; take it out, and the"
            " stream of url is looked at."
        )
    address = parse_address(camera.url.get_secret_value())
    match address.kind:
        case AddressKind.DEMO:
            return DemoSource(address, clock)
        case AddressKind.FILE:
            return FileSource(address, camera.loop, clock)
        case AddressKind.HTTP:
            return HttpSource(address, camera.transport, clock, interval_s=camera.interval)
        case AddressKind.RTSP | AddressKind.DEVICE:
            return StreamSource(address, camera.transport, clock)
