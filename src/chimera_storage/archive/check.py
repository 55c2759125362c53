"""Files against index: what is on disk and not in the index is added, what is in the index and gone is removed."""

import threading

from chimera_storage.archive.images import Archive


class Reconciler:
    """A thread that compares at start (all) and then keeps watch over flat folders that another
    program writes to. `complete` says whether the first comparison is through."""

    def __init__(self, archive: Archive, *, interval_s: float = 2.0) -> None: ...
    def start(self) -> None: ...
    def wait_complete(self, timeout_s: float) -> bool: ...
    @property
    def complete(self) -> bool: ...
    def close(self) -> None: ...
    def reconcile_camera(self, camera: int) -> tuple[int, int]:
        """(added, removed). Also adopts conversions found in captures (once, not per camera)."""


threading  # noqa: B018
