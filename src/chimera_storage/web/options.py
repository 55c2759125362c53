"""A client's options of a video or an archive, read as leniently as everything else it sends."""

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from chimera_storage.errors import InvalidInputError
from chimera_storage.options import Options
from chimera_storage.web import parsing


def read_options(kind: type[Options], body: Mapping[str, Any]) -> Options:
    """The fields of the body that are options of this kind.

    Numbers and truth values may be text; absent, null and blank ones keep their default. Raises
    InvalidInputError with what would be right.
    """
    values = {}
    for name, field in kind.model_fields.items():
        value = parsing.given(body, name)
        if value is not None:
            values[name] = _read(body, name, field)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InvalidInputError(str(error.errors()[0]["ctx"]["error"])) from None


def _read(body: Mapping[str, Any], name: str, field: FieldInfo) -> object:
    """One field by its type: one of some words, a truth value, or a whole number."""
    if get_origin(field.annotation) is Literal:
        return _word(body, name, get_args(field.annotation))
    if field.annotation is bool:
        return parsing.yes_or_no(body, name, default=False)
    least = next(bound.ge for bound in field.metadata if hasattr(bound, "ge"))
    most = next(bound.le for bound in field.metadata if hasattr(bound, "le"))
    return parsing.whole(body, name, default=0, least=least, most=most)


def _word(body: Mapping[str, Any], name: str, words: tuple[str, ...]) -> str:
    value = body[name]
    text = value.strip().lower() if isinstance(value, str) else value
    if isinstance(text, str) and text in words:
        return text
    raise InvalidInputError(
        f"{name} is {parsing.shown(value)}; right would be one of {', '.join(words)}"
    )
