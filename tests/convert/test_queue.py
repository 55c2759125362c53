"""Whose turn it is: the queue is fair between cameras, and in order within each."""

from chimera_storage.convert.ledger import Work
from chimera_storage.convert.queue import FairQueue
from chimera_storage.model import Conversion, ConversionType


def asked(queue: FairQueue, *cameras: int) -> list[Work]:
    works = [
        Work(
            conversion=Conversion(
                id=f"{number}-20260101-000000",
                type=ConversionType.MP4,
                camera=camera,
                start_us=0,
                end_us=0,
                requested_us=number,
            )
        )
        for number, camera in enumerate(cameras)
    ]
    for work in works:
        queue.add(work)
    return works


def order(queue: FairQueue) -> list[str]:
    ids = []
    while (work := queue.take()) is not None:
        ids.append(work.conversion.id[0])
    return ids


def test_one_camera_is_served_in_the_order_of_requests() -> None:
    queue = FairQueue()
    asked(queue, 1, 1, 1)
    assert order(queue) == ["0", "1", "2"]
    assert queue.take() is None


def test_a_long_list_of_one_camera_does_not_hold_up_the_others() -> None:
    queue = FairQueue()
    asked(queue, 1, 1, 1, 1, 2, 3, 2)
    assert order(queue) == ["0", "4", "5", "1", "6", "2", "3"]


def test_who_comes_back_waits_until_the_others_had_their_turn() -> None:
    queue = FairQueue()
    asked(queue, 1, 1, 2)
    first = queue.take()
    assert first is not None
    queue.add(first)
    assert order(queue) == ["2", "1", "0"]


def test_one_that_is_taken_out_is_not_served() -> None:
    queue = FairQueue()
    works = asked(queue, 1, 2, 1)
    assert queue.remove(works[1])
    assert not queue.remove(works[1])
    assert len(queue) == 2
    assert order(queue) == ["0", "2"]
    assert not queue.remove(works[0])
