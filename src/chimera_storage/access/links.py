"""Signed links: one file, one conversion or one span of a camera's time, for whoever has the link.

A link is `<id>.<signature>`: HMAC-SHA256, with a key that is made once, of the id and of all that
the row says, so neither a guessed id nor a changed row opens anything. The row is what can be
listed, counted and revoked.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chimera_storage.access.store import Store
from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import NotFoundError

USE_US = 3_600_000_000  # what one address reads within an hour of its first look is one use
_FORM = re.compile(r"([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})", re.ASCII)
_SIGNED = ("id", "kind", "target", "camera", "start_us", "end_us", "made_by", "expires_us", "uses")


class Target(StrEnum):
    """What a link leads to."""

    FILE = "file"  # `target` is its path below shared
    PROCESS = "process"  # `target` is the id of a conversion
    RANGE = "range"  # the camera's images from start_us to end_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link. `uses` None: as often as one likes."""

    id: str
    kind: Target
    target: str
    camera: int
    start_us: int
    end_us: int
    made_by: str
    created_us: int
    expires_us: int
    uses: int | None
    used: int


class Links:
    """Makes, opens, lists and revokes links. Thread-safe; every method may block for milliseconds.

    All raise StorageError where the accounts' file cannot be used.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._key: bytes | None = None

    def make(
        self,
        *,
        kind: Target,
        target: str,
        camera: int,
        start_us: int,
        end_us: int,
        made_by: str,
        lasts_s: float,
        uses: int | None,
    ) -> tuple[Link, str]:
        """The link and the secret text that opens it, which nothing stores."""
        now_us = to_us(self._clock.now())
        link = Link(
            id=secrets.token_urlsafe(12),
            kind=kind,
            target=target,
            camera=camera,
            start_us=start_us,
            end_us=end_us,
            made_by=made_by,
            created_us=now_us,
            expires_us=now_us + int(lasts_s * 1_000_000),
            uses=uses,
            used=0,
        )
        row = {name: getattr(link, name) for name in Link.__dataclass_fields__}
        self._store.add_link(row)
        return link, f"{link.id}.{self._signature(row)}"

    def open(self, text: str) -> Link:
        """The link of this text. Raises NotFoundError: none, expired or revoked."""
        nothing = NotFoundError("this link does not lead anywhere, or not any more")
        match = _FORM.fullmatch(text)
        if match is None:
            raise nothing
        row = self._store.link(match[1])
        if row is None or not hmac.compare_digest(self._signature(row), match[2]):
            raise nothing
        if to_us(self._clock.now()) >= row["expires_us"]:
            raise nothing
        return _link(row)

    def use(self, link: Link, reader: str) -> None:
        """Count a use by `reader` (an address). Raises NotFoundError where none is left."""
        if link.uses is None:
            return
        now_us = to_us(self._clock.now())
        digest = hmac.new(self._secret(), f"reader\0{link.id}\0{reader}".encode(), hashlib.sha256)
        if not self._store.use_link(link.id, digest.hexdigest(), now_us, now_us + USE_US):
            raise NotFoundError("this link was used as often as it may be")

    def list(self, *, made_by: str | None = None) -> list[Link]:
        """Of all or of one who made them, the newest first; expired ones are left out."""
        now_us = to_us(self._clock.now())
        found = [_link(row) for row in self._store.links() if row["expires_us"] > now_us]
        return [link for link in found if made_by in {None, link.made_by}]

    def revoke(self, id: str, *, made_by: str | None = None) -> bool:  # noqa: A002
        """False where there is none of this id (that `made_by` made)."""
        return self._store.remove_links(id=id, made_by=made_by) > 0

    def _signature(self, row: dict[str, Any]) -> str:
        content = json.dumps([row[name] for name in _SIGNED]).encode()
        digest = hmac.new(self._secret(), b"link\0" + content, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _secret(self) -> bytes:
        if self._key is None:
            self._key = self._store.signing_key()
        return self._key


def _link(row: dict[str, Any]) -> Link:
    return Link(**{**row, "kind": Target(row["kind"])})
