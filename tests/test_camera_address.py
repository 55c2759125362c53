"""What is shown of a camera's address holds no password, and comes back as what was stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.camera_address import kept_address, shown_address
from chimera_storage.errors import InvalidInputError

WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=12)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://viewer:p%40ss@10.0.0.7:554/stream1", "rtsp://viewer@10.0.0.7:554/stream1"),
        ("rtsp://u:p@h/cam?channel=1&subtype=0", "rtsp://u@h/cam?channel=1&subtype=0"),
        ("rtsp://u:p@h/x?user=a&password=geheim", "rtsp://u@h/x?user=***&password=***"),
        ("rtsp://10.0.0.7/user=admin_password=geheim", "rtsp://10.0.0.7/***"),
        ("http://10.0.0.7/snapshot.jpg", "http://10.0.0.7/***"),
        ("rtsp://viewer@h/stream", "rtsp://viewer@h/***"),
        ("rtsp://10.0.0.7", "rtsp://10.0.0.7"),
        ("rtsp://u:p@[fe80::1]:554/x", "rtsp://u@[fe80::1]:554/x"),
        ("demo:2", "demo:2"),
        ("/dev/video0", "/dev/video0"),
        ("file:///srv/a.mp4", "file:///srv/a.mp4"),
        ("clips/a.mp4", "clips/a.mp4"),
    ],
)
def test_what_is_shown(url: str, shown: str) -> None:
    assert shown_address(url) == shown
    assert kept_address(shown, url) == url


@given(user=WORDS, password=WORDS, host=WORDS, path=WORDS, secret=WORDS)
def test_no_password_is_shown_and_the_shown_means_the_stored(
    user: str, password: str, host: str, path: str, secret: str
) -> None:
    password, secret = password.upper(), secret.upper()
    for url in (
        f"rtsp://{user}:{password}@{host}/{path}?pwd={secret}",
        f"rtsp://{host}/{path}/{secret}?{password}",
        f"https://{user}:{password}@{host}:8443/{path}",
    ):
        shown = shown_address(url)
        assert password not in shown
        assert secret not in shown
        assert kept_address(f" {shown} ", url) == url


def test_a_password_that_is_left_out_is_the_stored_one_for_the_same_user_and_host_only() -> None:
    stored = "rtsp://viewer:secret@10.0.0.7/stream1"
    assert kept_address("rtsp://viewer@10.0.0.7/stream2", stored) == stored[:-1] + "2"
    for other in (
        "rtsp://viewer@10.0.0.8/stream1",
        "rtsp://admin@10.0.0.7/stream1",
        "rtsp://10.0.0.7/stream1",
        "rtsp://viewer:new@10.0.0.7/stream1",
        "demo:",
    ):
        assert kept_address(other, stored) == other


def test_what_is_hidden_cannot_be_stored() -> None:
    with pytest.raises(InvalidInputError, match="not shown"):
        kept_address("http://10.0.0.8/***", "http://10.0.0.7/snapshot.jpg")
