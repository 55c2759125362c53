"""Whether a picture of an H.264 stream is missing, by the numbers that the pictures carry: pure.

A decoder fills in for lost data within a picture, and says so; a picture that is lost as a whole it
replaces by the one before, silently, and draws what follows on top of that. Pictures that others
depend on are numbered in turn (`frame_num`, ITU-T H.264, 7.4.3), so the gap can be seen. H.265 has
no such numbers; there the decoder notices.
"""

import re

_START_CODE = re.compile(rb"\x00\x00\x01")
_SLICE, _IDR_SLICE, _SPS = 1, 5, 7
_SLICE_BYTES = 24  # enough for the first four numbers of a slice
HEAD_BYTES = 2048  # of a packet: its first slice begins within these
_WITH_CHROMA_FORMAT = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


class Continuity:
    """Follows one stream; `extradata` is what its container says of it beforehand."""

    def __init__(self, extradata: bytes | None) -> None:
        self._length_bytes: int | None = None  # None: start codes between the units
        self._bits: int | None = None  # of a number; None: not known, or gaps are allowed
        self._has_planes = False
        self._last: int | None = None
        if extradata and extradata[0] == 1 and len(extradata) > 8:
            self._length_bytes = (extradata[4] & 3) + 1
            self._read_sps(extradata[8:])
        elif extradata:
            for unit in _by_start_codes(extradata):
                if unit[0] & 31 == _SPS:
                    self._read_sps(unit)

    def is_broken(self, packet: bytes) -> bool:
        """Whether a picture is missing before this packet, of which HEAD_BYTES are enough."""
        for unit in self._units(packet[:HEAD_BYTES]):
            kind = unit[0] & 31
            if kind == _SPS:
                self._read_sps(unit)
            elif kind in (_SLICE, _IDR_SLICE):
                return self._follow(unit)
        return False

    def _follow(self, unit: bytes) -> bool:
        if self._bits is None:
            return False
        reader = _Bits(unit[1:_SLICE_BYTES])
        try:
            for _ in range(3):  # first macroblock, type, parameter set
                reader.unsigned()
            if self._has_planes:
                reader.take(2)
            number = reader.take(self._bits)
        except IndexError:
            return False
        last = self._last
        if unit[0] >> 5 & 3:  # others depend on it
            self._last = number
        if last is None or unit[0] & 31 == _IDR_SLICE:
            return False
        return number not in (last, (last + 1) % (1 << self._bits))

    def _units(self, packet: bytes) -> list[bytes]:
        if self._length_bytes is None:
            return _by_start_codes(packet)
        units, at, size = [], 0, self._length_bytes
        while at + size < len(packet):
            length = int.from_bytes(packet[at : at + size], "big")
            units.append(packet[at + size : at + size + length])
            at += size + length
        return [unit for unit in units if unit]

    def _read_sps(self, unit: bytes) -> None:
        """Take what is needed of a sequence parameter set (7.3.2.1.1)."""
        reader = _Bits(unit[1:])
        try:
            bits, has_planes = _frame_number_bits(reader)
        except IndexError:
            bits, has_planes = None, False
        if bits != self._bits:
            self._last = None
        self._bits, self._has_planes = bits, has_planes


def _frame_number_bits(reader: "_Bits") -> tuple[int | None, bool]:
    """How long the numbers are (None: gaps are allowed), and whether planes are coded apart."""
    profile = reader.take(8)
    reader.take(16)
    reader.unsigned()
    has_planes = False
    if profile in _WITH_CHROMA_FORMAT:
        chroma = reader.unsigned()
        has_planes = chroma == 3 and bool(reader.take(1))
        reader.unsigned()
        reader.unsigned()
        reader.take(1)
        if reader.take(1):
            _skip_scaling_lists(reader, 12 if chroma == 3 else 8)
    bits = reader.unsigned() + 4
    order = reader.unsigned()
    if order == 0:
        reader.unsigned()
    elif order == 1:
        reader.take(1)
        for _ in range(2):
            reader.unsigned()
        for _ in range(reader.unsigned()):
            reader.unsigned()
    reader.unsigned()
    gaps_allowed = bool(reader.take(1))
    return (None if gaps_allowed or bits > 16 else bits), has_planes


def _skip_scaling_lists(reader: "_Bits", count: int) -> None:
    for number in range(count):
        if not reader.take(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + reader.signed()) % 256
            last = following or last


def _by_start_codes(data: bytes) -> list[bytes]:
    units = _START_CODE.split(data)[1:]
    return [unit for unit in units if unit]


class _Bits:
    """Bits and Exp-Golomb numbers (9.1) of a unit. Raises IndexError at the end."""

    def __init__(self, unit: bytes) -> None:
        self._data = unit.replace(b"\0\0\3", b"\0\0")
        self._at = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self._data[self._at >> 3]
            value = value << 1 | byte >> (7 - self._at & 7) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise IndexError
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)
