"""Names and containment."""

import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.archive.layout import Layout
from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.model import (
    MAX_CAMERA_ID,
    Conversion,
    ConversionStatus,
    ConversionType,
    ImageKey,
)
from tests.support.archive import second_of

BERLIN = ZoneInfo("Europe/Berlin")
LAYOUT = Layout(Path("/data"), UTC)
IN_BERLIN = Layout(Path("/data"), BERLIN)

_seconds = st.integers(0, second_of("9999-12-30 00:00:00"))
_cameras = st.integers(0, MAX_CAMERA_ID)
_keys = st.builds(
    ImageKey,
    camera=_cameras,
    second=_seconds,
    number=st.none() | st.integers(0, 999_999_999),
    flat=st.booleans(),
)


@given(_keys)
def test_every_key_comes_back_from_its_path(key: ImageKey) -> None:
    assert LAYOUT.parse_image(LAYOUT.image_path(key)) == key


@given(_keys)
def test_in_a_zone_with_summer_time_the_path_comes_back(key: ImageKey) -> None:
    path = IN_BERLIN.image_path(key)
    parsed = IN_BERLIN.parse_image(path)
    assert parsed is not None
    assert IN_BERLIN.image_path(parsed) == path
    assert key.second - parsed.second in (0, 3600)  # an hour that occurs twice: the first


@given(st.text(alphabet="0123456789-./jpgJ_ ٣", max_size=60))
def test_whatever_text_is_taken_for_an_image_is_its_canonical_name(text: str) -> None:
    key = LAYOUT.parse_image(Path(text))
    if key is not None:
        assert LAYOUT.image_path(key) == LAYOUT.captures / text


def test_dated_images_are_named_in_utc_and_flat_ones_in_the_configured_zone() -> None:
    second = second_of("2026-07-01 22:30:05")
    dated = ImageKey(camera=7, second=second, number=3)
    flat = ImageKey(camera=7, second=second, number=123, flat=True)
    assert str(IN_BERLIN.image_path(dated)) == (
        "/data/shared/captures/7/20260701/22/20260701-223005-03.jpg"
    )
    assert str(IN_BERLIN.image_path(flat)) == "/data/shared/captures/7/20260702-003005-123.jpg"
    assert IN_BERLIN.image_url(flat) == "/shared/captures/7/20260702-003005-123.jpg"


def test_a_motion_snapshot_without_a_number_is_an_image() -> None:
    key = LAYOUT.parse_image(Path("1/20260320-120000.jpg"))
    assert key == ImageKey(
        camera=1, second=second_of("2026-03-20 12:00:00"), number=None, flat=True
    )


@pytest.mark.parametrize(
    "path",
    [
        "1/20260230-120000-00.jpg",  # no such day
        "1/20260320-240000-00.jpg",
        "1/20260320-120060-00.jpg",
        "1/20260320-120000-0.jpg",
        "1/20260320-120000-007.jpg",  # 07 is right
        "1/20260320-120000-0000000000.jpg",
        "1/20260320-120000-00.JPG",
        "1/20260320-120000-00.jpeg",
        "1/20260320-120000-00.jpg.part",
        "1/20260320-120000-٠٠.jpg",  # digits, but not ours
        "1/.20260320-120000-00.jpg",
        "01/20260320-120000-00.jpg",
        "-1/20260320-120000-00.jpg",
        "1000000/20260320-120000-00.jpg",
        "front/20260320-120000-00.jpg",
        "20260320-120000-00.jpg",
        "1/20260320/20260320-120000-00.jpg",
        "1/20260320/12/13/20260320-120000-00.jpg",
        "1/20260320/13/20260320-120000-00.jpg",  # another hour's folder
        "1/20260321/12/20260320-120000-00.jpg",
        "../1/20260320-120000-00.jpg",
        "1/../20260320-120000-00.jpg",
        "",
    ],
)
def test_no_image(path: str) -> None:
    assert LAYOUT.parse_image(Path(path)) is None
    assert LAYOUT.parse_image(LAYOUT.captures / path) is None


def test_an_absolute_path_outside_captures_is_no_image() -> None:
    assert LAYOUT.parse_image(Path("/other/1/20260320-120000-00.jpg")) is None


def test_a_local_time_that_does_not_occur_names_no_image() -> None:
    assert IN_BERLIN.parse_image(Path("1/20260329-023000-00.jpg")) is None


@pytest.mark.parametrize(
    "key",
    [
        ImageKey(camera=-1, second=0, number=0),
        ImageKey(camera=MAX_CAMERA_ID + 1, second=0, number=0),
        ImageKey(camera=1, second=2**60, number=0),
        ImageKey(camera=1, second=0, number=-1),
        ImageKey(camera=1, second=0, number=10**9),
        ImageKey(camera=1, second=2**60, number=0, flat=True),
    ],
)
def test_a_key_without_a_name_is_refused(key: ImageKey) -> None:
    with pytest.raises(InvalidInputError):
        LAYOUT.image_path(key)


@given(st.integers(-to_us(datetime(2400, 1, 1, tzinfo=UTC)), 2**61))
def test_a_stamp_keeps_the_whole_second_or_is_refused(us: int) -> None:
    try:
        stamp = LAYOUT.stamp(us)
    except InvalidInputError:
        return
    assert LAYOUT.parse_stamp(stamp) == us // 1_000_000 * 1_000_000


@pytest.mark.parametrize("text", ["", "20260320", "20260320-12000", "20260320-1200000", "x" * 9999])
def test_what_is_no_stamp_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        LAYOUT.parse_stamp(text)


def test_a_stamp_in_the_hour_that_occurs_twice_is_the_first() -> None:
    us = IN_BERLIN.parse_stamp("20261025-023000")
    assert us == second_of("2026-10-25 00:30:00") * 1_000_000


_conversions = st.builds(
    Conversion,
    id=st.builds(
        "{}-{}".format,
        st.text("abcXYZ019", min_size=1, max_size=64),
        st.just("20260320-120000"),
    ),
    type=st.sampled_from(ConversionType),
    camera=_cameras,
    start_us=_seconds.map(lambda second: second * 1_000_000),
    end_us=_seconds.map(lambda second: second * 1_000_000),
    requested_us=st.just(second_of("2026-03-20 12:00:00") * 1_000_000),
    status=st.just(ConversionStatus.DONE),
)


@given(_conversions)
def test_every_conversion_comes_back_from_its_name(conversion: Conversion) -> None:
    assert LAYOUT.parse_output(LAYOUT.output_name(conversion)) == conversion


@pytest.mark.parametrize(
    "name",
    [
        "output_1_20260320-120000_20260320-130000_abc-20260320-140000.avi",
        "output_01_20260320-120000_20260320-130000_abc-20260320-140000.mp4",
        "output_9999999_20260320-120000_20260320-130000_abc-20260320-140000.mp4",
        "output_1_20260231-120000_20260320-130000_abc-20260320-140000.mp4",
        "output_1_20260320-120000_20260320-130000_a/c-20260320-140000.mp4",
        "output_1_20260320-120000_20260320-130000_abc.mp4",
        "output_1_20260320-120000_20260320-130000_-20260320-140000.mp4",
        ".output_1_20260320-120000_20260320-130000_abc-20260320-140000.mp4",
        "output_1.mp4",
    ],
)
def test_no_output(name: str) -> None:
    assert LAYOUT.parse_output(name) is None


@pytest.mark.parametrize(
    "id_", ["", "../../etc", "abc", "a/b-20260320-120000", "a-20260320-12000\0"]
)
def test_an_id_that_could_leave_the_folder_has_no_output(id_: str) -> None:
    conversion = Conversion(
        id=id_, type=ConversionType.ZIP, camera=1, start_us=0, end_us=0, requested_us=0
    )
    with pytest.raises(InvalidInputError):
        LAYOUT.output_path(conversion)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "data", UTC)
    folder = layout.captures / "1"
    folder.mkdir(parents=True)
    (folder / "20260320-120000-00.jpg").write_bytes(b"x")
    (folder / ".hidden.jpg").write_bytes(b"x")
    (layout.captures / ".git").mkdir()
    (layout.captures / ".git" / "config").write_bytes(b"x")
    (tmp_path / "data" / "index.db").write_bytes(b"secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "passwords").write_bytes(b"secret")
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "out.jpg").symlink_to(tmp_path / "outside" / "passwords")
    (folder / "up.jpg").symlink_to("../../../index.db")
    (folder / "hidden-by-link").symlink_to("../.git")
    (folder / "circle").symlink_to("circle")
    (folder / "nowhere").symlink_to("/nonexistent/file")
    (layout.captures / "latest.jpg").symlink_to("1/20260320-120000-00.jpg")
    return layout


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("", "."),
        ("captures", "captures"),
        ("captures/", "captures"),
        ("captures/1/20260320-120000-00.jpg", "captures/1/20260320-120000-00.jpg"),
        ("captures/latest.jpg", "captures/1/20260320-120000-00.jpg"),
    ],
)
def test_what_is_below_shared_is_found(layout: Layout, path: str, leads_to: str) -> None:
    assert layout.resolve(path) == (layout.shared / leads_to).resolve()


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../index.db",
        "captures/../../index.db",
        "captures/..",
        "/etc/passwd",
        "/",
        "//etc/passwd",
        "captures//1",
        "captures/1//",
        "captures\\..\\..\\index.db",
        "captures/1\0.jpg",
        "captures/\ud800",
    ],
)
def test_a_path_that_tries_to_leave_is_bad_input(layout: Layout, path: str) -> None:
    with pytest.raises(InvalidInputError):
        layout.resolve(path)


@pytest.mark.parametrize(
    "path",
    [
        ".",
        "captures/.",
        "captures/2",
        "captures/%2e%2e/%2e%2e/index.db",
        "captures/..%2f..%2findex.db",
        "captures/1/.hidden.jpg",
        "captures/.git/config",
        "captures/1/out",
        "captures/1/out/passwords",
        "captures/1/out.jpg",
        "captures/1/up.jpg",
        "captures/1/hidden-by-link/config",
        "captures/1/circle",
        "captures/\udcff",
        "captures/1/20260320-120000-00.jpg/",
        "captures/1/nowhere",
        "captures/1/20260320-120000-00.jpg/more",
        "x" * 5000,
        "x/" * 3000 + "x",
    ],
)
def test_what_is_hidden_outside_or_missing_is_not_found(layout: Layout, path: str) -> None:
    with pytest.raises(NotFoundError):
        layout.resolve(path)


@given(st.text(max_size=40))
def test_no_text_leads_out_of_shared(text: str) -> None:
    layout = Layout(Path(__file__).parent, UTC)  # has no shared: nothing may be found
    with pytest.raises((InvalidInputError, NotFoundError)):
        layout.resolve(text)


def test_captures_may_lie_on_another_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    (disk / "1").mkdir(parents=True)
    (disk / "1" / "a.jpg").write_bytes(b"x")
    layout = Layout(tmp_path / "data", UTC)
    layout.shared.mkdir(parents=True)
    layout.captures.symlink_to(disk)
    assert layout.resolve("captures/1/a.jpg") == (disk / "1" / "a.jpg").resolve()


def test_what_was_opened_is_what_was_looked_at_whatever_becomes_of_its_path(
    layout: Layout, tmp_path: Path
) -> None:
    path = layout.captures / "1" / "20260320-120000-00.jpg"
    descriptor, place = layout.open("captures/1/20260320-120000-00.jpg")
    path.unlink()
    path.symlink_to(tmp_path / "outside" / "passwords")
    with Path(f"/proc/self/fd/{descriptor}").open("rb") as file:
        assert file.read() == b"x"
    os.close(descriptor)
    assert place.in_captures == ("1", "20260320-120000-00.jpg")
    with pytest.raises(NotFoundError):
        layout.open("captures/1/20260320-120000-00.jpg")


def test_no_descriptor_stays_open_of_what_is_refused(layout: Layout) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("captures/1/out.jpg", "captures/1/up.jpg", "captures/1/out", "captures/latest/"):
        with pytest.raises(NotFoundError):
            layout.open(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
