"""Whether bytes are a whole JPEG, by its markers (ITU-T T.81, annex B); nothing is decoded."""

from enum import Enum, auto

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Wholeness(Enum):
    """How much of a JPEG there is."""

    WHOLE = auto()
    CUT_SHORT = auto()  # begins as one and has no end: the upper part can be shown
    NONE = auto()  # nothing that could be shown


def wholeness(data: bytes) -> Wholeness:
    """What `data` is. Bytes after the end do no harm: some cameras fill up with zeros.

    Damage within the compressed picture is not seen here; a checksum sees it.
    """
    if not data.startswith(b"\xff\xd8"):
        return Wholeness.NONE
    at, framed = 2, False
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker == 0xDA:  # the picture itself begins
            ends = data.find(b"\xff\xd9", at) >= 0
            if not framed:
                return Wholeness.NONE
            return Wholeness.WHOLE if ends else Wholeness.CUT_SHORT
        else:
            framed = framed or marker in _START_OF_FRAME
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    # The headers are cut off, or lead nowhere.
    return Wholeness.CUT_SHORT if framed and at >= len(data) else Wholeness.NONE
