"""What a check of the archive finds, and what it comes to."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

_NAMED = 1000  # of each kind are named one by one, the others counted


class Kind(StrEnum):
    """What is wrong with a file or a row."""

    INDEX = "index"  # there is none, or it is damaged
    ORPHAN = "orphan"  # an image without a row
    MISSING = "missing"  # a row without an image
    CHANGED = "changed"  # the image is not what was saved
    NO_IMAGE = "no_image"  # under an image's name is nothing that could be shown
    UNREADABLE = "unreadable"
    SIDECAR = "sidecar"  # what is kept beside the images differs from index or image
    EVENT = "event"  # an event of images that the index does not know
    TOTALS = "totals"  # an hour's totals are not the sums of its rows
    LEFTOVER = "leftover"  # a temporary file that nobody writes to any more
    OUTPUT_ORPHAN = "output_orphan"  # a finished conversion without a row
    OUTPUT_MISSING = "output_missing"  # a row of a finished conversion without its file
    OUTPUT_CHANGED = "output_changed"  # a finished conversion of another size
    CUT_SHORT = "cut_short"  # an image without an end, known as it is
    UNREAD = "unread"  # an image whose content the index does not know yet

    @property
    def is_problem(self) -> bool:
        """Whether something disagrees; the others are only said."""
        return self not in (Kind.CUT_SHORT, Kind.UNREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found. `path` is relative to the folder of captures, or to the data folder."""

    kind: Kind
    path: str
    detail: str = ""


@dataclass(slots=True)
class Report:
    """What a check came to.

    `images` and `size` (bytes) are of the files read. `found` and `mended` count by kind; `named`
    holds the first thousand findings of each kind. `stopped` says in a sentence why nothing was
    repaired although it was asked for.
    """

    images: int = 0
    size: int = 0
    found: Counter[Kind] = field(default_factory=Counter)
    mended: Counter[Kind] = field(default_factory=Counter)
    named: list[Finding] = field(default_factory=list)
    stopped: str | None = None

    def add(self, kind: Kind, path: str, detail: str = "") -> None:
        """Takes a finding in."""
        self.found[kind] += 1
        if self.found[kind] <= _NAMED:
            self.named.append(Finding(kind=kind, path=path, detail=detail))

    @property
    def left(self) -> int:
        """Problems that are still there."""
        kinds = (kind for kind in self.found if kind.is_problem)
        return sum(self.found[kind] - self.mended[kind] for kind in kinds)
