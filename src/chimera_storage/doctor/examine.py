"""All that is looked at, in the order in which it is to be put right."""

from collections.abc import Iterator

from chimera_storage.clock import Clock
from chimera_storage.config import Settings
from chimera_storage.doctor.cameras import look_at_cameras
from chimera_storage.doctor.findings import Finding
from chimera_storage.doctor.machine import look_at_machine
from chimera_storage.doctor.server import look_at_server
from chimera_storage.doctor.storage import look_at_storage


def examine(settings: Settings | None, clock: Clock) -> Iterator[Finding]:
    """Findings as they come. `settings` None: they cannot be read, so only the machine is."""
    yield from look_at_machine()
    if settings is not None:
        yield from look_at_storage(settings)
        yield from look_at_server(settings, clock)
        yield from look_at_cameras(settings.camera, clock)
