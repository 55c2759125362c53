"""Which changed patches are things that move: a thing goes somewhere, a leaf comes back.

Patches are followed from picture to picture by where they are. A track counts as a thing once it
has gone some way in one direction; until then it is flutter, noise or a flicker of light.
"""

import math
from dataclasses import dataclass, replace

LOST_S = 0.8  # a track that is not seen for so long is over
REACH = 0.6  # greatest speed, in picture widths a second, of what was seen once
SWERVE = 0.2  # greatest difference from the expected speed of what was seen more often
SLACK = 0.02  # picture widths that the outline of a thing may jump by itself
NEAR_TRAVEL = 0.012  # way in picture widths that makes a thing when seen three times
OWN_TRAVEL, OWN_MOST = 0.6, 0.03  # and in its own lesser extents, up to 0.03: a twig sways less
FAR_TRAVEL = 0.05  # way in picture widths that makes a thing when seen twice
SETTLED_TRAVEL = 0.08  # what went so far stays a thing while it is seen, standing or not;
DOUBT_S = 2.0  # what did not, has so long to go on
SPOT_S, MAX_SPOTS, MAX_DOUBTS = 600.0, 64, 3  # where something fluttered is remembered
LEAST_STEP = 0.008  # picture widths: outlines tremble by less
STRAIGHT = 0.5  # least share of the way walked that leads away from the start
AFOOT = 0.4  # share of that way without the longest step: patches that join or part leap once


@dataclass(frozen=True, slots=True)
class Patch:
    """A connected patch of changed pixels: its box in detector pixels and its area."""

    x: int
    y: int
    w: int
    h: int
    area: int
    label: int

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2


@dataclass(slots=True)
class Track:
    """One patch through time."""

    patch: Patch
    start: tuple[float, float]
    waypoint: tuple[float, float]
    began_s: float
    seen: int = 1
    walked: float = 0.0
    longest: float = 0.0  # step
    last_s: float = 0.0
    thing: bool = False
    doubts: int = 0  # how often something stayed where it was, here
    gone: float = 0.0
    farthest: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)  # pixels a second

    def expected(self, now_s: float) -> Patch:
        """Where the patch would be now if it went on as before."""
        elapsed = now_s - self.last_s
        dx, dy = (round(v * elapsed) for v in self.velocity)
        return replace(self.patch, x=self.patch.x + dx, y=self.patch.y + dy)

    def follow(self, patch: Patch, now_s: float, least_step: float) -> None:
        """Take the patch for the track's next place; shorter steps are trembling."""
        before, after = self.patch.centre, patch.centre
        elapsed = max(now_s - self.last_s, 1e-3)
        weight = 1.0 if self.seen == 1 else 0.3
        self.velocity = (
            self.velocity[0] + weight * ((after[0] - before[0]) / elapsed - self.velocity[0]),
            self.velocity[1] + weight * ((after[1] - before[1]) / elapsed - self.velocity[1]),
        )
        step = math.dist(before, after)
        self.longest = max(self.longest, step)
        stretch = math.dist(self.waypoint, after)
        if stretch >= least_step:
            self.walked += stretch
            self.waypoint = after
        self.patch, self.last_s = patch, now_s
        self.seen += 1
        self.gone = math.dist(self.start, patch.centre)
        self.farthest = max(self.farthest, self.gone)

    def begin_again(self) -> None:
        """Forget the way so far."""
        self.start = self.waypoint = self.patch.centre
        self.began_s = self.last_s
        self.seen, self.walked, self.longest, self.gone, self.farthest = 1, 0.0, 0.0, 0.0, 0.0


class Tracker:
    """Follows patches in pictures `width` pixels wide."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._tracks: list[Track] = []
        self._spots: list[tuple[Patch, float]] = []  # where and when something fluttered
        self._last_s: float | None = None

    def clear(self) -> None:
        """Forget all tracks."""
        self._tracks = []

    def things(self, patches: list[Patch], now_s: float) -> list[Patch]:
        """The patches of this picture that belong to things that move."""
        elapsed = 0.0 if self._last_s is None else now_s - self._last_s
        self._last_s = now_s
        self._spots = [spot for spot in self._spots if now_s - spot[1] < SPOT_S]
        self._tracks = [t for t in self._tracks if now_s - t.last_s <= max(LOST_S, 2 * elapsed)]
        found = []
        free = list(self._tracks)
        for patch in sorted(patches, key=lambda p: -p.area):
            track = self._nearest(patch, free, now_s)
            if track is None:
                track = self._begin(patch, now_s)
            else:
                free.remove(track)
                track.follow(patch, now_s, LEAST_STEP * self._width)
            if self._is_thing(track, elapsed):
                found.append(patch)
        return found

    def _nearest(self, patch: Patch, tracks: list[Track], now_s: float) -> Track | None:
        best, best_distance = None, math.inf
        for track in tracks:
            speed = REACH if track.seen == 1 else SWERVE
            reach = self._width * (SLACK + speed * min(now_s - track.last_s, LOST_S))
            expected = track.expected(now_s)
            ratio = patch.area / track.patch.area
            if _gap(patch, expected) <= reach and 0.1 < ratio < 10:
                cost = math.dist(patch.centre, expected.centre) - 1000 * track.thing
                if cost < best_distance:
                    best, best_distance = track, cost
        return best

    def _is_thing(self, track: Track, elapsed_s: float) -> bool:
        """Whether the track counts as a thing now; keeps its state up to date."""
        went = self._went_somewhere(track, elapsed_s)
        track.thing = track.thing or went
        settled = track.farthest >= SETTLED_TRAVEL * self._width
        if not settled and track.last_s - track.began_s > DOUBT_S:
            if not went:
                track.thing = False
                self._spots = [*self._spots, (track.patch, track.last_s)][-MAX_SPOTS:]
                track.doubts = self._doubts(track.patch)
            track.begin_again()
        return track.thing

    def _begin(self, patch: Patch, now_s: float) -> Track:
        track = Track(
            patch, patch.centre, patch.centre, now_s, last_s=now_s, doubts=self._doubts(patch)
        )
        self._tracks.append(track)
        return track

    def _doubts(self, patch: Patch) -> int:
        """How often something fluttered where this patch is."""
        return min(MAX_DOUBTS, sum(_gap(patch, spot) == 0 for spot, _ in self._spots))

    def _went_somewhere(self, track: Track, elapsed_s: float) -> bool:
        if elapsed_s >= 0.5:
            return True  # too few pictures to see it go
        if track.seen < 2 or track.gone < STRAIGHT * track.walked:
            return False
        far = FAR_TRAVEL * self._width
        if track.seen == 2:
            return track.gone >= far
        own = OWN_TRAVEL * min(track.patch.w, track.patch.h)
        enough = max(NEAR_TRAVEL * self._width, min(own, OWN_MOST * self._width))
        enough *= 1 + track.doubts
        return track.gone >= enough and track.gone - track.longest >= AFOOT * enough


def _gap(a: Patch, b: Patch) -> float:
    """Pixels between two boxes, 0 where they overlap."""
    dx = max(a.x - b.x - b.w, b.x - a.x - a.w, 0)
    dy = max(a.y - b.y - b.h, b.y - a.y - a.h, 0)
    return math.hypot(dx, dy)
