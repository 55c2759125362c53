"""The index: questions, totals, and what it does with files that are not its own."""

import fcntl
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from chimera_storage.archive.index import Index, soundness
from chimera_storage.archive.index.tables import SCHEMA_VERSION
from chimera_storage.errors import ConflictError, InvalidInputError, StorageError
from chimera_storage.model import (
    Box,
    Conversion,
    ConversionStatus,
    ConversionType,
    Event,
    Image,
    ImageKey,
    Totals,
)
from tests.support.archive import EVER, make_image, second_of
from tests.support.waiting import wait_for

START = second_of("2026-03-20 12:00:00")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index(tmp_path / "index.db")
    yield opened
    opened.close()


def us(second: int) -> int:
    return second * 1_000_000


def test_an_image_comes_back_as_it_was_given(index: Index) -> None:
    image = make_image(
        3,
        START,
        12,
        taken_at_us=us(START) + 123_456,
        size=2**33,
        crc32=0xFFFFFFFF,
        width=1920,
        height=1080,
        score=0.25,
        boxes=(Box(0, 1, 2, 3), Box(65535, 65535, 65535, 65535)),
        event=7,
    )
    plain = make_image(3, START, None, flat=True)
    assert index.add_images([image, plain]) == 2
    assert index.get(image.key) == image
    assert index.get(plain.key) == plain
    assert index.latest(3) == image
    assert index.latest(4) is None


@pytest.mark.parametrize(
    "values", [{"boxes": (Box(-1, 0, 1, 1),)}, {"taken_at_us": us(START) + 1_000_000}]
)
def test_an_impossible_image_is_refused_and_nothing_of_its_batch_is_there(
    index: Index, values: dict[str, object]
) -> None:
    with pytest.raises(InvalidInputError):
        index.add_images([make_image(1, START), make_image(1, START, 1, **values)])
    assert index.totals(1) == Totals(count=0, size=0)


def test_images_are_in_the_order_of_their_names(index: Index) -> None:
    images = [
        make_image(1, START, None, flat=True),
        make_image(1, START, 0),
        make_image(1, START, 0, flat=True),
        make_image(1, START, 2, taken_at_us=us(START) + 5),  # saved late: by number all the same
        make_image(1, START, 10, taken_at_us=us(START) + 1),
        make_image(1, START + 1, 0),
    ]
    index.add_images(random.Random(1).sample(images, len(images)))
    assert index.images(1, *EVER) == images
    assert list(index.keys(1)) == [image.key for image in images]


def test_a_range_takes_in_every_image_of_its_first_and_last_second(index: Index) -> None:
    images = [make_image(1, START + s, n) for s in range(4) for n in range(3)]
    index.add_images(images)
    start_us, end_us = us(START + 1) + 999_999, us(START + 2)
    assert index.images(1, start_us, end_us) == images[3:9]
    assert index.count(1, start_us, end_us) == 6
    assert index.images(1, end_us + 1_000_000, start_us) == []
    assert index.images(2, *EVER) == []


def test_a_sample_is_even_and_has_both_ends(index: Index) -> None:
    images = [make_image(1, START + s) for s in range(100)]
    index.add_images(images)
    for frames in range(2, 101):
        chosen = [image.key.second - START for image in index.sample(1, *EVER, frames)]
        steps = {b - a for a, b in pairwise(chosen)}
        assert len(chosen) == frames
        assert (chosen[0], chosen[-1]) == (0, 99)
        assert max(steps) - min(steps) <= 1
    assert index.sample(1, *EVER, 1) == [images[0]]
    assert index.sample(1, *EVER, 1000) == images
    assert index.sample(1, *EVER, 0) == []


def test_counts_by_hours_equal_counting_one_by_one(index: Index) -> None:
    chosen = random.Random(2)
    seconds = sorted(chosen.sample(range(START - 10_000, START + 10_000), 400))
    index.add_images([make_image(1, s) for s in seconds])
    for _ in range(200):
        a, b = chosen.randint(START - 11_000, START + 11_000), chosen.randint(0, 15_000)
        expected = sum(a <= s <= a + b for s in seconds)
        assert index.count(1, us(a), us(a + b)) == expected
    assert index.count(1, *EVER) == 400


def test_totals_follow_every_change(index: Index) -> None:
    chosen = random.Random(3)
    there: dict[ImageKey, Image] = {}
    for _ in range(40):
        images = [
            make_image(
                chosen.choice((1, 10)),
                START + chosen.randint(0, 20_000),
                chosen.randint(0, 2),
                size=chosen.randint(1, 9999),
            )
            for _ in range(30)
        ]
        replace = chosen.random() < 0.5
        index.add_images(images, replace=replace)
        for key, image in {image.key: image for image in images}.items():
            if replace or key not in there:
                there[key] = image
        gone = chosen.sample(sorted(there, key=repr), 15)
        assert index.remove_images([*gone, ImageKey(camera=1, second=5, number=0)]) == 15
        for key in gone:
            del there[key]
        for camera in (1, 10):
            own = [image.size for key, image in there.items() if key.camera == camera]
            assert index.totals(camera) == Totals(count=len(own), size=sum(own))
    assert index.cameras() == [1, 10]
    index.remove_images(list(index.keys(10)))
    assert index.cameras() == [1]
    assert index.hours(10) == []


def test_what_is_answered_from_memory_follows_what_others_write_at_once(tmp_path: Path) -> None:
    with closing(Index(tmp_path / "index.db")) as index:
        with closing(Index(tmp_path / "index.db")) as other:
            for number in range(5):
                other.add_images([make_image(1, number)])
                assert index.totals(1).count == other.totals(1).count == number + 1
                assert index.cameras() == [1]
        for path in tmp_path.glob("index.db*"):
            if not path.name.endswith((".lock", ".making")):
                path.unlink()
        wait_for(lambda: index.totals(1).count == 0, "the index that was made anew")
        index.add_images([make_image(1, 9)])
        assert index.totals(1).count == 1
    with pytest.raises(StorageError, match="closed"):
        index.totals(1)


def test_a_row_already_there_is_left_alone_unless_it_is_to_be_replaced(index: Index) -> None:
    first, second = make_image(1, START, size=5, score=0.5), make_image(1, START, size=7)
    assert index.add_images([first, first]) == 1
    assert index.add_images([second]) == 0
    assert index.get(first.key) == first
    assert index.add_images([second], replace=True) == 0
    assert index.get(first.key) == second
    assert index.totals(1) == Totals(count=1, size=7)


def test_keys_are_read_in_portions_while_they_are_removed(index: Index) -> None:
    index.add_images([make_image(1, START + s // 3, s % 3) for s in range(12_000)])
    removed = 0
    for key in index.keys(1):
        removed += index.remove_images([key]) if removed % 4000 == 0 else 1
    assert removed == 12_000
    span = list(index.keys(1, start_us=us(START + 10), end_us=us(START + 11)))
    assert [key.second - START for key in span] == [10, 10, 10, 11, 11, 11]


def test_an_event_is_named_by_its_start_and_ends_with_the_latest_end(index: Index) -> None:
    opened = Event(camera=1, start_us=us(START))
    assert index.add_events([opened, opened]) == 1
    assert index.events(1, *EVER) == [opened]
    closed = replace(opened, end_us=us(START + 9))
    assert index.add_events([closed]) == 0
    assert index.add_events([opened, replace(opened, end_us=us(START + 5))]) == 0
    assert index.events(1, *EVER) == [closed]
    assert index.events(1, us(START) + 1, us(START + 9)) == []
    assert index.events(2, *EVER) == []


def test_an_event_whose_recorder_was_killed_ends_with_its_last_image(index: Index) -> None:
    index.add_images(
        [make_image(1, START + s, event=us(START), taken_at_us=us(START + s) + 7) for s in (0, 4)]
    )
    index.add_images([make_image(1, START + 6)])  # a periodic one
    left_open = [Event(camera=1, start_us=us(START)), Event(camera=1, start_us=us(START + 10))]
    index.add_events(left_open[:1])
    index.add_events(left_open[1:])
    index.add_events([Event(camera=1, start_us=us(START + 20))])
    ends = [event.end_us for event in index.events(1, *EVER)]
    assert ends == [us(START + 4) + 7, us(START + 10), None]


def test_an_event_goes_with_its_last_image_also_where_that_is_in_the_next_hour(
    index: Index,
) -> None:
    event = Event(camera=1, start_us=us(START - 1), end_us=us(START + 1))
    other = Event(camera=1, start_us=us(START + 60), end_us=us(START + 61))
    images = [make_image(1, START + s) for s in (-1, 1, 60)]
    index.add_events([event, other])
    index.add_images(images)
    index.remove_images([images[0].key])
    assert index.events(1, *EVER) == [event, other]
    index.remove_images([images[1].key, images[2].key])
    assert index.events(1, *EVER) == []
    assert index.hours(1) == index.cameras() == []


def make_conversion(id_: str, requested_us: int, **values: object) -> Conversion:
    given = {"type": ConversionType.MP4, "camera": 1, "start_us": 1, "end_us": 2}
    return Conversion(id=id_, requested_us=requested_us, **(given | values))  # type: ignore[arg-type]


def test_a_conversion_comes_back_with_every_field(index: Index) -> None:
    one = make_conversion("one-20260320-120000", 10)
    full = make_conversion(
        "two-20260320-120000",
        20,
        type=ConversionType.ZIP,
        fps=7,
        skip=3,
        status=ConversionStatus.FAILED,
        frames=8,
        frames_done=4,
        size=2**40,
        started_us=21,
        finished_us=22,
        attempts=2,
        error="the disk is full",
    )
    index.add_conversion(one)
    index.add_conversion(full)
    assert index.conversions() == [full, one]
    assert index.conversion(full.id) == full
    assert index.conversion("two") is None
    with pytest.raises(ConflictError):
        index.add_conversion(make_conversion(full.id, 1))
    done = make_conversion(one.id, 10, status=ConversionStatus.DONE, size=4)
    assert index.update_conversion(done)
    assert index.conversion(one.id) == done
    assert not index.remove_conversion("one")
    assert index.remove_conversion(one.id)
    assert not index.update_conversion(done)
    assert index.conversions() == [full]


@pytest.mark.parametrize("id_", ["", "\0", "\ud800", "'; DROP TABLE conversions; --", "x" * 10**6])
def test_an_id_that_cannot_be_is_unknown(index: Index, id_: str) -> None:
    assert index.conversion(id_) is None
    assert not index.remove_conversion(id_)
    assert index.conversions() == []


def test_threads_write_and_read_at_the_same_time(index: Index) -> None:
    failures: list[BaseException] = []

    def work(camera: int) -> None:
        try:
            for number in range(40):
                index.add_images([make_image(camera, START, number)])
                assert index.totals(camera).count == number + 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(camera,)) for camera in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


WRITER = """
import sys
from pathlib import Path
from chimera_storage.archive.index import Index
from tests.support.archive import make_image
index = Index(Path(sys.argv[1]))
for number in range(80):
    index.add_images([make_image(1, int(sys.argv[2]) + number, size=10)])
index.close()
"""


def test_processes_begin_and_write_one_index_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    command = [sys.executable, "-c", WRITER, str(path)]
    processes = [subprocess.Popen([*command, str(START + 50 * n)]) for n in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    index = Index(path)
    assert index.totals(1) == Totals(count=180, size=1800)  # 50 s apart, 80 long: they overlap
    assert index.count(1, *EVER) == 180
    index.close()


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.db")
    index.add_images([make_image(1, START)])
    folder_id = index.data_folder_id
    index.close()
    with pytest.raises(StorageError):
        index.totals(1)
    again = Index(tmp_path / "index.db")
    assert again.totals(1).count == 1
    assert again.data_folder_id == folder_id != ""
    again.close()


def test_the_index_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    Index(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="newer version") as refused:
        Index(path)
    assert str(tmp_path) not in str(refused.value)  # clients are shown it
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*corrupt*"))


@pytest.mark.parametrize(
    "content", [b"this is no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_corrupt_index_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(content)
    index = Index(path)
    assert index.add_images([make_image(1, START)]) == 1
    index.close()
    (aside,) = tmp_path.glob("index.db.corrupt-*")
    assert aside.read_bytes() == content


def test_a_database_of_something_else_is_set_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE precious (x)")
    connection.close()
    Index(path).close()
    (aside,) = tmp_path.glob("index.db.corrupt-*")
    with sqlite3.connect(aside) as connection:
        assert connection.execute("SELECT count(*) FROM precious").fetchone() == (0,)
    connection.close()


def test_damage_found_by_a_question_is_mended_by_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    index = Index(path)
    index.add_images([make_image(1, START + s) for s in range(5000)])
    index.close()
    with path.open("r+b") as file:  # the tables' roots are whole, the rest is not
        file.seek(65536)
        file.write(b"\xff" * (path.stat().st_size - 65536))
    with pytest.raises(StorageError):
        index = Index(path)
        try:
            index.images(1, *EVER)
        finally:
            index.close()
    index = Index(path)
    assert index.images(1, *EVER) == []
    index.close()
    assert len(list(tmp_path.glob("index.db.corrupt-*[0-9]"))) == 1


def test_a_damaged_index_is_exchanged_under_all_who_use_it(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    filled = Index(path)
    filled.add_images([make_image(1, START + n) for n in range(500)])
    filled.close()
    user, recorder = Index(path), Index(path)
    content = bytearray(path.read_bytes())
    content[4096:-4096] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StorageError, match="made anew from the files"):
        user.images(1, *EVER)
    recorder.add_images([make_image(1, START)])  # into whichever is there by now

    def is_new(index: Index) -> bool:
        return index.images(1, *EVER) == [] or len(index.images(1, *EVER)) == 1

    for index in (user, recorder):
        wait_for(partial(is_new, index), "the new index to be used")
    recorder.add_images([make_image(1, START + 1)])
    assert user.get(make_image(1, START + 1).key) is not None
    assert user.generation == 1
    user.close()
    recorder.close()
    assert len(list(tmp_path.glob("index.db.corrupt-*[0-9]"))) == 1


def test_an_index_that_no_process_can_read_is_set_aside_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(b"this is no database" * 1000)
    holder = (tmp_path / "index.db.lock").open("w")
    fcntl.flock(holder, fcntl.LOCK_SH)  # another process
    Index(path).close()
    holder.close()
    assert len(list(tmp_path.glob("index.db.corrupt-*"))) == 1


def test_an_index_that_is_deleted_with_its_log_left_behind_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    index = Index(path)
    index.add_images([make_image(1, START)])
    log = (tmp_path / "index.db-wal").read_bytes()
    index.close()
    path.unlink()
    (tmp_path / "index.db-wal").write_bytes(log)
    again = Index(path)
    assert again.totals(1).count == 0
    again.close()


@pytest.mark.parametrize("spoilt", ["text of 8", b"odd"])
def test_boxes_that_a_bad_disk_spoilt_are_none(tmp_path: Path, spoilt: str | bytes) -> None:
    path = tmp_path / "index.db"
    with closing(Index(path)) as index:
        image = make_image(1, START, boxes=(Box(1, 2, 3, 4),))
        index.add_images([image])
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute("UPDATE images SET boxes = ?", (spoilt,))
        assert index.images(1, *EVER) == [replace(image, boxes=())]


def test_facts_are_read_beside_whoever_uses_the_index_and_a_spoilt_form_is_a_sentence(
    tmp_path: Path,
) -> None:
    path = tmp_path / "index.db"
    with closing(Index(path)) as index:
        index.add_images([make_image(camera, START + n) for camera in (1, 2) for n in range(3)])
        facts = soundness.facts(path)
        assert (facts.form, facts.images, facts.cameras) == (SCHEMA_VERSION, 6, 2)
        assert facts.meta["data_folder_id"] == index.data_folder_id
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute("UPDATE meta SET value = '4x' WHERE key = 'schema_version'")
        with pytest.raises(StorageError, match="which form"):
            soundness.facts(path)


@pytest.mark.parametrize("path", ["missing/index.db", "folder"])
def test_an_index_that_cannot_be_opened_is_a_storage_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError):
        Index(tmp_path / path)


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 50])
def test_liveliest_is_the_best_of_each_share_of_the_range(index: Index, frames: int) -> None:
    scores = random.Random(frames).choices([None, 0.0, 0.25, 0.5, 0.75], k=100)
    images = [make_image(1, START + 70 * i, score=score) for i, score in enumerate(scores)]
    index.add_images(images)

    found = index.liveliest(1, *EVER, frames)

    shares = [images[i * 100 // frames : (i + 1) * 100 // frames] for i in range(frames)]
    assert found == [
        max(share, key=lambda image: -1 if image.score is None else image.score) for share in shares
    ]


def test_liveliest_begins_and_ends_with_the_range(index: Index) -> None:
    images = [make_image(1, START + i, score=i / 10) for i in range(10)]
    index.add_images(images)
    start_us, end_us = (START + 2) * 1_000_000, (START + 7) * 1_000_000

    assert index.liveliest(1, start_us, end_us, 2) == [images[4], images[7]]


def test_liveliest_of_few_are_all(index: Index) -> None:
    images = [make_image(1, START + i) for i in range(3)]
    index.add_images(images)

    assert index.liveliest(1, *EVER, 3) == images
    assert index.liveliest(1, *EVER, 100) == images
    assert index.liveliest(1, *EVER, 0) == []
    assert index.liveliest(2, *EVER, 5) == []
    assert index.liveliest(1, START * 1_000_000, (START + 1) * 1_000_000, 5) == images[:2]
