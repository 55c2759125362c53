"""JPEGs in an mp4 written by hand: other programs read it, whatever its length."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from chimera_storage.convert.copied_mp4 import CopiedMp4
from chimera_storage.convert.encoders import Format
from tests.support.saved_images import grey, picture

FORM = Format(
    codec="mjpeg", quality="normal", width=64, height=48, fps=20, time_base=Fraction(1, 20)
)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 300])
def test_every_image_is_found_again_at_its_time(tmp_path: Path, count: int) -> None:
    target = tmp_path / "video.mp4"
    with CopiedMp4(target, FORM, most_frames=count) as video:
        for number in range(count):
            video.add_bytes(picture(number), 1 + number % 3)
        video.finish()
    with av.open(str(target)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [bytes(packet) for packet in packets] == [picture(n) for n in range(count)]
        starts = [sum(1 + n % 3 for n in range(number)) for number in range(count)]
        stream = container.streams.video[0]
        assert [float(packet.pts * stream.time_base) * 20 for packet in packets] == pytest.approx(  # type: ignore[operator]
            starts
        )
        assert container.duration == pytest.approx(
            sum(1 + n % 3 for n in range(count)) / 20 * 1e6, abs=1000
        )
    with av.open(str(target)) as container:
        container.seek(int((starts[-1] + 0.5) / 20 * 1e6))
        last = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)][-1]
        assert int(last[24, 32]) == pytest.approx(grey(count - 1), abs=3)


def test_a_file_that_is_shorter_than_it_was_is_written_over_by_the_next(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jpg", tmp_path / "cut.jpg"
    whole.write_bytes(picture(3))
    cut.write_bytes(picture(4)[:200])
    target = tmp_path / "video.mp4"
    with (
        CopiedMp4(target, FORM, most_frames=3) as video,
        whole.open("rb") as first,
        cut.open("rb") as second,
    ):
        assert video.add(first.fileno(), len(picture(3)), 1)
        assert not video.add(second.fileno(), len(picture(4)), 1)
        assert video.add(first.fileno(), len(picture(3)), 1)
        video.finish()
    with av.open(str(target)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == [picture(3)] * 2
