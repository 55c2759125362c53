"""What a detector says of one video."""

from dataclasses import dataclass, field

from .clips import Box


@dataclass(kw_only=True)
class Result:
    """`flags`: one for each frame, in order. `boxes`: the same, empty where a detector has none.

    `cpu_s`: CPU seconds of decoding and detecting.
    """

    flags: list[bool] = field(default_factory=list)
    boxes: list[list[Box]] = field(default_factory=list)
    cpu_s: float = 0.0
