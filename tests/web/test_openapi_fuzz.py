"""The description of the HTTP API holds: no answer to generated requests is a fault or unknown.

Long runs against a real server: `bench/api_fuzz.py`.
"""

import hypothesis
import schemathesis

from chimera_storage.clock import to_us
from chimera_storage.model import Box, Event
from tests.support.openapi_fuzz import wrong_answers
from tests.support.web import NOW, Room

SETTINGS = hypothesis.settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def test_every_answer_is_described_and_none_is_a_fault(room: Room) -> None:
    room.archive.index.add_events([Event(camera=1, start_us=to_us(NOW))])
    room.save(1, NOW, boxes=(Box(1, 2, 3, 4),), event=to_us(NOW), score=0.5)
    room.save_many(2, 30)
    room.answer("/convert/createVideo", {"camera": 1})
    headers = {"Host": room.host}
    described = schemathesis.openapi.from_asgi("/openapi.json", room.app, headers=headers)
    assert wrong_answers(described, SETTINGS, headers) == []
