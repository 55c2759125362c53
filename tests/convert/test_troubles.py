"""What happens to the images, the clock and the requests while a video is made."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uvloop

from chimera_storage.clock import SystemClock
from chimera_storage.config import ConvertSettings
from chimera_storage.convert.jobs import ConversionManager
from chimera_storage.convert.make import Made
from chimera_storage.convert.make_video import make_video
from chimera_storage.model import Conversion, ConversionStatus, ConversionType
from chimera_storage.options import VideoOptions
from tests.convert.managing import Managed, managed, query
from tests.convert.test_video import frames_of, shades, wanted
from tests.support.saved_images import START_US, SavedImages, picture
from tests.support.waiting import until

DONE = ConversionStatus.DONE


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_images_that_go_are_cut_or_exchanged_while_it_runs_cost_only_themselves(
    saved: SavedImages, tmp_path: Path, codec: str
) -> None:
    images = saved.save([picture(i) for i in range(120)])
    target = tmp_path / "video.mp4"

    def spoil(done: int) -> None:
        if done == 5:
            saved.path(images[100]).unlink()
            whole = saved.path(images[101]).read_bytes()
            saved.path(images[101]).write_bytes(whole[: len(whole) // 2])
            saved.path(images[102]).write_bytes(b"something else")
            saved.path(images[103]).write_bytes(picture(17))
            saved.path(images[104]).unlink()
            saved.path(images[104]).mkdir()
            saved.path(images[105]).unlink()
            saved.path(images[105]).symlink_to("/dev/zero")

    video = wanted(fps=10, codec=codec)
    made = make_video(saved.archive, video, target, on_image=spoil, threads=1)

    assert made == Made(images=115, missing=5)
    left = [n for n in range(120) if n not in {100, 101, 102, 104, 105}]
    assert shades(frames_of(target)) == [17 if n == 103 else n % 20 for n in left]


def test_when_all_images_are_deleted_it_goes_on_with_those_it_had(saved: SavedImages) -> None:
    images = saved.save([picture(1, 640, 480)] * 400, width=640, height=480)

    async def run() -> None:
        async with managed(saved) as opened:
            asked = await opened.manager.request(**query())
            await opened.underway(asked.id)
            for image in images:
                saved.path(image).unlink(missing_ok=True)
            ended = await opened.settled(asked.id)
            # It goes on with those that were read before.
            assert ended.status is DONE
            assert 0 < ended.frames < 400
            assert ended.frames + ended.missing == 400
            assert saved.index.conversion(asked.id) == ended

    uvloop.run(run())


def test_two_equal_requests_at_once_are_two_videos(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(5)])

    async def run() -> None:
        async with managed(saved, at_once=2) as opened:
            asked = await asyncio.gather(*(opened.manager.request(**query()) for _ in range(2)))
            made = [await opened.settled(conversion.id) for conversion in asked]
            assert [conversion.status for conversion in made] == [DONE, DONE]
            assert len(saved.outputs()) == 2

    uvloop.run(run())


def test_a_camera_with_many_requests_does_not_hold_up_another(saved: SavedImages) -> None:
    for camera in (1, 2):
        saved.save([picture(0)], camera=camera)

    async def run() -> None:
        async with managed(saved) as opened:
            many = [
                await opened.manager.request(**query(ConversionType.ZIP, camera=1))
                for _ in range(4)
            ]
            other = await opened.manager.request(**query(ConversionType.ZIP, camera=2))
            ended = [await opened.settled(c.id) for c in (*many, other)]
            order = sorted(ended, key=lambda conversion: conversion.finished_us or 0)
            assert order.index(ended[-1]) == 1

    uvloop.run(run())


def test_options_outlive_the_server(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(4)])
    left = Conversion(
        id="abcdefgh-20260101-000000",
        type=ConversionType.MP4,
        camera=1,
        start_us=START_US,
        end_us=START_US + 60_000_000,
        requested_us=START_US,
        status=ConversionStatus.RUNNING,
        frames=4,
        attempts=1,
        options=VideoOptions(height=24, pace="real", timestamps=True),
    )
    saved.index.add_conversion(left)

    async def run() -> None:
        async with managed(saved) as opened:
            made = await opened.settled(left.id)
            assert (made.status, made.options) == (DONE, left.options)
            frames = frames_of(saved.layout.output_path(made))
            assert [frame.shape for frame in frames] == [(24, 32, 3)] * 4

    uvloop.run(run())


class JumpingClock(SystemClock):
    """Goes back and forth by years."""

    def __init__(self) -> None:
        self._by = [0, -365, 3650, -3650, 36_500]
        self._calls = 0

    def now(self) -> datetime:
        self._calls += 1
        return super().now() + timedelta(days=self._by[self._calls % len(self._by)])


def test_a_clock_that_jumps_stops_nothing(saved: SavedImages) -> None:
    saved.save([picture(1, 640, 480)] * 100, width=640, height=480)

    async def run() -> None:
        opened = Managed(saved, 1)
        opened.manager = ConversionManager(saved.archive, ConvertSettings(), JumpingClock())
        await opened.manager.start()
        try:
            await made(opened)
        finally:
            await opened.manager.close()

    async def made(opened: Managed) -> None:
        asked = [await opened.manager.request(**query()) for _ in range(4)]
        etas: list[float | None] = []

        def all_over() -> bool:
            for conversion in asked:
                now = opened.now(conversion.id)
                etas.append(now.eta_s(JumpingClock().now().microsecond))
            return not any(opened.now(conversion.id).status.active for conversion in asked)

        await until(all_over, "all to be made", timeout_s=120)
        assert [opened.now(conversion.id).status for conversion in asked] == [DONE] * 4
        assert all(eta is None or eta >= 0 for eta in etas)

    uvloop.run(run())


def test_what_cannot_be_read_is_counted_in_the_row(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(6)])
    saved.path(images[2]).write_bytes(b"broken")
    saved.path(images[4]).unlink()

    async def run() -> None:
        async with managed(saved) as opened:
            for kind in (ConversionType.MP4, ConversionType.GIF):
                made = await opened.settled((await opened.manager.request(**query(kind))).id)
                assert (made.status, made.frames, made.missing) == (DONE, 4, 2)
                assert saved.index.conversion(made.id) == replace(made, missing=2)

    uvloop.run(run())


@pytest.mark.parametrize("kind", [ConversionType.MP4, ConversionType.ZIP])
def test_what_the_index_forgot_before_it_began_is_counted_too(
    saved: SavedImages, kind: ConversionType
) -> None:
    saved.save([picture(i) for i in range(4)])
    asked = Conversion(
        id="abcdefgh-20260101-000000",
        type=kind,
        camera=1,
        start_us=START_US,
        end_us=START_US + 60_000_000,
        requested_us=START_US,
        status=ConversionStatus.QUEUED,
        frames=6,  # as many as there were then
    )
    saved.index.add_conversion(asked)

    async def run() -> None:
        async with managed(saved) as opened:
            made = await opened.settled(asked.id)
            assert (made.status, made.frames, made.missing) == (DONE, 4, 2)

    uvloop.run(run())
