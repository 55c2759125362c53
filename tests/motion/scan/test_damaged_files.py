"""Damaged recordings: no event comes of the damage, and it is said."""

import json
from pathlib import Path

import pytest

from chimera_storage.config import MotionSettings
from chimera_storage.motion.recording import Recording
from chimera_storage.motion.replay import replay
from chimera_storage.motion.scan import Scanner
from chimera_storage.motion.tune import VideoFootage, compare
from tests.motion.test_damage_in_streams import (
    Damage,
    flipped,
    holes,
    stream,
    without_key_frames,
    without_pictures,
)
from tests.support.server import command

SETTINGS = MotionSettings(event_gap=2)
DAMAGES = [
    ("h264", holes),
    ("h264", flipped),
    ("h264", without_pictures),
    ("h264", without_key_frames),
    ("h265", holes),
    ("h265", without_pictures),
    ("h265", without_key_frames),
]


def damaged_file(
    folder: Path, codec: str, damage: Damage, passes: list[tuple[float, float]]
) -> Path:
    path = folder / f"damaged.{codec}"
    path.write_bytes(b"".join(damage(stream(folder / f"whole.{codec}", codec, passes))))
    return path


@pytest.mark.parametrize(("codec", "damage"), DAMAGES)
def test_damage_is_no_event_and_is_said(tmp_path: Path, codec: str, damage: Damage) -> None:
    path = damaged_file(tmp_path, codec, damage, [])
    result = Scanner(SETTINGS).scan(path)
    assert result.events == ()
    assert result.damaged > 0
    assert "damaged, missing or drawn on top of such" in (result.problem or "")
    assert not any(verdict.saved for verdict in replay(path, SETTINGS))
    tuned = compare(VideoFootage(path), SETTINGS, SETTINGS, [], searching=False)
    assert tuned.before.events == 0
    assert any("pictures were left out" in limit for limit in tuned.limits)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_passer_is_still_an_event_where_a_little_is_lost(tmp_path: Path, codec: str) -> None:
    path = damaged_file(tmp_path, codec, without_pictures, [(10, 16)])
    assert Scanner(SETTINGS).scan(path).events


def test_a_whole_file_is_said_to_be_whole(tmp_path: Path) -> None:
    path = damaged_file(tmp_path, "h264", list, [(10, 16)])
    result = Scanner(SETTINGS).scan(path)
    assert (result.damaged, result.problem, len(result.events)) == (0, None, 1)


def test_all_pictures_after_a_missing_one_are_in_doubt_until_the_next_key_frame(
    tmp_path: Path,
) -> None:
    path = damaged_file(tmp_path, "h264", lambda packets: packets[:25] + packets[26:], [])
    with Recording(path) as recording:
        doubted = [n for n, frame in enumerate(recording.frames()) if frame.doubtful]
    assert doubted == list(range(25, 39))  # a key frame every 20


def test_a_stream_that_begins_without_its_key_frame_says_how_much_is_missing(
    tmp_path: Path,
) -> None:
    path = damaged_file(tmp_path, "h264", lambda packets: packets[1:], [])
    result = Scanner(SETTINGS).scan(path)
    assert result.events == ()
    assert result.damaged >= 19


def test_the_commands_count_what_is_damaged(tmp_path: Path) -> None:
    path = damaged_file(tmp_path, "h264", without_pictures, [])
    scanned = command("scan", path, "--format", "json")
    (result,) = json.loads(scanned.stdout)["files"]
    assert (scanned.returncode, result["damaged"] > 0) == (1, True)
    assert "damaged" in command("scan", path).stdout.splitlines()[-1]
    row = command("scan", path, "--format", "csv").stdout.splitlines()[1]
    assert f",{result['damaged']}," in row


def test_an_h265_picture_that_is_not_whole_is_doubted_though_its_decoder_says_nothing(
    tmp_path: Path,
) -> None:
    path = damaged_file(tmp_path, "h265", holes, [])
    with Recording(path) as recording:
        doubted = [frame.doubtful for frame in recording.frames()]
    # Holes in pictures 3, 10 and 17 of the first group of 20; the next begins whole.
    assert doubted[:24] == [False] * 3 + [True] * 17 + [False] * 4


def test_an_h265_file_that_breaks_the_rules_without_harm_is_read(tmp_path: Path) -> None:
    def with_odd_parameters(packets: list[bytes]) -> list[bytes]:
        first = bytearray(packets[0])
        first[26], first[31] = 0xA7, 0x45  # in the parameter sets; a strict decoder refuses them
        return [bytes(first), *packets[1:]]

    path = damaged_file(tmp_path, "h265", with_odd_parameters, [(10, 16)])
    result = Scanner(SETTINGS).scan(path)
    assert (result.damaged, len(result.events)) == (0, 1)
