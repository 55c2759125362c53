"""How long the first view of each page takes, from a server with a large data folder.

    .venv/bin/python bench/pages_first_view.py FOLDER [--rounds 7]

FOLDER is a data folder; it is copied first: images as hard links, the index as a real copy, so that
nothing is written into it. The server is the one that `serve` starts, without cameras to record.
Debian's Chromium opens each page with an empty cache, `--rounds` times in turns. Median and slowest
of: the first paint with something in it (the Paint Timing's first-contentful-paint), the `load`
event, and the moment from which nothing is fetched or marked busy any more; and the bytes that came
over the wire. Milliseconds since the navigation began.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Browser, sync_playwright
from tests.support.browser import CHROMIUM, DESKTOP, FLAGS
from tests.support.server import RunningServer

# Ends where the page is whole: nothing visible is busy, and nothing was fetched for 250 ms.
WHOLE = """() => new Promise((done) => {
  let busyUntil = 0;
  const look = () => {
    const now = performance.now();
    const marked = [...document.querySelectorAll("[aria-busy=true]")];
    const busy = marked.some((e) => e.checkVisibility());
    if (busy) busyUntil = now;
    const fetched = performance.getEntriesByType("resource")
      .filter((e) => !e.name.includes("/events"))
      .reduce((end, e) => Math.max(end, e.responseEnd), 0);
    if (!busy && now - Math.max(fetched, busyUntil) > 250) {
      const [paint] = performance.getEntriesByName("first-contentful-paint");
      const [page] = performance.getEntriesByType("navigation");
      done({ paint: paint?.startTime ?? 0, load: page.loadEventEnd, first: page.responseEnd,
        whole: Math.max(fetched, busyUntil, page.loadEventEnd) });
    } else setTimeout(look, 10);
  };
  look();
})"""


def copied(source: Path, target: Path) -> None:
    """The data folder with hard links for images and copies of everything else."""
    shutil.copytree(source / "shared", target / "shared", copy_function=os.link, dirs_exist_ok=True)
    for mark in target.rglob(".chimera-storage"):
        shutil.copy2(mark, mark.with_suffix(".new"))
        mark.with_suffix(".new").replace(mark)
    for file in source.iterdir():
        if file.is_file():
            shutil.copy2(file, target / file.name)


def addresses(server: RunningServer) -> list[str]:
    """The pages, of the first camera's newest day."""
    cameras = server.http.get("/cameras").json()["cameras"]
    newest = next(camera["latest"] for camera in cameras if camera["latest"])
    folder = newest["url"].rpartition("/")[0] + "/"
    day = datetime.fromtimestamp(newest["taken"] / 1000, UTC).date().isoformat()
    camera = folder.split("/")[3]
    found = ["/", f"/timeline?day={day}", "/processes", "/disk", "/account", "/settings/cameras"]
    found += ["/settings/people", "/settings/health", "/shared/captures/"]
    found += [f"/shared/captures/{camera}/", folder]
    return [address for address in found if server.http.get(address).status_code == 200]


def first_view(browser: Browser, url: str) -> dict[str, float]:
    """One first view, in a context of its own, so that nothing is cached."""
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sent = []
    session.on("Network.loadingFinished", lambda event: sent.append(event["encodedDataLength"]))
    page.goto(url)
    measured: dict[str, float] = page.evaluate(WHOLE)
    context.close()
    return measured | {"bytes": sum(sent)}


def main() -> None:
    """Prints a table and, as the last line, everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder.absolute().parent) as folder:
        copied(options.folder, Path(folder) / "data")
        with RunningServer(Path(folder)) as server, sync_playwright() as playwright:
            pages = addresses(server)
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
            rounds: dict[str, list[dict[str, Any]]] = {address: [] for address in pages}
            for _ in range(options.rounds):
                for address in pages:
                    rounds[address].append(first_view(browser, server.url + address))
            browser.close()
    print(f"{'page':<42}{'answer':>8}{'paint':>8}{'load':>8}{'whole':>8}{'slowest':>9}{'bytes':>9}")
    for address, views in rounds.items():
        middle = {name: statistics.median(view[name] for view in views) for name in views[0]}
        slowest = max(view["whole"] for view in views)
        print(
            f"{address:<42}{middle['first']:8.0f}{middle['paint']:8.0f}{middle['load']:8.0f}"
            f"{middle['whole']:8.0f}{slowest:9.0f}{middle['bytes']:9.0f}"
        )
    print(json.dumps(rounds))


if __name__ == "__main__":
    main()
