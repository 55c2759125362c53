"""What is sent while it is made: whole for who reads on, stopped at once for who goes away."""

import asyncio
import io
import zipfile
from contextlib import aclosing

import av
import pytest
import uvloop

from chimera_storage.convert.streams import MAX_STREAMS
from chimera_storage.errors import ConflictError, ConversionError, NotFoundError
from chimera_storage.model import ConversionType
from tests.convert.managing import conversion_processes, managed, query
from tests.support.saved_images import SavedImages, picture
from tests.support.waiting import until


def save_long(saved: SavedImages) -> None:
    saved.save([picture(3, 1280, 720)] * 1000, width=1280, height=720)


@pytest.mark.parametrize("kind", list(ConversionType))
def test_a_stream_is_the_whole_file_and_leaves_no_trace(
    saved: SavedImages, kind: ConversionType
) -> None:
    saved.save([picture(i) for i in range(31)])

    async def run() -> bytes:
        async with managed(saved) as opened:
            data = b"".join([piece async for piece in opened.manager.stream(**query(kind, skip=2))])
            assert opened.changes == []
            assert opened.manager.list() == []
            return data

    data = uvloop.run(run())

    assert saved.outputs() == []
    if kind is ConversionType.ZIP:
        archive = zipfile.ZipFile(io.BytesIO(data))
        assert archive.testzip() is None
        assert len(archive.namelist()) == 16
    elif kind is ConversionType.WEBP:  # which FFmpeg writes and cannot read
        assert data[:4] + data[8:12] == b"RIFFWEBP"
    else:
        with av.open(io.BytesIO(data), "r") as container:
            assert sum(1 for _ in container.decode(video=0)) == 16


def test_a_reader_that_closes_early_ends_the_process(saved: SavedImages) -> None:
    save_long(saved)

    async def run() -> None:
        async with managed(saved) as opened:
            stream = opened.manager.stream(**query())
            assert await anext(stream)
            assert len(conversion_processes()) == 1
            async with asyncio.timeout(1):
                await stream.aclose()
            assert conversion_processes() == []

    uvloop.run(run())


def test_a_reader_that_never_reads_on_can_still_be_closed(saved: SavedImages) -> None:
    saved.save([picture(0) + bytes(100_000)] * 300)  # more than all buffers on the way hold

    async def run() -> None:
        async with managed(saved) as opened:
            stream = opened.manager.stream(**query(ConversionType.ZIP))
            assert await anext(stream)
            async with asyncio.timeout(1):
                await stream.aclose()
            assert conversion_processes() == []

    uvloop.run(run())


def test_a_cancelled_reader_ends_the_process(saved: SavedImages) -> None:
    save_long(saved)

    async def run() -> None:
        async with managed(saved) as opened:

            async def read() -> None:
                async for _ in opened.manager.stream(**query()):
                    pass

            reader = asyncio.create_task(read())
            await until(conversion_processes, "the process")
            reader.cancel()
            await asyncio.wait({reader})
            await until(lambda: not conversion_processes(), "the process to end")

    uvloop.run(run())


def test_closing_the_manager_ends_streams_with_an_error(saved: SavedImages) -> None:
    save_long(saved)

    async def run() -> None:
        async with managed(saved) as opened:
            stream = opened.manager.stream(**query())
            assert await anext(stream)
            await opened.manager.close()
            assert conversion_processes() == []
            with pytest.raises(ConversionError, match="stopping"):
                async for _ in stream:
                    pass

    uvloop.run(run())


@pytest.mark.parametrize("kind", list(ConversionType))
def test_no_readable_image_is_an_error_before_the_first_byte(
    saved: SavedImages, kind: ConversionType
) -> None:
    for image in saved.save([picture(0)]):
        saved.path(image).unlink()

    async def run() -> None:
        async with managed(saved) as opened:
            with pytest.raises(NotFoundError, match="none of the images"):
                await anext(opened.manager.stream(**query(kind)))

    uvloop.run(run())


def test_more_streams_than_the_limit_are_refused_and_places_come_back(saved: SavedImages) -> None:
    saved.save([picture(0)] * 3)

    async def run() -> None:
        async with managed(saved) as opened:
            streams = [
                opened.manager.stream(**query(ConversionType.ZIP)) for _ in range(MAX_STREAMS)
            ]
            for stream in streams:
                assert await anext(stream)
            with pytest.raises(ConflictError):
                await anext(opened.manager.stream(**query()))
            for stream in streams:
                await stream.aclose()
            async with aclosing(opened.manager.stream(**query())) as stream:
                assert await anext(stream)

    uvloop.run(run())
