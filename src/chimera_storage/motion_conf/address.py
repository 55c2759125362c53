"""Where Motion took a camera's pictures from → the addresses that this server reads."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

CARRIED = frozenset(
    {
        "netcam_high_params",
        "netcam_high_url",
        "netcam_params",
        "netcam_url",
        "netcam_use_tcp",
        "netcam_userpass",
        "video_device",
    }
)
_SUPPORTED = ("rtsp", "rtsps", "http", "https")
_SECRET_FREE = re.compile(r"[a-z0-9_]{1,40}")


def source(conf: Mapping[str, str], notes: list[str]) -> dict[str, Any] | None:
    """`url` and what belongs to it; None where the file names no camera."""
    userpass = conf.get("netcam_userpass", "")
    near, high = conf.get("netcam_url", ""), conf.get("netcam_high_url", "")
    if not near:
        device = conf.get("video_device", "")
        return {"url": device} if device else None
    table = _address(high or near, userpass, notes)
    if high:
        table["detect_url"] = _address(near, userpass, notes)["url"]
    transport = _transport(conf, notes)
    if transport:
        table["transport"] = transport
    return table


def _address(url: str, userpass: str, notes: list[str]) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    match scheme.lower():
        case "v4l2":
            return {"url": "/" + rest.lstrip("/")}
        case "file":
            return {"url": "/" + rest.lstrip("/"), "loop": True}
        case "mjpeg" | "mjpg":
            return {"url": _with_login(f"http://{rest}", userpass)}
        case name if name in _SUPPORTED:
            return {"url": _with_login(url, userpass)}
        case _:
            notes.append(
                "netcam_url: only rtsp, http, files and devices can be read here, so this camera"
                " will show an error; give it another url"
            )
            return {"url": _with_login(url, userpass)}


def _with_login(url: str, userpass: str) -> str:
    user, _, password = userpass.partition(":")
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # what is wrong with it is said when it is connected to
    if not user or "@" in parts.netloc:
        return url
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


def _transport(conf: Mapping[str, str], notes: list[str]) -> str | None:
    """How RTSP carries the pictures; the other parameters of the connection are noted."""
    params: dict[str, str] = {}
    for part in f"{conf.get('netcam_params', '')},{conf.get('netcam_high_params', '')}".split(","):
        name, _, value = part.partition("=")
        params.setdefault(name.strip(" \"'\t").lower(), value.strip(" \"'\t").lower())
    left_out = sorted(set(params) - {"rtsp_transport", ""})
    known = [name for name in left_out if _SECRET_FREE.fullmatch(name)]
    if left_out:
        notes.append(f"netcam_params: not carried over: {', '.join(known) or 'its parameters'}")
    if "rtsp_transport" in params:
        return "udp" if params["rtsp_transport"] == "udp" else "tcp"
    use_tcp = conf.get("netcam_use_tcp", "").lower()
    if not use_tcp:
        return None
    return "tcp" if use_tcp in ("on", "yes", "true", "1") else "udp"
