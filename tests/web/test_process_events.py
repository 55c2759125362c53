"""/convert/events behind the real HTTP server: everybody hears everything, and leaves no trace."""

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chimera_storage.web import process_events
from tests.support.granian_room import exchange, served
from tests.support.waiting import wait_for
from tests.support.web import Room, web_room
from tests.web.conftest import CAMERAS


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with web_room(tmp_path_factory.mktemp("events"), camera=CAMERAS) as made:
        made.save_many(1, 3)
        yield made


@pytest.fixture(scope="module")
def http(room: Room) -> Iterator[httpx.Client]:
    with (
        served(room) as port,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            timeout=20,
            limits=httpx.Limits(max_connections=None),
        ) as client,
    ):
        yield client


def events_of(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """(event, data) as they come in."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], json.loads(fields["data"])
            fields = {}


def ask(http: httpx.Client, route: str, **body: Any) -> Any:
    return http.post(f"/convert/{route}", json=body).json()


def test_events_are_the_list_then_every_change_as_process_shows_it(http: httpx.Client) -> None:
    before = ask(http, "createVideo", camera=1)["id"]
    with http.stream("GET", "/convert/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = events_of(response)
        kind, data = next(events)
        assert (kind, data) == ("list", http.get("/convert/listProcess").json())
        assert before in [process["id"] for process in data["list"]]

        made = ask(http, "createZip", camera=1)["id"]
        assert next(events) == ("process", http.get(f"/convert/process/{made}").json())
        ask(http, "cancelProcess", id=made)
        kind, data = next(events)
        assert (kind, data["id"], data["status"]) == ("process", made, "cancelled")
        ask(http, "deleteProcess", id=made)
        assert next(events) == ("deleted", {"id": made})


def test_who_comes_back_with_a_last_event_id_gets_the_list_again(http: httpx.Client) -> None:
    made = ask(http, "createVideo", camera=1)["id"]
    for last in ("1", "nonsense", "99999999999999999999", ""):
        with http.stream("GET", "/convert/events", headers={"last-event-id": last}) as response:
            kind, data = next(events_of(response))
            assert kind == "list"
            assert made in [process["id"] for process in data["list"]]


def test_many_clients_hear_the_same_and_none_is_left_behind(room: Room, http: httpx.Client) -> None:
    heard: list[Any] = []
    ready = threading.Barrier(21)

    def listen() -> None:
        with http.stream("GET", "/convert/events") as response:
            events = events_of(response)
            next(events)
            ready.wait(20)
            heard.append(next(events))

    clients = [threading.Thread(target=listen) for _ in range(20)]
    for client in clients:
        client.start()
    ready.wait(20)
    made = ask(http, "createVideo", camera=1)["id"]
    for client in clients:
        client.join(20)
    assert [event[1]["id"] for event in heard] == [made] * 20
    wait_for(lambda: not room.conversions.feed._listeners, "all listeners to be gone")


def test_a_connection_where_nothing_happens_is_kept_open(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_events, "HEARTBEAT_S", 0.05)
    with http.stream("GET", "/convert/events") as response:
        lines = response.iter_lines()
        assert any(line.startswith(":") for line in lines)


def test_one_process_has_an_address(http: httpx.Client) -> None:
    made = ask(http, "createVideo", camera=1)["id"]
    assert http.get(f"/convert/process/{made}").json() == ask(http, "statusProcess", id=made)
    for wrong in ("nobody-20260131-190000", "%00", "..%2f..", "a" * 5000, "%f0%9f", made[:-1]):
        answer = http.get(f"/convert/process/{wrong}")
        assert answer.status_code in {400, 404}, wrong
        assert answer.json()["error"]


def test_ids_of_ten_megabytes_are_refused_and_the_server_goes_on(http: httpx.Client) -> None:
    for route in ("statusProcess", "cancelProcess", "deleteProcess"):
        answer = http.post(f"/convert/{route}", json={"id": "x" * 10_000_000})
        assert answer.status_code == 413
        assert answer.json()["error"]
    request = b"GET /convert/process/%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 10_000_000)
    with contextlib.suppress(OSError):  # it may hang up in the middle
        assert http.base_url.port is not None
        received = exchange(http.base_url.port, request)
        assert received == b"" or received.startswith(b"HTTP/1.1 4")
    assert http.get("/storage/health").status_code == 200


def test_the_list_is_as_long_as_asked_for(http: httpx.Client) -> None:
    ask(http, "createVideo", camera=1)
    newest = ask(http, "createZip", camera=1)["id"]
    for limit, ids in ((1, [newest]), (0, [])):
        with http.stream("GET", f"/convert/events?limit={limit}") as response:
            _, data = next(events_of(response))
            assert [process["id"] for process in data["list"]] == ids
    assert http.get("/convert/events?limit=x").status_code == 400
