import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.errors import SourceError
from chimera_storage.motion.sources.multipart import MultipartParser

PICTURE = b"\xff\xd8 picture \r\n with - dashes -- \xff\xd9"


def part(
    body: bytes, *, length: bool = True, marker: bytes = b"--frame", eol: bytes = b"\r\n"
) -> bytes:
    head = [marker, b"Content-Type: image/jpeg"]
    head += [b"Content-Length: %d" % len(body)] if length else []
    return eol.join(head) + eol + eol + body + eol


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/x-mixed-replace; boundary=frame",
        'multipart/x-mixed-replace;boundary="frame"',
        "multipart/x-mixed-replace; boundary=--frame",
        "multipart/x-mixed-replace; Boundary = frame; charset=x",
    ],
)
def test_a_boundary_is_understood_however_cameras_write_it(content_type: str) -> None:
    parser = MultipartParser(content_type)
    assert parser.feed(part(PICTURE) + part(PICTURE)) == [PICTURE, PICTURE]


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
@pytest.mark.parametrize("marker", [b"--frame", b"----frame"])
def test_parts_without_a_length_end_where_the_next_begins(eol: bytes, marker: bytes) -> None:
    parser = MultipartParser("multipart/x-mixed-replace; boundary=--frame")
    stream = b"".join(part(PICTURE, length=False, marker=marker, eol=eol) for _ in range(3))
    assert parser.feed(stream) == [PICTURE, PICTURE]
    assert parser.feed(marker) == [PICTURE]


@given(
    st.lists(
        st.binary(max_size=40).map(lambda middle: b"\xff\xd8" + middle + b"\xff\xd9"), max_size=5
    ),
    st.booleans(),
    st.data(),
)
def test_it_does_not_matter_how_the_network_cuts_the_stream(
    bodies: list[bytes], length: bool, data: st.DataObject
) -> None:
    stream = b"preamble" + b"".join(part(body, length=length) for body in bodies) + b"--frame--\r\n"
    parser = MultipartParser("multipart/x-mixed-replace; boundary=frame")
    found = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += parser.feed(stream[:cut])
        stream = stream[cut:]
    assert found == bodies


def test_a_stream_without_a_boundary_is_refused() -> None:
    with pytest.raises(SourceError, match="boundary"):
        MultipartParser("multipart/x-mixed-replace")


def test_a_part_without_an_end_does_not_fill_the_memory() -> None:
    parser = MultipartParser("multipart/x-mixed-replace; boundary=frame")
    parser.feed(b"--frame\r\n\r\n")
    with pytest.raises(SourceError, match="32 MiB"):
        for _ in range(40):
            parser.feed(bytes(1024 * 1024))


@given(st.lists(st.sampled_from([b"--frame", b"\r\n\r\n", b"Content-Length: 3", b"\n", b"ab"])))
def test_nothing_that_a_camera_sends_does_more_than_raise_a_source_error(
    chunks: list[bytes],
) -> None:
    parser = MultipartParser("multipart/x-mixed-replace; boundary=frame")
    for chunk in chunks:
        assert all(isinstance(body, bytes) for body in parser.feed(chunk))


def test_headers_without_an_end_are_given_up() -> None:
    parser = MultipartParser("multipart/x-mixed-replace; boundary=frame")
    parser.feed(b"--frame\r\n")
    with pytest.raises(SourceError, match="headers"):
        parser.feed(b"x" * 100_000)


def test_a_content_length_that_is_too_small_costs_one_picture_and_no_more() -> None:
    parser = MultipartParser("multipart/x-mixed-replace; boundary=frame")
    wrong = part(PICTURE).replace(b"Content-Length: %d" % len(PICTURE), b"Content-Length: 3")
    assert parser.feed(wrong + part(PICTURE)) == [PICTURE[:3], PICTURE]
