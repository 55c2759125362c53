"""Archives: whole, readable by others, in order, of any size, and the same in any part."""

import csv
import hashlib
import io
import json
import random
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

import pytest

from chimera_storage.convert.archive_file import read_archive
from chimera_storage.convert.contents import Contents, pin
from chimera_storage.convert.make import Made, NoImagesError
from chimera_storage.convert.make_archive import make_archive
from chimera_storage.convert.output import reason
from chimera_storage.convert.selection import Selection
from chimera_storage.convert.zip_format import ZipFormat
from chimera_storage.errors import ConflictError
from chimera_storage.model import Box, ConversionType, Image, ImageKey
from tests.support.saved_images import SECOND_US, START_US, SavedImages, picture, saved_images

ALL = Selection(
    camera=1, start_us=START_US - 48 * 3600 * SECOND_US, end_us=START_US + 48 * 3600 * SECOND_US
)
MADE_US = START_US + 3600 * SECOND_US
ZIP, TAR = ConversionType.ZIP, ConversionType.TAR
KINDS = [(ZIP, False), (ZIP, True), (TAR, False), (TAR, True)]


class OneWay(io.RawIOBase):
    """A stream that can only be written, as a pipe; keeps what it was given."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def make(
    saved: SavedImages,
    kind: ConversionType = ZIP,
    selection: Selection = ALL,
    *,
    manifest: bool = False,
) -> tuple[Made, bytes]:
    stream = OneWay()
    progress: list[tuple[int, int]] = []
    made = make_archive(
        saved.archive,
        selection,
        stream,
        type=kind,
        manifest=manifest,
        folder=saved.layout.captures,
        on_image=lambda done, size: progress.append((done, size)),
    )
    assert progress == sorted(progress)
    assert progress[-1][0] == made.images + made.missing
    assert saved.outputs() == []
    return made, bytes(stream.data)


def pinned(
    saved: SavedImages,
    kind: ConversionType = ZIP,
    selection: Selection = ALL,
    *,
    manifest: bool = False,
) -> Contents:
    return pin(
        saved.index,
        saved.layout,
        selection,
        type=kind,
        manifest=manifest,
        made_us=MADE_US,
        open_part=lambda _: cast(BinaryIO, tempfile.TemporaryFile()),
    )


def part(contents: Contents, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(read_archive(contents, start, contents.pinned.size if stop is None else stop))


def opened(data: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(data))


def files_in(kind: ConversionType, data: bytes) -> dict[str, bytes]:
    """Name → content, in the archive's order; checked as far as the format can."""
    if kind is ZIP:
        archive = opened(data)
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        return {m.name: cast(BinaryIO, tar.extractfile(m)).read() for m in tar.getmembers()}


@pytest.mark.parametrize("kind", [ZIP, TAR])
def test_archive_holds_every_image_as_it_is_in_the_order_of_time(
    saved: SavedImages, kind: ConversionType
) -> None:
    images = saved.save([picture(i) for i in range(25)])

    made, data = make(saved, kind)

    assert made == Made(images=25, missing=0)
    assert list(files_in(kind, data).items()) == [
        (saved.path(image).name, picture(i)) for i, image in enumerate(images)
    ]


def test_zip_is_stored_with_sizes_in_front(saved: SavedImages) -> None:
    saved.save([picture(0)])

    (entry,) = opened(make(saved)[1]).infolist()

    assert entry.compress_type == zipfile.ZIP_STORED
    assert not entry.flag_bits & 0x08  # size and CRC-32 stand in front, not behind


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("unzip", ("-t",)),
        ("unzip", ("-q", "-d", "out")),
        ("tar", ("-x", "-C", "out", "-f")),
    ],
)
def test_others_accept_it_and_set_the_time_of_each_file(
    tmp_path: Path, program: str, arguments: tuple[str, ...]
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    with saved_images(tmp_path / "data", "Europe/Berlin") as saved:
        images = saved.save([picture(i) for i in range(12)])
        _, data = make(saved, TAR if program == "tar" else ZIP)
        names = [saved.path(image).name for image in images]
    (tmp_path / "images").write_bytes(data)
    (tmp_path / "out").mkdir()

    command = [program, *arguments, "images"]
    if program == "unzip":
        command = [program, arguments[0], "images", *arguments[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    if "out" in arguments:
        times = [(tmp_path / "out" / name).stat().st_mtime for name in names]
        assert times == [image.key.second for image in images]


def test_times_of_dos_are_local(tmp_path: Path) -> None:
    with saved_images(tmp_path / "data", "Asia/Kolkata") as saved:
        saved.save([picture(0)])
        _, data = make(saved)

    local = datetime.fromtimestamp(START_US // SECOND_US, ZoneInfo("Asia/Kolkata"))
    assert opened(data).infolist()[0].date_time == local.timetuple()[:6]


@pytest.mark.parametrize("kind", [ZIP, TAR])
def test_saved_archive_leaves_out_what_vanished_and_keeps_what_is_broken(
    saved: SavedImages, kind: ConversionType
) -> None:
    images = saved.save([picture(i) for i in range(4)])
    saved.path(images[1]).unlink()
    saved.path(images[2]).write_bytes(b"broken")

    made, data = make(saved, kind)

    assert made == Made(images=3, missing=1)
    found = files_in(kind, data)
    assert list(found) == [saved.path(images[i]).name for i in (0, 2, 3)]
    assert found[saved.path(images[2]).name] == b"broken"


def test_no_readable_image_is_an_error(saved: SavedImages) -> None:
    for image in saved.save([picture(0), picture(1)]):
        saved.path(image).unlink()

    with pytest.raises(NoImagesError):
        make(saved)
    with pytest.raises(NoImagesError):
        make(saved, selection=Selection(camera=7, start_us=0, end_us=1))


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

        _, data = make(saved)
        with closing(pinned(saved)) as contents:
            assert part(contents) == data

    found = files_in(ZIP, data)
    assert found == {name: picture(1), name.replace(".jpg", "-flat.jpg"): picture(2)}


def test_images_without_number_and_with_long_ones_have_their_names(saved: SavedImages) -> None:
    for number in (None, 0, 99, 100, 12_345, 999_999_999):
        key = ImageKey(camera=1, second=START_US // SECOND_US, number=number)
        image = Image(
            key=key, taken_at_us=START_US, size=3, crc32=zlib.crc32(b"jpg"), width=1, height=1
        )
        saved.path(image).parent.mkdir(parents=True, exist_ok=True)
        saved.path(image).write_bytes(b"jpg")
        saved.index.add_images([image])

    with closing(pinned(saved)) as contents:
        data = part(contents)

    assert len(files_in(ZIP, data)) == 6


@pytest.mark.parametrize(("kind", "manifest"), KINDS)
def test_length_is_known_before_anything_is_read_and_every_part_is_the_same(
    saved: SavedImages, kind: ConversionType, manifest: bool
) -> None:
    saved.save([picture(i) for i in range(45)])
    with closing(pinned(saved, kind, manifest=manifest)) as contents:
        size = contents.pinned.size
        whole = part(contents)
        assert len(whole) == size
        assert len(files_in(kind, whole)) == 45 + (3 if manifest else 0)
        places = random.Random(1)
        for _ in range(60):
            start = places.randrange(size)
            stop = min(size, start + places.choice([1, 7, 50, 1000, 40_000]))
            assert part(contents, start, stop) == whole[start:stop]


@pytest.mark.parametrize(("kind", "manifest"), KINDS)
def test_the_end_can_be_asked_for_first(
    saved: SavedImages, kind: ConversionType, manifest: bool
) -> None:
    """As programs do that list a remote archive without loading it."""
    saved.save([picture(i) for i in range(20)])
    with (
        closing(pinned(saved, kind, manifest=manifest)) as contents,
        closing(pinned(saved, kind, manifest=manifest)) as other,
    ):
        middle = contents.pinned.size - 1500
        end = part(contents, middle)
        assert part(contents, 0, middle) + end == part(other)


@pytest.mark.parametrize("kind", [ZIP, TAR])
def test_saved_and_sent_archives_are_the_same(saved: SavedImages, kind: ConversionType) -> None:
    saved.save([picture(i) for i in range(30)])
    with closing(pinned(saved, kind)) as contents:
        assert part(contents) == make(saved, kind)[1]


def test_every_skipth_image_across_chunks(saved: SavedImages) -> None:
    images = saved.save([b"x"] * 2500)
    selection = Selection(camera=1, start_us=ALL.start_us, end_us=ALL.end_us, skip=7)

    found = files_in(ZIP, make(saved, selection=selection)[1])

    assert list(found) == [saved.path(image).name for image in images[::7]]


def test_an_image_whose_crc_is_not_known_is_read_for_it(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(5)])
    unread = [
        Image(key=i.key, taken_at_us=i.taken_at_us, size=i.size, crc32=None, width=0, height=0)
        for i in images
    ]
    saved.archive.index.remove_images([i.key for i in images])
    saved.index.add_images(unread)

    with closing(pinned(saved)) as contents:
        end = part(contents, contents.pinned.size - 300)
        whole = part(contents)
    assert whole.endswith(end)
    assert len(files_in(ZIP, whole)) == 5


@pytest.mark.parametrize("change", ["deleted", "truncated", "longer", "a folder"])
def test_an_image_that_is_no_longer_as_promised_ends_the_sending(
    saved: SavedImages, change: str
) -> None:
    images = saved.save([picture(i) for i in range(3)])
    with closing(pinned(saved)) as contents:
        path = saved.path(images[1])
        if change in ("deleted", "a folder"):
            path.unlink()
        if change == "a folder":
            path.mkdir()
        if change == "truncated":
            path.write_bytes(picture(1)[:-1])
        if change == "longer":
            path.write_bytes(picture(1) + b"x")
        pieces = read_archive(contents, 0, contents.pinned.size)
        got = b""
        with pytest.raises(ConflictError, match=path.name):
            for piece in pieces:
                got += piece
        assert len(got) < contents.pinned.size
        with pytest.raises(zipfile.BadZipFile):
            opened(got)


def test_an_image_replaced_before_it_is_sent_is_archived_as_it_is_now(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(3)])
    with closing(pinned(saved)) as contents:
        replaced = bytes(len(picture(1)))
        saved.path(images[1]).write_bytes(replaced)
        found = files_in(ZIP, part(contents))
        assert found[saved.path(images[1]).name] == replaced


def test_an_image_replaced_after_it_was_sent_ends_the_resumed_sending(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(3)])
    with closing(pinned(saved)) as contents:
        middle = len(picture(0)) + 200  # within the second image
        part(contents, 0, middle)
        saved.path(images[0]).unlink()  # was sent whole: it is not needed any more
        part(contents, middle)
        saved.path(images[1]).write_bytes(bytes(len(picture(1))))
        with pytest.raises(ConflictError, match=saved.path(images[1]).name):
            part(contents, middle)


def test_what_was_told_in_the_directory_binds_what_is_sent(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(3)])
    with closing(pinned(saved)) as contents:
        part(contents, contents.pinned.size - 100)
        saved.path(images[1]).write_bytes(bytes(len(picture(1))))
        with pytest.raises(ConflictError):
            part(contents)


def test_images_that_come_and_go_do_not_change_what_is_pinned(saved: SavedImages) -> None:
    images = saved.save([picture(i) for i in range(10)])
    with closing(pinned(saved)) as contents:
        before = part(contents)
        saved.save([picture(5)], start_us=START_US - 5 * SECOND_US)
        saved.index.remove_images([images[3].key])
        assert part(contents) == before


@pytest.mark.parametrize("kind", [ZIP, TAR])
def test_manifest_says_what_is_in_the_archive(saved: SavedImages, kind: ConversionType) -> None:
    images = saved.save([picture(i) for i in range(12)])
    late = Image(
        key=ImageKey(camera=1, second=START_US // SECOND_US + 600, number=0),
        taken_at_us=START_US + 600 * SECOND_US + 250_000,
        size=len(picture(3)),
        crc32=zlib.crc32(picture(3)),
        width=64,
        height=48,
        score=0.125,
        boxes=(Box(1, 2, 3, 4), Box(5, 6, 7, 8)),
        event=START_US,
    )
    saved.path(late).parent.mkdir(parents=True, exist_ok=True)
    saved.path(late).write_bytes(picture(3))
    saved.index.add_images([late])
    saved.path(images[1]).write_bytes(b"broken")
    saved.path(images[2]).unlink()
    around = Selection(
        camera=1, start_us=START_US - 30 * SECOND_US, end_us=START_US + 660 * SECOND_US
    )

    made, data = make(saved, kind, around, manifest=True)

    assert made == Made(images=12, missing=1)
    files = files_in(kind, data)
    told = json.loads(files["manifest.json"])
    assert (told["camera"], told["skip"]) == (1, 1)
    assert told["start"] == "2026-01-01T09:32:50.000Z"
    by_name = {image["file"]: image for image in told["images"]}
    assert by_name.pop(saved.path(images[2]).name)["sha256"] is None
    for name, image in by_name.items():
        assert image["size"] == len(files[name])
        assert image["sha256"] == hashlib.sha256(files[name]).hexdigest()
    last = told["images"][-1]
    assert last["time"] == "2026-01-01T09:43:20.250Z"
    assert (last["score"], last["boxes"]) == (0.125, [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert last["event"] == "2026-01-01T09:33:20.000Z"
    assert told["gaps"] == [
        {
            "from": "2026-01-01T09:33:21.000Z",
            "to": "2026-01-01T09:43:20.250Z",
            "seconds": 599.25,
        }
    ]
    rows = list(csv.DictReader(io.StringIO(files["manifest.csv"].decode())))
    assert [row["file"] for row in rows] == [image["file"] for image in told["images"]]
    assert rows[2]["sha256"].strip() == "missing"
    assert rows[3]["sha256"] == told["images"][3]["sha256"]
    assert int(rows[3]["size"]) == told["images"][3]["size"]
    assert (rows[-1]["boxes"], rows[-1]["score"]) == ("1:2:3:4 5:6:7:8", "0.125")
    assert files["gaps.csv"].decode().splitlines()[1].endswith(",599.25")


def test_more_entries_than_16_bits_count(saved: SavedImages) -> None:
    first, count = 10_000, 66_000  # numbers of five digits
    second = START_US // SECOND_US
    numbers = range(first, first + count)
    rows = [(1, second, n, 0, 0, 1, 7, 1, 1, None, None, None) for n in numbers]
    saved.index.fill(1, rows)

    with closing(pinned(saved)) as contents, (saved.layout.root / "a.zip").open("wb") as file:
        directory = contents.pinned.size - 80 * count - 98
        file.seek(directory)  # a hole in place of most images
        for piece in read_archive(contents, directory, contents.pinned.size):
            file.write(piece)

    with zipfile.ZipFile(saved.layout.root / "a.zip") as archive:
        names = archive.namelist()
    assert len(names) == count
    assert (names[0], names[-1]) == ("20260101-093320-10000.jpg", "20260101-093320-75999.jpg")


def test_more_bytes_than_32_bits_count(tmp_path: Path) -> None:
    form = ZipFormat(ZoneInfo("UTC"))
    second = START_US // SECOND_US
    names = [b"before.jpg", b"across.jpg", b"after.jpg"]
    with (tmp_path / "large.zip").open("wb") as file:
        file.seek((1 << 32) - 20)  # a hole in front, as of many images before
        listed = b""
        for name in names:
            at = file.tell()
            file.write(form.header(name, second, len(name), zlib.crc32(name)) + name)
            assert file.tell() - at == form.entry_bytes(second, len(name), len(name))
            listing = form.listing(name, second, len(name), zlib.crc32(name), at)
            assert len(listing) == form.listing_bytes(second, len(name), len(name), at)
            listed += listing
        start = file.tell()
        file.write(listed + form.end(3, start, len(listed)))

    with zipfile.ZipFile(tmp_path / "large.zip") as archive:
        offsets = [entry.header_offset for entry in archive.infolist()]
        assert offsets[0] < 1 << 32 < offsets[1] < offsets[2]
        assert archive.testzip() is None
        assert archive.read("after.jpg") == b"after.jpg"


@pytest.mark.parametrize("size", [0xFFFFFFFE, 0xFFFFFFFF, 0x1_0000_0000])
def test_a_file_of_more_than_32_bits_has_its_size(size: int) -> None:
    form = ZipFormat(ZoneInfo("UTC"))
    listing = form.listing(b"manifest.json", 0, size, 1, 5)
    start = form.header_bytes(0, 13, size) + size

    assert len(form.header(b"manifest.json", 0, size, 1)) == form.header_bytes(0, 13, size)
    assert len(listing) == form.listing_bytes(0, 13, size, 5)
    end = io.BytesIO(listing + form.end(1, 0, len(listing)))
    assert start > size
    assert [entry.file_size for entry in zipfile.ZipFile(end).infolist()] == [size]


@pytest.mark.parametrize("year", [1, 1969, 1979, 1980, 2038, 2107, 2108, 9999])
def test_times_that_a_zip_cannot_say_do_no_harm(year: int) -> None:
    form = ZipFormat(ZoneInfo("Asia/Tokyo"))
    second = int(
        (
            datetime(year, 6, 15, 12, 30, 20, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        ).total_seconds()
    )
    listing = form.listing(b"a.jpg", second, 0, 0, 0)

    (entry,) = zipfile.ZipFile(io.BytesIO(listing + form.end(1, 0, len(listing)))).infolist()

    assert entry.date_time[0] == min(max(year, 1980), 2107)
    assert entry.date_time[1] in range(1, 13)
    assert len(listing) == form.listing_bytes(second, 5, 0, 0)


def test_full_disk_is_said_in_a_sentence(saved: SavedImages) -> None:
    saved.save([picture(0)])

    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError) as raised:
        make_archive(
            saved.archive,
            ALL,
            full,
            type=ZIP,
            manifest=False,
            folder=saved.layout.captures,
            on_image=lambda *_: None,
        )

    assert "the disk is full" in reason(raised.value)
