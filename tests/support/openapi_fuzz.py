"""Requests made from the description of the HTTP API, right ones and wrong ones (Schemathesis)."""

from typing import Any

import hypothesis
import schemathesis
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


def wrong_answers(
    described: schemathesis.BaseSchema, settings: hypothesis.settings, headers: dict[str, str]
) -> list[str]:
    """Every answer that is a fault of the server, or of a status, type or body not described."""
    wrong = []
    for found in described.exclude(path=ENDLESS).get_all_operations():
        if not isinstance(found, Ok):
            wrong.append(str(found.err()))
            continue
        operation = found.ok()
        for mode in GenerationMode:

            @settings
            @hypothesis.given(operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case[Any]) -> None:
                case.call_and_validate(checks=CHECKS, headers=headers)

            try:
                ask()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, f"{operation.label}: nothing can be asked"
            except FailureGroup as failures:
                wrong += [f"{operation.label} ({mode.value}): {e}" for e in failures.exceptions]
    return wrong
