"""What an archive says of itself: each image, and the times without one, as JSON and CSV.

Written before any image is read, with room left for what only the reading tells (size as it is, and
SHA-256): so the length is known in advance, and the list comes last in an archive that is sent
while it is made.
"""

import json
from collections.abc import Callable
from typing import Any, BinaryIO

from chimera_storage.archive.index.image_rows import boxes_of
from chimera_storage.archive.layout import SECOND_US, Layout
from chimera_storage.clock import from_us
from chimera_storage.convert.selection import Selection

JSON, CSV, GAPS = "manifest.json", "manifest.csv", "gaps.csv"
GAP_S = 60  # a longer time without an image is a gap

_SIZE_WIDTH = 10
_HASH_WIDTH = 64
_JSON_BETWEEN = ',"sha256":'
_JSON_SLOT = " " * (_SIZE_WIDTH + len(_JSON_BETWEEN) + _HASH_WIDTH + 2)
_CSV_SLOT = " " * (_SIZE_WIDTH + 1 + _HASH_WIDTH)
_CSV_HEAD = "file,time,size,sha256,width,height,score,boxes,event\n"
_GAPS_HEAD = "from,to,seconds\n"


class Manifest:
    """Writes the three files. `suffix`: what flat images have at the end of their names."""

    def __init__(
        self,
        layout: Layout,
        selection: Selection,
        open_part: Callable[[str], BinaryIO],
        *,
        suffix: str,
    ) -> None:
        self.files = {name: open_part(name) for name in (JSON, CSV, GAPS)}
        self._layout = layout
        self._selection = selection
        self._suffix = suffix
        self._at = dict.fromkeys(self.files, 0)
        self._last_us = selection.start_us
        self._gaps: list[dict[str, Any]] = []
        self._is_first = True
        head = {
            "camera": selection.camera,
            "start": _time(selection.start_us),
            "end": _time(selection.end_us),
            "skip": selection.skip,
        }
        self._write(JSON, json.dumps(head)[:-1] + ',\n"images": [')
        self._write(CSV, _CSV_HEAD)
        self._write(GAPS, _GAPS_HEAD)

    def add(self, rows: list[tuple[Any, ...]]) -> list[tuple[int, int]]:
        """Rows as `contents` reads them → where the room in JSON and in CSV begins."""
        places = []
        paths = self._layout.image_paths(
            self._selection.camera, ((row[0], row[1], row[4], row[2]) for row in rows)
        )
        for path, row in zip(paths, rows, strict=True):
            second, _, _, _, flat, fraction_us, width, height, score, packed, event = row
            name = path.rpartition("/")[2]
            if flat and self._suffix:
                name = f"{name[:-4]}{self._suffix}.jpg"
            taken_us = second * SECOND_US + fraction_us
            self._gap(taken_us)
            time, begun = _time(taken_us), None if event is None else _time(event)
            boxes = [tuple(box) for box in boxes_of(packed)]
            rest = {"width": width, "height": height, "score": score, "boxes": boxes}
            comma = "" if self._is_first else ","
            self._is_first = False
            before = f'{comma}\n{{"file":"{name}","time":"{time}","size":'
            json_at = self._at[JSON] + len(before)
            after = json.dumps(rest | {"event": begun}, separators=(",", ":"))
            self._write(JSON, f"{before}{_JSON_SLOT},{after[1:]}")
            before = f"{name},{time},"
            csv_at = self._at[CSV] + len(before)
            listed = " ".join(":".join(map(str, box)) for box in boxes)
            share = "" if score is None else score
            self._write(
                CSV, f"{before}{_CSV_SLOT},{width},{height},{share},{listed},{begun or ''}\n"
            )
            places.append((json_at, csv_at))
        return places

    def end(self) -> dict[str, int]:
        """The names and bytes of the files, which are complete but for the rooms left."""
        self._gap(self._selection.end_us)
        self._write(JSON, f'\n],\n"gaps": {json.dumps(self._gaps)}}}\n')
        for file in self.files.values():
            file.flush()
        return dict(self._at)

    @staticmethod
    def slots(size: int | None, sha256: str) -> dict[str, bytes]:
        """What goes into the rooms; `size` None: the image is not in the archive."""
        if size is None:
            in_json = f"{'null':>{_SIZE_WIDTH}}{_JSON_BETWEEN}null"
            return {
                JSON: in_json.ljust(len(_JSON_SLOT)).encode(),
                CSV: ("," + "missing").rjust(_SIZE_WIDTH + 8).ljust(len(_CSV_SLOT)).encode(),
            }
        return {
            JSON: f'{size:{_SIZE_WIDTH}}{_JSON_BETWEEN}"{sha256}"'.encode(),
            CSV: f"{size:{_SIZE_WIDTH}},{sha256}".encode(),
        }

    def _gap(self, until_us: int) -> None:
        seconds = (until_us - self._last_us) / SECOND_US
        if seconds > GAP_S:
            begin, end = _time(self._last_us), _time(until_us)
            self._gaps.append({"from": begin, "to": end, "seconds": seconds})
            self._write(GAPS, f"{begin},{end},{seconds}\n")
        self._last_us = until_us

    def _write(self, name: str, text: str) -> None:
        self._at[name] += self.files[name].write(text.encode("ascii"))


def _time(us: int) -> str:
    return from_us(us).isoformat(timespec="milliseconds").replace("+00:00", "Z")
