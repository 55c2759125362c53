"""Options of Motion → `[camera.motion]`, with a note wherever the meaning is not the same.

Motion counts pixels and frames; here they become shares of the picture and seconds. Values outside
what is allowed here are brought to its border.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chimera_storage.motion_settings import MotionSettings

FRAMERATE, WIDTH, HEIGHT, NOISE_LEVEL = 15, 640, 480, 32  # Motion's defaults
SETTLING_S = 0.5  # seconds of pre_capture below which the first moments may be missing
_PICTURE_OUTPUT = {"on": "all", "first": "first", "best": "best", "center": "center"}

CARRIED = frozenset(
    {
        "despeckle_filter",
        "event_gap",
        "framerate",
        "height",
        "lightswitch_percent",
        "mask_file",
        "minimum_frame_time",
        "minimum_motion_frames",
        "noise_level",
        "noise_tune",
        "picture_output",
        "picture_quality",
        "post_capture",
        "pre_capture",
        "smart_mask_speed",
        "snapshot_interval",
        "threshold",
        "threshold_maximum",
        "width",
    }
)


class Carrier:
    """The options of one camera. `notes` grows by a sentence for each that changed its meaning."""

    def __init__(self, conf: Mapping[str, str], folder: Path) -> None:
        self._conf = conf
        self._folder = folder
        self.notes: list[str] = []

    def motion(self) -> dict[str, Any]:
        """The table `[camera.motion]`; only what the file sets."""
        table: dict[str, Any] = {}
        table |= self._thresholds()
        table |= self._noise()
        table |= self._suppression()
        table |= self._times()
        table |= self._pictures()
        return {key: value for key, value in table.items() if value is not None}

    def rate(self) -> float | None:
        """Pictures a second, where the file says how many."""
        seconds = self._whole("minimum_frame_time", 0, 86_400)
        if seconds:
            return 1 / seconds
        return self._whole("framerate", 2, 100)

    def _thresholds(self) -> dict[str, Any]:
        width = self._whole("width", 1, 100_000) or WIDTH
        height = self._whole("height", 1, 100_000) or HEIGHT
        least = self._whole("threshold", 1, width * height)
        most = self._whole("threshold_maximum", 0, width * height)
        table = {}
        if least is not None:
            table["threshold"] = max(round(least / (width * height), 6), 1e-6)
            self.notes.append(
                f"threshold: {least} pixels of {width}x{height} are {table['threshold']:g} of the"
                f" picture; the default here is {MotionSettings().threshold:g}"
            )
        if most and most > (least or 0):
            table["threshold_maximum"] = max(round(most / (width * height), 6), 1e-6)
        return table

    def _noise(self) -> dict[str, Any]:
        level = self._whole("noise_level", 1, 255)
        if self._is_off("noise_tune"):
            return {"noise_level": level or NOISE_LEVEL}
        if level is not None:
            self.notes.append('noise_level: tuned by itself (noise_tune was on): "auto"')
        return {}

    def _suppression(self) -> dict[str, Any]:
        steps = self._conf.get("despeckle_filter", "")
        if re.fullmatch("[eEdDl]+", steps):
            self.notes.append(
                f'despeckle_filter: "auto" removes specks without losing small things; "{steps}"'
                " would act on a picture shrunken to about 480x270"
            )
        elif steps:
            self.notes.append("despeckle_filter: its value is not known; the default is kept")
        light = self._whole("lightswitch_percent", 0, 100)
        if light == 0:
            self.notes.append("lightswitch_percent: 0 was Motion's default; 40 is that of here")
        return {
            "lightswitch_percent": light or None,
            "smart_mask_speed": self._whole("smart_mask_speed", 0, 10),
            "mask_file": self._mask_file(),
        }

    def _mask_file(self) -> str | None:
        value = self._conf.get("mask_file", "")
        if not value or value == "(null)":
            return None
        path = self._folder.absolute() / value
        try:
            is_there = path.is_file()
        except (OSError, ValueError):
            is_there = False
        if not is_there:
            self.notes.append("mask_file: there is no such file; set mask_file where it is found")
            return None
        return str(path)

    def _times(self) -> dict[str, Any]:
        gap = self._conf.get("event_gap", "").strip()
        if gap.startswith("-"):
            self.notes.append(
                "event_gap: events cannot be switched off; they last an hour at least"
            )
            gap_s: int | None = 3600
        else:
            gap_s = self._whole("event_gap", 0, 3600)
        return {
            "minimum_motion_frames": self._whole("minimum_motion_frames", 1, 100),
            "event_gap": gap_s,
            "pre_capture": self._seconds("pre_capture", 30),
            "post_capture": self._seconds("post_capture", 300),
            "framerate": self.rate(),
        }

    def _seconds(self, key: str, most_s: int) -> float | None:
        frames = self._whole(key, 0, 1_000_000)
        if frames is None:
            return None
        rate = self.rate() or FRAMERATE
        seconds = frames / rate
        if seconds > most_s:
            self.notes.append(f"{key}: at most {most_s} seconds are allowed")
        if key == "pre_capture" and seconds < SETTLING_S:
            self.notes.append(
                f"{key}: {frames} frames are {seconds:.2g} s, but a thing is sure to be one only"
                " after some 0.3 s, which are among them; the default here is 1.0"
            )
        return min(round(seconds, 3), float(most_s))

    def _pictures(self) -> dict[str, Any]:
        output = self._conf.get("picture_output", "").lower()
        if output and output not in _PICTURE_OUTPUT:
            self.notes.append(
                'picture_output: it saved no images, which is all that this server does: "all"'
            )
        return {
            "picture_output": _PICTURE_OUTPUT.get(output),
            "snapshot_interval": self._whole("snapshot_interval", 0, 604_800),
            "picture_quality": self._whole("picture_quality", 1, 100),
        }

    def _is_off(self, key: str) -> bool:
        return self._conf.get(key, "").lower() in ("off", "no", "false", "0")

    def _whole(self, key: str, least: int, most: int) -> int | None:
        """A whole number brought between the two; None where the file has none."""
        value = self._conf.get(key, "").strip()
        if not value:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            self._note_once(f"{key}: it is no whole number; the default is kept")
            return None
        number = int(value)
        if not least <= number <= most:
            self._note_once(f"{key}: brought to the nearest that is allowed, {least} to {most}")
        return min(max(number, least), most)

    def _note_once(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
