"""The description of the HTTP API holds: no answer to generated requests is a fault or unknown.

Long runs against a real server: `bench/api_fuzz.py`.
"""

from collections.abc import Callable

import hypothesis
import pytest
import schemathesis

from chimera_storage.clock import to_us
from chimera_storage.model import Box, Event
from tests.support.openapi_fuzz import make_known, wrong_answers
from tests.support.web import NOW, Room

SETTINGS = hypothesis.settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.mark.timeout(600)  # 20 s on an idle machine
def test_every_answer_is_described_and_none_is_a_fault(make_room: Callable[..., Room]) -> None:
    room = make_room(camera=[{"id": 1, "name": "Front door", "url": "demo:"}])
    begin = to_us(NOW)
    room.archive.index.add_events([Event(camera=1, start_us=begin)])
    room.save(1, NOW, boxes=(Box(1, 2, 3, 4),), event=begin, score=0.5)
    room.save_many(2, 30)
    room.headers = {"Authorization": f"Bearer {room.api_token()}"}
    known = make_known(room)
    headers = {"Host": room.host, **room.headers}
    described = schemathesis.openapi.from_asgi("/openapi.json", room.app, headers=headers)
    assert list(wrong_answers(described, SETTINGS, headers, known)) == []
