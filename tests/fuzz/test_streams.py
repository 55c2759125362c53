"""What cameras send: anything at all is pictures or an error in a sentence, no fault of ours."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chimera_storage.archive.jpeg import Wholeness, wholeness
from chimera_storage.clock import SystemClock
from chimera_storage.errors import SourceError
from chimera_storage.motion.seen import Seen
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.ffmpeg import Opened
from chimera_storage.motion.sources.http_camera import HttpSource
from chimera_storage.motion.sources.jpeg_files import JpegFiles
from chimera_storage.motion.sources.multipart import MultipartParser
from chimera_storage.motion.sources.source import Source, SourceJpeg
from chimera_storage.motion.sources.stream import StreamSource
from tests.motion.clips import jpegs, write_clip
from tests.motion.test_damage_in_streams import Taken, stream
from tests.support.fuzzing import FEW, damaged, examples

CLOCK = SystemClock()
JPEG = jpegs(0.1, [])[0]
PART = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(JPEG), JPEG)
OPEN_PART = b"--b\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG + b"\r\n"
MJPEG = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
    + PART + OPEN_PART + PART
)  # fmt: skip
SNAPSHOT = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s" % (
    len(JPEG),
    JPEG,
)
CHALLENGE = (
    b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth", '
    b"algorithm=MD5\r\nContent-Length: 0\r\n\r\n"
)
MOVED = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n"
SDP = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    b"c=IN IP4 127.0.0.1\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;"
    b"sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\na=control:track1\r\n"
)
RTSP = (
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n",
    b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s"
    % (len(SDP), SDP),
    b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1\r\n"
    b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
    b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 1\r\n\r\n",
    b"$\0\0\x10\x80\xe0\0\1\0\0\0\0\0\0\0\1\x65\1\2\3" * 4,
)


@examples()
@given(damaged(JPEG))
@example(JPEG[:2])
@example(b"\xff\xd8\xff\xc4\xff\xd9")
@example(b"")
def test_a_damaged_jpeg_is_looked_at_or_counted(jpeg: bytes) -> None:
    wholeness(jpeg)
    files = JpegFiles()
    found = files.decode(jpeg)
    assert (found is None) == (files.damaged == 1)
    with suppress(ValueError):
        seen = Seen.of_jpeg(jpeg)
        assert seen.luma.ndim == 2
        assert min(seen.size) > 0


@examples()
@given(st.integers(0, len(JPEG) - 1))
def test_a_jpeg_that_was_cut_off_is_no_whole_one(length: int) -> None:
    assert wholeness(JPEG) is Wholeness.WHOLE
    assert wholeness(JPEG[:length]) is not Wholeness.WHOLE


BODY = MJPEG.partition(b"\r\n\r\n")[2]
CUTS = st.lists(st.integers(0, len(BODY)), max_size=20).map(sorted)


@examples()
@given(data=damaged(BODY), cuts=CUTS)
def test_parts_are_the_same_however_their_bytes_arrive(data: bytes, cuts: list[int]) -> None:
    def parsed(pieces: list[bytes]) -> list[bytes] | None:
        parser = MultipartParser("multipart/x-mixed-replace; boundary=b")
        try:
            return [body for piece in pieces for body in parser.feed(piece)]
        except SourceError:
            return None

    edges = [0, *cuts, len(data)]
    assert parsed([data]) == parsed([data[a:b] for a, b in pairwise(edges)])


@contextmanager
def answering(answers: list[bytes]) -> Iterator[int]:
    """A port that answers each request (or the beginning) with the next of these, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, suppress(OSError):
                    client.settimeout(0.5)
                    for answer in answers:
                        if not client.recv(8192):
                            break
                        client.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def is_read(source: Source) -> None:
    """To its end, or to an error in a sentence."""
    stop = threading.Event()
    timer = threading.Timer(5, stop.set)
    timer.start()
    try:
        with closing(source.frames(stop)) as frames:  # type: ignore[type-var]
            for _ in range(50):
                item = next(frames, None)
                if item is None:
                    return
                if isinstance(item, SourceJpeg):
                    assert item.jpeg.startswith(b"\xff\xd8")
    except SourceError as error:
        assert str(error)
        assert "secret" not in str(error)
    finally:
        timer.cancel()


@examples(FEW)
@given(
    st.lists(
        st.one_of(*map(damaged, (MJPEG, SNAPSHOT, CHALLENGE, MOVED)), st.sampled_from([CHALLENGE])),
        min_size=1,
        max_size=2,
    )
)
@example([b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=\xff\r\n\r\n"])
@example([b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n"])
@example([b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"])
@example([CHALLENGE.replace(b"algorithm=MD5", b"algorithm=X"), MJPEG])
@example([CHALLENGE.replace(b'qop="auth"', b'qop="auth-int"'), MJPEG])
@example([CHALLENGE.replace(b'nonce="n", ', b""), MJPEG])
def test_whatever_a_camera_answers_over_http_is_pictures_or_a_sentence(
    answers: list[bytes],
) -> None:
    with answering(answers) as port:
        address = parse_address(f"http://cam:secret@127.0.0.1:{port}/video")
        is_read(HttpSource(address, "tcp", CLOCK, interval_s=0.01, timeout_s=0.3))


@examples(FEW)
@given(data=st.data())
def test_whatever_a_camera_answers_over_rtsp_is_pictures_or_a_sentence(data: Any) -> None:
    broken = data.draw(st.integers(0, len(RTSP) - 1))
    answers = [data.draw(damaged(one)) if n == broken else one for n, one in enumerate(RTSP)]
    is_read_over_rtsp(answers)


def is_read_over_rtsp(answers: list[bytes]) -> None:
    with answering(answers) as port:
        address = parse_address(f"rtsp://cam:secret@127.0.0.1:{port}/video")
        is_read(StreamSource(address, "tcp", CLOCK, timeout_s=0.3))


def test_a_stream_of_a_codec_that_nobody_knows_is_refused_in_a_sentence() -> None:
    no_codec = SDP.replace(b"RTP/AVP 96\r", b"RTP/AVP 96\0\r")
    described = RTSP[1].replace(b": %d\r" % len(SDP), b": %d\r" % len(no_codec))
    is_read_over_rtsp([RTSP[0], described.replace(SDP, no_codec), *RTSP[2:]])


@pytest.fixture(scope="module")
def packets(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return stream(tmp_path_factory.mktemp("clips") / "clip.h264", "h264", [(1.0, 2.0)])[:40]


@examples(FEW)
@given(data=st.data())
def test_damaged_packets_are_counted_and_stop_nothing(packets: list[bytes], data: Any) -> None:
    broken = list(packets)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(1, len(broken) - 1))
        broken[at] = data.draw(damaged(broken[at]))
    with TemporaryDirectory(prefix="fuzz-") as name:
        taken = Taken(Path(name) / "data")
        taken.writer.start()
        with closing(taken.index), closing(taken.writer), suppress(SourceError):
            taken.play(broken, "h264")
        tally = taken.capture.tally
        ended = tally.let_go + tally.damaged + tally.dropped + tally.unsaved
        assert tally.read == taken.capture.images_saved + ended


@examples(FEW)
@given(data=st.data())
def test_a_damaged_file_of_video_is_pictures_or_a_sentence(video: bytes, data: Any) -> None:
    with TemporaryDirectory(prefix="fuzz-") as name:
        path = Path(name) / "clip.mp4"
        path.write_bytes(data.draw(damaged(video)))
        with suppress(SourceError), Opened(parse_address(str(path)), {}, 2) as opened:
            for number, packet in enumerate(opened.packets(threading.Event())):
                opened.item(packet, number)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, 1, [])
    return path.read_bytes()
