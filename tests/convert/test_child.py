"""The process itself: what it does when the server dies, and with what it cannot understand."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import uvloop

from chimera_storage.convert.job import EXIT_MADE, EXIT_SERVER_GONE, Job
from chimera_storage.convert.process import Child
from chimera_storage.model import ConversionType
from tests.convert.managing import conversion_processes
from tests.support.saved_images import SECOND_US, START_US, SavedImages, picture
from tests.support.waiting import wait_for


def job(saved: SavedImages, target: Path | None, kind: ConversionType = ConversionType.MP4) -> Job:
    return Job(
        id="abcdefgh-20260101-000000",
        type=kind,
        name="Street",
        camera=1,
        start_us=START_US,
        end_us=START_US + 3600 * SECOND_US,
        fps=20,
        skip=1,
        options="{}",
        root=saved.layout.root,
        timezone="UTC",
        output=target,
    )


@contextmanager
def child() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "chimera_storage.convert"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def give(process: "subprocess.Popen[bytes]", line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


@pytest.mark.parametrize("kind", list(ConversionType))
def test_it_ends_and_cleans_up_when_the_server_dies(
    saved: SavedImages, kind: ConversionType
) -> None:
    target = saved.layout.captures / ".unfinished.tmp"
    saved.save([picture(1, 1280, 720)] * 1500, width=1280, height=720)
    with child() as process:
        give(process, job(saved, target, kind).to_line())
        wait_for(target.exists, "the output")
        os.kill(process.pid, signal.SIGSTOP)  # so that a fast one is not through before
        assert process.stdin is not None
        process.stdin.close()
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(5) in {EXIT_SERVER_GONE, EXIT_MADE}
        if process.returncode == EXIT_SERVER_GONE:
            assert saved.outputs() == []


def test_it_ends_when_the_server_dies_before_it_said_anything() -> None:
    with child() as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == EXIT_SERVER_GONE


def test_the_process_of_an_archive_does_without_the_libraries_of_others() -> None:
    """They would be a third of its 60 MB."""
    code = "import sys, chimera_storage.convert.child; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert "sqlalchemy" in loaded
    assert loaded.isdisjoint({"pydantic", "av", "cv2", "fastapi", "uvloop", "simplejpeg"})


def test_signals_that_a_service_manager_sends_to_all_do_not_end_it(saved: SavedImages) -> None:
    target = saved.layout.captures / ".unfinished.tmp"
    saved.save([picture(1, 640, 480)] * 100, width=640, height=480)
    with child() as process:
        give(process, job(saved, target).to_line())
        wait_for(target.exists, "the output")
        process.terminate()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == EXIT_MADE


def test_it_runs_at_low_priority_and_shows_nothing_in_its_title(saved: SavedImages) -> None:
    saved.save([picture(1, 1280, 720)] * 500, width=1280, height=720)
    with child() as process:
        give(process, job(saved, None).to_line())
        wait_for(lambda: os.getpriority(os.PRIO_PROCESS, process.pid) >= 10, "low priority")
        title = Path(f"/proc/{process.pid}/cmdline")  # empty for a moment at its beginning
        wait_for(title.read_bytes, "the title")
        said = title.read_bytes().rstrip(b"\0")
        assert said.endswith(b"\0-P\0-m\0chimera_storage.convert")


def test_reports_come_at_most_five_times_a_second_and_end_with_the_result(
    saved: SavedImages,
) -> None:
    target = saved.layout.captures / ".unfinished.tmp"
    saved.save([picture(1, 640, 480)] * 300, width=640, height=480)
    with child() as process:
        began = time.monotonic()
        give(process, job(saved, target).to_line())
        assert process.stdout is not None
        reports = [json.loads(line) for line in process.stdout]
        took_s = time.monotonic() - began
    assert 2 <= len(reports) <= 5 * took_s + 2
    assert [r["done"] for r in reports] == sorted(r["done"] for r in reports)
    assert reports[-1]["finished"]
    assert reports[-1]["done"] == 300
    assert reports[-1]["size"] == target.stat().st_size


@pytest.mark.parametrize("kind", list(ConversionType))
def test_an_output_that_exists_is_not_touched(saved: SavedImages, kind: ConversionType) -> None:
    target = saved.layout.captures / "there.already"
    target.write_bytes(b"kept")
    saved.save([picture(1)])
    with child() as process:
        give(process, job(saved, target, kind).to_line())
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["error"]
    assert target.read_bytes() == b"kept"


def test_what_is_wrong_with_the_index_is_said_without_where_it_is(saved: SavedImages) -> None:
    saved.index.set_meta("schema_version", "999")
    with child() as process:
        give(process, job(saved, saved.layout.captures / ".unfinished.tmp").to_line())
        assert process.stdout is not None
        sentence = json.loads(process.stdout.read())["error"]
    assert sentence.startswith("the data folder's index.db was written by a newer version")
    assert str(saved.layout.root) not in sentence


@pytest.mark.parametrize("kind", list(ConversionType))
def test_a_full_disk_is_reported_and_nothing_is_left(
    saved: SavedImages, tmp_path: Path, kind: ConversionType
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        noise = os.urandom(100_000)
        saved.save([picture(i, 640, 480) + noise for i in range(20)], width=640, height=480)
        if kind.is_video:
            with suppress(OSError), (small / "rest").open("wb", buffering=0) as rest:
                while rest.write(bytes(4096)):
                    pass
        with child() as process:
            give(process, job(saved, small / "out.tmp", kind).to_line())
            assert process.stdout is not None
            last = json.loads(process.stdout.read().splitlines()[-1])
        assert last["error"] == "the disk is full; free some space and ask for it again"
        assert not (small / "out.tmp").exists()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    async def run() -> None:
        starting = asyncio.create_task(Child.start())
        await asyncio.sleep(0)  # it has begun, and is not through
        starting.cancel()
        await asyncio.wait({starting})
        assert starting.cancelled()
        assert conversion_processes() == []

    uvloop.run(run())
