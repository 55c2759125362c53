"""Archives that are sent and not stored: by an address that stays, in parts, or not at all."""

import asyncio
import io
import os
import time
import zipfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from chimera_storage.archive.holds import Holds
from chimera_storage.convert.downloads import KEPT_S, MAX_READERS, MOST_KEPT, Download, Downloads
from chimera_storage.errors import ConflictError, NotFoundError, StorageError
from chimera_storage.model import ConversionType
from chimera_storage.options import ZipOptions
from chimera_storage.upkeep.protection import kept_and_converted
from tests.support.archive import FixedClock
from tests.support.saved_images import SECOND_US, START_US, SavedImages, picture

END_US = START_US + 3600 * SECOND_US


def pin(
    downloads: Downloads, kind: ConversionType = ConversionType.ZIP, *, manifest: bool = False
) -> Download:
    return downloads.pin(
        type=kind,
        camera=1,
        start_us=START_US,
        end_us=END_US,
        skip=1,
        options=ZipOptions(manifest=manifest),
    )


def lists(saved: SavedImages) -> set[str]:
    return {path.name for path in saved.layout.downloads.iterdir()}


async def read(download: Download, start: int = 0, stop: int | None = None) -> bytes:
    stop = download.size if stop is None else stop
    try:
        async with aclosing(download.parts(start, stop - start)) as parts:
            return b"".join([part async for part in parts])
    finally:
        download.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        await work()

    uvloop.run(all_of_it())


def test_a_download_goes_on_in_another_life_of_the_server(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(40)])
    first = Downloads(saved.archive)
    download = pin(first, manifest=True)

    async def work() -> None:
        begun = await read(download, 0, 10_000)
        again = Downloads(saved.archive).open(download.name)
        assert (again.size, again.etag, again.images) == (download.size, download.etag, 40)
        whole = begun + await read(again, 10_000)
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) == 43

    run(work)


def test_a_deleted_image_ends_the_download_for_good(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(5)])
    downloads = Downloads(saved.archive)
    download = pin(downloads)
    saved.path(images[3]).unlink()

    async def work() -> None:
        with pytest.raises(ConflictError, match=saved.path(images[3]).name):
            await read(download)
        with pytest.raises(NotFoundError):
            downloads.open(download.name)

    run(work)
    assert lists(saved) == set()
    assert saved.outputs() == []


def test_no_image_is_no_download(saved: SavedImages) -> None:
    with pytest.raises(NotFoundError):
        pin(Downloads(saved.archive))
    assert lists(saved) == set()
    assert saved.outputs() == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../index.db",
        "index.db",
        "output_1_20260101-000000_20260101-000000_none-20260101-000000.zip",
        "output_1_20260101-000000_20260101-000000_none-20260101-000000.zip/../..",
        "a\0b",
        "\ud800",
    ],
)
def test_other_names_are_no_download(saved: SavedImages, name: str) -> None:
    with pytest.raises(NotFoundError):
        Downloads(saved.archive).open(name)


def test_a_half_written_list_is_no_download(saved: SavedImages) -> None:
    saved.save([picture(0)])
    downloads = Downloads(saved.archive)
    download = pin(downloads)
    download.close()
    path = saved.layout.downloads / f"{download.name}.list"
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])

    with pytest.raises(NotFoundError):
        downloads.open(download.name)


def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_left(saved: SavedImages) -> None:
    saved.save([picture(0)])
    saved.layout.downloads.write_text("a file in its place")

    with pytest.raises(StorageError, match="list cannot be written"):
        pin(Downloads(saved.archive))

    assert saved.archive.holds.spans() == []


def test_a_reader_that_goes_away_gives_its_place_back(saved: SavedImages) -> None:
    saved.save([picture(0) + bytes(300_000)] * 30)
    downloads = Downloads(saved.archive)

    async def work() -> None:
        readers = [pin(downloads) for _ in range(MAX_READERS)]
        streams = [reader.parts(0, reader.size) for reader in readers]
        for stream in streams:
            assert await anext(stream)
        more = pin(downloads)
        with pytest.raises(ConflictError, match="already"):
            await read(more)
        for stream, reader in zip(streams, readers, strict=True):
            await stream.aclose()
            reader.close()
        assert len(await read(downloads.open(more.name))) == more.size

    run(work)
    assert _open_files("list") == 0


def test_a_cancelled_reader_leaves_no_file_open(saved: SavedImages) -> None:
    saved.save([picture(0) + bytes(300_000)] * 30)
    downloads = Downloads(saved.archive)

    async def work() -> None:
        download = pin(downloads)
        reader = asyncio.create_task(read(download))
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait({reader})
        assert reader.cancelled()
        while _open_files("list"):
            await asyncio.sleep(0.01)

    run(work)


def _open_files(suffix: str) -> int:
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += descriptor.readlink().name.endswith(suffix)
    return found


def test_what_nobody_used_for_a_day_goes(saved: SavedImages) -> None:
    saved.save([picture(0)])
    downloads = Downloads(saved.archive)
    old, used = pin(downloads, manifest=True), pin(downloads)
    long_ago = time.time() - KEPT_S - 60
    for download in (old, used):
        download.close()
        os.utime(saved.layout.downloads / f"{download.name}.list", (long_ago, long_ago))
    downloads.open(used.name).close()

    new = pin(downloads)
    new.close()

    assert lists(saved) == {f"{used.name}.list", f"{new.name}.list"}


def test_of_very_many_the_oldest_goes(saved: SavedImages) -> None:
    saved.save([picture(0)])
    downloads = Downloads(saved.archive)
    for number in range(MOST_KEPT + 3):
        download = pin(downloads)
        download.close()
        used = time.time() - 1000 + number
        os.utime(saved.layout.downloads / f"{download.name}.list", (used, used))

    assert len(lists(saved)) == MOST_KEPT
    downloads.open(download.name).close()


def test_rules_wait_for_what_is_downloaded(saved: SavedImages) -> None:
    saved.save([picture(0)])
    downloads = Downloads(saved.archive)
    assert kept_and_converted(saved.archive) == {}

    pin(downloads).close()

    ((first_s, last_s),) = kept_and_converted(saved.archive)[1]
    assert (first_s, last_s) == (START_US // SECOND_US, END_US // SECOND_US)


def test_a_hold_ends_by_itself() -> None:
    clock = FixedClock()
    holds = Holds(clock)
    for _ in range(40):
        holds.hold("one", (1, 10, 20))
        assert holds.spans() == [(1, 10, 20)]
        clock.move(timedelta(seconds=540))
    holds.hold("one", (1, 10, 20))
    assert holds.spans() == []  # renewed for six hours, which is the longest

    holds.hold("two", (1, 10, 20))
    clock.move(timedelta(seconds=601))
    assert holds.spans() == []
    holds.hold("three", (2, 1, 2))
    holds.release("three")
    assert holds.spans() == []
