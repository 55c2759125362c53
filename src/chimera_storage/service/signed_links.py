"""Links in webhooks, for those who have no account."""

from chimera_storage.access import Accounts, Target
from chimera_storage.archive.layout import Layout
from chimera_storage.config import ServerSettings
from chimera_storage.model import Conversion, Image

_LINK_LASTS_S = 7 * 86_400.0


class SignedLinks:
    """Addresses for those who have no account, which end after a week."""

    def __init__(self, accounts: Accounts, layout: Layout, server: ServerSettings) -> None:
        self._links = accounts.links
        self._layout = layout
        self._begin = server.public_url or server.root_path

    def image(self, image: Image) -> str:
        """Of one image. Raises StorageError."""
        path = self._layout.image_url(image.key).removeprefix("/shared/")
        return self._make(Target.FILE, path, image.key.camera)

    def conversion(self, conversion: Conversion) -> str:
        """Of a finished video or archive. Raises StorageError."""
        return self._make(Target.PROCESS, conversion.id, conversion.camera)

    def _make(self, kind: Target, target: str, camera: int) -> str:
        _, text = self._links.make(
            kind=kind,
            target=target,
            camera=camera,
            start_us=0,
            end_us=0,
            made_by="server:webhook",
            lasts_s=_LINK_LASTS_S,
            uses=None,
        )
        return f"{self._begin}/link/{text}"
