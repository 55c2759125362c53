"""News of conversions: everybody hears the newest of each once, and nothing piles up."""

import asyncio
from dataclasses import replace

from chimera_storage.convert.feed import Feed
from chimera_storage.model import Conversion, ConversionType

ONE = Conversion(
    id="one-20260101-000000",
    type=ConversionType.MP4,
    camera=1,
    start_us=0,
    end_us=1,
    requested_us=2,
)
TWO = replace(ONE, id="two-20260101-000000")


def test_many_changes_of_one_are_heard_as_its_newest_state() -> None:
    async def run() -> None:
        feed = Feed()
        with feed.listen() as listener:
            for done in range(1000):
                feed.changed(replace(ONE, frames_done=done))
            feed.changed(TWO)
            assert await listener.news(1) == [replace(ONE, frames_done=999), TWO]
            assert await listener.news(0.01) == []
            feed.changed(ONE)
            feed.deleted(ONE.id)
            assert await listener.news(1) == [ONE.id]

    asyncio.run(run())


def test_who_waits_is_woken_and_who_has_left_is_forgotten() -> None:
    async def run() -> None:
        feed = Feed()
        with feed.listen() as one, feed.listen() as other:
            waiting = asyncio.gather(one.news(5), other.news(5))
            await asyncio.sleep(0)
            feed.changed(ONE)
            assert list(await waiting) == [[ONE], [ONE]]
        assert not feed._listeners

    asyncio.run(run())


def test_the_end_ends_all_listening_then_and_later() -> None:
    async def run() -> None:
        feed = Feed()
        with feed.listen() as listener:
            waiting = asyncio.create_task(listener.news(60))
            await asyncio.sleep(0)
            feed.close()
            assert await waiting is None
            assert await listener.news(60) is None
        with feed.listen() as late:
            assert await late.news(60) is None

    asyncio.run(run())
