"""What clients send, turned into types that cannot hold a bad value, or refused with a sentence.

Nothing here trusts the kind of a JSON value: every reader takes `object`. Numbers may come as
strings (forms, and the web app of 2021), and absent, null and empty text are the same: not given.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError
from chimera_storage.web.errors import BodyTooLargeError, BodyTooSlowError

Body = dict[str, Any]

MAX_BODY_BYTES = 1024 * 1024
MAX_BODY_SECONDS = 30
MAX_FIELDS = 100
LATEST_US = 32_503_679_999_999_999  # the end of the year 2999
HOUR_US = 3_600_000_000

_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)
# Python reads "20260131-183000-05" as a time five hours west of Greenwich; it is an image's name.
_ISO = re.compile(r"[0-9]{4}(-?)[0-9]{2}\1[0-9]{2}([Tt ].*)?", re.ASCII)
_STAMP = re.compile(r"[0-9]{8}-[0-9]{6}", re.ASCII)
_TIME_FORMS = (
    "right would be YYYYMMDD-HHMMSS, ISO 8601 such as 2026-01-31T18:30:00Z,"
    " or milliseconds since 1970"
)


async def read_body(request: Request) -> Body:
    """The body as an object: JSON, a form, or nothing at all (which is an empty object)."""
    raw = await _bounded(request)
    if not raw.strip():
        return {}
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _form(raw)
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return _json(raw)
    raise InvalidInputError(
        "the body has a content type that is not read here; right would be application/json"
        " or application/x-www-form-urlencoded"
    )


async def _bounded(request: Request) -> bytes:
    too_large = BodyTooLargeError(f"the body is too large; at most {MAX_BODY_BYTES} bytes are read")
    length = request.headers.get("content-length", "")
    promised = int(length) if _WHOLE.fullmatch(length) else None
    if promised is not None and promised > MAX_BODY_BYTES:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(MAX_BODY_SECONDS):
            # Nothing is waited for once all that was promised is there.
            while promised is None or size < promised:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                part = message.get("body", b"")
                size += len(part)
                if size > MAX_BODY_BYTES:
                    raise too_large
                parts.append(part)
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise BodyTooSlowError(
            f"the body did not arrive within {MAX_BODY_SECONDS} seconds; send it in one go"
        ) from None
    return b"".join(parts)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def _json(raw: bytes) -> Body:
    try:
        value = _JSON.decode(raw.decode(json.detect_encoding(raw)))
        if b"\\u" in raw:  # half of a surrogate pair can be written so, and is no text
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # also what UTF-8 cannot say
        raise InvalidInputError(
            'the body is not valid JSON; right would be an object such as {"camera": 1}'
        ) from None
    if not isinstance(value, dict):
        raise InvalidInputError('the body is no object; right would be one such as {"camera": 1}')
    return value


def _form(raw: bytes) -> Body:
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise InvalidInputError(
            "the form cannot be read; right would be urlencoded UTF-8 such as camera=1"
        ) from None
    return fields(pairs)


def fields(pairs: list[tuple[str, str]]) -> Body:
    """Name-value pairs of a form or a query as an object; a name that stands twice is refused."""
    body: Body = {}
    for name, value in pairs:
        if name in body:
            raise InvalidInputError(f"{shown(name)} stands twice; each field may stand once")
        body[name] = value
    return body


def given(body: Mapping[str, Any], name: str) -> object | None:
    """The value of a field; None where it is absent, null or blank."""
    value = body.get(name)
    return None if isinstance(value, str) and not value.strip() else value


def shown(value: object) -> str:
    """A client's value for an error message: printable ASCII, short."""
    if isinstance(value, dict | list):
        return "a list or object"
    text = ascii(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _number(value: object) -> float | int | None:
    """A finite number ≥ 0 as JSON or text has it; None for anything else. Booleans are none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        text = value.strip()
        return float(text) if "." in text else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < 10**18 else None


def whole(body: Mapping[str, Any], name: str, *, default: int, least: int, most: int) -> int:
    """A whole number of a field, as number or text."""
    value = given(body, name)
    if value is None:
        return default
    number = _number(value)
    if number is None or number != int(number) or not least <= number <= most:
        raise InvalidInputError(
            f"{name} is {shown(value)}; right would be a whole number from {least} to {most}"
        )
    return int(number)


def days_of(body: Mapping[str, Any], *, most: int = 36_500) -> float:
    """`days` of a clean-up: required, at least 1; more than a hundred years are a hundred years."""
    value = given(body, "days")
    if value is None:
        raise InvalidInputError("days is missing; right would be a number from 1 up, such as 7")
    number = _number(value)
    if number is None or number < 1:
        raise InvalidInputError(
            f"days is {shown(value)}; right would be a number from 1 up, such as 7"
        )
    return min(number, most)


def yes_or_no(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """A truth value as JSON or a form has it: true, "true", 1, "1" and their opposites."""
    value = given(body, name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if text in {"true", "1"}:
        return True
    if text in {"false", "0"}:
        return False
    raise InvalidInputError(f"{name} is {shown(value)}; right would be true or false")


def id_of(body: Mapping[str, Any]) -> str:
    """The id of a process, as text; whether there is one is for the caller to say."""
    value = given(body, "id")
    if value is None:
        raise InvalidInputError("id is missing; right would be the id that createVideo answered")
    if not isinstance(value, str) or len(value) > 200:
        raise InvalidInputError(
            f"id is {shown(value)}; right would be text such as 'k3v9x2ab-20260131-183000'"
        )
    return value


def time_range(body: Mapping[str, Any], *, now_us: int, zone: tzinfo) -> tuple[int, int]:
    """(start, end) in microseconds since 1970, both inclusive.

    Without `end` it is now; without `start` it is a week before the end, or `hours` or `days`
    before it where one of these is given. An end means all of what it is written to: a date the
    whole day, a time to the second the whole second, as image names hold no more.
    """
    end = given(body, "end")
    end_us = now_us if end is None else moment(end, "end", zone, last=True)
    ways = [name for name in ("start", "hours", "days") if given(body, name) is not None]
    if len(ways) > 1:
        raise InvalidInputError(
            f"{ways[0]} and {ways[1]} are both given; right would be one of them"
        )
    if not ways:
        start_us = max(0, end_us - 7 * 24 * HOUR_US)
    elif ways == ["start"]:
        start_us = moment(given(body, "start"), "start", zone)
    else:
        start_us = max(0, end_us - _span_us(body, ways[0]))
    if start_us > end_us:
        raise InvalidInputError("start is after end; right would be a start that comes first")
    return start_us, end_us


def _span_us(body: Mapping[str, Any], name: str) -> int:
    value = given(body, name)
    number = _number(value)
    if number is None or number == 0:
        raise InvalidInputError(f"{name} is {shown(value)}; right would be a number above 0")
    return int(number * HOUR_US * (24 if name == "days" else 1))


def moment(value: object, name: str, zone: tzinfo, *, last: bool = False) -> int:
    """Microseconds since 1970 of a time in any of the accepted forms.

    last: the last microsecond that the form covers (of a date the day's, of a second its own).
    """
    refused = InvalidInputError(f"{name} is {shown(value)}; {_TIME_FORMS}")
    text = value.strip() if isinstance(value, str) else ""
    number = None if len(text) == 8 else _number(value)  # eight digits are a date: 20260131
    if number is not None:
        us, precision_us = int(number * 1000), 1000
    elif text and len(text) <= 64 and text.isascii():
        try:
            us, precision_us = _written(text, zone)
        except (ValueError, OverflowError):
            raise refused from None
    else:
        raise refused
    if not 0 <= us <= LATEST_US:
        raise InvalidInputError(
            f"{name} is {shown(value)}; right would be a time from 1970 to 2999"
        )
    return us + precision_us - 1 if last else us


def _written(text: str, zone: tzinfo) -> tuple[int, int]:
    if _STAMP.fullmatch(text):
        parsed = datetime.strptime(text, "%Y%m%d-%H%M%S").replace(tzinfo=zone)
        return to_us(parsed), 1_000_000
    if not _ISO.fullmatch(text):
        raise ValueError(text)
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=zone)
    if len(text) <= len("2026-01-31"):  # a date; days of a clock change have 23 or 25 hours
        next_day = (parsed + timedelta(days=1)).replace(tzinfo=zone)
        return to_us(parsed), to_us(next_day) - to_us(parsed)
    return to_us(parsed), 1000 if parsed.microsecond else 1_000_000
