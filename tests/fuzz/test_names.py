"""Names on disk: what is parsed is written as the same name again, and none leads out."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chimera_storage.archive.layout import Layout, parse_camera
from chimera_storage.errors import InvalidInputError, NotFoundError
from tests.support.fuzzing import examples

NAMES = (
    "1/20260320/12/20260320-120000-00.jpg",
    "1/20260320-120000-00.jpg",
    "999999/20260320/12/20260320-125959-123.jpg",
    "output_1_20260320-120000_20260320-130000_abc-20260320-140000.mp4",
    "output_1_20260320-120000_20260320-130000_abc-20260320-140000.zip",
    "1/20260329-023000-00.jpg",  # does not occur in Berlin
    "1/20261025-023000.jpg",  # occurs twice
)
PIECES = [
    "..",
    "/",
    "-",
    "_",
    ".",
    "0",
    "9",
    "٣",
    "\0",
    "\n",
    " ",
    "JPG",
    "\udcff",
    "12",
    "20260320",
]


@st.composite
def names(draw: st.DrawFn) -> str:
    """A right name in which a little was changed."""
    name = draw(st.sampled_from(NAMES))
    for _ in range(draw(st.integers(0, 2))):
        at, length = draw(st.integers(0, len(name))), draw(st.integers(0, 3))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=2)))
        name = name[:at] + piece + name[at + length :]
    return name


LAYOUTS = [Layout(Path("/data"), zone) for zone in (UTC, ZoneInfo("Europe/Berlin"))]


@examples()
@given(name=names(), layout=st.sampled_from(LAYOUTS))
@example(name="1/20260320/12/20260320-120000-00.jpg\n", layout=LAYOUTS[0])
@example(name="1//20260320/12/20260320-120000-00.jpg", layout=LAYOUTS[0])
@example(name="01/20260320-120000-00.jpg", layout=LAYOUTS[1])
def test_what_is_taken_for_an_image_has_that_name(name: str, layout: Layout) -> None:
    key = layout.parse_image(Path(name))
    if key is not None:
        path = layout.image_path(key)
        assert path == layout.captures / name
        assert ".." not in path.parts
        assert layout.image_url(key).startswith("/shared/captures/")
        camera = parse_camera(name.partition("/")[0])
        assert camera == key.camera


@examples()
@given(name=names(), layout=st.sampled_from(LAYOUTS))
def test_what_is_taken_for_a_conversion_has_that_name(name: str, layout: Layout) -> None:
    found = layout.parse_output(name)
    if found is not None:
        assert layout.output_name(found) == name
        assert layout.output_path(found).parent == layout.captures


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """A data folder with a file, links within and out, and a secret beside it."""
    root = tmp_path_factory.mktemp("root")
    layout = Layout(root / "data", UTC)
    (layout.captures / "1").mkdir(parents=True)
    (layout.captures / "1/a.jpg").write_bytes(b"x")
    (layout.captures / "1/.images").write_bytes(b"x")
    (root / "secret").write_text("secret")
    (layout.shared / "out").symlink_to(root)
    (layout.shared / "in").symlink_to(layout.captures)
    (layout.shared / "round").symlink_to(layout.shared / "round")
    yield layout


SEGMENTS = [
    "captures",
    "1",
    "a.jpg",
    ".images",
    "out",
    "in",
    "round",
    "secret",
    "data",
    "..",
    ".",
    "",
]


@examples()
@given(
    st.lists(st.one_of(st.sampled_from(SEGMENTS), st.text(max_size=8)), max_size=6).map("/".join)
)
@example("out/secret")
@example("in/1/a.jpg")
@example("captures/1/" + "a" * 300)
@example("captures/" * 2000)
def test_no_path_of_a_client_leads_out_of_the_folder(inside: Layout, path: str) -> None:
    try:
        real = inside.resolve(path)
    except (InvalidInputError, NotFoundError):
        return
    assert real.is_relative_to(inside.shared)
    assert real.exists()
    assert not any(part.startswith(".") for part in real.relative_to(inside.shared).parts)
