"""Whether the door may stand open: only where nobody but this machine can come in."""

from chimera_storage.access.accounts import Accounts
from chimera_storage.config import LOOPBACK_HOSTS, ServerSettings
from chimera_storage.errors import ConfigurationError


class Door:
    """Asked with each request: users may come and go while the server runs."""

    def __init__(self, server: ServerSettings, accounts: Accounts) -> None:
        self._host = server.host
        self._has_key = server.secret_key is not None
        self._accounts = accounts

    @property
    def is_open(self) -> bool:
        """Whether everybody who can reach the server may do everything."""
        return self._host in LOOPBACK_HOSTS and not self._has_key and not self._accounts.configured

    def check(self) -> None:
        """Raises ConfigurationError where others could reach a server that nobody can log in to."""
        if self._host in LOOPBACK_HOSTS or self._has_key or self._accounts.configured:
            return
        raise ConfigurationError(
            f"server.host is {self._host!r}, which others can reach, but nobody would have to log"
            " in; add a user (chimera-storage user add), set server.secret_key (or SECRETKEY), or"
            " set server.host to 127.0.0.1"
        )
