"""Files of a Motion daemon → option names and values.

An option a line, `key value` or `key=value`; `#` and `;` begin a comment, quotation marks around a
value are taken off. `camera FILE` and `camera_dir FOLDER` name further files, a camera each, which
begins with what was set before that line. A `camera_dir` that is not there is looked for beside the
file: Chimera's are paths inside of a container.
"""

from dataclasses import dataclass, field
from pathlib import Path

from chimera_storage.errors import ConfigurationError

MAX_BYTES = 1_000_000

# Names of older versions that mean the same as today's.
_ALIASES = {
    "thread": "camera",
    "v4l2_device": "video_device",
    "videodevice": "video_device",
    "netcam_highres": "netcam_high_url",
    "rtsp_uses_tcp": "netcam_use_tcp",
    "lightswitch": "lightswitch_percent",
    "despeckle": "despeckle_filter",
    "gap": "event_gap",
    "output_pictures": "picture_output",
    "output_normal": "picture_output",
    "quality": "picture_quality",
}


@dataclass(slots=True, kw_only=True)
class ConfFile:
    """What one file says. `inherited`: what was set in the main file before it was named."""

    path: Path
    own: dict[str, str] = field(default_factory=dict)
    inherited: dict[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, str]:
        """All that holds for the camera of this file."""
        return {**self.inherited, **self.own}


def parse_files(path: Path) -> tuple[ConfFile, list[ConfFile], list[str]]:
    """The main file, those of its cameras, and a sentence for each that cannot be read.

    Raises ConfigurationError where the main file cannot be read.
    """
    main = ConfFile(path=path)
    cameras: list[ConfFile] = []
    problems: list[str] = []
    for key, value in _lines(path):
        if key not in ("camera", "camera_dir"):
            main.own[key] = value
            continue
        named = path.parent / value
        if key == "camera_dir" and not named.is_dir():
            # In a container it may have been mounted elsewhere.
            beside = path.parent / Path(value).name
            named = beside if beside.is_dir() else named
        if key == "camera_dir" and not named.is_dir():
            problems.append(f"camera_dir {named} is no folder that can be read")
        for file in sorted(named.glob("*.conf")) if key == "camera_dir" else [named]:
            try:
                own = {k: v for k, v in _lines(file) if k not in ("camera", "camera_dir")}
            except ConfigurationError as error:
                problems.append(str(error))
                continue
            cameras.append(ConfFile(path=file, own=own, inherited=dict(main.own)))
    return main, cameras, problems


def _lines(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", errors="replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "that is no path"
        raise ConfigurationError(
            f"{path}, which should be a motion.conf, cannot be read: {reason}"
        ) from None
    pairs = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        end = next((n for n, char in enumerate(stripped) if char in " \t="), len(stripped))
        key = stripped[:end].lower()
        pairs.append((_ALIASES.get(key, key), _unquoted(stripped[end:].lstrip(" \t="))))
    return pairs


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1].strip()
    return value
