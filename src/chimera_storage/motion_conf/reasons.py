"""Why options of Motion are not carried over. Values are never shown: some are passwords."""

import re
from collections.abc import Mapping

_PAGE = "this server has one page and API for everything, at server.host and server.port"
_RUN = "how the program is run is up to systemd or the container; it logs to standard error"
_MOVIES = (
    "no movies are recorded; any time range becomes a video on the page, or by /convert/createVideo"
)
_DEVICE = "the controls of a USB camera are left as they are; v4l2-ctl sets them"
_DRAWN = "nothing is drawn on the images; their times and boxes are in the index"
_INDEX = "the server keeps an index of its own"
_PIPE = "no video is written to loopback devices"
_NAMES = "names are fixed, see docs/storage.md"
_NETCAM = "how the connection is held is up to the camera here"
_PI = "a Raspberry Pi camera is read as /dev/video0, or by RTSP"

_REASONS = {
    "area_detect": "no commands are run; draw a [[camera.motion.zone]] for a threshold of its own",
    "emulate_motion": "only what moves is saved; snapshot_interval saves an image every so often",
    "lightswitch_frames": "the scene is learned anew from the next picture, so none are ignored",
    "mask_privacy": "IMPORTANT: nothing is blacked out, so what it covered will be in the images;"
    " cover it with the privacy mask of the camera itself",
    "minimum_gap": "see event_gap",
    "pause": "detection is always on; leave a camera out to pause it",
    "picture_exif": _DRAWN,
    "picture_filename": _NAMES,
    "picture_output_motion": "images of the changed pixels are not saved",
    "picture_type": "images are JPEG",
    "rotate": "pictures are taken as they come; most cameras can turn them themselves",
    "flip_axis": "pictures are taken as they come; most cameras can mirror them themselves",
    "snapshot_filename": _NAMES,
    "threshold_tune": "the threshold is a share of the picture and stays as it is set",
    "video_pipe": _PIPE,
    "video_pipe_motion": _PIPE,
    "motion_video_pipe": _PIPE,
    "netcam_decoder": "the decoder is chosen by the server",
    "netcam_proxy": "cameras are connected to directly",
    "netcam_rate": "the camera sets its own rate; framerate says how many pictures are looked at",
    "netcam_ratehigh": "the camera sets its own rate",
    "netcam_keepalive": _NETCAM,
    "netcam_tolerant_check": "damaged pictures are left out",
    "auto_brightness": _DEVICE,
    "palette": _DEVICE,
    "input": _DEVICE,
    "norm": _DEVICE,
    "frequency": _DEVICE,
    "brightness": _DEVICE,
    "contrast": _DEVICE,
    "saturation": _DEVICE,
    "hue": _DEVICE,
    "power_line_frequency": _DEVICE,
    "tuner_device": "tuner cards are not supported",
    "tunerdevice": "tuner cards are not supported",
    "switchfilter": "tuner cards are not supported",
    "daemon": _RUN,
    "setup_mode": "`chimera-storage tune` shows what settings do",
    "logfile": _RUN,
    "pid_file": _RUN,
    "process_id_file": _RUN,
    "quiet": _RUN,
    "native_language": _RUN,
    "extpipe": _MOVIES,
    "use_extpipe": _MOVIES,
    "max_movie_time": _MOVIES,
    "ipv6_enabled": _PAGE,
}
_PREFIXES = {
    "log_": _RUN,
    "watchdog_": _RUN,
    "webcontrol_": _PAGE,
    "control_": _PAGE,
    "stream_": _PAGE,
    "webcam_": _PAGE,
    "movie_": _MOVIES,
    "ffmpeg_": _MOVIES,
    "timelapse_": "make a video of snapshots instead: snapshot_interval, then /convert/createVideo",
    "on_": "no commands are run",
    "database_": _INDEX,
    "sql_": _INDEX,
    "mysql_": _INDEX,
    "pgsql_": _INDEX,
    "track_": "cameras are not moved",
    "text_": _DRAWN,
    "locate_": _DRAWN,
    "roundrobin_": "tuner cards are not supported",
    "mmalcam_": _PI,
    "libcam_": _PI,
    "video_params": _DEVICE,
    "vid_control_params": _DEVICE,
    "v4l2_": _DEVICE,
}
_NEUTRAL = {
    "",
    "0",
    "off",
    "no",
    "none",
    "false",
    "(null)",
}  # nothing is lost where it was not used


def not_carried(own: Mapping[str, str], carried: frozenset[str]) -> list[str]:
    """A line for each reason, with the options of a file that are left out for it."""
    by_reason: dict[str, list[str]] = {}
    for key, value in own.items():
        unused = value.lower() in _NEUTRAL and not key.endswith("_localhost")
        if key in carried or unused or (key, value.lower()) == ("picture_type", "jpeg"):
            continue
        by_reason.setdefault(_reason(key), []).append(_shown(key))
    return [f"{', '.join(keys)}: {reason}" for reason, keys in by_reason.items()]


def _reason(key: str) -> str:
    if key in _REASONS:
        return _REASONS[key]
    prefix = next((p for p in _PREFIXES if key.startswith(p)), None)
    return "it is no option that is known here" if prefix is None else _PREFIXES[prefix]


def _shown(key: str) -> str:
    """The key; what does not look like one is not repeated, as it may be anything."""
    return key if re.fullmatch("[a-z0-9_]{1,40}", key) else "a line"
