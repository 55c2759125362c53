"""An index that is lost, damaged, old or strange: the server brings it back, footage stays."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import open_index
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.clock import SystemClock, to_us
from chimera_storage.model import Box, Event, Image
from tests.support.archive import make_jpeg
from tests.support.index_forms import rows, write_form
from tests.support.server import RunningServer, command, free_port
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

EVER = (-(2**62), 2**62)
CAMERAS = {1: "Front door", 7: "Yard"}
CONFIG = "".join(
    f'[[camera]]\nid = {id_}\nname = "{name}"\nurl = "rtsp://127.0.0.1:1/none"\n'
    for id_, name in CAMERAS.items()
)
OUTPUT = "output_1_20260320-120000_20260320-130000_abc-20260320-140000.mp4"
START = (datetime.now(UTC) - timedelta(days=40)).replace(microsecond=250_000)
IMAGES = 120  # of each camera; an event of ten every minute


@dataclass(frozen=True)
class Known:
    """What was known before something happened to the index."""

    images: dict[int, list[Image]]
    events: dict[int, list[Event]]
    files: dict[str, str]


def fill(data: Path, first: int = 0, last: int = IMAGES) -> None:
    """Images `first` to `last` of each camera, with scores, boxes and events, as recorders do."""
    layout = Layout(data, UTC)
    layout.captures.mkdir(parents=True, exist_ok=True)
    index = open_index(layout)
    writer = ImageWriter(layout, index, sync_interval_s=3600)
    for camera in CAMERAS:
        for number in range(first, last):
            event_us = to_us(START + timedelta(minutes=number // 10))
            at_us = event_us + number % 10 * 700_000
            if number % 10 == 0:
                writer.note_event(Event(camera=camera, start_us=event_us, end_us=None))
            writer.save(
                camera,
                at_us,
                make_jpeg(brightness=number % 256),
                width=32,
                height=16,
                score=number / 1000,
                boxes=(Box(number, 1, 2, 3),),
                event=event_us,
            )
            if number % 10 == 9:
                writer.note_event(Event(camera=camera, start_us=event_us, end_us=at_us))
        writer.flush()
    writer.close()
    index.close()


def known(data: Path) -> Known:
    layout = Layout(data, UTC)
    index = open_index(layout)
    try:
        return Known(
            images={camera: index.images(camera, *EVER) for camera in index.cameras()},
            events={camera: index.events(camera, *EVER) for camera in CAMERAS},
            files=footage(data),
        )
    finally:
        index.close()


def footage(data: Path) -> dict[str, str]:
    """Every file of captures that is not hidden → its content's digest."""
    captures = data / "shared/captures"
    return {
        str(path.relative_to(captures)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(captures.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a data folder that a server has worked on."""
    folder = tmp_path_factory.mktemp("original")
    with RunningServer(folder, CONFIG) as server:
        assert server.stop() == 0
    fill(folder / "data")
    (folder / "data/shared/captures" / OUTPUT).write_bytes(b"a video")
    with RunningServer(folder, CONFIG) as server:
        wait_for(lambda: server.post("/convert/listProcess")["list"], "the video")
        assert server.stop() == 0
    yield folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(original / "data", tmp_path / "data", symlinks=True)
    return tmp_path


def assert_all_is_back(server: RunningServer, before: Known) -> None:
    """Footage, rows with scores and boxes, events, cameras and finished conversions."""
    for camera, images in before.images.items():
        wait_for(
            lambda camera=camera, images=images: count(server, camera) == len(images),  # type: ignore[misc]
            lambda: f"all images to be counted; the log:\n{server.log}",
        )
    assert server.post("/file/pathFileCount", camera=CAMERAS[7])["count"] == IMAGES
    assert [p["id"] for p in server.post("/convert/listProcess")["list"]] == ["abc-20260320-140000"]
    newest = before.images[1][-1]
    at = datetime.fromtimestamp(newest.key.second, UTC).strftime("%Y%m%d-%H%M%S")
    (url,) = server.post("/convert/listFramesVideo", camera=1, start=at, end=at, frames=1)["list"]
    assert server.http.get(url).content == make_jpeg(brightness=IMAGES - 1)
    assert server.stop() == 0
    after = known(server.data)
    assert after.files == before.files
    assert after.images == before.images
    assert after.events == before.events
    assert "Traceback" not in server.log


def count(server: RunningServer, camera: int) -> int:
    answer = server.http.post("/file/pathFileCount", json={"camera": camera})
    return answer.json().get("count", -1) if answer.status_code == 200 else -1


def test_a_deleted_index_comes_back_with_scores_and_events(folder: Path) -> None:
    before = known(folder / "data")
    for path in (folder / "data").glob("index.db*"):
        path.unlink()
    with RunningServer(folder, CONFIG) as server:
        assert_all_is_back(server, before)


def damaged(change: Callable[[bytearray], bytes | bytearray]) -> Callable[[Path], None]:
    def apply(index: Path) -> None:
        index.write_bytes(change(bytearray(index.read_bytes())))

    return apply


def with_bytes(at: int, content: bytes) -> Callable[[bytearray], bytearray]:
    def change(data: bytearray) -> bytearray:
        where = at if at >= 0 else len(data) + at
        data[where : where + len(content)] = content
        return data

    return change


NOISE = bytes((37 * n + n // 11) % 256 for n in range(8192))
DAMAGES: dict[str, Callable[[Path], None]] = {
    "empty": damaged(lambda _: b""),
    "zeros": damaged(lambda data: bytes(len(data))),
    "half": damaged(lambda data: data[: len(data) // 2]),
    "a page less": damaged(lambda data: data[:-4096]),
    "not whole pages": damaged(lambda data: data[:-1000]),
    "header": damaged(with_bytes(0, NOISE[:100])),
    "magic": damaged(with_bytes(0, b"SQLite format 4")),
    "first page": damaged(with_bytes(100, NOISE[:3000])),
    "middle": damaged(lambda data: with_bytes(len(data) // 8192 * 4096, NOISE[:8192])(data)),
    "every second page": damaged(
        lambda data: bytearray(
            b"".join(
                NOISE[:4096] if at and at // 4096 % 2 else data[at : at + 4096]
                for at in range(0, len(data), 4096)
            )
        )
    ),
    "last page": damaged(with_bytes(-4096, NOISE[:4096])),
    "text": damaged(lambda _: b"this is no database\n" * 1000),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_index_comes_back_with_scores_and_events(kind: str, folder: Path) -> None:
    before = known(folder / "data")
    index = folder / "data/index.db"
    DAMAGES[kind](index)
    with RunningServer(folder, CONFIG) as server:
        assert_all_is_back(server, before)


def test_an_index_that_is_damaged_while_the_server_runs_comes_back_without_a_restart(
    folder: Path,
) -> None:
    before = known(folder / "data")
    with RunningServer(folder, CONFIG) as server:
        wait_for(lambda: count(server, 1) == IMAGES, "the images")
        index = server.data / "index.db"
        content = bytearray(index.read_bytes())
        content[4096:] = NOISE * (len(content) // len(NOISE) + 1)
        index.write_bytes(content)
        (server.data / "index.db-wal").write_bytes(b"")

        def asides() -> list[Path]:
            for camera in CAMERAS:
                server.http.post("/convert/listFramesVideo", json={"camera": camera, "hours": 9999})
            return list(server.data.glob("index.db.corrupt-*"))

        compared = server.log.count("comparison_complete")
        wait_for(asides, lambda: f"the damage to be found; the log:\n{server.log}")
        wait_for(
            lambda: server.log.count("comparison_complete") > compared,
            lambda: f"the new index to be filled; the log:\n{server.log}",
        )
        assert_all_is_back(server, before)


@pytest.mark.parametrize("kind", ["noise", "cut", "zeros"])
def test_a_damaged_write_ahead_log_costs_nothing(kind: str, folder: Path) -> None:
    data = folder / "data"
    # A log with rows in it that are in no other file, as a crash leaves it.
    program = (
        "import os, sys; from pathlib import Path; import tests.acceptance.test_recovery as r\n"
        "r.IMAGES = 130\n"
        "index = r.open_index(r.Layout(Path(sys.argv[1]), r.UTC))\n"
        "r.fill(Path(sys.argv[1]), 120, 130)\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(data)], check=True, timeout=60)
    log = data / "index.db-wal"
    content = bytearray(log.read_bytes())
    assert len(content) > 4096
    before = Known(images={}, events={}, files=footage(data))
    match kind:
        case "noise":
            content[len(content) // 3 :] = NOISE * (len(content) // len(NOISE) + 1)
        case "cut":
            content = content[: len(content) * 2 // 3]
        case "zeros":
            content = bytearray(len(content))
    log.write_bytes(content)
    with RunningServer(folder, CONFIG) as server:
        for camera in CAMERAS:
            wait_for(
                lambda camera=camera: count(server, camera) == 130,  # type: ignore[misc]
                lambda: f"all images; the log:\n{server.log}",
            )
        assert server.stop() == 0
    after = known(data)
    assert after.files == before.files
    assert [image.score for image in after.images[1]] == [n / 1000 for n in range(130)]
    assert len(after.events[7]) == 13


def test_an_index_of_a_month_ago_is_brought_up_to_date(folder: Path) -> None:
    data = folder / "data"
    old = folder / "index.db.old"
    with sqlite3.connect(data / "index.db") as source, sqlite3.connect(old) as target:
        source.backup(target)
    source.close()
    target.close()
    fill(data, 120, 200)
    layout = Layout(data, UTC)
    index = open_index(layout)
    archive = Archive(layout, index, SystemClock())
    gone = [image.key for image in index.images(1, *EVER)[:30]]
    assert archive.delete(gone) == (30, 30)
    index.close()
    before = known(data)
    for path in data.glob("index.db*"):
        path.unlink()
    shutil.copy(old, data / "index.db")
    with RunningServer(folder, CONFIG) as server:
        wait_for(lambda: count(server, 1) == 170, lambda: f"170 images:\n{server.log}")
        wait_for(lambda: count(server, 7) == 200, lambda: f"200 images:\n{server.log}")
        assert server.stop() == 0
    after = known(data)
    assert after.images == before.images
    assert after.events == before.events
    assert after.files == before.files


def test_an_index_of_another_data_folder_is_set_aside(folder: Path, tmp_path: Path) -> None:
    before = known(folder / "data")
    other = tmp_path / "other"
    other.mkdir()
    with RunningServer(other, CONFIG) as server:
        assert server.stop() == 0
    fill(other / "data", 500, 520)
    for path in (folder / "data").glob("index.db*"):
        path.unlink()
    shutil.copy(other / "data/index.db", folder / "data/index.db")
    assert not (other / "data/index.db-wal").exists()
    with RunningServer(folder, CONFIG) as server:
        assert_all_is_back(server, before)
    assert list((folder / "data").glob("index.db.foreign-*"))
    assert len(known(other / "data").images[1]) == 20


def refused(folder: Path) -> str:
    """What the server says when it does not start."""
    result = command("serve", "--path", folder / "data", "--port", str(free_port()))
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def test_an_index_of_a_newer_version_is_refused_and_left_as_it_is(folder: Path) -> None:
    index = folder / "data/index.db"
    with sqlite3.connect(index) as connection:
        connection.execute("UPDATE meta SET value = '9999' WHERE key = 'schema_version'")
    connection.close()
    content, files = index.read_bytes(), footage(folder / "data")
    assert "newer version" in refused(folder)
    result = command("check", "--repair", "--path", folder / "data")
    assert result.returncode == 2
    assert "newer version" in result.stderr
    assert index.read_bytes() == content
    assert footage(folder / "data") == files


def test_a_server_brings_an_index_of_the_first_form_up_to_date_and_all_is_there(
    folder: Path,
) -> None:
    before = known(folder / "data")
    index = folder / "data/index.db"
    tables = rows(index)
    for path in index.parent.glob("index.db*"):
        path.unlink()
    write_form(index, "1", tables)
    (data_folder,) = [row["value"] for row in tables["meta"] if row["key"] == "data_folder_id"]
    with sqlite3.connect(index) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'data_folder_id'", [data_folder])
    connection.close()
    with RunningServer(folder, CONFIG) as server:
        assert_all_is_back(server, before)
        assert "brought_up_to_date" in server.log
        assert "index_set_aside" not in server.log
    assert len(list(index.parent.glob("index.db.form-1-*"))) == 1


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("UPDATE meta SET value = value")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


@pytest.fixture
def holder(folder: Path) -> "Iterator[subprocess.Popen[str]]":
    """Another program that has the index locked until it is told to let go."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / "data/index.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    yield process
    if process.poll() is None:
        process.communicate("go\n")


def test_an_index_that_stays_locked_is_one_sentence_and_stays_as_it_is(
    folder: Path, holder: "subprocess.Popen[str]"
) -> None:
    started = time.monotonic()
    said = refused(folder)
    assert time.monotonic() - started < 40
    assert "locked" in said
    assert not list((folder / "data").glob("index.db.corrupt-*"))
    result = command("check", "--path", folder / "data")
    assert (result.returncode, "locked" in result.stderr) == (2, True), result.stderr


def test_an_index_that_is_locked_for_a_moment_is_waited_for(
    original: Path, folder: Path, holder: "subprocess.Popen[str]"
) -> None:
    before = known(original / "data")
    release = threading.Timer(2, holder.communicate, ("go\n",))  # well within what is waited
    release.start()
    with RunningServer(folder, CONFIG) as server:
        release.join()
        assert_all_is_back(server, before)


def test_a_repair_without_a_server_brings_a_lost_index_back(folder: Path) -> None:
    before = known(folder / "data")
    for path in (folder / "data").glob("index.db*"):
        path.unlink()
    result = command("check", "--path", folder / "data")
    assert result.returncode == 1
    assert "The index cannot be used" in result.stdout
    result = command("check", "--repair", "--path", folder / "data")
    assert result.returncode == 0, result.stdout + result.stderr
    after = known(folder / "data")
    assert (after.images, after.events, after.files) == (before.images, before.events, before.files)


def test_a_check_beside_the_server_finds_what_is_wrong_and_puts_it_right(folder: Path) -> None:
    with RunningServer(folder, CONFIG) as server:
        captures = server.data / "shared/captures"
        victim = server.images(1)[50]
        victim.write_bytes(b"overwritten")
        os.utime(victim, (0, 0))
        result = command("check", "--path", server.data, "--json")
        assert result.returncode == 1, result.stderr
        said: dict[str, Any] = __import__("json").loads(result.stdout)
        assert said["found"] == {"no_image": 1}
        assert said["images"] == 2 * IMAGES
        result = command("check", "--repair", "--path", server.data)
        assert result.returncode == 0, result.stdout
        assert (captures / ".damaged" / victim.relative_to(captures)).exists()
        assert count(server, 1) == IMAGES - 1
        assert command("check", "--path", server.data).returncode == 0
