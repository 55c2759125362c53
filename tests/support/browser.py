"""Debian's Chromium, driven by Playwright, with every complaint of a page collected."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, Playwright, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A deadline, not a pause: a busy machine may need longer than the usual 5 s to load a page.
expect.set_options(timeout=20_000)
DESKTOP = (1280, 900)
PHONE = (390, 844)


class _Shared:
    """One Chromium for all tests of a module; starting one takes as long as many tests."""

    def __init__(self) -> None:
        self._driver: Playwright | None = None
        self._browser: Browser | None = None

    def browser(self) -> Browser:
        if self._browser is not None and not self._browser.is_connected():
            self.close()
        if self._browser is None:
            assert CHROMIUM.exists(), (
                "the browser tests need Chromium: sudo apt-get install chromium"
            )
            self._driver = sync_playwright().start()
            self._browser = self._driver.chromium.launch(
                executable_path=str(CHROMIUM), args=list(FLAGS)
            )
        return self._browser

    def close(self) -> None:
        if self._browser is not None:
            self._browser.close()
        if self._driver is not None:
            self._driver.stop()
        self._browser = self._driver = None


_shared = _Shared()


def shared_browser() -> Browser:
    """Debian's Chromium; to be asked for anew by each test, with a context of its own."""
    return _shared.browser()


def close_shared_browser() -> None:
    """Ends it, and the event loop that its driver runs in this thread."""
    _shared.close()


@contextmanager
def open_page(
    url: str,
    pictures: Path,
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    locale: str = "en-GB",
) -> Iterator[tuple[Page, list[str]]]:
    """A page and the list that errors, failed requests and CSP violations are added to.

    A picture named after the size is kept in `pictures` when it is left.
    """
    origin = "/".join(url.split("/")[:3]) + "/"
    page = shared_browser().new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale=locale,
    )
    try:
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"{message.type}: {message.text}")
                if message.type in {"error", "warning"}
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((origin, "blob:", "data:"))
                else complaints.append(f"asks another host: {request.url}")
            ),
        )
        page.goto(url)
        yield page, complaints
        pictures.mkdir(parents=True, exist_ok=True)
        _photograph(page, pictures / f"{size[0]}x{size[1]}.png")
    finally:
        page.close()


def _photograph(page: Page, path: Path) -> None:
    for is_last in (False, True):
        try:
            page.screenshot(path=path, full_page=True)
            return
        except Error:  # Chromium's "Unable to capture screenshot", on a busy machine
            if is_last:
                raise
