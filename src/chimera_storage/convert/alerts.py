"""Alerts of conversions: a message when a saved one starts, finishes, fails or is cancelled."""

from chimera_storage.alerts import AlertSender
from chimera_storage.archive.layout import Layout
from chimera_storage.model import Conversion, ConversionStatus, ConversionType


class ConversionAlerts:
    """Has alerts sent; `public_url` begins the links in them."""

    def __init__(self, sender: AlertSender, *, public_url: str, layout: Layout) -> None:
        self._sender = sender
        self._public_url = public_url.rstrip("/")
        self._layout = layout

    def conversion_changed(self, conversion: Conversion, before: Conversion | None) -> None:
        """Alert of a conversion's new status, where it is one to alert of. Returns at once."""
        begun = before is not None and before.started_us is not None
        text = self._text(conversion, first_start=not begun)
        if text is not None:
            self._sender.send(text)

    def _text(self, conversion: Conversion, *, first_start: bool) -> str | None:
        stamp = self._layout.stamp
        what = (
            f"{_kind(conversion.type)} of camera {conversion.camera},"
            f" {stamp(conversion.start_us)} to {stamp(conversion.end_us)} ({conversion.id})"
        )
        match conversion.status:
            case ConversionStatus.RUNNING if first_start:
                return f"Started: {what}"
            case ConversionStatus.DONE:
                link = self._public_url + self._layout.output_url(conversion)
                left_out = f"\n{_left_out(conversion.missing)}" if conversion.missing else ""
                return f"Finished: {what}\n{link}{left_out}"
            case ConversionStatus.FAILED:
                return f"Failed: {what}\n{conversion.error or ''}".rstrip()
            case ConversionStatus.CANCELLED:
                return f"Cancelled: {what}"
        return None


def _left_out(images: int) -> str:
    """What is not in the file, in a sentence."""
    said = "1 image is" if images == 1 else f"{images} images are"
    return f"{said} not in it: gone or broken."


def _kind(type_: ConversionType) -> str:
    """What people call it."""
    return "video" if type_ is ConversionType.MP4 else type_.value
