import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.errors import SourceError
from chimera_storage.log import redact
from chimera_storage.motion.sources.address import AddressKind, parse_address


@pytest.mark.parametrize(
    ("url", "kind", "target"),
    [
        ("rtsp://10.0.0.2/live", AddressKind.RTSP, "rtsp://10.0.0.2/live"),
        ("RTSPS://cam.local:322/a?b=c", AddressKind.RTSP, "rtsps://cam.local:322/a?b=c"),
        ("http://10.0.0.2:8080", AddressKind.HTTP, "http://10.0.0.2:8080/"),
        ("https://[fe80::1]/video", AddressKind.HTTP, "https://[fe80::1]/video"),
        ("/dev/video0", AddressKind.DEVICE, "/dev/video0"),
        ("v4l2:/dev/video2", AddressKind.DEVICE, "/dev/video2"),
        ("clips/a b.mp4", AddressKind.FILE, "clips/a b.mp4"),
        ("file:///clips/a%20b.mp4", AddressKind.FILE, "/clips/a b.mp4"),
        ("file://localhost/clips/a.mp4", AddressKind.FILE, "/clips/a.mp4"),
        ("demo:", AddressKind.DEMO, ""),
        ("demo:2", AddressKind.DEMO, "2"),
        ("  rtsp://10.0.0.2/live\n", AddressKind.RTSP, "rtsp://10.0.0.2/live"),
    ],
)
def test_each_form_of_address_has_its_kind(url: str, kind: AddressKind, target: str) -> None:
    address = parse_address(url)
    assert (address.kind, address.target) == (kind, target)


def test_user_and_password_are_decoded_and_encoded_again_for_ffmpeg() -> None:
    address = parse_address("rtsp://a%40b:p%3A%2F%23%25w@10.0.0.2:554/x")
    assert (address.user, address.password) == ("a@b", "p:/#%w")
    assert address.with_credentials() == "rtsp://a%40b:p%3A%2F%23%25w@10.0.0.2:554/x"


def test_a_bare_at_sign_in_a_password_belongs_to_the_password() -> None:
    address = parse_address("rtsp://cam:p@ss@10.0.0.2/x")
    assert (address.password, address.host) == ("p@ss", "10.0.0.2")
    assert address.with_credentials() == "rtsp://cam:p%40ss@10.0.0.2/x"


def test_a_user_without_password_stays_without() -> None:
    assert parse_address("http://cam@10.0.0.2/x").with_credentials() == "http://cam@10.0.0.2/x"


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://cam:secret#1@10.0.0.2/x",
        "rtsp://cam:secret/1@10.0.0.2/x",
        "rtsp://cam:secret@10.0.0.2:99999/x",
        "rtsp://cam:secret@10.0.0.2:port/x",
        "rtsp://cam:secret@/x",
        "http://",
        "secret://cam:secret@10.0.0.2/",
        "rtsp://cam:secret@host\0/",
    ],
)
def test_a_malformed_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SourceError) as raised:
        parse_address(url)
    assert "cam:secret" not in str(raised.value)
    assert "10.0.0.2" not in str(raised.value)
    assert redact(str(raised.value)) == str(raised.value)  # the form is still to be read in logs


def test_what_is_shown_of_an_address_holds_no_path_for_some_cameras_want_the_password_there() -> (
    None
):
    address = parse_address("rtsp://10.0.0.2:554/user=admin_password=hunter2_channel=1?pwd=hunter2")
    assert address.place == "10.0.0.2:554"
    assert "hunter2" not in repr(address)


@given(st.text())
def test_no_text_at_all_makes_anything_but_an_address_or_a_source_error(url: str) -> None:
    try:
        parse_address(url)
    except SourceError as error:
        assert str(error)
