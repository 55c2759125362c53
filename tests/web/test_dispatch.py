"""Requests reach the endpoint of their route, which is given what it names and nothing else."""

import asyncio
import re
import threading
from contextvars import ContextVar

import pytest
from fastapi import FastAPI

from chimera_storage.access import Role
from chimera_storage.web.dispatch import Dispatch
from chimera_storage.web.permissions import ROUTES, Cameras, Needs
from chimera_storage.web.threads import MOST, in_thread
from tests.support.web import Room

NEEDS = {"GET /x": Needs(Role.VIEWER, Cameras.NONE)}


def test_a_route_that_takes_what_is_not_given_keeps_the_server_from_starting() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/x")
    def endpoint(page: int = 1) -> None: ...

    with pytest.raises(AssertionError, match="takes what"):
        Dispatch(app.routes, NEEDS, lambda _, answer: answer)


def test_a_route_without_an_entry_keeps_the_server_from_starting() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.get("/y")(lambda: None)
    with pytest.raises(KeyError, match="GET /y"):
        Dispatch(app.routes, NEEDS, lambda _, answer: answer)


def test_allow_says_all_methods_of_a_path(still_room: Room) -> None:
    answer = still_room.request("DELETE", "/convert/listProcess")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) >= {"GET", "POST"}
    assert "DELETE" in answer.json()["error"]


def test_a_line_break_after_an_address_is_another_address(still_room: Room) -> None:
    for path in ("/cameras%0a", "/convert/process/x%0a/y", "/cameras/1/latest.jpg%0a"):
        assert still_room.get_raw(path)[0] == 404, path


ASKING: ContextVar[str] = ContextVar("asking")


def test_a_thread_sees_who_asks_and_gives_back_what_it_raises() -> None:
    def work(*, fails: bool) -> tuple[str, bool]:
        if fails:
            raise LookupError("nothing there")
        return ASKING.get(), threading.current_thread() is threading.main_thread()

    async def ask() -> None:
        ASKING.set("somebody")
        assert await in_thread(work, fails=False) == ("somebody", False)
        with pytest.raises(LookupError, match="nothing there"):
            await in_thread(work, fails=True)

    asyncio.run(ask())


def test_more_jobs_than_threads_are_all_done() -> None:
    most = 0
    running = 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1
        return number

    async def ask() -> list[int]:
        return await asyncio.gather(*(in_thread(work, n) for n in range(5 * MOST)))

    assert asyncio.run(ask()) == list(range(5 * MOST))
    assert 1 < most <= MOST


def test_a_job_nobody_waits_for_any_more_harms_nobody() -> None:
    go = threading.Event()

    async def ask() -> None:
        waiting = asyncio.create_task(in_thread(go.wait, 10))
        await asyncio.sleep(0)
        waiting.cancel()
        go.set()
        assert await in_thread(lambda: 7) == 7

    asyncio.run(ask())


def test_head_is_answered_as_get_is_without_the_body(still_room: Room) -> None:
    for path in ("/cameras", "/file/pathStats", "/openapi.json", "/metrics"):
        head = still_room.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-type"] == still_room.get(path).headers["content-type"]
    assert still_room.request("HEAD", "/convert/process/none").status_code == 404
    assert still_room.request("HEAD", "/file/pathSize").status_code == 405


def test_head_is_answered_wherever_get_is(still_room: Room) -> None:
    for entry in ROUTES:
        method, path = entry.split(" ")
        address = re.sub(r"{[^}]*}", "1", path)
        if method == "GET":
            assert still_room.request("HEAD", address).status_code not in {405, 500}, entry


def test_head_of_an_endless_stream_ends(still_room: Room) -> None:
    head = still_room.request("HEAD", "/convert/events")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")
