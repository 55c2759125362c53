from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.config import CameraSettings
from chimera_storage.model import Box, CameraReport, CameraState, Health, NoiseMap
from chimera_storage.motion.messages import (
    Watch,
    Work,
    decode_order,
    decode_report,
    encode_order,
    encode_report,
)


def test_work_with_odd_passwords_arrives_as_it_was_sent_on_one_line() -> None:
    cameras = (
        CameraSettings.model_validate({"id": 1, "url": 'rtsp://c:p"\n\u2028ü%2F@h/', "loop": True}),
        CameraSettings.model_validate(
            {
                "id": 2,
                "url": "x",
                "detect_url": "y",
                "motion": {"noise_level": 9, "threshold": 0.02},
            }
        ),
    )
    work = Work(data=Path("/d a"), timezone="Europe/Berlin", sync_interval_s=0.5, cameras=cameras)
    line = encode_order(work)
    assert line.count(b"\n") == 1
    assert decode_order(line) == work


def test_a_watch_arrives_as_it_was_sent() -> None:
    assert decode_order(encode_order(Watch(cameras=(3, 1)))) == Watch(cameras=(3, 1))


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"order":"sing"}', b'{"order":"work"}'])
def test_a_line_that_is_no_order_is_refused(line: bytes) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        decode_order(line)


@given(
    st.builds(
        CameraReport,
        camera=st.integers(0, 999_999),
        state=st.sampled_from(CameraState),
        since_us=st.integers(0, 2**53),
        problem=st.none() | st.text(),
        fps=st.floats(0, 240),
        last_frame_us=st.none() | st.integers(0, 2**53),
        recording=st.booleans(),
        score=st.floats(0, 1),
        health=st.sampled_from(Health),
        health_since_us=st.none() | st.integers(0, 2**53),
        noise=st.none()
        | st.builds(NoiseMap, columns=st.just(2), rows=st.just(1), levels=st.text()),
        boxes=st.lists(st.builds(Box, *[st.integers(0, 9999)] * 4), max_size=3).map(tuple),
    )
)
def test_a_report_arrives_as_it_was_sent(report: CameraReport) -> None:
    assert decode_report(encode_report(report)) == report


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b"null", b'{"state":"x","boxes":[]}', b"\xff\n", b"3"]
)
def test_a_line_that_is_no_report_is_refused(line: bytes) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        decode_report(line)
