"""What was looked at, and what came of it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it is: fine, worth a thought, or in the way of running."""

    GOOD = "good"
    ADVICE = "advice"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    `topic`: machine, configuration, data folder, server or camera. `says`: what was found; `todo`:
    what to do about it, "" where it is good. Neither holds a password.
    """

    topic: str
    level: Level
    says: str
    todo: str = ""

    def to_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"topic": self.topic, "level": self.level.value, "says": self.says} | (
            {"todo": self.todo} if self.todo else {}
        )


def good(topic: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(topic=topic, level=Level.GOOD, says=says)


def advice(topic: str, says: str, todo: str) -> Finding:
    """Works, but not as well as it could."""
    return Finding(topic=topic, level=Level.ADVICE, says=says, todo=todo)


def wrong(topic: str, says: str, todo: str) -> Finding:
    """Does not work."""
    return Finding(topic=topic, level=Level.WRONG, says=says, todo=todo)
