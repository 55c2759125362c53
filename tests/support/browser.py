"""Debian's Chromium, driven by Playwright, with every complaint of a page collected."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

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
    assert CHROMIUM.exists(), "the browser tests need Chromium: sudo apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        try:
            page = browser.new_page(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if dark else "light",
                locale=locale,
            )
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
            page.screenshot(path=pictures / f"{size[0]}x{size[1]}.png", full_page=True)
        finally:
            browser.close()
