"""Requests made from the description of the HTTP API, right ones and wrong ones (Schemathesis).

Of what is made up alone hardly a request is answered with what it asks for: there is no camera of
the number and no process of the id that was thought of. So half of the right ones get values that
are (`known`), what destroys comes last, and a route that never gave a right answer is a finding.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

import httpx
import hypothesis
import schemathesis
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = ["/convert/events", "/cameras/{camera}/live.mjpeg"]
# A session of a user and a camera with ONVIF are not at hand everywhere.
RARELY_RIGHT = {"POST /account/password", "POST /cameras/streams"}
# In this order, after all others, as they take away what those ask for.
LAST = (
    "POST /convert/cancelProcess",
    "POST /convert/deleteProcess",
    "POST /links/revoke",
    "POST /tokens/revoke",
    "POST /users/change",
    "POST /users/remove",
    "POST /file/deleteKeep",
    "POST /file/pathClean",
    "POST /file/rangeDelete",
    "POST /file/pathDelete",
    "POST /file/pathAutoClean",
    "POST /file/applyRules",
    "POST /cameras/{camera}/pause",
    "POST /cameras",
    "PUT /cameras/{camera}",
    "DELETE /cameras/{camera}",
    "PUT /cameras",
)
NAME, PASSWORD = "openapi-fuzz", "correct horse battery"


class Client(Protocol):
    """Who may do everything."""

    def request(self, method: str, path: str, *, json: Any = None) -> httpx.Response: ...


@dataclass(frozen=True)
class Known:
    """Values that are right: of fields, wherever they occur, and of fields of single operations.

    None: the field is to be left out.
    """

    fields: Mapping[str, Any]
    of: Mapping[str, Mapping[str, Any]]


def make_known(client: Client) -> Known:
    """Asks for what most requests are about, of camera 1, which has images of the last week."""

    def post(path: str, **body: Any) -> Any:
        answer = client.request("POST", path, json=body)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    listed = post("/convert/listFramesVideo", camera=1, frames=1, sprite=True)
    image = PurePosixPath(listed["list"][0])
    start = image.name[:15]
    span = {"camera": 1, "start": start, "end": start}
    process = post("/convert/createVideo", **span)["id"]
    download = PurePosixPath(post("/convert/createZip", **span, link=True)["url"]).name
    keep = post("/file/createKeep", **span)["id"]
    link = post("/links", **span)
    post("/users", name=NAME, password=PASSWORD)
    token = post("/tokens", name=NAME)["id"]
    day = f"{start[:4]}-{start[4:6]}-{start[6:8]}"
    span_ms = {"start": listed["sprite"]["taken"][0], "end": listed["sprite"]["taken"][0] + 1000}
    return Known(
        fields={
            "camera": "1",
            "camera_id": 1,
            "start": start,
            "end": start,
            "hours": None,
            "days": None,
            "event": None,
            "date": day,
            "month": day[:7],
            "name": NAME,
            "password": PASSWORD,
            "id": process,
            "text": PurePosixPath(link["url"]).name,
            "file": image.name,
            "path": None,
            "cameras": None,
            "format": None,
            "codec": None,
        },
        of={
            "GET /convert/download/{name}": {"name": download},
            "GET /convert/sprite/{name}": {"name": PurePosixPath(listed["sprite"]["url"]).name},
            "GET /shared/{path}": {"path": str(image).removeprefix("/shared/")},
            "POST /cameras/{camera}/marks": span_ms,
            "POST /cameras/try": {"url": "demo:", "camera": None},
            "POST /cameras/discover": {"address": "127.0.0.1"},
            "POST /links": {"file": None, "process": None},
            "POST /links/revoke": {"id": link["id"]},
            "POST /tokens/revoke": {"id": token},
            "POST /tokens": {"name": "another"},
            "POST /users": {"name": "another"},
            "POST /file/deleteKeep": {"id": keep},
            "POST /file/pathClean": {"days": 7},
            "POST /cameras": {"id": 3, "name": "", "url": "demo:", "detect_url": None},
            "PUT /cameras/{camera}": {"id": None, "name": "", "url": None, "detect_url": None},
            "PUT /cameras": {"cameras": [{"id": 1, "url": "demo:"}]},
        },
    )


def wrong_answers(
    described: schemathesis.BaseSchema,
    settings: hypothesis.settings,
    headers: dict[str, str],
    known: Known,
) -> Iterator[str]:
    """Every answer that is a fault of the server, or of a status, type or body not described."""
    found = list(described.exclude(path=ENDLESS).get_all_operations())
    yield from (str(one.err()) for one in found if not isinstance(one, Ok))
    for operation in in_order(one.ok() for one in found if isinstance(one, Ok)):
        statuses = set()
        for mode in GenerationMode:

            @settings
            @hypothesis.given(
                operation.as_strategy(generation_mode=mode), st.sampled_from([True, False])
            )
            def ask(case: schemathesis.Case[Any], is_known: bool) -> None:
                if is_known and mode is GenerationMode.POSITIVE:  # noqa: B023 - called at once
                    lay_over(case, known)
                answer = case.call(headers=headers)
                statuses.add(answer.status_code)  # noqa: B023
                case.validate_response(answer, checks=CHECKS)

            try:
                ask()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, f"{operation.label}: nothing can be asked"
            except FailureGroup as failures:
                for failure in failures.exceptions:
                    yield f"{operation.label} ({mode.value}): {failure}"
        if 200 not in statuses and operation.label not in RARELY_RIGHT:
            yield f"{operation.label}: no right answer, only {sorted(statuses)}"


def in_order(operations: Iterable[Any]) -> list[Any]:
    """Those that destroy last."""
    places = {label: place for place, label in enumerate(LAST, start=1)}
    return sorted(operations, key=lambda operation: places.get(operation.label, 0))


def lay_over(case: schemathesis.Case[Any], known: Known) -> None:
    """Puts the known values in the place of those that were made up."""
    operation = case.operation
    values = {**known.fields, **known.of.get(operation.label, {})}
    for parameter in operation.iter_parameters():
        part = {"path": case.path_parameters, "query": case.query}.get(parameter.location)
        if part is not None:
            _set(part, parameter.name, values)
    if isinstance(case.body, dict):
        for name in _fields(operation):
            _set(case.body, name, values)


def _set(part: Any, name: str, values: Mapping[str, Any]) -> None:
    if name in values:
        part.pop(name, None)
        if values[name] is not None:
            part[name] = values[name]


def _fields(operation: Any) -> list[str]:
    """The fields of the body."""
    whole = operation.schema.raw_schema
    contents = operation.definition.raw.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = next((content["schema"] for content in contents.values()), {})
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", ()))
