"""What each rule would take now: settings and the index's totals in, spans out. Changes nothing."""

from collections.abc import Iterator, Sequence

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.clock import to_us
from chimera_storage.config import RetentionSettings, Settings
from chimera_storage.model import Conversion, Disk, Forecast, HourTotals, PlannedDeletion
from chimera_storage.upkeep import disk as disks
from chimera_storage.upkeep import protection, rules, thinning
from chimera_storage.upkeep.disk import GB
from chimera_storage.upkeep.forecast import forecast
from chimera_storage.upkeep.rules import Protected, Rule, Span

QUOTAS = (Rule.CAMERA_MAX_GB, Rule.MAX_GB)
_DAY_S = 86_400
_EXACT_HOURS = 500  # are counted row by row in a preview of thinning: some 3 ms each


class Planner:
    """The rules of one server as questions. Thread-safe; every method raises StorageError."""

    def __init__(self, archive: Archive, settings: Settings) -> None:
        self._archive = archive
        self._index = archive.index
        self._settings = settings
        self._retention: dict[int, RetentionSettings] = {}
        self._thinned: dict[tuple[int, int], None] = {}  # camera, hour that bear the mark

    def use(self, settings: Settings) -> None:
        """Go by these from now on."""
        self._settings, self._retention = settings, {}

    def retention_of(self, camera: int) -> RetentionSettings:
        """What is set for a camera, configured or not."""
        known = self._retention
        if camera not in known:
            known[camera] = self._settings.retention_of(camera)
        return known[camera]

    # whether there is anything to do, answered from totals

    def has(self, rule: Rule) -> bool:
        """Whether anything is set that the rule goes by."""
        cameras = [camera.id for camera in self._settings.camera]
        retentions = [self._settings.retention, *map(self.retention_of, cameras)]
        match rule:
            case Rule.DAYS:
                return any(retention.days for retention in retentions)
            case Rule.THIN:
                return any(retention.thin_after_days for retention in retentions)
            case Rule.CAMERA_MAX_GB:
                return any(retention.max_gb for retention in retentions)
            case Rule.MAX_GB:
                return self._settings.storage.max_gb > 0
            case Rule.CONVERSIONS:
                return self._settings.retention.conversions_days > 0
            case Rule.MIN_FREE_GB:
                return self.floor() > 0

    def quota_is_exceeded(self) -> bool:
        """Whether one of the quotas is."""
        totals = self._index.all_totals()
        if any(
            0 < self.retention_of(camera).max_gb * GB < of.size for camera, of in totals.items()
        ):
            return True
        used = sum(of.size for of in totals.values()) + self.conversion_bytes()
        return 0 < self._settings.storage.max_gb * GB < used

    def floor(self) -> int:
        """What is to stay free of the disk, in bytes; 0: no care is taken."""
        return disks.floor_bytes(self._settings, disks.disk_of(self._archive.layout))

    def bytes_missing(self) -> int:
        """What has to go so that there is room on the disk; 0 where there is."""
        layout = self._archive.layout
        disk = disks.disk_of(layout)
        floor = disks.floor_bytes(self._settings, disk)
        if not floor:
            return 0
        missing = disks.bytes_missing(disk, floor)
        files = disks.files_missing(layout)
        if files:
            totals = self._index.all_totals().values()
            count, size = sum(t.count for t in totals), sum(t.size for t in totals)
            missing = max(missing, files * size // max(count, 1))
        return missing

    def recent_hours(self) -> list[HourTotals]:
        """This hour and the last one of every camera."""
        hour = self._now_s() // HOUR_S
        return self._index.hourly(first_hour=hour - 1, last_hour=hour)

    # what it would be

    def spans(
        self, rule: Rule, hours: Sequence[HourTotals], protected: Protected, *, freed: int = 0
    ) -> list[Span]:
        """What a rule that goes by time takes of these hours.

        `freed`: bytes that went before without the disk's knowing, in a preview.
        """
        if rule is Rule.DAYS:
            before = {
                camera: int(self._now_s() - days * _DAY_S)
                for camera in {totals.camera for totals in hours}
                if (days := self.retention_of(camera).days)
            }
            return rules.too_old(hours, before, protected=protected, seconds=self.seconds)
        if rule is Rule.MIN_FREE_GB:
            return self.oldest(rule, hours, self.bytes_missing() - freed, protected)
        kept = rules.protected_totals(hours, protection.kept(self._archive), self.seconds)
        if rule is Rule.MAX_GB:
            images = sum(totals.bytes for totals in hours) - sum(kept.values())
            other = sum(kept.values()) + self.conversion_bytes()
            limit = self._settings.storage.max_gb * GB
            need = rules.bytes_over(images, other, limit) if limit else 0
            return self.oldest(rule, hours, need, protected)
        spans: list[Span] = []
        by_camera: dict[int, list[HourTotals]] = {}
        for totals in hours:
            by_camera.setdefault(totals.camera, []).append(totals)
        for camera, own in sorted(by_camera.items()):
            limit = self.retention_of(camera).max_gb * GB
            other = kept.get(camera, 0)
            images = sum(totals.bytes for totals in own) - other
            need = rules.bytes_over(images, other, limit) if limit else 0
            spans += self.oldest(rule, own, need, protected)
        return spans

    def oldest(
        self, rule: Rule, hours: Sequence[HourTotals], need_bytes: int, protected: Protected
    ) -> list[Span]:
        """See `rules.oldest`."""
        return rules.oldest(rule, hours, need_bytes, protected=protected, seconds=self.seconds)

    def to_thin(self, hours: Sequence[HourTotals]) -> Iterator[HourTotals]:
        """The hours that are old enough to be thinned and were not yet."""
        for totals in hours:
            after = self.retention_of(totals.camera).thin_after_days
            if not after or totals.images <= 0:
                continue
            if (totals.hour + 1) * HOUR_S > self._now_s() - after * _DAY_S:
                continue
            known = (totals.camera, totals.hour)
            if known in self._thinned:
                continue
            if thinning.is_thinned(self._archive.layout, *known):
                self._thinned[known] = None
            else:
                yield totals

    def old_conversions(self) -> list[Conversion]:
        """Those that are over and were for longer than they are to stay."""
        days = self._settings.retention.conversions_days
        before_us = (self._now_s() - days * _DAY_S) * SECOND_US
        return [
            conversion
            for conversion in (self._index.conversions() if days else ())
            if not conversion.status.active
            and (conversion.finished_us or conversion.requested_us) < before_us
        ]

    def everything(
        self, hours: Sequence[HourTotals]
    ) -> tuple[list[PlannedDeletion], list[HourTotals]]:
        """One rule after the other, each on what the ones before it leave; and what is left."""
        planned = _of_conversions(self.old_conversions())
        protected = protection.kept_and_converted(self._archive)
        left = list(hours)
        for rule in (Rule.DAYS, Rule.THIN, *QUOTAS, Rule.MIN_FREE_GB):
            if rule is Rule.THIN:
                thinned, left = self._thinning(left, protected)
                planned += thinned
                continue
            freed = sum(p.bytes for p in planned)
            spans = self.spans(rule, left, protected, freed=freed)
            left, protected = rules.without(left, spans, protected)
            planned += _of_spans(spans)
        return planned, left

    def forecast(self, hours: Sequence[HourTotals], disk: Disk) -> Forecast:
        """What comes of the disk with these hours on it."""
        return forecast(
            hours,
            disk=disk,
            used=sum(totals.bytes for totals in hours) + self.conversion_bytes(),
            max_bytes=self._settings.storage.max_gb * GB,
            floor=disks.floor_bytes(self._settings, disk),
            retention_of=self.retention_of,
            now_s=self._now_s(),
        )

    # what they go by

    def seconds(self, camera: int, hour: int) -> list[tuple[int, int, int]]:
        """See `rules.Seconds`."""
        first_s = hour * HOUR_S
        return self._index.sums(camera, first_s, first_s + HOUR_S - 1, every_s=1)

    def conversion_bytes(self) -> int:
        """What videos and archives take."""
        return sum(conversion.size for conversion in self._index.conversions())

    def _thinning(
        self, hours: Sequence[HourTotals], protected: Protected
    ) -> tuple[list[PlannedDeletion], list[HourTotals]]:
        """Exact for so many hours; of more estimated from totals, as every row would be read."""
        planned: dict[int, PlannedDeletion] = {}
        left = {(totals.camera, totals.hour): totals for totals in hours}
        for number, totals in enumerate(self.to_thin(hours)):
            keep = self.retention_of(totals.camera).thin_keep
            is_exact = number < _EXACT_HOURS
            if is_exact:
                whole = (totals.hour * HOUR_S, (totals.hour + 1) * HOUR_S - 1)
                parts = rules.outside(whole, protected.get(totals.camera, ()))
                images, size = (
                    self._index.superfluous(totals.camera, parts, keep=keep) if parts else (0, 0)
                )
            else:
                images, size = thinning.estimated(totals, keep)
            if not images:
                continue
            first_us = totals.hour * HOUR_S * SECOND_US
            before = planned.get(totals.camera)
            planned[totals.camera] = PlannedDeletion(
                rule=Rule.THIN,
                camera=totals.camera,
                images=images + (before.images if before else 0),
                bytes=size + (before.bytes if before else 0),
                oldest_us=min(first_us, before.oldest_us) if before else first_us,
                newest_us=first_us + (HOUR_S - 1) * SECOND_US,
                exact=is_exact and (before is None or before.exact),
            )
            left[totals.camera, totals.hour] = HourTotals(
                camera=totals.camera,
                hour=totals.hour,
                images=totals.images - images,
                bytes=totals.bytes - size,
                events=totals.events,
            )
        return list(planned.values()), list(left.values())

    def _now_s(self) -> int:
        return to_us(self._archive.clock.now()) // SECOND_US


def _of_spans(spans: Sequence[Span]) -> list[PlannedDeletion]:
    """One for each camera."""
    by_camera: dict[int, list[Span]] = {}
    for span in spans:
        by_camera.setdefault(span.camera, []).append(span)
    planned = []
    for camera, own in sorted(by_camera.items()):
        planned.append(
            PlannedDeletion(
                rule=own[0].rule,
                camera=camera,
                images=sum(span.images for span in own),
                bytes=sum(span.bytes for span in own),
                oldest_us=min(span.first_s for span in own) * SECOND_US,
                newest_us=max(span.last_s for span in own) * SECOND_US,
            )
        )
    return planned


def _of_conversions(conversions: Sequence[Conversion]) -> list[PlannedDeletion]:
    having = [conversion for conversion in conversions if conversion.size]
    if not having:
        return []
    return [
        PlannedDeletion(
            rule=Rule.CONVERSIONS,
            camera=None,
            images=len(having),
            bytes=sum(conversion.size for conversion in having),
            oldest_us=min(conversion.requested_us for conversion in having),
            newest_us=max(conversion.requested_us for conversion in having),
        )
    ]
