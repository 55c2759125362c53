"""Devices that decode video: which of them this machine has, and a decoder on one of them.

A device counts where its node is there and FFmpeg was built for it. PyPI's wheels of PyAV 18 know
CUDA and V4L2; VAAPI only a PyAV that was built against a system's FFmpeg. Pictures are brought
back to system memory, where the detector and the JPEG encoder need them, with all that FFmpeg says
of them: PyAV copies a picture's properties, the marks of damage among them.
"""

import fcntl
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import av
from av.codec import codecs_available
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext

# VIDIOC_QUERYCAP of linux/videodev2.h: its number, the length of what it fills in, where in that
# the device's own capabilities stand, and those of a memory-to-memory codec.
_QUERY, _ANSWER_BYTES, _CAPABILITIES = 0x80685600, 104, slice(88, 92)
_MEMORY_TO_MEMORY = 0x4000 | 0x8000


class Kind(StrEnum):
    """How a device is spoken to."""

    CUDA = "cuda"
    VAAPI = "vaapi"
    V4L2 = "v4l2"


@dataclass(frozen=True, slots=True)
class Device:
    """A device and its node below /dev."""

    kind: Kind
    node: str


def devices(folder: Path = Path("/dev")) -> tuple[Device, ...]:
    """Those whose nodes are in `folder` and that FFmpeg can use, in the order to try them in."""
    known = hwdevices_available()
    found: list[Device] = []
    if "cuda" in known and (folder / "nvidia0").exists():
        found.append(Device(Kind.CUDA, str(folder / "nvidia0")))
    if "vaapi" in known:
        nodes = sorted((folder / "dri").glob("renderD*"))
        found += [Device(Kind.VAAPI, str(node)) for node in nodes]
    codec = next((node for node in sorted(folder.glob("video*")) if _is_codec(node)), None)
    if codec is not None:
        found.append(Device(Kind.V4L2, str(codec)))
    return tuple(found)


def opened(device: Device, codec: str) -> VideoCodecContext | None:
    """A decoder on the device; None where it has none for this codec.

    Raises what FFmpeg raises where the device cannot be opened. FFmpeg's own fall-back stays off:
    it would decode on the processor and not say so.
    """
    if device.kind is Kind.V4L2:
        # A decoder of its own, which looks for its device by itself.
        name = f"{codec}_v4l2m2m"
        context = av.CodecContext.create(name, "r") if name in codecs_available else None
        if context is not None:
            context.options = {"pkt_timebase": "1/1000000"}  # else its pictures have no times
    else:
        accelerated = HWAccel(
            device.kind.value,
            device.node if device.kind is Kind.VAAPI else None,
            allow_software_fallback=False,
            # One context for all cameras; each of its own would take a hundred MB and more.
            options={"primary_ctx": "1"} if device.kind is Kind.CUDA else None,
        )
        context = av.CodecContext.create(codec, "r", accelerated)
        if not context.is_hwaccel:
            return None
    return context if isinstance(context, VideoCodecContext) else None


def _is_codec(node: Path) -> bool:
    """Whether a V4L2 node is a codec, no camera."""
    answer = bytearray(_ANSWER_BYTES)
    try:
        descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.ioctl(descriptor, _QUERY, answer)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return bool(int.from_bytes(answer[_CAPABILITIES], "little") & _MEMORY_TO_MEMORY)
