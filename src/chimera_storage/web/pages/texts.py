"""What a person reads, in the languages that there are: one flat catalogue file for each.

`texts/<language>.json` maps "page.key" to a text with {placeholders}. A text that depends on a
number `n` stands under "<key>_one" and "<key>_other". Modules in the browser get the part of a
catalogue that their page names, and read it with `static/text.js`, which does the same.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español"}  # each by its own name
DEFAULT = "en"

_FOLDER = Path(__file__).parent / "texts"
_MARKS = {"en": (",", "."), "de": (".", ","), "es": (".", ",")}  # between thousands; decimal
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_MOST_PREFERRED = 20


class Speaker:
    """One language's texts and numbers."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def t(self, key: str, /, **values: Any) -> Markup:
        """The text, its placeholders filled in and escaped for HTML; `n` chooses the plural.

        Raises KeyError for a key or a placeholder that is not there.
        """
        if "n" in values:
            n = values["n"]
            if f"{key}_other" in self._texts:
                key = f"{key}_one" if n == 1 else f"{key}_other"
            values["n"] = self.number(n)
        return escape(self._texts[key]).format_map(values)

    def number(self, value: float, digits: int = 0) -> str:
        """1234567.8 with one digit as "1,234,567.8" or "1.234.567,8"."""
        thousands, decimal = _MARKS[self.language]
        text = f"{value:,.{digits}f}"
        if self.language == "es" and abs(value) < 10_000:  # Spanish groups from five digits on
            text = text.replace(",", "")
        return text.translate({ord(","): thousands, ord("."): decimal})

    def size(self, n_bytes: int) -> str:
        """Bytes in decimal units with one digit: "443.5 kB"."""
        value, unit = float(n_bytes), 0
        while value >= 999.95 and unit < len(_UNITS) - 1:
            value, unit = value / 1000, unit + 1
        return f"{self.number(value, 1 if unit else 0)} {_UNITS[unit]}"

    def part(self, pages: Sequence[str]) -> dict[str, str]:
        """The texts of these pages, for their modules."""
        return {key: text for key, text in self._texts.items() if key.partition(".")[0] in pages}


@cache
def speaker(language: str) -> Speaker:
    """Raises KeyError for a language that there is none of."""
    if language not in LANGUAGES:
        raise KeyError(language)
    return Speaker(language, json.loads((_FOLDER / f"{language}.json").read_text("utf-8")))


def preferred(accept_language: str) -> str:
    """The first language of ours that the header of this name asks for (RFC 9110, 12.5.4)."""
    wanted = []
    for place, part in enumerate(accept_language.split(",")[:_MOST_PREFERRED]):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        wanted.append((-quality, place, tag.partition("-")[0].strip().lower()))
    for quality, _, language in sorted(wanted):
        if language in LANGUAGES and quality < 0:
            return language
    return DEFAULT
