"""Which source an address wants."""

from chimera_storage.clock import Clock
from chimera_storage.config import CameraSettings
from chimera_storage.motion.sources.address import AddressKind, parse_address
from chimera_storage.motion.sources.demo import DemoSource
from chimera_storage.motion.sources.hardware import devices
from chimera_storage.motion.sources.http_camera import HttpSource
from chimera_storage.motion.sources.source import Source
from chimera_storage.motion.sources.stream import FileSource, StreamSource


def source_for(camera: CameraSettings, clock: Clock) -> Source:
    """A source for a new connection to a camera. Raises SourceError for an address that is none."""
    return _source(camera.url.get_secret_value(), camera, clock)


def second_source_for(camera: CameraSettings, clock: Clock) -> Source:
    """The same for the stream of `detect_url`, which has to be there."""
    assert camera.detect_url is not None, "a second stream"  # noqa: S101
    return _source(camera.detect_url.get_secret_value(), camera, clock)


def _source(url: str, camera: CameraSettings, clock: Clock) -> Source:
    address = parse_address(url)
    found = devices() if camera.hwaccel == "auto" else ()
    match address.kind:
        case AddressKind.DEMO:
            return DemoSource(address, clock)
        case AddressKind.FILE:
            return FileSource(address, camera.loop, clock, devices=found)
        case AddressKind.HTTP:
            return HttpSource(
                address, camera.transport, clock, interval_s=camera.interval, devices=found
            )
        case AddressKind.RTSP | AddressKind.DEVICE:
            return StreamSource(address, camera.transport, clock, devices=found)
