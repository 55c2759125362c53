"""Which changed patches are things that move: a thing goes somewhere, a leaf comes back.

Patches are followed from picture to picture by where they are. A track counts as a thing once it
has gone some way in one direction; until then it is flutter, noise or a flicker of light. How far
it has to go, and how steadily, depends on what else flutters there (`unrest.py`).
"""

import math
from dataclasses import dataclass

from chimera_storage.motion.detector.patches import Patch
from chimera_storage.motion.detector.unrest import Unrest

LOST_S, ONCE_LOST_S = 0.8, 0.3  # a track that is not seen for so long is over; if seen but once
REACH = 0.6  # greatest speed, in picture widths a second, of what was seen once
SWERVE = 0.2  # greatest difference from the expected speed of what was seen more often
SLACK = 0.02  # picture widths that the outline of a thing may jump by itself
NEAR_TRAVEL = 0.012  # way in picture widths that makes a thing when seen three times
OWN_TRAVEL, OWN_MOST = 0.6, 0.03  # and in its own lesser extents, up to 0.03: a twig sways less
FAR_TRAVEL = 0.05  # way in picture widths that makes a thing when seen twice
SETTLED_TRAVEL = 0.08  # what went so far stays a thing while it is seen, standing or not;
DOUBT_S = 2.0  # what did not, has so long to go on
SPOT_S, MAX_SPOTS, MAX_DOUBTS = 600.0, 64, 3  # where something fluttered is remembered
SEAT_S, MAX_SEATS = 60.0, 16  # and where a thing stood until it was taken for background
LEAST_STEP = 0.008  # picture widths: outlines tremble by less
STRAIGHT = 0.5  # least share of the way walked that leads away from the start
AFOOT = 0.4  # share of that way without the longest step: patches that join or part leap once
ROUGH, STEPS_S = 0.5, 1.0  # share of the way that may be off what was expected; lately
HASTE, HASTE_SHARE = 6.0, 0.004  # own lengths a second, of what covers less: drops and flakes
SLOW_S = 0.5  # pictures so far apart show no way
BORDER = 0.02  # picture widths: who was last seen there has left


@dataclass(slots=True)
class Track:
    """One patch through time."""

    patch: Patch
    start: tuple[float, float]
    waypoint: tuple[float, float]
    began_s: float
    born_s: float
    last_s: float
    most: float  # area lately
    doubts: int  # how much speaks against it
    swaying: float  # how often the patch was one that sways
    seen: int = 1
    walked: float = 0.0
    longest: float = 0.0  # step
    thing: bool = False
    settled: bool = False  # it went far enough to stay a thing
    gone: float = 0.0
    farthest: float = 0.0
    moved: float = 0.0  # by all steps lately,
    rough: float = 0.0  # and how far they ended from where they were expected
    velocity: tuple[float, float] = (0.0, 0.0)  # pixels a second

    def expected(self, now_s: float) -> tuple[int, int]:
        """The left and upper edge that the patch would have now if it went on as before."""
        elapsed = now_s - self.last_s
        dx, dy = self.velocity
        return self.patch.x + round(dx * elapsed), self.patch.y + round(dy * elapsed)

    def follow(self, patch: Patch, now_s: float, least_step: float) -> None:
        """Take the patch for the track's next place; shorter steps are trembling."""
        before, after = self.patch.centre, patch.centre
        elapsed = max(now_s - self.last_s, 1e-3)
        step = math.dist(before, after)
        fade = math.exp(-elapsed / STEPS_S)
        self.moved = fade * self.moved + step
        self.rough *= fade
        if self.seen > 1:
            x, y = self.expected(now_s)
            off = math.dist((x + self.patch.w / 2, y + self.patch.h / 2), after)
            self.rough += max(0.0, off - least_step)
        weight = 1.0 if self.seen == 1 else 0.3
        self.velocity = (
            self.velocity[0] + weight * ((after[0] - before[0]) / elapsed - self.velocity[0]),
            self.velocity[1] + weight * ((after[1] - before[1]) / elapsed - self.velocity[1]),
        )
        self.longest = max(self.longest, step)
        stretch = math.dist(self.waypoint, after)
        if stretch >= least_step:
            self.walked += stretch
            self.waypoint = after
        self.most = max(patch.area, self.most * math.exp(-elapsed / 2))
        self.swaying += 0.3 * (patch.sways - self.swaying)
        self.patch, self.last_s = patch, now_s
        self.seen += 1
        self.gone = math.dist(self.start, after)
        self.farthest = max(self.farthest, self.gone)

    def begin_again(self) -> None:
        """Forget the way so far."""
        self.start = self.waypoint = self.patch.centre
        self.began_s = self.last_s
        self.seen, self.walked, self.longest, self.gone, self.farthest = 1, 0.0, 0.0, 0.0, 0.0

    @property
    def unsteady(self) -> bool:
        """Whether it leaps about, as drops that are taken for one another do."""
        return self.rough > ROUGH * self.moved

    @property
    def speed(self) -> float:
        """Pixels a second."""
        return math.hypot(*self.velocity)


@dataclass(slots=True, eq=False)
class _Expected:
    """The box in which a track is expected now, and how far from it the next patch may be."""

    track: Track
    x: int
    y: int
    w: int
    h: int
    reach: float

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return self.x + self.w / 2, self.y + self.h / 2


class Tracker:
    """Follows patches in pictures of `width` by `height` pixels."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._tracks: list[Track] = []
        self._unrest = Unrest(width, height)
        self._spots: list[tuple[Patch, float]] = []  # where and when something fluttered
        self._seats: list[tuple[Patch, float]] = []  # where and when a thing was last seen
        self._last_s: float | None = None

    def clear(self) -> None:
        """Forget all tracks."""
        self._tracks = []

    def things(self, patches: list[Patch], now_s: float) -> list[Patch]:
        """The patches of this picture that belong to things that move, in the order given."""
        elapsed_s = 0.0 if self._last_s is None else now_s - self._last_s
        self._last_s = now_s
        self._forget(now_s, elapsed_s)
        self._unrest.see([patch for patch in patches if patch.live], elapsed_s)
        found: set[int] = set()
        free = [self._expect(track, now_s) for track in self._tracks] if patches else []
        for patch in sorted(patches, key=lambda p: (not p.live, -p.area)):
            track = None
            nearest = _nearest(patch, free)
            if nearest is not None:
                free.remove(nearest)
                track = nearest.track
                track.follow(patch, now_s, LEAST_STEP * self._width)
            elif patch.live:
                track = self._begin(patch, now_s)
            if track is not None and self._is_thing(track, elapsed_s):
                found.add(patch.label)
        return [patch for patch in patches if patch.label in found]

    def _forget(self, now_s: float, elapsed_s: float) -> None:
        """End the tracks that were not seen for a while, and remember where."""
        tracks, self._tracks = self._tracks, []
        for track in tracks:
            patience_s = LOST_S if track.seen > 1 else ONCE_LOST_S
            if now_s - track.last_s <= max(patience_s, 2 * elapsed_s):
                self._tracks.append(track)
            elif not track.settled:
                self._unrest.ended(track.patch, track.most)
            elif track.thing and self._stayed(track):
                self._seats = [*self._seats, (track.patch, now_s)][-MAX_SEATS:]
        self._spots = [spot for spot in self._spots if now_s - spot[1] < SPOT_S]
        self._seats = [seat for seat in self._seats if now_s - seat[1] < SEAT_S]

    def _stayed(self, track: Track) -> bool:
        """Whether a thing that is not seen any more is still in the picture, rather than left."""
        p, border = track.patch, BORDER * self._width
        across = border < p.x and p.x + p.w < self._width - border
        inside = across and border < p.y and p.y + p.h < self._height - border
        return inside and 0.5 * track.speed < max(p.w, p.h)

    def _expect(self, track: Track, now_s: float) -> "_Expected":
        speed = REACH if track.seen == 1 else SWERVE
        reach = self._width * (SLACK + speed * min(now_s - track.last_s, LOST_S))
        x, y = track.expected(now_s)
        return _Expected(track, x, y, track.patch.w, track.patch.h, reach)

    def _begin(self, patch: Patch, now_s: float) -> Track:
        centre, doubts = patch.centre, self._doubts(patch)
        track = Track(
            patch, centre, centre, now_s, now_s, now_s, patch.area, doubts, float(patch.sways)
        )
        track.thing = track.settled = not doubts and self._is_seated(patch)
        self._tracks.append(track)
        return track

    def _is_seated(self, patch: Patch) -> bool:
        """Whether somebody stands here, who was seen to come."""
        slack = SLACK * self._width
        return any(
            _gap(patch, seat) == 0
            and patch.area < 1.5 * seat.area
            and math.dist(patch.centre, seat.centre) < 0.5 * max(seat.w, seat.h) + slack
            for seat, _ in self._seats
        )

    def _is_thing(self, track: Track, elapsed_s: float) -> bool:
        """Whether the track counts as a thing now; keeps its state up to date."""
        established = track.settled and track.last_s - track.born_s > DOUBT_S
        doubts = 0 if established else min(MAX_DOUBTS, self._unrest.doubts(track.patch))
        track.doubts = max(track.doubts, doubts)
        hasty = self._hasty(track)
        went = not hasty and self._went_somewhere(track)
        track.thing = track.thing or went
        far = track.farthest >= SETTLED_TRAVEL * self._width
        track.settled = track.settled or (track.thing and far)
        if not (far or track.settled) and track.last_s - track.began_s > DOUBT_S:
            if not went:
                track.thing = False
                if elapsed_s < SLOW_S:  # else nothing could be seen to get away
                    self._spots = [*self._spots, (track.patch, track.last_s)][-MAX_SPOTS:]
                track.doubts = self._doubts(track.patch)
            track.begin_again()
        if hasty or (doubts and track.unsteady) or track.most < self._unrest.least(track.patch):
            return False
        # Where pictures are too far apart to see it go, what is there counts, but for now only.
        return track.thing or (elapsed_s >= SLOW_S and track.patch.live and not track.doubts)

    def _doubts(self, patch: Patch) -> int:
        """How much speaks against what is here: what fluttered before, and what does now."""
        before = sum(_gap(patch, spot) == 0 for spot, _ in self._spots)
        return min(MAX_DOUBTS, before + self._unrest.doubts(patch))

    def _hasty(self, track: Track) -> bool:
        if track.most >= HASTE_SHARE * self._width * self._height:
            return False
        return track.speed > HASTE * max(track.patch.w, track.patch.h)

    def _went_somewhere(self, track: Track) -> bool:
        if track.seen < 2 or track.gone < STRAIGHT * track.walked:
            return False
        doubts = MAX_DOUBTS if track.swaying > 0.5 else track.doubts
        if track.seen == 2:
            return track.gone >= FAR_TRAVEL * self._width and not doubts
        if track.seen < 3 + doubts or (doubts and track.unsteady):
            return False
        own = OWN_TRAVEL * min(track.patch.w, track.patch.h)
        enough = max(NEAR_TRAVEL * self._width, min(own, OWN_MOST * self._width))
        enough *= 1 + doubts
        return track.gone >= enough and track.gone - track.longest >= AFOOT * enough


def _nearest(patch: Patch, tracks: list[_Expected]) -> _Expected | None:
    """The track that the patch goes on with; things before others."""
    best, best_distance = None, math.inf
    x, y, right, bottom = patch.x, patch.y, patch.x + patch.w, patch.y + patch.h
    for near in tracks:
        # Most are far away, and in snow there are many: this is all that is done for them.
        reach = near.reach
        if near.x - right > reach or x - near.x - near.w > reach:
            continue
        if near.y - bottom > reach or y - near.y - near.h > reach:
            continue
        track = near.track
        if not patch.live and not _stands_as(patch, track):
            continue
        ratio = patch.area / track.patch.area
        if _gap(patch, near) <= reach and 0.1 < ratio < 10:
            cost = math.dist(patch.centre, near.centre) - 1000 * track.thing
            if cost < best_distance:
                best, best_distance = near, cost
    return best


def _stands_as(patch: Patch, track: Track) -> bool:
    """Whether a patch in which nothing changes is the thing of this track that stopped."""
    return (
        patch.stands
        and track.settled
        and _gap(patch, track.patch) == 0
        and 0.4 < patch.area / track.patch.area < 2.5
        and math.dist(patch.centre, track.patch.centre) < 0.25 * (patch.w + patch.h)
    )


def _gap(a: Patch, b: Patch | _Expected) -> float:
    """Pixels between two boxes, 0 where they overlap."""
    dx = max(a.x - b.x - b.w, b.x - a.x - a.w, 0)
    dy = max(a.y - b.y - b.h, b.y - a.y - a.h, 0)
    return math.hypot(dx, dy)
