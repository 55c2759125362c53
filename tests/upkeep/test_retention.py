"""The rules on a real archive: what they delete, what they show, what they leave alone."""

import fcntl
import os
from datetime import datetime, timedelta
from typing import Any

import pytest

from chimera_storage.archive.deleting import THINNED
from chimera_storage.archive.keep import NAME as KEEP_FILE
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import to_us
from chimera_storage.config import Settings
from chimera_storage.errors import ConflictError, StorageError
from chimera_storage.model import (
    Conversion,
    ConversionStatus,
    ConversionType,
    Image,
    Totals,
)
from chimera_storage.upkeep import Retention, planner
from chimera_storage.upkeep.rules import Rule
from chimera_storage.upkeep.schedule import Schedule
from tests.support.archive import EVER, JPEG, NOW, Store, make_image

SIZE = len(JPEG)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def retention(store: Store, **sections: Any) -> Retention:
    """Rules of the given sections; the disk's free space is no concern unless it is set."""
    storage = {"path": store.layout.root, "min_free_gb": 0} | sections.pop("storage", {})
    settings = Settings.model_validate({"storage": storage, **sections})
    return Retention(store.archive, settings, compared=lambda: True)


def gb(images: float) -> float:
    """So many images as a quota."""
    return images * SIZE / 1e9


def keep(store: Store, start: datetime, end: datetime, camera: int = 1) -> None:
    store.archive.keep.add(
        camera=camera, start_us=to_us(start), end_us=to_us(end), reason="", created_us=0
    )


def convert(
    store: Store,
    start: datetime,
    end: datetime,
    *,
    status: ConversionStatus = ConversionStatus.RUNNING,
    begun: datetime = NOW,
    name: str = "abc",
    size: int = 0,
) -> Conversion:
    conversion = Conversion(
        id=f"{name}-20260101-000000",
        type=ConversionType.ZIP,
        camera=1,
        start_us=to_us(start),
        end_us=to_us(end),
        requested_us=to_us(begun),
        started_us=to_us(begun),
        finished_us=None if status.active else to_us(begun),
        status=status,
        size=size,
    )
    store.index.add_conversion(conversion)
    if size:
        store.layout.output_path(conversion).write_bytes(b"z" * size)
    return conversion


def converted(store: Store, days: int, name: str) -> Conversion:
    """A finished one of 100 bytes, so many days old."""
    done = ConversionStatus.DONE
    return convert(store, NOW, NOW, status=done, begun=NOW - days * DAY, name=name, size=100)


def left(store: Store, camera: int = 1) -> list[Image]:
    images = store.index.images(camera, *EVER)
    files = {str(store.layout.image_path(key)) for key in store.archive.files(camera)}
    assert files == {str(store.layout.image_path(image.key)) for image in images}
    return images


def test_days_delete_what_is_older_each_camera_by_its_own(store: Store) -> None:
    one = store.save(1, NOW - 8 * DAY, NOW - 7 * DAY, NOW)
    two = store.save(2, NOW - 8 * DAY, NOW)
    three = store.save(3, NOW - 80 * DAY, NOW)
    rules = retention(
        store,
        retention={"days": 7},
        camera=[
            {"id": 2, "url": "demo:", "retention": {"days": 30}},
            {"id": 3, "url": "demo:", "retention": {"days": 0}},
        ],
    )
    assert rules.apply("server") == Totals(count=1, size=SIZE)
    assert (left(store, 1), left(store, 2), left(store, 3)) == (one[1:], two, three)


def test_the_quota_of_all_takes_the_oldest_of_all_cameras_down_to_nine_tenths(
    store: Store,
) -> None:
    for camera in (1, 2):
        store.save(camera, *(NOW - n * HOUR - camera * SECOND for n in range(10)))
    rules = retention(store, storage={"max_gb": gb(19)})
    rules.apply("server")
    # 20 images are more than 19, 17.1 is nine tenths of it: the three oldest go.
    assert (len(left(store, 1)), len(left(store, 2))) == (9, 8)
    assert rules.apply("server").count == 0


def test_within_one_hour_the_oldest_seconds_go(store: Store) -> None:
    """A small quota is filled within an hour: it must not cost the whole hour."""
    images = store.save(1, *(NOW + n * SECOND for n in range(100)))
    retention(store, storage={"max_gb": gb(50)}).apply("server")
    assert left(store) == images[55:]


def test_the_quota_of_a_camera_takes_of_that_camera_only(store: Store) -> None:
    one, two = store.save(1, *(NOW - n * HOUR for n in range(20))), store.save(2, NOW - 90 * DAY)
    rules = retention(store, camera=[{"id": 1, "url": "demo:", "retention": {"max_gb": gb(10)}}])
    rules.apply("server")
    assert len(left(store, 1)) == 9
    assert {image.key for image in left(store, 1)} == {image.key for image in one[:9]}
    assert left(store, 2) == two


def test_finished_conversions_count_into_the_quota_but_cost_half_of_the_images_at_most(
    store: Store,
) -> None:
    store.save(1, *(NOW - n * HOUR for n in range(10)))
    done = convert(store, NOW, NOW, status=ConversionStatus.DONE, size=100 * SIZE)
    retention(store, storage={"max_gb": gb(10)}).apply("server")
    assert len(left(store)) == 5
    assert store.layout.output_path(done).exists()


def test_conversions_have_a_rule_of_their_own(store: Store) -> None:
    old = converted(store, 8, "old")
    new = converted(store, 6, "new")
    running = convert(store, NOW, NOW, begun=NOW - 8 * DAY)
    rules = retention(store, retention={"conversions_days": 7})
    assert [p.bytes for p in rules.preview().planned] == [100]
    assert rules.apply("server") == Totals(count=1, size=100)
    assert not store.layout.output_path(old).exists()
    assert store.layout.output_path(new).exists()
    assert {c.id for c in store.index.conversions()} == {new.id, running.id}


def test_kept_images_are_deleted_by_no_rule(store: Store) -> None:
    images = store.save(1, *(NOW - 10 * DAY + n * SECOND for n in range(10)))
    keep(store, NOW - 10 * DAY + 3 * SECOND, NOW - 10 * DAY + 5 * SECOND)
    rules = retention(
        store,
        retention={"days": 1, "thin_after_days": 1, "max_gb": gb(1)},
        storage={"max_gb": gb(1), "min_free_gb": 10**9},
    )
    rules.apply("server")
    assert left(store) == images[3:6]
    rules.make_room("server", 10**12)
    assert left(store) == images[3:6]


def test_images_that_a_conversion_reads_stay_but_not_for_good(store: Store) -> None:
    images = store.save(1, *(NOW - 10 * DAY + n * SECOND for n in range(4)))
    convert(store, NOW - 10 * DAY, NOW - 10 * DAY + SECOND)
    rules = retention(store, retention={"days": 1})
    rules.apply("server")
    assert left(store) == images[:2]
    store.clock.move(5 * HOUR)
    rules.apply("server")
    assert left(store) == images[:2]
    store.clock.move(2 * HOUR)  # it hangs: cleaning goes on
    rules.apply("server")
    assert left(store) == []


def test_a_full_disk_takes_what_a_conversion_reads_only_where_nothing_else_is_left(
    store: Store,
) -> None:
    images = store.save(1, *(NOW - 10 * DAY + n * HOUR for n in range(4)))
    convert(store, NOW - 10 * DAY, NOW - 10 * DAY + HOUR)
    rules = retention(store)
    rules.make_room("server", 2 * SIZE)
    assert left(store) == images[:2]
    rules.make_room("server", SIZE)
    assert left(store) == images[1:2]


def test_thinning_keeps_every_kth_of_each_event_and_does_so_once(store: Store) -> None:
    old = NOW - 10 * DAY
    plain = store.save(1, *(old + n * SECOND for n in range(10)))
    writer = store.writer()
    event = to_us(old + HOUR)
    short = [
        writer.save(1, event + n * 1_000_000, JPEG, width=1, height=1, event=event)
        for n in range(3)
    ]
    writer.close()
    young = store.save(1, *(NOW - n * SECOND for n in range(10)))
    rules = retention(store, retention={"thin_after_days": 7, "thin_keep": 5})
    planned = rules.preview().planned
    assert [(p.rule, p.exact, p.images) for p in planned] == [("thin_after_days", True, 10)]
    assert rules.apply("server") == Totals(count=10, size=10 * SIZE)
    (recorded,) = {(d.rule, d.camera, d.images, d.bytes) for d in rules.deletions(10)}
    assert recorded == ("thin_after_days", 1, 10, 10 * SIZE)
    kept = [plain[0].key, plain[5].key, short[0].key, *(i.key for i in reversed(young))]
    assert [image.key for image in left(store)] == kept
    assert rules.preview().planned == ()
    assert rules.apply("server").count == 0
    # The index lost and made anew, another process: what was thinned is not thinned again.
    store.index.remove_images(list(store.index.keys(1)))
    store.reconcile(1)
    assert retention(store, retention={"thin_after_days": 7}).apply("server").count == 0
    assert len(left(store)) == len(kept)


def test_thinning_keeps_the_best_of_each_event(store: Store) -> None:
    old = to_us(NOW - 10 * DAY)
    writer = store.writer()
    images = [
        writer.save(1, old + n * 1_000_000, JPEG, width=1, height=1, score=score, event=event)
        for n, (score, event) in enumerate(
            [(0.1, old), (0.3, old), (0.2, old), (None, None), (0.5, old + 4), (0.4, old + 4)]
        )
    ]
    writer.close()
    rules = retention(store, retention={"thin_after_days": 7, "thin_keep": "best"})
    assert [(p.exact, p.images) for p in rules.preview().planned] == [(True, 3)]
    rules.apply("server")
    assert [i.key for i in left(store)] == [images[n].key for n in (1, 3, 4)]


@pytest.mark.parametrize("keep_images", [2, 3, "best"])
def test_the_preview_of_thinning_is_what_goes_also_where_a_part_is_kept(
    keep_images: int | str, store: Store
) -> None:
    writer = store.writer()
    old = NOW - 10 * DAY
    for n in range(60):
        event = None if n % 4 == 3 else to_us(old + n // 20 * 20 * SECOND)
        score = None if n % 7 == 0 else (n * 37 % 11) / 10
        jpeg = JPEG + bytes(n)
        taken = to_us(old + n * SECOND)
        writer.save(1, taken, jpeg, width=1, height=1, score=score, event=event)
    writer.close()
    keep(store, old + 13 * SECOND, old + 30 * SECOND)
    rules = retention(store, retention={"thin_after_days": 7, "thin_keep": keep_images})
    (planned,) = rules.preview().planned
    assert planned.exact
    assert rules.apply("server") == Totals(count=planned.images, size=planned.bytes)


def test_a_preview_of_thinning_many_hours_is_an_estimate(store: Store) -> None:
    hours = planner._EXACT_HOURS + 2
    store.index.add_images(
        [
            make_image(1, to_us(NOW - 10 * DAY - n * HOUR) // 1_000_000 + second)
            for n in range(hours)
            for second in range(4)
        ]
    )
    rules = retention(store, retention={"thin_after_days": 7, "thin_keep": 2})
    (planned,) = rules.preview().planned
    assert (planned.exact, planned.images) == (False, hours * 2)


def test_the_mark_of_a_thinned_hour_goes_with_its_last_image(store: Store) -> None:
    (image, *_) = store.save(1, *(NOW - 10 * DAY + n * SECOND for n in range(3)))
    folder = store.layout.image_path(image.key).parent
    retention(store, retention={"thin_after_days": 7}).apply("server")
    assert (folder / THINNED).exists()
    retention(store, retention={"days": 9}).apply("server")
    assert not folder.exists()


def test_flat_images_of_an_existing_install_are_thinned_and_deleted_too(store: Store) -> None:
    for number in range(10):
        store.put(f"1/20260301-100000-{number:02}.jpg")
    store.put("1/20260201-100000-00.jpg")
    store.reconcile(1)
    retention(store, retention={"thin_after_days": 7, "thin_keep": 5, "days": 30}).apply("server")
    assert [f for f in store.files() if "/." not in f] == [
        "1/20260301-100000-00.jpg",
        "1/20260301-100000-05.jpg",
    ]


def test_the_preview_says_what_then_goes_and_changes_nothing(store: Store) -> None:
    store.save(1, *(NOW - n * 3 * HOUR for n in range(100)))
    store.save(2, *(NOW - n * 3 * HOUR - SECOND for n in range(100)))
    keep(store, NOW - 90 * HOUR, NOW - 60 * HOUR)
    rules = retention(
        store,
        retention={"days": 7},
        storage={"max_gb": gb(70)},
        camera=[{"id": 2, "url": "demo:", "retention": {"max_gb": gb(30)}}],
    )
    before = store.files()
    preview = rules.preview()
    assert store.files() == before
    assert preview.waits is None
    assert len({p.rule for p in preview.planned}) == 3
    planned = sum(p.images for p in preview.planned), sum(p.bytes for p in preview.planned)
    assert all(p.oldest_us <= p.newest_us <= to_us(NOW) for p in preview.planned)
    gone = rules.apply("server")
    assert (gone.count, gone.size) == planned
    recorded = {(d.rule, d.camera): (d.images, d.bytes) for d in rules.deletions(100)}
    assert recorded == {(p.rule, p.camera): (p.images, p.bytes) for p in preview.planned}
    assert rules.preview().planned == ()


@pytest.mark.parametrize(("quota", "then"), [(13, []), (11, [("max_gb", 3)])])
def test_a_quota_is_planned_for_what_thinning_leaves(
    store: Store, quota: int, then: list[tuple[str, int]]
) -> None:
    store.save(1, *(NOW - 10 * DAY + n * SECOND for n in range(10)))
    store.save(1, *(NOW - n * SECOND for n in range(10)))
    rules = retention(
        store, retention={"thin_after_days": 7, "thin_keep": 5}, storage={"max_gb": gb(quota)}
    )
    planned = [(p.rule, p.images) for p in rules.preview().planned]
    assert planned == [("thin_after_days", 8), *then]
    assert rules.apply("server").count == sum(images for _, images in planned)


def test_deletions_are_recorded_one_for_each_run_rule_and_camera(store: Store) -> None:
    store.save(1, NOW - 9 * DAY, NOW - 8 * DAY)
    rules = retention(store, retention={"days": 7})
    rules.apply("cli")
    (deletion,) = rules.deletions(10)
    assert (deletion.who, deletion.rule, deletion.camera) == ("cli", "days", 1)
    assert (deletion.images, deletion.bytes) == (2, 2 * SIZE)
    assert deletion.at_us == to_us(NOW)
    assert deletion.oldest_us <= to_us(NOW - 9 * DAY) < deletion.newest_us


def test_no_rule_deletes_while_files_and_index_are_compared(store: Store) -> None:
    images = store.save(1, *(NOW - n * DAY for n in range(20)))
    reconciler = Reconciler(store.archive)
    settings = Settings.model_validate(
        {
            "storage": {"path": store.layout.root, "max_gb": gb(2)},
            "retention": {"days": 1, "thin_after_days": 1, "conversions_days": 1},
        }
    )
    rules = Retention(store.archive, settings, compared=lambda: reconciler.complete)
    with pytest.raises(ConflictError, match="compared"):
        rules.apply("server")
    assert rules.preview().planned == ()
    assert "compared" in (rules.preview().waits or "")
    assert len(left(store)) == len(images)
    reconciler.start()
    assert reconciler.wait_complete(20)
    reconciler.close()
    rules.apply("server")
    assert len(left(store)) == 2


def test_a_lost_index_costs_no_footage(store: Store) -> None:
    """An index that is empty has nothing over its quota; one made anew has what there is."""
    store.save(1, *(NOW - n * SECOND for n in range(10)))
    store.index.remove_images(list(store.index.keys(1)))
    retention(store, storage={"max_gb": gb(20)}, retention={"days": 1}).apply("server")
    assert len(list(store.archive.files(1))) == 10


def test_a_full_disk_is_cleared_by_the_files_while_the_index_is_not_right_yet(
    store: Store,
) -> None:
    store.put("2/20260101-120000-00.jpg")
    store.put("1/20260101/12/20260101-120001-00.jpg")
    store.put("1/20260101/12/20260101-120002-00.jpg")
    store.put("2/20260102-000000-00.jpg")
    store.save(1, NOW)
    keep(store, datetime.fromisoformat("2026-01-01T12:00:01Z"), NOW - 60 * DAY)
    settings = Settings.model_validate({"storage": {"path": store.layout.root}})
    rules = Retention(store.archive, settings, compared=lambda: False)
    gone = rules.make_room("server", 2 * SIZE)
    assert gone == Totals(count=2, size=2 * SIZE)
    assert len(store.files()) - len([f for f in store.files() if "/." in f]) == 3
    assert {d.rule for d in rules.deletions(9)} == {Rule.MIN_FREE_GB}
    assert len(list(store.archive.files(1))) == 3


def test_a_kept_file_that_cannot_be_read_stops_all_rules(store: Store) -> None:
    store.save(1, NOW - 9 * DAY)
    (store.layout.root / KEEP_FILE).write_text("{")
    rules = retention(store, retention={"days": 1})
    with pytest.raises(ConflictError, match=KEEP_FILE):
        rules.apply("server")
    with pytest.raises(StorageError, match=KEEP_FILE):
        rules.make_room("server", 10)
    assert len(left(store)) == 1


def test_nothing_is_deleted_where_the_data_folder_is_not_the_one_it_was(store: Store) -> None:
    store.save(1, NOW - 9 * DAY)
    settings = Settings.model_validate(
        {"storage": {"path": store.layout.root}, "retention": {"days": 1}}
    )
    rules = Retention(
        store.archive, settings, compared=lambda: True, problem=lambda: "captures lacks its mark"
    )
    with pytest.raises(ConflictError, match="mark"):
        rules.apply("server")
    with pytest.raises(StorageError, match="mark"):
        rules.make_room("server", 10**9)
    assert len(left(store)) == 1


def test_two_runs_at_once_are_one_too_many_also_of_another_process(store: Store) -> None:
    rules = retention(store, retention={"days": 1})
    descriptor = os.open(store.layout.root, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(ConflictError, match="just now"):
        rules.apply("server")
    os.close(descriptor)
    rules.apply("server")


def test_rules_that_somebody_applies_by_hand_are_no_trouble_of_the_schedule(
    store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    store.save(1, NOW - 2 * DAY)
    schedule = Schedule(retention(store, retention={"days": 1}), store.clock, list)
    descriptor = os.open(store.layout.root, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    schedule.look()
    assert "rules_" not in "".join(capfd.readouterr())
    os.close(descriptor)
    assert store.files()
    store.clock.move(timedelta(minutes=6))
    schedule.look()
    assert not store.files()


def test_a_run_that_is_stopped_leaves_all_in_order(store: Store) -> None:
    store.save(1, *(NOW - n * DAY for n in range(20)))
    rules = retention(store, retention={"days": 1})
    asked = iter([False] * 12 + [True] * 100)
    gone = rules.apply("server", stop=lambda: next(asked))
    assert 0 < gone.count < 18
    assert len(left(store)) == 20 - gone.count
    assert sum(d.images for d in rules.deletions(10)) == gone.count


def test_the_forecast_says_when_the_disk_is_full_and_what_keeps_it_from_that(
    store: Store,
) -> None:
    store.save(1, *(NOW - n * HOUR for n in range(48)))
    plain = retention(store).preview()
    assert plain.forecast.bytes_per_day == pytest.approx(24 * SIZE, rel=0.05)
    assert plain.forecast.full_us is None  # some thousand years from now
    assert retention(store).preview().disk.total > plain.disk.free > 0
