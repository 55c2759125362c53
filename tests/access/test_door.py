"""Whether everybody who can reach the server may come in."""

import pytest
from pydantic import SecretStr

from chimera_storage.access import Accounts, Door, Role
from chimera_storage.config import ServerSettings
from chimera_storage.errors import ConfigurationError


@pytest.mark.parametrize(
    ("host", "key", "is_open", "is_right"),
    [
        ("127.0.0.1", None, True, True),
        ("::1", None, True, True),
        ("localhost", None, True, True),
        ("127.0.0.1", "secret", False, True),
        ("0.0.0.0", "secret", False, True),
        ("0.0.0.0", None, False, False),
        ("192.168.1.5", None, False, False),
        ("::", None, False, False),
        ("", None, False, False),
    ],
)
def test_the_door_is_open_on_loopback_alone_and_while_nobody_is_configured(
    accounts: Accounts, host: str, key: str | None, is_open: bool, is_right: bool
) -> None:
    server = ServerSettings(host=host, secret_key=key and SecretStr(key))
    door = Door(server, accounts)
    assert door.is_open is is_open
    if not is_right:
        with pytest.raises(ConfigurationError, match="add a user"):
            door.check()
    accounts.add_token("a", role=Role.VIEWER, cameras=None, lasts_s=None)
    assert not door.is_open
    door.check()
