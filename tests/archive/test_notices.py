"""What other programs do in the folders of cameras is in the index within two seconds."""

import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from chimera_storage.archive import sidecar
from chimera_storage.archive.mark import Mark, make_marks
from chimera_storage.archive.notices import Notices
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import to_us
from chimera_storage.model import Event, Image
from tests.support.archive import EVER, JPEG, NOW, Store, make_jpeg, open_store, second_of
from tests.support.waiting import wait_for

SECOND = second_of("2026-03-20 12:00:00")


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[Store]:
    """A data folder as the server has it."""
    with open_store(tmp_path / "data") as store:
        make_marks(store.layout, store.index.data_folder_id)
        store.archive.mark = Mark(store.layout)
        yield store


@contextmanager
def watching(
    store: Store, *, interval_s: float = 3600, watches: int | None = None
) -> Iterator[Reconciler]:
    """Past the first comparison; scanning comes too late to matter unless asked for."""
    reconciler = Reconciler(store.archive, interval_s=interval_s, watches=watches)
    reconciler.start()
    try:
        assert reconciler.wait_complete(10)
        yield reconciler
    finally:
        reconciler.close()


def count(store: Store, camera: int) -> int:
    return store.index.totals(camera).count


def expect(store: Store, camera: int, images: int, what: str) -> None:
    wait_for(lambda: count(store, camera) == images, what)


def write(store: Store, path: str, content: bytes = JPEG) -> Path:
    """As the Motion daemon does: opened, written in two parts, closed."""
    target = store.layout.captures / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(content[:10])
        file.flush()
        file.write(content[10:])
    return target


def crc(store: Store) -> int | None:
    """Of the only image of camera 1."""
    (image,) = store.index.images(1, *EVER)
    return image.crc32


@pytest.mark.parametrize("folder", ["1", "1/20260320/12"])
def test_images_of_another_program_come_and_go(marked: Store, folder: str) -> None:
    write(marked, f"{folder}/20260320-120000-00.jpg")
    with watching(marked):
        path = write(marked, f"{folder}/20260320-120001-00.jpg", make_jpeg(640, 480))
        expect(marked, 1, 2, "the image that was written")
        wait_for(lambda: marked.index.images(1, *EVER)[1].width == 640, "its reading")
        image = marked.index.images(1, *EVER)[1]
        assert image.crc32 is not None
        assert image.key.flat == (folder == "1")
        path.unlink()
        expect(marked, 1, 1, "its deletion")
        elsewhere = marked.put("elsewhere/x.jpg")
        elsewhere.rename(marked.layout.captures / folder / "20260320-120002-00.jpg")
        expect(marked, 1, 2, "the image that was moved in")
        (marked.layout.captures / folder / "20260320-120002-00.jpg").rename(elsewhere)
        expect(marked, 1, 1, "the image that was moved out")


def test_new_days_hours_and_cameras_are_watched_as_they_appear(marked: Store) -> None:
    with watching(marked):
        for number, folder in enumerate(
            ["3", "3/20260320/12", "3/20260320/13", "3/20260321/00", "4/20260321/00"]
        ):
            day, _, hour = folder.partition("/")[2].partition("/")
            for second in range(2):
                name = f"{day or 20260319}-{hour or 12}000{second}-00.jpg"
                write(marked, f"{folder}/{name}")
            camera = int(folder[0])
            expect(marked, camera, 2 * (number + 1) if camera == 3 else 2, folder)


def test_whole_folders_that_are_moved_in_and_out(marked: Store, tmp_path: Path) -> None:
    marked.put("7/20260320/12/20260320-120000-00.jpg")
    outside = marked.layout.shared / "outside"
    marked.layout.camera_folder(7).rename(outside)
    captures = marked.layout.captures
    with watching(marked):
        outside.rename(captures / "7")
        expect(marked, 7, 1, "a camera")
        write(marked, "7/20260320/12/20260320-120001-00.jpg")
        expect(marked, 7, 2, "an image in a folder that was moved in")
        (captures / "7" / "20260320").rename(outside)
        expect(marked, 7, 0, "a day that was moved out")
        (outside / "12" / "20260320-120002-00.jpg").write_bytes(JPEG)  # no longer a camera's
        outside.rename(captures / "7" / "20260320")
        expect(marked, 7, 3, "a day that was moved in")
        shutil.rmtree(captures / "7")
        expect(marked, 7, 0, "a camera that was deleted")


def test_a_file_written_anew_in_place_is_read_again(marked: Store) -> None:
    path = write(marked, "1/20260320-120000-00.jpg", make_jpeg(brightness=10))
    with watching(marked):
        wait_for(lambda: crc(marked) is not None, "its first reading")
        new = make_jpeg(brightness=11)
        assert len(new) == path.stat().st_size
        write(marked, "1/20260320-120000-00.jpg", new)
        wait_for(lambda: crc(marked) == zlib.crc32(new), "the new CRC")
    assert path.read_bytes() == new


def test_hard_links_into_a_flat_folder_are_taken_in(marked: Store) -> None:
    source = marked.put("elsewhere/x.jpg")
    marked.put("1/20260320-120000-00.jpg")
    with watching(marked):
        (marked.layout.captures / "1" / "20260320-120001-00.jpg").hardlink_to(source)
        expect(marked, 1, 2, "the link")


def test_what_the_recorder_saves_keeps_its_score(marked: Store) -> None:
    with watching(marked):
        writer = marked.writer()
        saved = [
            writer.save(1, to_us(NOW) + n, JPEG, width=32, height=16, score=0.5) for n in range(5)
        ]
        writer.close()
        write(marked, "1/20260320-120000-00.jpg")
        expect(marked, 1, 6, "the other program's image")
        assert [i for i in marked.index.images(1, *EVER) if not i.key.flat] == saved


def saved_with_scores(store: Store, camera: int, *, width: int) -> list[Image]:
    """Three images of an event that goes on for a second after the last one."""
    writer, begun_us = store.writer(), to_us(NOW) + camera
    jpegs = [make_jpeg(width, 16 + 8 * number) + bytes(number + 1) for number in range(3)]
    images = [
        writer.save(camera, begun_us + n, j, width=width, height=16, score=n / 4, event=begun_us)
        for n, j in enumerate(jpegs)
    ]
    writer.note_event(Event(camera=camera, start_us=begun_us, end_us=begun_us + 1_000_000))
    writer.close()
    return images


@pytest.mark.parametrize("while_watched", [True, False], ids=["watched", "between two starts"])
def test_a_sidecar_that_is_copied_after_its_images_gives_them_scores_and_events(
    marked: Store, tmp_path: Path, while_watched: bool
) -> None:
    with open_store(tmp_path / "other") as other:
        images = saved_with_scores(other, 1, width=64)
        (event,) = other.index.events(1, *EVER)
        source = other.layout.image_path(images[0].key).parent
    target = marked.layout.image_path(images[0].key).parent
    target.mkdir(parents=True)
    with watching(marked, interval_s=0.1):
        for path in source.glob("*.jpg"):
            shutil.copy(path, target)
        expect(marked, 1, 3, "images without a sidecar")
        assert [image.score for image in marked.index.images(1, *EVER)] == [None] * 3
        if while_watched:
            shutil.copy(source / sidecar.NAME, target)
            wait_for(lambda: marked.index.images(1, *EVER) == images, "what the sidecar says")
    if not while_watched:
        shutil.copy(source / sidecar.NAME, target)
        with watching(marked):
            assert marked.index.images(1, *EVER) == images
    assert marked.index.events(1, *EVER) == [event]


def test_cameras_whose_folders_were_exchanged_have_the_scores_of_their_images(
    marked: Store,
) -> None:
    one, two = (saved_with_scores(marked, camera, width=64 * camera) for camera in (1, 2))
    with watching(marked):
        pass
    folders = [marked.layout.camera_folder(camera) for camera in (1, 2)]
    folders[0].rename(marked.layout.captures / "aside")
    folders[1].rename(folders[0])
    (marked.layout.captures / "aside").rename(folders[1])
    with watching(marked):
        for camera, images in ((1, two), (2, one)):
            known = marked.index.images(camera, *EVER)
            assert [(i.score, i.crc32, i.taken_at_us, i.event) for i in known] == [
                (i.score, i.crc32, i.taken_at_us, i.event) for i in images
            ]


def test_an_overflow_of_the_queue_is_made_up_for_by_scanning(marked: Store) -> None:
    """The kernel keeps 16,384 notices; a process that is held up for long loses some."""
    marked.put("1/20260320-120000-00.jpg")
    with watching(marked) as reconciler:
        with reconciler._working:  # the thread is held up
            folder = marked.layout.captures / "1"
            allowed = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
            for number in range(allowed // 4 + 200):
                path = folder / f".{number}"
                path.touch()
                path.unlink()
            write(marked, "1/20260320-120005-00.jpg")
        wait_for(lambda: count(marked, 1) == 2, "the image whose notice was lost")


def test_beyond_the_limit_of_watches_the_newest_are_watched_and_the_rest_is_scanned(
    marked: Store,
) -> None:
    for day in range(10, 20):
        marked.put(f"1/202603{day}/12/202603{day}-120000-00.jpg")
    with watching(marked, interval_s=0.2, watches=6) as reconciler:
        assert reconciler._notices.watched == 6  # captures, the camera, two days
        assert not reconciler.status().notices
        write(marked, "1/20260310/12/20260310-120001-00.jpg")
        wait_for(lambda: count(marked, 1) == 11, "the old day, by scanning")
        write(marked, "1/20260319/12/20260319-120001-00.jpg")
        expect(marked, 1, 12, "the new day")


def test_without_watches_everything_is_scanned(marked: Store) -> None:
    marked.put("1/20260320/12/20260320-120000-00.jpg")
    marked.put("1/20260320-120000-00.jpg")
    with watching(marked, interval_s=0.1, watches=0) as reconciler:
        assert reconciler._notices.watched == 0
        path = marked.put("1/20260320/13/20260320-130000-00.jpg")
        wait_for(lambda: count(marked, 1) == 3, "a new hour")
        marked.put("2/20260320-120000-00.jpg")
        wait_for(lambda: count(marked, 2) == 1, "a new camera")
        shutil.rmtree(path.parent)
        wait_for(lambda: count(marked, 1) == 2, "the hour's deletion")


def test_a_start_lists_only_what_changed(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for hour in range(10, 14):
            store.put(f"1/20260320/{hour}/20260320-{hour}0000-00.jpg")
            for folder in ("1", "1/20260320", f"1/20260320/{hour}"):
                os.utime(store.layout.captures / folder, (1_700_000_000, 1_700_000_000))
        with watching(store):
            pass
        # Unknown to the folders' times, so that it shows what was listed again.
        hidden = store.layout.captures / "1/20260320/10"
        (hidden / "20260320-100001-00.jpg").write_bytes(JPEG)
        os.utime(hidden, (1_700_000_000, 1_700_000_000))
        store.put("1/20260320/13/20260320-130001-00.jpg")
        with watching(store):
            assert [k.second - SECOND for k in store.index.keys(1)] == [
                *(-7200, -3600, 0, 3600),
                3601,
            ]
        assert store.reconcile(1) == (1, 0)  # a whole comparison finds it


def test_a_deleted_index_is_filled_again_while_the_server_runs(marked: Store) -> None:
    marked.save(1, NOW, NOW)
    marked.put("2/20260320-120000-00.jpg")
    with watching(marked, interval_s=0.1):
        for path in marked.layout.root.glob("index.db*"):
            path.unlink()
        wait_for(lambda: marked.index.generation == 1, "the new index")
        wait_for(lambda: (count(marked, 1), count(marked, 2)) == (2, 1), "the images")


def test_while_the_mark_is_missing_no_row_goes(marked: Store, tmp_path: Path) -> None:
    marked.save(1, NOW, NOW)
    captures, away = marked.layout.captures, tmp_path / "disk"
    with watching(marked, interval_s=0.1) as reconciler:
        captures.rename(away)
        captures.mkdir()
        (captures / "1").mkdir()
        wait_for(lambda: reconciler.status().problem, "the problem")
        assert "mounted?" in (reconciler.status().problem or "")
        assert count(marked, 1) == 2
        shutil.rmtree(captures)
        away.rename(captures)
        wait_for(lambda: reconciler.status().problem is None, "the end of the problem")
        write(marked, "1/20260320-120009-00.jpg")
        wait_for(lambda: count(marked, 1) == 3, "what came after")


def test_a_folder_deleted_while_the_server_was_away(marked: Store) -> None:
    marked.save(1, NOW)
    marked.save(2, NOW)
    with watching(marked):
        pass
    shutil.rmtree(marked.layout.camera_folder(1))
    with watching(marked):
        assert (count(marked, 1), count(marked, 2)) == (0, 1)


def test_ten_thousand_cameras_are_watched_within_bounds(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for camera in range(10_000):
            (store.layout.captures / str(camera)).mkdir()
        notices = Notices(store.layout)
        notices.open()
        for camera in range(10_000):
            notices.watch(camera, "")
        allowed = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
        assert notices.watched <= allowed // 2 + 1
        if allowed >= 30_000:
            assert notices.watched == 10_001
            write(store, "9999/20260320-120000-00.jpg")
            assert list(notices.read(2).files) == [(9999, "")]
        notices.close()


def test_a_clock_that_jumps_does_not_keep_images_out(marked: Store) -> None:
    with watching(marked):
        for number, moved in enumerate([-1, 50 * 365 * 24, 2]):
            marked.clock.move(timedelta(hours=-moved))
            write(marked, f"1/20260320-12000{number}-00.jpg")
            expect(marked, 1, number + 1, f"the image after {moved} h back")
        write(marked, "1/21260320-120000-00.jpg")
        expect(marked, 1, 4, "an image of the future")
        write(marked, "1/19700101-000000-00.jpg")
        expect(marked, 1, 5, "an image of 1970")


def test_symlinks_in_captures_are_not_followed(marked: Store, tmp_path: Path) -> None:
    target = tmp_path / "private"
    (target / "20260320" / "12").mkdir(parents=True)
    (target / "20260320-120000-00.jpg").write_bytes(JPEG)
    (target / "20260320" / "12" / "20260320-120000-00.jpg").write_bytes(JPEG)
    captures = marked.layout.captures
    (captures / "5").symlink_to(target)
    (captures / "6").mkdir()
    (captures / "6" / "20260320").symlink_to(target / "20260320")
    (captures / "6" / "20260320-120000-00.jpg").symlink_to(target / "20260320-120000-00.jpg")
    with watching(marked):
        (captures / "8").symlink_to(target)
        (captures / "6" / "20260321").symlink_to(target / "20260320")
        write(marked, "9/20260320-120000-00.jpg")
        expect(marked, 9, 1, "a real image")
        assert marked.index.cameras() == [9]


def test_images_of_a_local_hour_that_does_not_exist_are_told_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from zoneinfo import ZoneInfo

    with open_store(tmp_path, ZoneInfo("Europe/Berlin")) as store:
        kept = store.put("1/20260329-023000-00.jpg")
        store.put("1/20260329-033000-00.jpg")
        with watching(store):
            assert count(store, 1) == 1
        assert kept.exists()
    assert "images_of_no_time" in capfd.readouterr().err


def test_a_file_in_place_of_a_camera_folder_keeps_no_other_camera_out(marked: Store) -> None:
    marked.put("1/20260320-120000-00.jpg")
    marked.put("2/20260320-120000-00.jpg")
    with watching(marked):
        pass
    shutil.rmtree(marked.layout.camera_folder(1))
    marked.layout.camera_folder(1).write_text("a file")
    with watching(marked, interval_s=0.1, watches=0) as reconciler:
        write(marked, "2/20260320-120001-00.jpg")
        wait_for(lambda: count(marked, 2) == 2, "the other camera's image")
        assert count(marked, 1) == 1  # no folder, but not gone either
        assert reconciler.complete
