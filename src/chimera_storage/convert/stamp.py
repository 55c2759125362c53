"""Time and camera, drawn into the lower left corner of a picture.

FFmpeg's own text filter is not in every build of it and wants a font file, which a server often
has none of. These are the 5 × 7 dots of old displays; capitals are enough for a name.
"""

import unicodedata
from collections.abc import Iterator
from datetime import tzinfo
from functools import lru_cache

import numpy as np
from av.video.frame import VideoFrame

from chimera_storage.clock import from_us
from chimera_storage.convert.pictures import Rows, rows_of

_ROWS, _COLUMNS = 7, 5
_PICTURE_ROWS_PER_DOT = 240  # 1080p: dots of 4 pixels, letters of 28
_BLACK, _WHITE, _NO_COLOUR = 16, 235, 128
# Of each character seven rows from the top, a row five bits, the highest at the left.
_GLYPHS = {
    " ": "00000000000000", "0": "0E11131519110E", "1": "040C040404040E", "2": "0E11010204081F",
    "3": "1F02040201110E", "4": "02060A121F0202", "5": "1F101E0101110E", "6": "0608101E11110E",
    "7": "1F010204080808", "8": "0E11110E11110E", "9": "0E11110F01020C", "A": "0E1111111F1111",
    "B": "1E11111E11111E", "C": "0E11101010110E", "D": "1C12111111121C", "E": "1F10101E10101F",
    "F": "1F10101E101010", "G": "0E11101711110F", "H": "1111111F111111", "I": "0E04040404040E",
    "J": "0702020202120C", "K": "11121418141211", "L": "1010101010101F", "M": "111B1515111111",
    "N": "11111915131111", "O": "0E11111111110E", "P": "1E11111E101010", "Q": "0E11111115120D",
    "R": "1E11111E141211", "S": "0F10100E01011E", "T": "1F040404040404", "U": "1111111111110E",
    "V": "11111111110A04", "W": "1111111515150A", "X": "11110A040A1111", "Y": "1111110A040404",
    "Z": "1F01020408101F", "-": "0000001F000000", ":": "000C0C000C0C00", ".": "00000000000C0C",
    ",": "000000000C0408", "/": "00010204081000", "(": "02040808080402", ")": "08040202020408",
    "_": "0000000000001F", "'": "0C040800000000", "+": "0004041F040400", "&": "0C12140815120D",
    "#": "0A0A1F0A1F0A0A", "?": "0E110102040004",
}  # fmt: skip


class Stamp:
    """Draws into limited-range yuv420p frames; thread-safe."""

    def __init__(self, name: str, camera: int, zone: tzinfo) -> None:
        """A name that these letters cannot say is the camera's number instead."""
        letters = _letters(name)
        self.name = f"CAMERA {camera}" if letters.count("?") * 2 > len(letters) else letters
        self._zone = zone

    def draw(self, frame: VideoFrame, taken_at_us: int) -> None:
        """Write when the picture was taken, to the second, and the camera's name."""
        taken = from_us(taken_at_us).astimezone(self._zone)
        text = f"{taken:%Y-%m-%d %H:%M:%S} {self.name}"
        columns = (_COLUMNS + 1) * len(text) + 3
        scale = max(1, min(frame.height // _PICTURE_ROWS_PER_DOT, frame.width // columns))
        for number, plane in enumerate(frame.planes):
            dots = _box(text, scale)
            if number:
                dots = np.full((-(-dots.shape[0] // 2), -(-dots.shape[1] // 2)), _NO_COLOUR)
            rows = rows_of(plane)
            dots = dots[: rows.shape[0], : rows.shape[1]]
            rows[rows.shape[0] - dots.shape[0] :, : dots.shape[1]] = dots


@lru_cache(maxsize=64)
def _box(text: str, scale: int) -> Rows:
    """The text in white on black, height × width, even."""
    dots = np.full((_ROWS + 3, (_COLUMNS + 1) * len(text) + 3), _BLACK, np.uint8)
    for number, letter in enumerate(text):
        x = 2 + number * (_COLUMNS + 1)
        for y, bits in enumerate(_rows_of_letter(letter)):
            dots[2 + y, x : x + _COLUMNS][bits] = _WHITE
    large = dots.repeat(scale, axis=0).repeat(scale, axis=1)
    return large[: large.shape[0] // 2 * 2, : large.shape[1] // 2 * 2]


def _rows_of_letter(letter: str) -> Iterator[list[bool]]:
    for row in bytes.fromhex(_GLYPHS[letter]):
        yield [bool(row >> (_COLUMNS - 1 - column) & 1) for column in range(_COLUMNS)]


def _letters(name: str) -> str:
    """Capitals without accents; what there is no glyph for becomes a question mark."""
    plain = unicodedata.normalize("NFKD", name.upper())
    bare = (letter for letter in plain if not unicodedata.combining(letter))
    return "".join(letter if letter in _GLYPHS else "?" for letter in bare)[:40]
