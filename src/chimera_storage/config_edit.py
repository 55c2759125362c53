"""Changes to the cameras of a storage.toml, as text → text: what is not changed stays as it was.

Of the text only the part of the camera concerned is touched, from the comments right above its
`[[camera]]` to those of what follows; within it tomlkit keeps comments, order and blank lines.
Pure; whoever writes the text reads it back first, as what counts is what it then says.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, InlineTable

Values = Mapping[str, Any]

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.\-\"' ]+?)\s*\]\]?\s*(#.*)?")
_CAMERA = re.compile(r"\s*\[\[\s*camera\s*\]\]\s*(#.*)?")
_SECTIONS = ("motion", "retention")  # tables of a camera
_AREAS = ("mask", "zone")  # arrays of tables of [camera.motion]


def has_cameras(text: str) -> bool:
    """Whether a camera stands in the text."""
    return "camera" in tomlkit.parse(text)


def with_camera(text: str, camera: Values) -> str:
    """The text with one more camera after the last. `camera`: keys and tables as in the file."""
    parts, numbers = _parts(text)
    table = tomlkit.table()
    for key, value in camera.items():
        if key not in _SECTIONS and value is not None:
            table[key] = value
    for section in _SECTIONS:
        for key, value in camera.get(section, {}).items():
            if value is not None:
                _set(_section(table, section), key, value)
    document = tomlkit.document()
    document["camera"] = tomlkit.aot()
    cameras: Any = document["camera"]
    cameras.append(table)
    where = numbers[-1] + 1 if numbers else len(parts)
    parts.insert(where, tomlkit.dumps(document))
    return _joined(parts, where)


def without_camera(text: str, camera: int) -> str:
    """The text without a camera and the comments on it. Raises LookupError where it has none.

    Comments after it that an empty line sets apart are about something else, and stay.
    """
    parts, numbers = _parts(text)
    where, _ = _found(parts, numbers, camera)
    parts[where] = _set_apart(parts[where])
    return "".join(parts)


def with_changed_camera(text: str, camera: int, changes: Values) -> str:
    """The text with some keys of a camera changed; a value None takes the key out.

    `changes` has the file's shape and only what differs: `{"motion": {"threshold": 0.01}}`. Raises
    LookupError where the camera does not stand in the text as a `[[camera]]`.
    """
    parts, numbers = _parts(text)
    where, document = _found(parts, numbers, camera)
    table = document["camera"][0]
    for key, value in changes.items():
        if key in _SECTIONS:
            for inner, inner_value in value.items():
                _set(_section(table, key), inner, inner_value)
        else:
            _set(table, key, value)
    parts[where] = tomlkit.dumps(document)
    return _joined(parts, where)


def differences(before: Values, after: Values) -> dict[str, Any]:
    """What of `after` is not as in `before`, in the same shape."""
    changes: dict[str, Any] = {}
    for key, value in after.items():
        if key in _SECTIONS:
            inner = differences(before.get(key, {}), value)
            if inner:
                changes[key] = inner
        elif before.get(key) != value:
            changes[key] = value
    return changes


def _parts(text: str) -> tuple[list[str], list[int]]:
    """The text in pieces, and which of them are cameras; joined they are the text again."""
    lines = text.splitlines(keepends=True)
    starts: list[tuple[int, bool]] = [(0, False)]  # line, whether a camera
    for number, line in enumerate(lines):
        header = _HEADER.fullmatch(line.rstrip("\r\n"))
        if header is None or header[1].replace(" ", "").startswith("camera."):
            continue
        begin = number
        while begin > starts[-1][0] and lines[begin - 1].lstrip().startswith("#"):
            begin -= 1
        starts.append((begin, _CAMERA.fullmatch(line.rstrip("\r\n")) is not None))
    ends = [start for start, _ in starts[1:]] + [len(lines)]
    pieces = ["".join(lines[begin:end]) for (begin, _), end in zip(starts, ends, strict=True)]
    return pieces, [number for number, (_, is_camera) in enumerate(starts) if is_camera]


def _found(parts: list[str], numbers: list[int], camera: int) -> tuple[int, Any]:
    for number in numbers:
        try:
            document: Any = tomlkit.parse(parts[number])
        except TOMLKitError:
            continue
        if document["camera"][0].get("id") == camera:
            return number, document
    raise LookupError(f"camera {camera} does not stand in the file as a [[camera]] of its own")


def _set_apart(part: str) -> str:
    """The comments at the end of a camera's part, from the first empty line on; "": none."""
    lines = part.splitlines(keepends=True)
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    after = lines[end:]
    while after and after[0].strip():
        del after[0]
    rest = "".join(after)
    return rest.lstrip("\r\n") if rest.strip() else ""


def _joined(parts: list[str], changed: int) -> str:
    """The whole text, with an empty line around what was changed."""
    parts = list(parts)
    if changed and parts[changed - 1].strip():
        parts[changed - 1] = _spaced(parts[changed - 1])
    if any(part.strip() for part in parts[changed + 1 :]):
        parts[changed] = _spaced(parts[changed])
    return "".join(parts)


def _spaced(part: str) -> str:
    """Ends with an empty line."""
    end = "\r\n" if "\r\n" in part else "\n"
    part = part if part.endswith(end) else part + end
    return part if part.endswith(2 * end) else part + end


def _section(table: Any, name: str) -> Any:
    if isinstance(table.get(name), InlineTable):  # which cannot hold tables of its own
        values = table.pop(name).unwrap()
        _section(table, name).update(values)
    if name not in table:
        _end_with_empty_line(table)
        table[name] = tomlkit.table()
    return table[name]


def _set(table: Any, key: str, value: Any) -> None:
    if value is None:
        table.pop(key, None)
    elif key in _AREAS:
        _set_areas(table, key, value)
    else:
        table[key] = value  # a new one comes before the tables below, as it has to


def _set_areas(table: Any, key: str, areas: Sequence[Values]) -> None:
    present = table.get(key)
    if not areas or not isinstance(present, AoT):
        table.pop(key, None)
    if not areas:
        return
    if not isinstance(present, AoT):
        _end_with_empty_line(table)
        table[key] = tomlkit.aot()
        present = table[key]
    for number, area in enumerate(areas):
        if number == len(present):
            if number:
                _end_with_empty_line(present[number - 1])
            present.append(tomlkit.table())
        for name, value in area.items():
            if present[number].get(name) != value:
                present[number][name] = value
        for name in [name for name in present[number] if name not in area]:
            del present[number][name]
    while len(present) > len(areas):
        del present[len(present) - 1]


def _end_with_empty_line(table: Any) -> None:
    if table and not table.as_string().endswith("\n\n"):
        table.add(tomlkit.nl())
