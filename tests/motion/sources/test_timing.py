from itertools import pairwise

from chimera_storage.motion.sources.timing import LiveTimes

SECOND = 1_000_000
START = 1_767_260_000 * SECOND


def test_times_follow_the_receipt_when_pictures_come_evenly() -> None:
    times = LiveTimes(START)
    stamps = [times.stamp(n * 100_000, START + n * 100_000) for n in range(100)]
    assert stamps == [START + n * 100_000 for n in range(100)]


def test_a_burst_after_a_stall_keeps_the_spacing_of_the_stream() -> None:
    times = LiveTimes(START)
    for n in range(20):
        times.stamp(n * 100_000, START + n * 100_000)
    burst = [times.stamp(n * 100_000, START + 4 * SECOND) for n in range(20, 40)]
    gaps = [later - earlier for earlier, later in pairwise(burst)]
    assert all(95_000 < gap < 105_000 for gap in gaps)
    assert abs(burst[0] - (START + 2 * SECOND)) < 100_000


def test_what_was_read_while_the_stream_was_being_opened_is_spaced_too() -> None:
    times = LiveTimes(START)
    assert times.stamp(None, START + 2 * SECOND) == START  # RTP's first picture has no pts
    burst = [times.stamp(n * 100_000, START + 2 * SECOND) for n in range(20)]
    assert burst[-1] - burst[0] > 1_800_000
    assert burst[-1] <= START + 2 * SECOND


def test_no_picture_is_stamped_with_the_future() -> None:
    times = LiveTimes(START)
    for n in range(1000):
        received = START + n * 90_000  # the camera's clock runs 10 % fast
        assert times.stamp(n * 100_000, received) <= received + n


def test_a_camera_whose_clock_runs_slow_does_not_fall_behind() -> None:
    times = LiveTimes(START)
    for n in range(5000):
        received = START + n * 101_000
        stamp = times.stamp(n * 100_000, received)
        assert received - stamp < 200_000


def test_times_always_rise_where_pts_is_missing_repeated_or_runs_back() -> None:
    times = LiveTimes(START)
    last = 0
    for number, pts in enumerate([None, None, 5, 5, 4, None, 0, 90 * SECOND, 1]):
        stamp = times.stamp(pts, START + number)
        assert stamp > last
        last = stamp


def test_a_camera_whose_clock_is_in_the_year_2000_gets_the_servers_time() -> None:
    times = LiveTimes(None)
    for n in range(100):
        received_us = START + n * 40_000
        assert times.stamp(946_684_800_000_000 + n * 40_000, received_us) == received_us


def test_a_leap_of_the_cameras_clock_is_not_followed() -> None:
    times = LiveTimes(START)
    times.stamp(0, START)
    assert times.stamp(3600 * SECOND, START + 100_000) == START + 100_000


def test_times_go_back_with_the_machines_clock_when_it_is_set_back() -> None:
    times = LiveTimes(START)
    times.stamp(0, START)
    set_back = START - 3600 * SECOND
    assert times.stamp(100_000, set_back) == set_back
    assert times.stamp(200_000, set_back + 100_000) == set_back + 100_000
