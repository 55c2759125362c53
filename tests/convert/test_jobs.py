"""The manager: what is asked for is stored, made once, and over in exactly one way."""

import asyncio
import os
import signal
import sqlite3
import zipfile
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import av
import pytest
import uvloop

from chimera_storage.archive.layout import MARK_NAME
from chimera_storage.archive.mark import make_marks
from chimera_storage.convert import output
from chimera_storage.convert.runner import MAX_ATTEMPTS
from chimera_storage.errors import ConflictError, InvalidInputError, StorageError
from chimera_storage.model import Conversion, ConversionStatus, ConversionType
from tests.convert.managing import Managed, conversion_processes, managed, query
from tests.support.saved_images import SECOND_US, START_US, SavedImages, picture
from tests.support.waiting import until

QUEUED, RUNNING, DONE, FAILED, CANCELLED = ConversionStatus


def frame_count(path: object) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def save_long(saved: SavedImages) -> None:
    """Images that take a video some ten seconds."""
    saved.save([picture(3, 1280, 720)] * 1000, width=1280, height=720)


def test_video_and_archive_are_made_one_after_the_other(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(21)])

    async def run() -> None:
        async with managed(saved) as opened:
            video = await opened.manager.request(**query(skip=2))
            archive = await opened.manager.request(**query(ConversionType.ZIP))
            assert (video.status, video.frames) == (QUEUED, 11)
            assert [c.id for c in opened.manager.list()] == [archive.id, video.id]
            assert [c.status.active for c in opened.manager.list()] == [True, True]

            made, packed = await opened.settled(video.id), await opened.settled(archive.id)

            assert (made.status, made.frames, made.frames_done) == (DONE, 11, 11)
            assert (packed.status, packed.frames, packed.frames_done) == (DONE, 21, 21)
            assert (made.progress, made.error) == (1, None)
            for conversion in (made, packed):
                assert opened.statuses(conversion.id) == [QUEUED, RUNNING, DONE]
                path = saved.layout.output_path(conversion)
                assert path.stat().st_size == conversion.size
                assert saved.index.conversion(conversion.id) == conversion
            assert made.finished_us is not None
            assert packed.started_us is not None
            assert made.finished_us <= packed.started_us  # one at a time
            assert frame_count(saved.layout.output_path(made)) == 11
            with zipfile.ZipFile(saved.layout.output_path(packed)) as file:
                assert file.testzip() is None
                assert len(file.namelist()) == 21
            names = [saved.layout.output_name(c) for c in (made, packed)]
            assert saved.outputs() == sorted(names)

    uvloop.run(run())


def test_ids_are_letters_and_digits_then_the_time_of_the_request(saved: SavedImages) -> None:
    saved.save([picture(0)])

    async def run() -> list[Conversion]:
        async with managed(saved) as opened:
            return [await opened.manager.request(**query()) for _ in range(5)]

    made = uvloop.run(run())

    assert len({c.id for c in made}) == 5
    for conversion in made:
        random, _, stamp = conversion.id.partition("-")
        assert random.isalnum()
        assert len(random) >= 8
        assert stamp == saved.layout.stamp(conversion.requested_us)


def test_no_images_is_no_process(saved: SavedImages) -> None:
    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query())
            assert conversion.frames == 0
            assert opened.manager.list() == []
            assert opened.manager.get(conversion.id) is None
            assert opened.changes == []

    uvloop.run(run())


@pytest.mark.parametrize(
    "changes",
    [
        {"fps": 0},
        {"fps": 61},
        {"type": ConversionType.GIF, "fps": 51},
        {"skip": 0},
        {"start_us": START_US * 2},
        {"camera": -1},
    ],
)
def test_impossible_requests_are_refused(saved: SavedImages, changes: dict[str, Any]) -> None:
    async def run() -> None:
        async with managed(saved) as opened:
            with pytest.raises(InvalidInputError):
                await opened.manager.request(**query(**changes))
            with pytest.raises(InvalidInputError):
                opened.manager.stream(**query(**changes))

    uvloop.run(run())


def test_video_of_images_gone_meanwhile_has_those_that_are_left(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(10)])
    for image in images[:4]:
        saved.path(image).unlink()

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query())
            made = await opened.settled(conversion.id)
            assert (made.status, made.frames, made.frames_done) == (DONE, 6, 6)
            assert frame_count(saved.layout.output_path(made)) == 6

    uvloop.run(run())


@pytest.mark.parametrize("kind", list(ConversionType))
def test_no_image_left_fails_with_a_sentence(saved: SavedImages, kind: ConversionType) -> None:
    for image in saved.save([picture(0), picture(1)]):
        saved.path(image).unlink()

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query(kind))
            made = await opened.settled(conversion.id)
            assert made.status is FAILED
            assert made.error == "none of the images of this range can be read any more"
            assert opened.statuses(made.id) == [QUEUED, RUNNING, FAILED]
            assert saved.outputs() == []

    uvloop.run(run())


@pytest.mark.parametrize("kind", list(ConversionType))
def test_nothing_is_made_where_the_disk_is_not_mounted(
    saved: SavedImages, kind: ConversionType
) -> None:
    make_marks(saved.layout, "the-id-of-this-folder")
    saved.save([picture(0), picture(1)])

    async def run() -> None:
        async with managed(saved) as opened:
            (saved.layout.captures / MARK_NAME).unlink()
            conversion = await opened.manager.request(**query(kind))
            failed = await opened.settled(conversion.id)
            assert failed.status is FAILED
            assert "is its disk mounted?" in (failed.error or "")
            assert saved.outputs() == []

    uvloop.run(run())


def test_cancelling_a_running_one_leaves_no_process_and_no_file(saved: SavedImages) -> None:
    save_long(saved)

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query())
            await opened.underway(conversion.id)
            live = opened.now(conversion.id)
            assert live.status is RUNNING
            assert 0 < live.progress < 1
            assert (live.eta_s((live.started_us or 0) + SECOND_US) or 0) > 0
            assert [name[0] for name in saved.outputs()] == ["."]  # hidden while it is made
            assert opened.manager.list() == [opened.now(conversion.id)]

            async with asyncio.timeout(1):
                assert await opened.manager.cancel(conversion.id)

            assert conversion_processes() == []
            assert saved.outputs() == []
            assert opened.now(conversion.id).status is CANCELLED
            assert not await opened.manager.cancel(conversion.id)
            assert opened.statuses(conversion.id) == [QUEUED, RUNNING, CANCELLED]

    uvloop.run(run())


def test_cancelling_a_queued_one_never_starts_it(saved: SavedImages) -> None:
    save_long(saved)

    async def run() -> None:
        async with managed(saved) as opened:
            first = await opened.manager.request(**query())
            second = await opened.manager.request(**query())
            pid = await opened.underway(first.id)

            both = await asyncio.gather(*(opened.manager.cancel(second.id) for _ in range(2)))

            assert all(both)
            assert opened.statuses(second.id) == [QUEUED, CANCELLED]
            assert conversion_processes() == [pid]
            assert opened.now(first.id).status is RUNNING

    uvloop.run(run())


def test_cancelling_a_finished_one_does_nothing(saved: SavedImages) -> None:
    saved.save([picture(0)])

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query())
            made = await opened.settled(conversion.id)

            assert not await opened.manager.cancel(conversion.id)

            assert opened.now(made.id) == made
            assert saved.outputs() == [saved.layout.output_name(made)]

    uvloop.run(run())


def test_cancelling_as_it_finishes_gives_one_end_that_fits_the_disk(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(5)])

    async def run() -> None:
        async with managed(saved, at_once=3) as opened:
            asked = [await opened.manager.request(**query(ConversionType.ZIP)) for _ in range(6)]

            def has_bytes(conversion: Conversion) -> bool:
                with suppress(FileNotFoundError):
                    files = saved.layout.captures.glob(f"*{conversion.id}*")
                    return any(path.stat().st_size for path in files)
                return False

            async def cancel_at_the_end(conversion: Conversion, delay_s: float) -> bool:
                """Cancel a moment after the bytes are on disk: synced, reported, published next."""
                while not has_bytes(conversion):
                    await asyncio.sleep(0)
                await asyncio.sleep(delay_s)
                return await opened.manager.cancel(conversion.id)

            delays_s = (0, 0.004, 0.01, 0.02, 0.04, 0.1)
            cancelled = await asyncio.gather(*map(cancel_at_the_end, asked, delays_s))

            for conversion, was_cancelled in zip(asked, cancelled, strict=True):
                ended = await opened.settled(conversion.id)
                expected = CANCELLED if was_cancelled else DONE
                assert ended.status is expected
                assert saved.layout.output_path(ended).exists() is not was_cancelled
                assert opened.statuses(ended.id) == [QUEUED, RUNNING, expected]
            assert not [name for name in saved.outputs() if name.startswith(".")]

    uvloop.run(run())


def test_deleting_takes_file_and_row_and_only_the_exact_id(saved: SavedImages) -> None:
    saved.save([picture(0)])

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query())
            made = await opened.settled(conversion.id)

            for other in (
                "",
                made.id[:8],
                made.id[:-1],
                made.id + "0",
                "%",
                "../x",
                "\0",
                "\ud800",
            ):
                assert not await opened.manager.delete(other)
                assert not await opened.manager.cancel(other)
                assert opened.manager.get(other) is None
            assert saved.outputs() == [saved.layout.output_name(made)]

            assert await opened.manager.delete(made.id)
            assert saved.outputs() == []
            assert opened.manager.list() == []
            assert not await opened.manager.delete(made.id)

    uvloop.run(run())


def test_deleting_a_running_and_a_queued_one_stops_them_first(saved: SavedImages) -> None:
    save_long(saved)

    async def run() -> None:
        async with managed(saved) as opened:
            first = await opened.manager.request(**query())
            second = await opened.manager.request(**query())
            await opened.underway(first.id)

            assert await opened.manager.delete(second.id)
            assert await opened.manager.delete(first.id)

            assert opened.manager.list() == []
            assert conversion_processes() == []
            assert saved.outputs() == []

    uvloop.run(run())


def test_a_file_that_cannot_be_deleted_keeps_its_row(saved: SavedImages) -> None:
    saved.save([picture(0)])

    async def run() -> None:
        async with managed(saved) as opened:
            made = await opened.settled((await opened.manager.request(**query())).id)
            path = saved.layout.output_path(made)
            path.unlink()
            path.mkdir()
            with pytest.raises(StorageError):
                await opened.manager.delete(made.id)
            assert opened.now(made.id).status is DONE
            path.rmdir()

    uvloop.run(run())


def test_a_killed_process_is_started_again_and_fails_after_three(saved: SavedImages) -> None:
    save_long(saved)

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query())
            for attempt in range(1, MAX_ATTEMPTS + 1):
                await until(
                    lambda n=attempt: (  # type: ignore[misc]
                        opened.now(conversion.id).attempts == n
                        and opened.now(conversion.id).frames_done > 0
                    ),
                    f"attempt {attempt}",
                )
                os.kill(conversion_processes()[0], signal.SIGKILL)

            ended = await opened.settled(conversion.id)

            assert (ended.status, ended.attempts) == (FAILED, MAX_ATTEMPTS)
            assert ended.error is not None
            assert "signal 9" in ended.error
            assert opened.statuses(ended.id) == [QUEUED, RUNNING, RUNNING, RUNNING, FAILED]
            assert saved.outputs() == []

    uvloop.run(run())


def test_a_process_killed_once_delivers_in_the_end(saved: SavedImages) -> None:
    saved.save([picture(i, 640, 480) for i in range(200)], width=640, height=480)

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query())
            os.kill(await opened.underway(conversion.id), signal.SIGKILL)

            made = await opened.settled(conversion.id)

            assert (made.status, made.attempts, made.frames) == (DONE, 2, 200)
            assert saved.outputs() == [saved.layout.output_name(made)]

    uvloop.run(run())


def test_a_closed_manager_leaves_no_process_and_the_next_one_goes_on(saved: SavedImages) -> None:
    save_long(saved)

    async def first_life() -> tuple[str, str]:
        async with managed(saved) as opened:
            running = await opened.manager.request(**query())
            queued = await opened.manager.request(**query(ConversionType.ZIP))
            await opened.underway(running.id)
        assert opened.statuses(running.id) == [QUEUED, RUNNING, QUEUED]
        assert opened.statuses(queued.id) == [QUEUED]
        with pytest.raises(ConflictError):
            await opened.manager.request(**query())
        return running.id, queued.id

    async def second_life(running: str, queued: str) -> None:
        async with managed(saved) as opened:
            assert opened.now(queued).status is QUEUED  # the older one goes first
            assert await opened.manager.cancel(running)
            made = await opened.settled(queued)
            assert (made.status, made.frames) == (DONE, 1000)

    running, queued = uvloop.run(first_life())
    assert saved.outputs() == []
    rows = {row.id: (row.status, row.attempts) for row in saved.index.conversions()}
    assert rows == {running: (QUEUED, 0), queued: (QUEUED, 0)}  # a stop in order is no lost try
    uvloop.run(second_life(running, queued))


def left_over(saved: SavedImages, **changes: object) -> Conversion:
    """A row as a server that was killed left it."""
    conversion = Conversion(
        id=f"abcdefgh{changes.get('attempts', 0)}-20260101-000000",
        type=ConversionType.ZIP,
        camera=1,
        start_us=START_US,
        end_us=START_US + SECOND_US,
        requested_us=START_US,
        status=RUNNING,
        frames=3,
    )
    conversion = replace(conversion, **changes)  # type: ignore[arg-type]
    saved.index.add_conversion(conversion)
    return conversion


def test_what_a_killed_server_left_is_made_given_up_or_done(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(3)])
    again = left_over(saved, attempts=1)
    too_often = left_over(saved, attempts=MAX_ATTEMPTS)
    whole = left_over(saved, attempts=2)
    saved.layout.output_path(whole).write_bytes(b"published, but the row was not written")
    output.temporary_path(saved.layout, again).write_bytes(b"half")

    async def run() -> None:
        async with managed(saved) as opened:
            made = await opened.settled(again.id)
            assert (made.status, made.attempts) == (DONE, 2)
            given_up = opened.now(too_often.id)
            assert given_up.status is FAILED
            assert given_up.error is not None
            assert "3 times" in given_up.error
            finished = opened.now(whole.id)
            assert (finished.status, finished.size) == (DONE, 38)
            assert opened.statuses(whole.id) == [DONE]

    uvloop.run(run())
    assert not [name for name in saved.outputs() if name.startswith(".")]
    content = saved.layout.output_path(whole).read_bytes()
    assert content == b"published, but the row was not written"


def test_a_file_that_was_there_is_never_overwritten(saved: SavedImages) -> None:
    save_long(saved)

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query(ConversionType.ZIP))
            path = saved.layout.output_path(conversion)
            path.write_bytes(b"somebody else's")

            ended = await opened.settled(conversion.id)

            assert ended.status is FAILED
            assert ended.error == "a file with the name of the result was there already"
            assert path.read_bytes() == b"somebody else's"
            assert saved.outputs() == [path.name]

    uvloop.run(run())


def test_an_index_that_is_locked_for_a_while_does_not_lose_the_end(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(3)])

    async def run() -> None:
        async with managed(saved) as opened:
            conversion = await opened.manager.request(**query(ConversionType.ZIP))
            await until(conversion_processes, "the process")
            with closing(sqlite3.connect(saved.layout.index)) as other:
                other.execute("BEGIN IMMEDIATE")
                await asyncio.sleep(0.3)
                other.rollback()
            assert (await opened.settled(conversion.id)).status is DONE

    uvloop.run(run())


def test_a_listener_that_fails_does_no_harm(saved: SavedImages) -> None:
    saved.save([picture(0)])

    async def run() -> None:
        opened = Managed(saved, 1)

        def fail(*_: object) -> None:
            raise RuntimeError("a fault of the listener")

        opened.manager._ledger._on_change = fail
        await opened.manager.start()
        conversion = await opened.manager.request(**query(ConversionType.ZIP))
        assert (await opened.settled(conversion.id)).status is DONE
        await opened.manager.close()

    uvloop.run(run())
