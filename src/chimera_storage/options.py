"""What a video or an archive may be asked to be beyond the seed: one validated value for each.

A default changes nothing: a client that names no option gets what it always got. The options stand
as JSON in the conversion's row, in its process's job and in what clients are told of it; what is
not in it has its default, so that a new option needs no new form of the index.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LEAST_HEIGHT, MOST_HEIGHT = 16, 4320

Codec = Literal["h264", "h265", "av1", "mjpeg"]
Quality = Literal["low", "normal", "high"]
Pace = Literal["even", "real", "smart"]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> str:
        """Only what differs from the defaults; `{}` where nothing does."""
        return self.model_dump_json(exclude_defaults=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for what `to_json` cannot have written."""
        return cls.model_validate_json(text)


class VideoOptions(_Options):
    """How a video is made. Raises ValueError (pydantic) for values that do not go together."""

    height: int | None = Field(
        None, ge=LEAST_HEIGHT, le=MOST_HEIGHT, description="in pixels; default: as the images"
    )
    quality: Quality = Field("normal", description="low makes small files, high large ones")
    codec: Codec = Field("h264", description="mjpeg copies the images without encoding them")
    timestamps: bool = Field(False, description="draw time and camera into the picture")
    pace: Pace = Field(
        "even",
        description="even: `fps` images a second; real: as long as it really took;"
        " smart: real while something moves, fast in between",
    )

    @model_validator(mode="after")
    def _copied_images_stay_as_they_are(self) -> Self:
        changed = self.height is not None or self.quality != "normal" or self.timestamps
        if self.codec == "mjpeg" and changed:
            raise ValueError(
                "codec mjpeg copies the images as they are; right would be another codec,"
                " or no height, quality and timestamps"
            )
        return self


class ZipOptions(_Options):
    """How an archive is made."""

    manifest: bool = Field(
        False, description="put in a list of the images with SHA-256, score and boxes, and the gaps"
    )


Options = VideoOptions | ZipOptions
