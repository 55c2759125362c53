"""The process that is kept ready: used once, replaced, and never one that is dead."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from chimera_storage.convert import process
from chimera_storage.convert.process import Children
from chimera_storage.model import ConversionType
from tests.convert.managing import conversion_processes
from tests.convert.test_child import job
from tests.support.saved_images import SavedImages, picture
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_SPARE_DELAY_S", 0.05)


@asynccontextmanager
async def children() -> AsyncIterator[Children]:
    kept = Children(keep_spare=True)
    kept.prepare()
    await until(lambda: kept._spare, "a process to be ready")
    try:
        yield kept
    finally:
        await kept.close()
        assert not conversion_processes()


def test_what_is_ready_is_used_and_another_one_made_ready(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(30)])

    async def run() -> None:
        async with children() as kept:
            (ready,) = conversion_processes()
            child = await kept.start(job(saved, None, ConversionType.MP4))
            assert child.pid == ready
            data = b""
            while piece := await child.read():
                data += piece
            assert await child.wait() == 0
            assert b"moov" in data
            await until(lambda: kept._spare, "another one")
            assert conversion_processes() != [ready]

    uvloop.run(run())


def has_loaded_ffmpeg(pid: int) -> bool:
    return "libavcodec" in Path(f"/proc/{pid}/maps").read_text()


def test_an_archive_does_without_the_libraries_of_videos_and_leaves_them_to_a_video(
    saved: SavedImages,
) -> None:
    saved.save([picture(1, 1280, 720)] * 200, width=1280, height=720)

    async def run() -> None:
        async with children() as kept:
            (ready,) = conversion_processes()
            await until(lambda: has_loaded_ffmpeg(ready), "the libraries of videos")
            child = await kept.start(job(saved, None, ConversionType.ZIP))
            assert await child.read()  # the pipe does not hold all of it, so it is not through
            assert child.pid != ready
            assert not has_loaded_ffmpeg(child.pid)
            child.kill()
            await child.wait()
            video = await kept.start(job(saved, None, ConversionType.MP4))
            assert video.pid == ready
            video.kill()
            await video.wait()

    uvloop.run(run())


def test_one_that_was_killed_while_it_waited_is_not_used(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(3)])

    async def run() -> None:
        async with children() as kept:
            (ready,) = conversion_processes()
            os.kill(ready, signal.SIGKILL)
            await until(lambda: not conversion_processes(), "its end")
            await until(lambda: kept._spare is not None and not kept._spare.is_alive, "the news")
            child = await kept.start(job(saved, None, ConversionType.MP4))
            assert child.pid != ready
            assert await child.read()
            assert await child.wait() == 0

    uvloop.run(run())


def test_closing_while_one_is_being_made_ready_leaves_none(saved: SavedImages) -> None:
    async def run() -> None:
        kept = Children(keep_spare=True)
        kept.prepare()
        await until(lambda: kept._preparing, "it to begin")
        await kept.close()
        kept.prepare()
        assert kept._timer is None
        assert not conversion_processes()

    uvloop.run(run())
