"""Archives: whole, readable by others, in order, of any size."""

import io
import shutil
import subprocess
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chimera_storage.convert.make import Made, NoImagesError, make_zip
from chimera_storage.convert.output import reason
from chimera_storage.convert.selection import select
from chimera_storage.convert.zip_writer import ZipWriter
from tests.support.saved_images import SECOND_US, START_US, SavedImages, picture, saved_images

TAKEN = datetime(2026, 1, 1, 9, 33, 21, tzinfo=UTC)
RANGE = (START_US - 48 * 3600 * SECOND_US, START_US + 48 * 3600 * SECOND_US)


class OneWay(io.RawIOBase):
    """A stream that can only be written, as a pipe; keeps what it was given."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def make(saved: SavedImages) -> tuple[Made, zipfile.ZipFile]:
    stream = OneWay()
    sizes: list[int] = []
    made = make_zip(
        saved.archive,
        select(saved.index, 1, *RANGE, skip=1),
        stream,
        on_image=lambda _, size: sizes.append(size),
    )
    assert sizes == sorted(sizes)
    return made, zipfile.ZipFile(io.BytesIO(stream.data))


def test_archive_holds_every_image_as_it_is_in_the_order_of_time(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(25)])

    made, archive = make(saved)

    assert made == Made(images=25, missing=0)
    assert archive.testzip() is None
    assert archive.namelist() == [saved.path(image).name for image in images]
    assert [archive.read(name) for name in archive.namelist()] == [picture(i) for i in range(25)]
    entry = archive.infolist()[0]
    assert entry.compress_type == zipfile.ZIP_STORED
    assert not entry.flag_bits & 0x08  # size and CRC-32 stand in front, not behind


def test_unzip_accepts_it_and_sets_the_time_of_each_file(tmp_path: Path) -> None:
    if shutil.which("unzip") is None:
        pytest.skip("there is no unzip here")
    with saved_images(tmp_path / "data", "Europe/Berlin") as saved:
        images = saved.save([picture(i) for i in range(12)])
        with (tmp_path / "images.zip").open("wb") as file:
            make_zip(
                saved.archive,
                select(saved.index, 1, *RANGE, skip=1),
                file,
                on_image=lambda *_: None,
            )
        names = [saved.path(image).name for image in images]

    for arguments in (("-t",), ("-q", "-d", str(tmp_path / "out"))):
        done = subprocess.run(
            ["unzip", arguments[0], str(tmp_path / "images.zip"), *arguments[1:]],
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    times = [(tmp_path / "out" / name).stat().st_mtime for name in names]
    assert times == [image.key.second for image in images]


def test_times_of_dos_are_local(tmp_path: Path) -> None:
    with saved_images(tmp_path / "data", "Asia/Kolkata") as saved:
        saved.save([picture(0)])
        _, archive = make(saved)

    local = datetime.fromtimestamp(START_US // SECOND_US, ZoneInfo("Asia/Kolkata"))
    assert archive.infolist()[0].date_time == local.timetuple()[:6]


def test_vanished_images_are_left_out_and_broken_ones_kept_as_they_are(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(4)])
    saved.path(images[1]).unlink()
    saved.path(images[2]).write_bytes(b"broken")

    made, archive = make(saved)

    assert made == Made(images=3, missing=1)
    assert archive.testzip() is None
    assert archive.read(saved.path(images[2]).name) == b"broken"


def test_no_readable_image_is_an_error(saved: SavedImages) -> None:
    for image in saved.save([picture(0), picture(1)]):
        saved.path(image).unlink()

    with pytest.raises(NoImagesError):
        make(saved)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_flat_and_dated_images_of_one_name_are_both_kept(tmp_path: Path, zone: str) -> None:
    with saved_images(tmp_path / "data", zone) as saved:
        local = datetime.fromtimestamp(START_US // SECOND_US, ZoneInfo(zone))
        offset = local.utcoffset()
        assert offset is not None
        # The flat file whose local name is the dated one's name in UTC.
        flat_us = START_US - offset // timedelta(microseconds=1)
        dated = saved.save([picture(1)])
        flat = saved.save([picture(2)], start_us=flat_us, flat=True)
        name = saved.path(dated[0]).name
        assert saved.path(flat[0]).name == name

        made, archive = make(saved)

    assert made == Made(images=2, missing=0)
    assert len(set(archive.namelist())) == 2
    assert name in archive.namelist()
    assert {archive.read(n) for n in archive.namelist()} == {picture(1), picture(2)}


def test_more_entries_than_16_bits_count() -> None:
    stream = OneWay()
    writer = ZipWriter(stream)
    for number in range(65_600):
        writer.add(f"{number}.jpg", b"x", taken=TAKEN)
    writer.finish()

    archive = zipfile.ZipFile(io.BytesIO(stream.data))
    assert len(archive.namelist()) == 65_600
    assert archive.read("65599.jpg") == b"x"
    assert writer.size == len(stream.data)


def test_more_bytes_than_32_bits_count(tmp_path: Path) -> None:
    with (tmp_path / "large.zip").open("wb") as file:
        writer = ZipWriter(file)
        writer.size = (1 << 32) - 20  # a hole in front, as of many images before
        file.seek(writer.size)
        for name in ("before.jpg", "across.jpg", "after.jpg"):
            writer.add(name, name.encode(), taken=TAKEN)
        writer.finish()

    with zipfile.ZipFile(tmp_path / "large.zip") as archive:
        offsets = [entry.header_offset for entry in archive.infolist()]
        assert offsets[0] < 1 << 32 < offsets[1] < offsets[2]
        assert archive.testzip() is None
        assert archive.read("after.jpg") == b"after.jpg"


@pytest.mark.parametrize("year", [1, 1969, 1979, 1980, 2038, 2107, 2108, 9999])
def test_times_that_a_zip_cannot_say_do_no_harm(year: int) -> None:
    stream = OneWay()
    writer = ZipWriter(stream)
    writer.add("a.jpg", b"a", taken=datetime(year, 6, 15, 12, 30, 20, tzinfo=UTC))
    writer.finish()

    (entry,) = zipfile.ZipFile(io.BytesIO(stream.data)).infolist()
    assert entry.date_time[0] == min(max(year, 1980), 2107)
    assert time.struct_time((*entry.date_time, 0, 0, 0)).tm_mon in range(1, 13)


def test_full_disk_is_said_in_a_sentence(saved: SavedImages) -> None:
    saved.save([picture(0)])

    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError) as raised:
        make_zip(
            saved.archive,
            select(saved.index, 1, *RANGE, skip=1),
            full,
            on_image=lambda *_: None,
        )

    assert "the disk is full" in reason(raised.value)
