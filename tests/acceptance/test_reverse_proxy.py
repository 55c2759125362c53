"""Behind nginx and Caddy, as docs/security.md configures them."""

import contextlib
import html
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.cli.test_user import run
from tests.support.browser import DESKTOP, open_page
from tests.support.server import RunningServer, free_port
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

DOCS = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
ROOT = "/cameras-at-home"
PASSWORD = "correct horse battery"
NAME = "20260131-183000-00.jpg"
IMAGE = b"\xff\xd8" + os.urandom(100_000) + b"\xff\xd9"
LogIn = Callable[["Proxied"], httpx.Client]
CONFIG = f'[server]\nroot_path = "{ROOT}"\nx_accel_redirect = "/_shared"\n'


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    assert found is not None
    return found[1]


@dataclass
class Proxied:
    """A server behind a proxy, at `url`."""

    server: RunningServer
    url: str
    log: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("behind")
    image = folder / "data/shared/captures/1/20260131/18" / NAME
    image.parent.mkdir(parents=True)
    image.write_bytes(IMAGE)
    (folder / "data/shared/captures/1/page.html").write_text("<script>alert(1)</script>")
    added = run("user", "add", "owner", "--role=admin", folder=folder / "data", stdin=PASSWORD)
    assert added.returncode == 0, added.stderr
    with RunningServer(folder, CONFIG) as running:
        yield running


@contextmanager
def proxied(command: list[str], server: RunningServer, port: int, log: Path) -> Iterator[Proxied]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}{ROOT}"
    try:
        wait_for(lambda: _answers(url), lambda: f"the proxy to answer: {log.read_text()}")
        yield Proxied(server, url, log)
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/storage/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def nginx(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    locations = example("nginx").replace("127.0.0.1:8083", f"127.0.0.1:{server.port}")
    locations = locations.replace("/srv/chimera/data", str(server.data))
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{'user root;' if os.getuid() == 0 else ''}\ndaemon off;\npid {folder}/pid;\n"
        f"error_log stderr;\nevents {{}}\nhttp {{\naccess_log {folder}/access.log;\n{temporary}"
        f"server {{\nlisten 127.0.0.1:{port};\n{locations}\n}}\n}}\n"
    )
    command = [program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    with proxied(command, server, port, folder / "log") as found:
        yield found


@pytest.fixture(scope="module")
def caddy(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed")
    folder, port = tmp_path_factory.mktemp("caddy"), free_port()
    site = example("caddy").replace("127.0.0.1:8083", f"127.0.0.1:{server.port}")
    site = site.replace("cams.example", f"http://127.0.0.1:{port}")
    (folder / "Caddyfile").write_text(f"{{\nadmin off\nauto_https off\n}}\n{site}")
    command = [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with proxied(command, server, port, folder / "log") as found:
        yield found


@pytest.fixture(params=["nginx", "caddy"])
def behind(request: pytest.FixtureRequest) -> Proxied:
    found: Proxied = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def client() -> Iterator[LogIn]:
    """Makes clients that are logged in."""
    with contextlib.ExitStack() as stack:

        def log_in(proxied: Proxied) -> httpx.Client:
            made = stack.enter_context(httpx.Client(base_url=proxied.url, timeout=20))
            form = {"name": "owner", "password": PASSWORD, "next": "/shared/captures/1/"}
            answer = made.post("/login", data=form, headers={"accept": "text/html"})
            assert answer.status_code == 303, answer.text
            assert answer.headers["location"] == f"{ROOT}/shared/captures/1/"
            assert f"; Path={ROOT};" in answer.headers["set-cookie"]
            return made

        yield log_in


def test_the_client_is_who_asked_the_proxy_whatever_it_says_itself(behind: Proxied) -> None:
    lie = {"x-forwarded-for": "198.51.100.7", "accept": "application/json"}
    body = {"name": "owner", "password": PASSWORD}
    from_there = httpx.HTTPTransport(local_address="127.0.0.2")  # not the proxy's own address
    with httpx.Client(base_url=behind.url, transport=from_there) as stranger:
        assert stranger.post("/login", json=body, headers=lie).status_code == 200
        assert stranger.get("/sessions").json()["list"][0]["address"] == "127.0.0.2"


def test_pages_lead_on_below_the_path(behind: Proxied, client: LogIn) -> None:
    page = httpx.get(f"{behind.url}/shared/captures/", headers={"accept": "text/html"})
    assert page.status_code == 302
    assert page.headers["location"] == f"{ROOT}/login?next=/shared/captures/"
    logged_in = client(behind)
    folder = logged_in.get("/shared/captures/1/")
    assert folder.status_code == 200
    for address in re.findall(r'(?:href|src)="(/[^"]*)"', folder.text):
        assert address.startswith(f"{ROOT}/")
        plain = httpx.URL(behind.url).join(html.unescape(address))
        assert logged_in.get(plain).status_code == 200, address
    latest = logged_in.get("/cameras").json()["cameras"]
    assert latest[0]["count"] == 1
    url = str(latest[0]["latest"]["url"]).removeprefix(ROOT)
    assert logged_in.get(url).content == IMAGE


def test_another_sites_page_is_refused_and_the_proxys_own_is_not(
    behind: Proxied, client: LogIn
) -> None:
    logged_in = client(behind)
    own = f"http://127.0.0.1:{httpx.URL(behind.url).port}"
    for origin, status in ((own, 200), ("http://evil.example", 403)):
        answer = logged_in.post("/convert/listProcess", headers={"origin": origin})
        assert answer.status_code == status


def test_events_come_at_once(behind: Proxied, client: LogIn) -> None:
    with client(behind).stream("GET", "/convert/events") as stream:
        assert next(stream.iter_lines()).startswith("retry:")


def test_nginx_sends_the_files_itself_to_who_may_have_them(nginx: Proxied, client: LogIn) -> None:
    address = f"/shared/captures/1/20260131/18/{NAME}"
    assert httpx.get(nginx.url + address).status_code == 401
    root = httpx.URL(nginx.url).copy_with(path=f"/_shared/captures/1/20260131/18/{NAME}")
    assert httpx.get(root).status_code == 404
    logged_in = client(nginx)
    answer = logged_in.get(f"{address}?inline")
    assert answer.content == IMAGE
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    assert "x-robots-tag" not in answer.headers
    assert "x-accel-redirect" not in answer.headers
    # nginx makes its own entity tags: this is how one sees who sent it.
    assert re.fullmatch(r'"[0-9a-f]{8}-[0-9a-f]+"', answer.headers["etag"])
    part = logged_in.get(address, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, IMAGE[10:20])
    link = logged_in.post("/links", json={"file": f"{ROOT}{address}"}).json()["url"]
    opened = httpx.get(nginx.url + link.removeprefix(ROOT))
    assert opened.content == IMAGE
    assert opened.headers["x-robots-tag"] == "noindex"
    assert opened.headers["referrer-policy"] == "no-referrer"
    unchanged = logged_in.get(address, headers={"if-none-match": answer.headers["etag"]})
    assert unchanged.status_code == 304
    page = logged_in.get("/shared/captures/1/page.html?inline")
    assert page.headers["content-disposition"].startswith("attachment")
    assert page.headers["content-type"] == "application/octet-stream"
    assert logged_in.get("/shared/captures/1/nothing.jpg").status_code == 404


def _role(page: Page) -> str | None:
    page.goto(page.url)
    return page.locator("html").get_attribute("data-role")


def test_the_page_works_in_a_browser_below_the_path(nginx: Proxied) -> None:
    pictures = Path(__file__).parents[2] / "test-results" / "below-a-path"
    with open_page(nginx.url, pictures, size=DESKTOP) as (page, complaints):
        page.get_by_label("Name").fill("owner")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        card = page.locator(".camera").first
        card.wait_for()
        card.get_by_role("link", name="Files").click()
        page.get_by_role("heading", name="Camera 1").wait_for()
        page.get_by_role("link", name="Exports").click()
        page.locator("#processes").wait_for(state="attached")
        for role, is_shown in (("viewer", False), ("operator", True), ("admin", True)):
            changed = run("user", "role", "owner", role, folder=nginx.server.data)
            assert changed.returncode == 0
            wait_for(lambda: _role(page) == role, f"the role {role}")  # noqa: B023
            expect(page.locator("#make")).to_have_count(int(is_shown))
        page.get_by_role("link", name="owner").click()
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Password").wait_for()
        assert complaints == []
