"""What clients send: every route gives what was asked for or says what is wrong; never 5xx."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chimera_storage.web.permissions import ROUTES
from tests.support.fuzzing import JSON, NESTED, damaged, examples
from tests.support.web import NOW, Room, web_room
from tests.web.conftest import CAMERAS

# The first user that is added shuts everybody else out.
_CLOSING = ("/users", "/tokens", "/login", "/logout", "/account")
_ENDLESS = ("/convert/events", "/live.mjpeg")
BODIES = [
    r for r in ROUTES if not r.startswith("GET") and not r.partition(" ")[2].startswith(_CLOSING)
]
PLAIN = [r for r in ROUTES if r.startswith("GET") and not r.endswith(_ENDLESS)]
FIELDS = [
    "camera", "start", "end", "hours", "days", "fps", "skip", "save", "frames", "prefer", "sprite",
    "id", "limit", "offset", "status", "type", "running", "format", "height", "quality", "codec",
    "pace", "timestamps", "manifest", "link", "reason", "event", "preview", "kept", "process",
    "file", "validHours", "uses", "width", "path", "url", "name", "motion", "language",
]  # fmt: skip
RIGHT = {"camera": 1, "start": "20260131-180000", "end": "2026-01-31T20:00:00Z", "id": "x"}
VALUES = st.one_of(
    JSON,
    st.sampled_from(
        ["1", "Front door", "20260131-183000", "2026-02-30", "99991231-235959", "0001-01-01",
         "2026-01-31T18:30:00+99:99", "1e3", "true", "../../etc/passwd", "%00", "-1", "٣", 2**53]
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with web_room(tmp_path_factory.mktemp("data"), camera=CAMERAS) as opened:
        opened.save(1, NOW)
        yield opened


def is_answered(room: Room, method: str, path: str, **options: Any) -> None:
    answer = room.request(method, path, **options)
    if answer.status_code >= 400 and "json" in answer.headers.get("content-type", ""):
        assert answer.json()["error"]
    assert answer.status_code < 500 or answer.status_code == 503, (path, options, answer.text)
    assert "Traceback" not in answer.text


def filled(route: str, value: str) -> tuple[str, str]:
    method, _, path = route.partition(" ")
    for name in ("camera", "file", "id", "name", "path:path", "text"):
        path = path.replace(f"{{{name}}}", value)
    return method, path


@examples()
@given(
    route=st.sampled_from(BODIES),
    fields=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    right=st.sets(st.sampled_from(sorted(RIGHT))),
    segment=st.sampled_from(["1", "2", "9", "x", "-1", "1e3"]),
)
def test_fields_of_any_kind_are_answered(
    room: Room, route: str, fields: dict[str, Any], right: set[str], segment: str
) -> None:
    body = fields | {name: RIGHT[name] for name in right}
    content = json.dumps(body).encode("utf-8", "surrogatepass")
    method, path = filled(route, segment)
    is_answered(room, method, path, content=content, headers={"content-type": "application/json"})


@examples(0.5)
@given(
    route=st.sampled_from(BODIES),
    content=st.one_of(damaged(json.dumps(RIGHT).encode()), st.binary(max_size=100)),
    kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "x", ""]),
)
@example(route="POST /file/pathSize", content=NESTED[0].encode(), kind="application/json")
@example(route="POST /file/pathSize", content=b'{"camera": ' + b"9" * 5000 + b"}", kind="")
@example(route="POST /file/pathSize", content=b'{"camera": 1e999}', kind="application/json")
@example(route="PUT /cameras/{camera}", content=NESTED[1].encode(), kind="application/json")
def test_bytes_of_any_kind_are_answered(room: Room, route: str, content: bytes, kind: str) -> None:
    method, path = filled(route, "1")
    is_answered(room, method, path, content=content, headers={"content-type": kind})


@examples()
@given(
    route=st.sampled_from(PLAIN),
    segment=st.one_of(st.text(max_size=20), st.sampled_from(["1", "..", "captures/1", "\0"])),
    query=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3),
)
def test_addresses_of_any_kind_are_answered(
    room: Room, route: str, segment: str, query: dict[str, Any]
) -> None:
    method, path = filled(route, quote(segment.encode("utf-8", "replace")))
    pairs = "&".join(
        f"{name}={quote(str(value)[:200].encode('utf-8', 'replace'))}"
        for name, value in query.items()
    )
    status, _, body = room.get_raw(f"{path}?{pairs}", method)
    assert status < 500 or status == 503, (path, pairs, body)


@examples(0.5)
@given(
    st.dictionaries(
        st.sampled_from(
            ["range", "if-range", "if-none-match", "if-modified-since", "accept-language", "cookie",
             "authorization", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "origin",
             "sec-fetch-site", "content-length", "x-request-id", "accept-encoding"]
        ),
        st.one_of(
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
            st.sampled_from(["bytes=0-1", "bytes=-1", "bytes=9-1", "bytes=0-0,1-1", "*", '"x"',
                             "Bearer x", "Basic eDp5", "de;q=2,en;q=x", "[::1", "9" * 300]),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_headers_of_any_kind_are_answered(room: Room, headers: dict[str, str]) -> None:
    image = room.url(room.save(2, NOW))
    for path in (image, "/", "/cameras"):
        status, _, body = room.get_raw(path, headers=headers)
        assert status < 500, (path, headers, body)
