"""Small files of the data folder and of owners: whatever stands in them is read or refused."""

import json
import os
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from chimera_storage.archive.keep import KeepFile
from chimera_storage.archive.layout import MARK_NAME, Layout
from chimera_storage.archive.mark import Mark, read_id
from chimera_storage.config import Settings
from chimera_storage.config_load import load_settings
from chimera_storage.errors import ConfigurationError, InvalidInputError, StorageError
from chimera_storage.motion.regions import read_mask
from chimera_storage.motion.tune.marks import read_marks
from chimera_storage.motion_conf import read_motion_conf
from tests.support.fuzzing import JSON, NESTED, NUMBERS, TEXTS, damaged, examples

KEPT = {
    "id": "0123456789abcdef",
    "camera": 1,
    "start_us": 1_767_260_000_000_000,
    "end_us": 1_767_260_001_000_000,
    "reason": "a fox",
    "created_us": 1_767_260_002_000_000,
}
SECTIONS = [name for name in Settings.model_fields if name != "camera_names"]
CAMERA_KEYS = ["id", "url", "name", "detect_url", "loop", "transport", "interval", "motion", "x"]
TOML = """
[server]
port = 8090
timezone = "Europe/Berlin"
[[camera]]
id = 1
url = "rtsp://u:secret@h/1"
[camera.motion]
threshold = 0.01
zones = [{ name = "gate", points = [[0, 0], [1, 0], [1, 1]] }]
[[webhooks]]
url = "http://h/"
secret = "0123456789abcdef"
"""
MOTION_CONF = """
netcam_url rtsp://h/1
threshold 1500
width 1920
height 1080
camera_id 3
camera cam1.conf
mask_file mask.pgm
target_dir /x/shared/captures
"""


def text_of(value: Any) -> bytes:
    """JSON, with what is not UTF-8 left as it is."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="fuzz-")


@examples()
@given(st.one_of(damaged(TOML.encode()), st.binary(max_size=200)))
@example(b"a = " + NESTED[0].encode())
@example(b"a = " + b"9" * 5000)
@example(b"[server]\nport = 99999999999999999999999999\n")
@example(b'[storage]\npath = "a\\u0000b"\n')
@example(b'[[camera]]\nid = 1\nurl = "\\ud800"\n')
@example(b'[storage]\npath = "' + b"a" * 5000 + b'"\n')
@example(b'[[camera]]\nid = 1\nurl = "demo:"\n[camera.motion]\nmask_file = "a\\u0000b"\n')
def test_a_configuration_file_is_read_or_refused_in_sentences(content: bytes) -> None:
    with folder() as name:
        path = Path(name) / "storage.toml"
        path.write_bytes(content)
        is_loaded(path, {})


@examples()
@given(
    st.dictionaries(
        st.sampled_from(SECTIONS),
        st.one_of(JSON, st.lists(st.dictionaries(st.sampled_from(CAMERA_KEYS), JSON), max_size=2)),
        max_size=3,
    )
)
def test_values_of_any_kind_are_read_or_refused_in_sentences(values: dict[str, Any]) -> None:
    is_loaded(None, {}, values)


NAMES = [
    "storage_PORT",
    "storage_FILEPATH",
    "storage_MAX_GB",
    "SECRETKEY",
    "alert_URL",
    "command_HOST",
    "command_PORT",
    "cameras",
    "storage_MOTION_CONF_FILEPATH",
]


@examples()
@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(TEXTS, JSON.map(repr)), max_size=4))
@example({"cameras": NESTED[0]})
@example({"cameras": "9" * 5000})
@example({"storage_MOTION_CONF_FILEPATH": "/dev/null/x"})
@example({"storage_FILEPATH": "a\0b"})
@example({"storage_FILEPATH": "\ud800"})
def test_an_environment_is_read_or_refused_in_sentences(environ: dict[str, str]) -> None:
    is_loaded(None, environ)


def is_loaded(
    path: Path | None, environ: dict[str, str], values: dict[str, Any] | None = None
) -> None:
    try:
        settings = load_settings(path, environ, overrides=values)
        settings.storage.path.exists()  # it is a path that can be asked for
        assert b"\0" not in os.fsencode(settings.storage.path)
        for camera in settings.camera:
            if camera.motion.mask_file:
                read_mask(Path(camera.motion.mask_file))
    except ConfigurationError as error:
        assert str(error)
        assert "secret@" not in str(error)


@examples()
@given(st.one_of(damaged(MOTION_CONF.encode()), st.binary(max_size=200)))
def test_a_motion_conf_makes_settings_that_hold(content: bytes) -> None:
    with folder() as name:
        path = Path(name) / "motion.conf"
        path.write_bytes(content)
        (Path(name) / "cam1.conf").write_bytes(content[: len(content) // 2])
        try:
            conf = read_motion_conf(path)
        except ConfigurationError:
            return
        Settings.model_validate({"camera": conf.tables()})


RANGES = st.fixed_dictionaries(
    {},
    optional={key: st.one_of(st.just(value), NUMBERS, JSON) for key, value in KEPT.items()},
)


@examples()
@given(
    st.one_of(
        damaged(json.dumps({"keep": [KEPT]}).encode()),
        st.lists(RANGES, max_size=3).map(lambda ranges: text_of({"keep": ranges})),
        JSON.map(lambda value: text_of({"keep": value})),
        JSON.map(text_of),
    )
)
@example(NESTED[0].encode())
@example(b'{"keep": ' + NESTED[1].encode())
@example(json.dumps({"keep": [KEPT | {"camera": 10**30}]}).encode())
@example(json.dumps({"keep": [KEPT | {"end_us": 10**30}]}).encode())
@example(b"")
def test_what_is_kept_is_read_or_nothing_is_deleted(content: bytes) -> None:
    with folder() as name:
        layout = Layout(Path(name), UTC)
        (layout.root / "keep.json").write_bytes(content)
        try:
            ranges = KeepFile(layout).ranges()
            spans = KeepFile(layout).seconds()
        except StorageError:
            return
    for kept in ranges:  # so it can be compared with images in the index
        assert -(2**63) <= kept.start_us < 2**63
        assert -(2**63) <= kept.end_us < 2**63
        assert -(2**63) <= kept.camera < 2**63
    assert sum(map(len, spans.values())) == len(ranges)


@examples()
@given(
    st.one_of(
        damaged(b'{"format": 1, "id": "0123"}'),
        JSON.map(lambda value: text_of({"id": value})),
        JSON.map(text_of),
    )
)
@example(NESTED[0].encode())
@example(b"9" * 4096)
def test_a_mark_is_read_or_counts_as_missing(content: bytes) -> None:
    with folder() as name:
        layout = Layout(Path(name), UTC)
        layout.captures.mkdir(parents=True)
        (layout.root / MARK_NAME).write_bytes(content)
        found = read_id(layout.root)
        assert found is None or found
        Mark(layout).obstacle()


LINES = st.one_of(
    st.just("12.5"), st.just("0:10..0:14"), st.text(max_size=30), TEXTS, JSON.map(json.dumps),
    st.dictionaries(st.sampled_from(["start", "end", "time", "wanted"]), JSON, min_size=1)
    .map(json.dumps),
)  # fmt: skip


@examples()
@given(st.lists(LINES, max_size=3).map("\n".join))
@example('{"start": Infinity}')
@example('{"start": NaN, "end": 1}')
@example('{"start": 1, "end": 1e400}')
@example('{"start": 1' + "0" * 400 + "}")
@example('{"a":' + NESTED[1])
@example("9" * 5000)
@example("9" * 400 + ".." + "9" * 400)
def test_marks_are_read_or_refused_in_a_sentence(text: str) -> None:
    with folder() as name:
        path = Path(name) / "marks"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        for given_text in (str(path), text):
            try:
                marks = read_marks(given_text, wanted=True)
            except InvalidInputError as error:
                assert len(str(error)) < 500
            else:
                assert all(mark.start_us <= mark.end_us for mark in marks)
