"""`[camera.motion]`: how motion is found and which images are kept.

The names are those of the Motion daemon wherever it has one. Shares are of the picture, so that
they do not depend on its resolution, and times are in seconds, so that they do not on its rate.
"""

import re
from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_LEAST_AREA = 1e-6  # of the picture


class Section(BaseModel):
    """A table of storage.toml: unknown keys are refused, and what was read stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def parse_hours(text: str) -> tuple[time, time]:
    """Begin and end of `HH:MM-HH:MM`; 24:00 is midnight. Raises ValueError with what is right."""
    match = _HOURS.fullmatch(text)
    if match is None or (match[3] == "24" and match[4] != "00"):
        raise ValueError('a time of the day such as "22:00-06:00" is right')
    begin = time(int(match[1]), int(match[2]))
    end = time(int(match[3]) % 24, int(match[4]))
    if begin == end:
        raise ValueError("begin and end are the same; leave hours out for the whole day")
    return begin, end


def _known_hours(text: str) -> str:
    if text:
        parse_hours(text)
    return text


Share = Annotated[float, Field(ge=0, le=1)]
Polygon = tuple[tuple[Share, Share], ...]


def _has_area(polygon: Polygon) -> Polygon:
    following = (*polygon[1:], polygon[0])
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(polygon, following, strict=True))
    if abs(twice) < 2 * _LEAST_AREA:
        raise ValueError(
            "the corners lie on a line or cross over; three or more in order are right"
        )
    return polygon


class Area(Section):
    """A part of the picture, and when it is one."""

    polygon: Annotated[Polygon, AfterValidator(_has_area)] = Field(
        min_length=3,
        max_length=100,
        description="corners as shares of width and height, from the left top, [x, y] each",
    )
    hours: Annotated[str, AfterValidator(_known_hours)] = Field(
        "", description='time of the day at which it holds, as "22:00-06:00"; empty: always'
    )


class MaskSettings(Area):
    """What moves in this part of the picture is ignored."""


class ZoneSettings(Area):
    """A part of the picture with a threshold of its own."""

    threshold: float = Field(
        gt=0, le=1, description="share of the whole picture that must move in this zone"
    )


class MotionSettings(Section):
    """How motion is found and which images are kept."""

    threshold: float = Field(0.0005, gt=0, le=1, description="share of the picture that must move")
    threshold_maximum: float = Field(
        1.0, gt=0, le=1, description="a greater share of the picture is no motion; 1: no maximum"
    )
    noise_level: Literal["auto"] | Annotated[int, Field(ge=1, le=255)] = Field(
        "auto", description="difference in brightness (of 255) below which a pixel is unchanged"
    )
    despeckle_filter: str = Field(
        "auto",
        pattern="^(auto|[eEdD]{0,10}l?)$",
        description="how specks are removed: auto, steps of Motion as EedD, or empty: not at all",
    )
    lightswitch_percent: int = Field(
        40,
        ge=0,
        le=100,
        description="percent of the picture that changes at once: a light, no motion; 0: never",
    )
    smart_mask_speed: int = Field(
        0,
        ge=0,
        le=10,
        description="how fast places that always move are learned as ignored; 0: no",
    )
    mask_file: str = Field(
        "", max_length=4096, description="a PGM or PNG picture, black where motion is ignored"
    )
    mask: tuple[MaskSettings, ...] = Field((), max_length=50, description="ignored areas")
    zone: tuple[ZoneSettings, ...] = Field((), max_length=50, description="areas of their own")
    minimum_motion_frames: int = Field(
        3, ge=1, le=100, description="frames with motion in a row before an event opens"
    )
    pre_capture: float = Field(1.0, ge=0, le=30, description="seconds kept before the motion")
    post_capture: float = Field(2.0, ge=0, le=300, description="seconds kept after the motion")
    event_gap: float = Field(
        10.0, ge=0, le=3600, description="seconds without motion that end an event"
    )
    framerate: float = Field(
        0, ge=0, le=240, description="images per second to look at and save at most; 0: all of them"
    )
    save_framerate: float = Field(
        0, ge=0, le=240, description="images per second to save at most, evenly; 0: all of them"
    )
    picture_output: Literal["all", "first", "best", "center"] = Field(
        "all", description="which images of an event are saved: all of them, or one"
    )
    snapshot_interval: int = Field(
        0, ge=0, le=604_800, description="seconds between images saved whatever moves; 0: none"
    )
    picture_quality: int = Field(80, ge=1, le=100, description="JPEG quality")

    @model_validator(mode="after")
    def _can_be_motion(self) -> "MotionSettings":
        least = min([self.threshold, *(zone.threshold for zone in self.zone)])
        if self.threshold_maximum < least:
            raise ValueError(
                f"threshold_maximum is {self.threshold_maximum:g} and every threshold at least"
                f" {least:g}, so nothing would be motion; a larger threshold_maximum is right"
            )
        return self
