"""Thumbnails and clips of events."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from chimera_storage.config import MotionSettings
from chimera_storage.motion.scan import ClipWriter, FileResult, Scanner, ThumbnailWriter
from tests.motion.clips import HEIGHT, WIDTH, write_clip

SETTINGS = MotionSettings(event_gap=2)


def scan(path: Path, folder: Path, *, boxes: bool = True, exact: bool = False) -> FileResult:
    scanner = Scanner(
        SETTINGS,
        thumbnails=ThumbnailWriter(folder, boxes=boxes),
        clips=ClipWriter(folder, exact=exact, before_s=1, after_s=2),
    )
    return scanner.scan(path)


def frames(path: str | None) -> list[tuple[float, av.VideoFrame]]:
    assert path is not None
    with av.open(path) as container:
        return [(float(frame.time), frame) for frame in container.decode(video=0)]


def test_a_thumbnail_shows_the_thing_in_its_box(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 12, [(4, 7)])
    (event,) = scan(tmp_path / "a.mp4", tmp_path / "out").events
    (plain,) = scan(tmp_path / "a.mp4", tmp_path / "plain", boxes=False).events
    assert event.thumbnail == str(tmp_path / "out" / "a-001.jpg")
    drawn, bare = (cv2.imread(str(e.thumbnail)) for e in (event, plain))
    assert drawn is not None
    assert bare is not None
    assert drawn.shape == bare.shape == (HEIGHT, WIDTH, 3)
    assert (bare[:, :, 1] > 200).sum() > 2000  # the bright thing, 4,000 pixels
    colour = drawn.astype(int).max(axis=2) - drawn.astype(int).min(axis=2)
    assert (colour > 100).sum() > 100  # amber lines in a grey picture
    assert np.ptp(bare.astype(int), axis=2).max() < 30


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi"])
def test_a_clip_begins_with_a_key_frame_before_the_event(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    write_clip(path, 20, [(3, 5), (12, 14)])
    result = scan(path, tmp_path / "out")
    assert result.problem is None
    assert len(result.events) == 2
    whole = [frame.to_ndarray(format="gray") for _, frame in frames(str(path))]
    for event in result.events:
        cut = frames(event.clip)
        assert cut[0][1].key_frame
        first = cut[0][1].to_ndarray(format="gray")
        begins = min(range(len(whole)), key=lambda n: int(cv2.norm(whole[n], first)))
        assert (whole[begins] == first).all()  # untouched
        wanted = event.start - 1
        assert wanted - 1.05 <= begins / 10 <= wanted + 0.05  # a key frame a second
        assert begins / 10 + len(cut) / 10 == pytest.approx(event.end + 2, abs=0.35)
        assert cut[0][0] == pytest.approx(0, abs=0.2)


def test_an_exact_clip_begins_with_the_very_frame(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 12, [(5.5, 7.5)])
    (event,) = scan(tmp_path / "a.mp4", tmp_path / "out", exact=True).events
    cut = frames(event.clip)
    whole = [frame.to_ndarray(format="gray") for _, frame in frames(str(tmp_path / "a.mp4"))]
    first = round((event.start - 1) * 10)
    assert len(cut) == round((event.end + 2) * 10) - first + 1
    assert [time for time, _ in cut] == pytest.approx([n / 10 for n in range(len(cut))], abs=1e-3)
    for n in (0, len(cut) // 2, len(cut) - 1):
        same = cv2.PSNR(whole[first + n], cut[n][1].to_ndarray(format="gray"))
        assert same > 30


def test_a_raw_stream_without_times_is_cut_by_encoding_anew(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.264", 12, [(5, 7)])
    result = scan(tmp_path / "a.264", tmp_path / "out")
    assert result.problem is None
    assert len(frames(result.events[0].clip)) > 30


def test_recordings_of_the_same_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    scanner = Scanner(SETTINGS, thumbnails=ThumbnailWriter(tmp_path / "out", boxes=True))
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_clip(tmp_path / folder / "a.mp4", 8, [(3, 6)])
        scanner.scan(tmp_path / folder / "a.mp4")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-001.jpg", "a_2-001.jpg"]


def test_nothing_half_made_is_left(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 8, [(3, 6)])
    scan(tmp_path / "a.mp4", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-001.jpg", "a-001.mp4"]
