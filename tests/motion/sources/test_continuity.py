from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.motion.sources.continuity import Continuity
from tests.motion.clips import HEIGHT, RATE, WIDTH, scene


def packets(path: Path, options: dict[str, str]) -> tuple[bytes | None, list[tuple[bytes, bool]]]:
    """Extradata, and each packet with whether it is a key frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 25
        for pixels in scene(6, [(1, 5)]):
            frame = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        read = [(bytes(p), p.is_keyframe) for p in container.demux(video) if p.size]
        return video.codec_context.extradata, read


PLAIN = {"preset": "ultrafast", "tune": "zerolatency"}
WITH_B_FRAMES = {"preset": "veryfast", "bf": "2", "b-pyramid": "none"}
HIGH_444 = {"preset": "ultrafast", "profile": "high444", "cqm": "jvt"}


@pytest.mark.parametrize("options", [PLAIN, WITH_B_FRAMES, HIGH_444])
@pytest.mark.parametrize("ending", ["mp4", "ts", "264"])
def test_a_whole_stream_is_whole(tmp_path: Path, options: dict[str, str], ending: str) -> None:
    extradata, read = packets(tmp_path / f"clip.{ending}", options)
    continuity = Continuity(extradata)
    assert not any(continuity.is_broken(data) for data, _ in read)


@pytest.mark.parametrize("ending", ["mp4", "ts", "264"])
def test_a_missing_picture_is_noticed_at_the_next_one_only(tmp_path: Path, ending: str) -> None:
    extradata, read = packets(tmp_path / f"clip.{ending}", PLAIN)
    continuity = Continuity(extradata)
    del read[10]
    assert [n for n, (data, _) in enumerate(read) if continuity.is_broken(data)] == [10]


def test_nothing_is_missing_where_a_key_frame_begins_anew(tmp_path: Path) -> None:
    extradata, read = packets(tmp_path / "clip.ts", PLAIN)
    key = next(n for n, (_, is_key) in enumerate(read) if is_key and n)
    continuity = Continuity(extradata)
    assert not any(continuity.is_broken(data) for data, _ in read[: key - 4] + read[key:])


@given(extradata=st.none() | st.binary(max_size=60), units=st.lists(st.binary(max_size=60)))
def test_random_bytes_do_no_harm(extradata: bytes | None, units: list[bytes]) -> None:
    continuity = Continuity(extradata)
    for unit in units:
        continuity.is_broken(b"\0\0\1\x67" + unit)
        continuity.is_broken(b"\0\0\1\x41" + unit)
        continuity.is_broken(unit)
