"""The server's address, before it is opened."""

import socket

import pytest

from chimera_storage.config import ServerSettings
from chimera_storage.errors import ConfigurationError
from chimera_storage.service.http import free_address
from tests.support.server import free_port


@pytest.mark.parametrize(
    ("listens", "opened"),
    [
        ("127.0.0.1", "http://127.0.0.1"),
        ("::1", "http://[::1]"),
        ("0.0.0.0", "http://127.0.0.1"),
        ("::", "http://[::1]"),
    ],
)
def test_the_address_is_one_that_a_browser_here_can_open(listens: str, opened: str) -> None:
    port = free_port()
    assert free_address(ServerSettings(host=listens, port=port)) == f"{opened}:{port}"


def test_a_port_that_another_program_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} .* in use by another program"):
            free_address(ServerSettings(host="127.0.0.1", port=port))
