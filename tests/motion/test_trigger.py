"""The trigger, beside a plain model that sees the whole list at once."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.config import MotionSettings
from chimera_storage.motion.trigger import Pacer, Step, Trigger

SECOND = 1_000_000


def settings(
    *, frames: int = 3, pre: float = 1.0, post: float = 2.0, gap: float = 10.0
) -> MotionSettings:
    return MotionSettings(
        minimum_motion_frames=frames, pre_capture=pre, post_capture=post, event_gap=gap
    )


def run(chosen: MotionSettings, frames: list[tuple[int, bool]]) -> list[Step]:
    trigger = Trigger(chosen)
    return [trigger.step(time_us, moving) for time_us, moving in frames]


def saved(steps: list[Step]) -> list[int]:
    return [number for step in steps for number in step.save]


def at_rate(fps: float, pattern: str) -> list[tuple[int, bool]]:
    """Frames at a steady rate; "#" moves, "." is still."""
    return [(round(n * SECOND / fps), mark == "#") for n, mark in enumerate(pattern)]


def spans(numbers: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for n in numbers:
        if found and found[-1][1] == n - 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return found


def test_motion_is_saved_with_a_second_before_and_two_after() -> None:
    steps = run(settings(), at_rate(10, "." * 50 + "#" * 10 + "." * 150))
    assert spans(saved(steps)) == [(40, 79)]
    assert [s.number for s in steps if s.opened] == [52]
    assert [s.number for s in steps if s.closed] == [160]  # 10 s after frame 59


def test_two_moving_frames_are_not_enough_and_leave_nothing_behind() -> None:
    steps = run(settings(), at_rate(10, "." * 20 + "##" + "." * 50))
    assert saved(steps) == []
    assert not any(step.opened or step.closed for step in steps)


def test_a_single_miss_does_not_break_a_run() -> None:
    assert saved(run(settings(), at_rate(10, "." * 20 + "#.#.#" + "." * 9)))


def test_two_misses_in_a_row_break_a_run() -> None:
    assert not saved(run(settings(), at_rate(10, "." * 20 + "#..#..#..#..#" + "." * 9)))


def test_at_one_frame_a_second_one_moving_frame_opens_an_event() -> None:
    steps = run(settings(), at_rate(1, "....#..........."))
    assert spans(saved(steps)) == [(3, 6)]


def test_at_two_frames_a_second_two_moving_frames_open_an_event() -> None:
    assert not saved(run(settings(), at_rate(2, "....#.....")))
    assert saved(run(settings(), at_rate(2, "....##....")))


def test_a_hiccup_in_a_fast_stream_does_not_lower_what_is_needed() -> None:
    frames = [*at_rate(25, "." * 30), (5 * SECOND, True), (5 * SECOND + 40_000, False)]
    assert not saved(run(settings(), frames))


def test_motion_within_the_gap_goes_on_with_the_event_and_its_own_pre_capture() -> None:
    steps = run(settings(), at_rate(10, "." * 20 + "###" + "." * 60 + "#" + "." * 150))
    assert sum(step.opened for step in steps) == sum(step.closed for step in steps) == 1
    assert spans(saved(steps)) == [(10, 42), (73, 103)]


def test_an_event_does_not_close_before_post_capture_is_over() -> None:
    steps = run(settings(post=4, gap=1), at_rate(10, "...###" + "." * 60))
    assert saved(steps)[-1] == 45
    assert [s.number for s in steps if s.closed] == [46]


def test_an_event_that_closes_may_be_followed_by_the_next_with_the_same_frame() -> None:
    steps = run(
        settings(frames=1, post=0, gap=0.5), [(0, False), (SECOND, True), (9 * SECOND, True)]
    )
    assert (steps[2].closed, steps[2].opened) == (True, True)
    assert list(steps[2].save) == [2]


def test_time_that_runs_backwards_loses_no_pre_capture_and_no_event() -> None:
    frames = at_rate(10, "." * 30)
    back = [(t - 3600 * SECOND, moving) for t, moving in at_rate(10, "..####" + "." * 30)]
    steps = run(settings(), frames + back)
    assert sum(step.opened for step in steps) == 1
    assert saved(steps)[0] == 21  # 1 s before frame 32; the step back took no time
    assert saved(steps) == sorted(set(saved(steps)))


def test_a_leap_ahead_ends_the_event() -> None:
    frames = at_rate(10, "...####")
    ahead = [(t + 20 * 365 * 86_400 * SECOND, m) for t, m in at_rate(10, "." * 5)]
    steps = run(settings(), frames + ahead)
    assert [s.number for s in steps if s.closed] == [7]
    assert saved(steps)[-1] == 6


def test_a_still_camera_needs_no_more_than_the_pre_capture_in_its_buffer() -> None:
    for step in run(settings(pre=2), at_rate(10, "." * 200)):
        assert step.number - step.drop_before <= 20


@dataclass(frozen=True)
class Model:
    """What a trigger must save and which events it opens, read off the whole list."""

    saved: list[int]
    opened: list[int]
    closed: list[int]


def model(chosen: MotionSettings, frames: list[tuple[int, bool]]) -> Model:
    times = [0]
    for (before, _), (now, _) in pairwise(frames):
        times.append(times[-1] + max(0, now - before))
    pre, post = round(chosen.pre_capture * SECOND), round(chosen.post_capture * SECOND)
    gap = max(post, round(chosen.event_gap * SECOND))
    wanted: set[int] = set()
    opened, closed = [], []

    def keep(first_us: int, last_us: int, since: int) -> None:
        wanted.update(n for n, t in enumerate(times) if first_us <= t <= last_us and n >= since)

    run_from: list[int] = []
    last: int | None = None  # last moving frame of the open event
    for n, (_, moving) in enumerate(frames):
        if last is not None and times[n] - times[last] > gap:
            closed.append(n)
            last, run_from = None, []
        if last is not None:
            if moving:
                last = n
                keep(times[n] - pre, times[n] + post, 0)
            continue
        still_twice = n > 0 and not moving and not frames[n - 1][1]
        if still_twice or (n > 0 and times[n] - times[n - 1] > 2 * SECOND):
            run_from = []
        if not moving:
            continue
        run_from.append(n)
        recent = [b - a for a, b in pairwise(times[: n + 1])][-5:]
        interval = min(recent, default=0)
        needed = chosen.minimum_motion_frames
        if 3 * interval > SECOND:
            needed = min(needed, max(1, SECOND // interval))
        if len(run_from) >= needed:
            opened.append(n)
            keep(times[run_from[0]] - pre, times[n] + post, 0)
            last, run_from = n, []
    return Model(sorted(wanted), opened, closed)


INTERVALS = st.sampled_from(
    [0, 1, 40_000, 100_000, 400_000, 500_000, 1_000_000, 2_500_000, -700_000]
)
STREAMS = st.lists(
    st.tuples(INTERVALS, st.sampled_from([False, False, True])), min_size=1, max_size=120
)
CHOSEN = st.builds(
    settings,
    frames=st.integers(1, 5),
    pre=st.sampled_from([0, 0.1, 1, 3]),
    post=st.sampled_from([0, 0.1, 1, 3]),
    gap=st.sampled_from([0, 0.1, 2, 10]),
)


def timed(stream: list[tuple[int, bool]]) -> list[tuple[int, bool]]:
    now, frames = 1_700_000_000 * SECOND, []
    for interval, moving in stream:
        now += interval
        frames.append((now, moving))
    return frames


@given(CHOSEN, STREAMS)
def test_saves_and_opens_exactly_what_the_model_does(
    chosen: MotionSettings, stream: list[tuple[int, bool]]
) -> None:
    frames = timed(stream)
    steps, expected = run(chosen, frames), model(chosen, frames)
    assert saved(steps) == expected.saved
    assert [s.number for s in steps if s.opened] == expected.opened
    assert [s.number for s in steps if s.closed] == expected.closed


@given(CHOSEN, STREAMS)
def test_every_frame_to_save_is_still_in_the_buffer(
    chosen: MotionSettings, stream: list[tuple[int, bool]]
) -> None:
    buffered: list[int] = []
    for step in run(chosen, timed(stream)):
        buffered.append(step.number)
        assert all(number in buffered for number in step.save)
        kept_from = max(step.drop_before, step.save.stop if step.save else 0)
        buffered = [number for number in buffered if number >= kept_from]


def test_pacer_lets_the_asked_for_share_through() -> None:
    for fps, wanted in ((25.0, 5.0), (30.0, 12.0), (10.0, 10.0), (9.0, 10.0)):
        pacer = Pacer(wanted)
        due = sum(pacer.due(round(n * SECOND / fps)) for n in range(round(60 * fps)))
        assert abs(due - 60 * min(fps, wanted)) <= 1


def test_pacer_of_zero_lets_everything_through() -> None:
    pacer = Pacer(0)
    assert all(pacer.due(time) for time in (0, 0, 1, -5))


def test_pacer_goes_on_after_the_clock_is_set() -> None:
    pacer = Pacer(5)
    assert pacer.due(3600 * SECOND)
    assert pacer.due(0)
    assert not pacer.due(40_000)
