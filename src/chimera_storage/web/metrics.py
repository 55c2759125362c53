"""GET /metrics: what Prometheus asks for, collected from the rooms when it asks.

Nothing is counted twice: reports, totals and conversions are read when somebody looks. Only
requests are counted, by `RequestSeconds`, which edge.py tells.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Histogram, Metric, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from chimera_storage import __version__
from chimera_storage.clock import to_us
from chimera_storage.errors import StorageError
from chimera_storage.model import CameraReport, CameraState, ConversionStatus, Health
from chimera_storage.web.dispatch import ROUTE, STATUS
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import problems

PREFIX = "chimera_storage_"
BUCKETS_S = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
OTHER = "other"

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series of each, of no use here


class RequestSeconds:
    """How many requests came, by route and status, and how long they took to their last byte.

    What a guard refuses is counted too; that has no route. Only what a client cannot make up is a
    label.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            PREFIX + "http_request_seconds",
            "Seconds from a request to the last byte of its answer",
            ["method", "route", "status"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._known: dict[tuple[str, str, int], Histogram] = {}  # finding one takes longer

    def observe(self, scope: Scope, seconds: float) -> None:
        """Count a request that is over."""
        method = scope["method"] if scope["method"] in METHODS else OTHER
        series = method, scope.get(ROUTE, OTHER), scope.get(STATUS, 500)
        found = self._known.get(series)
        if found is None:
            found = self._known[series] = self._seconds.labels(*map(str, series))
        found.observe(seconds)


def metrics_router(
    services: Services, names: CameraNames, registry: CollectorRegistry
) -> APIRouter:
    """GET /metrics."""
    registry.register(_Rooms(services, names))
    router = APIRouter(tags=["metrics"])

    @router.get(
        "/metrics",
        summary="What there is to know, for Prometheus",
        response_class=PlainTextResponse,
        responses=problems(503),
    )
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


class _Rooms:
    """What the rooms say at this moment; `collect` blocks for milliseconds."""

    def __init__(self, services: Services, names: CameraNames) -> None:
        self._services = services
        self._names = names

    def describe(self) -> Iterator[Metric]:
        """Nothing is collected before somebody asks."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every metric, each with all its series."""
        yield _gauge("info", "The version that runs", ("version",), {(__version__,): 1})
        yield from self._recording()
        yield from self._data()
        for part in (self._disk, self._stored):
            with suppress(StorageError):  # then these are not there, and `data_writable` is 0
                yield from part()

    def _recording(self) -> Iterator[Metric]:
        recorders = self._services.recorders
        reports = recorders.reports()
        yield _gauge(
            "recorder_status",
            "1 for what the recorder process is",
            ("status",),
            {(s,): float(s == recorders.status()) for s in ("online", "stopped", "errored")},
        )
        yield _counter(
            "recorder_restarts", "Starts of the recorder anew", (), {(): recorders.restarts()}
        )
        yield _gauge(
            "camera_info",
            "The name of each configured camera",
            ("camera", "name"),
            {(str(r.camera), self._names.name(r.camera)): 1 for r in reports},
        )
        yield _gauge(
            "camera_state",
            "1 for the state that the camera is in",
            ("camera", "state"),
            {(str(r.camera), s.value): float(s is r.state) for r in reports for s in CameraState},
        )
        yield _gauge(
            "camera_health",
            "1 for what is wrong with the pictures that come (ok: nothing)",
            ("camera", "health"),
            {(str(r.camera), h.value): float(h is r.health) for r in reports for h in Health},
        )
        now_us = to_us(self._services.clock.now())
        for name, text, value in _OF_CAMERAS:
            make = _counter if text.startswith("How many") else _gauge
            yield make(
                f"camera_{name}", text, ("camera",), {(str(r.camera),): value(r) for r in reports}
            )
        yield _gauge(
            "camera_lag_seconds",
            "Age of the newest picture that came",
            ("camera",),
            {
                (str(r.camera),): max(0, now_us - r.last_frame_us) / 1e6
                for r in reports
                if r.last_frame_us is not None
            },
        )

    def _data(self) -> Iterator[Metric]:
        state = self._services.upkeep.state()
        yield _gauge(
            "index_compared_ratio",
            "How far files and index were compared since the start",
            (),
            {(): state.progress},
        )
        yield _gauge(
            "data_writable",
            "1 where images can be written to the data folder",
            (),
            {(): float(state.problem is None)},
        )

    def _disk(self) -> Iterator[Metric]:
        disk = self._services.statistics.disk()
        yield _gauge("disk_bytes", "Bytes of the disk that images are on", (), {(): disk.total})
        yield _gauge("disk_free_bytes", "Bytes of it that are free", (), {(): disk.free})

    def _stored(self) -> Iterator[Metric]:
        usage = self._services.statistics.usage()
        counts: Series = {(str(camera),): of.count for camera, of in usage.cameras.items()}
        sizes: Series = {(str(camera),): of.size for camera, of in usage.cameras.items()}
        yield _gauge("images", "Images that are stored", ("camera",), counts)
        yield _gauge("images_bytes", "Bytes of these images", ("camera",), sizes)
        stands = Counter(conversion.status for conversion in self._services.conversions.list())
        yield _gauge(
            "conversions",
            "Videos and archives, by where they stand",
            ("status",),
            {(status.value,): stands[status] for status in ConversionStatus},
        )
        yield _gauge(
            "conversions_bytes",
            "Bytes of finished videos and archives",
            ("kind",),
            {("video",): usage.videos, ("archive",): usage.zips},
        )
        yield _gauge("index_bytes", "Bytes of the index", (), {(): usage.other})


_OF_CAMERAS: tuple[tuple[str, str, Callable[[CameraReport], float]], ...] = (
    ("recording", "1 while something moves and is recorded", lambda r: float(r.recording)),
    ("frames_per_second", "Pictures that came a second, of late", lambda r: r.fps),
    ("frames_read", "How many pictures came", lambda r: r.frames_read),
    (
        "frames_decoded",
        "How many of them were decoded to look for motion",
        lambda r: r.frames_decoded,
    ),
    ("frames_let_go", "How many were not saved, as nothing moved", lambda r: r.frames_let_go),
    ("frames_damaged", "How many gave no whole picture", lambda r: r.frames_damaged),
    (
        "frames_dropped",
        "How many had to be dropped, as they came too fast",
        lambda r: r.frames_dropped,
    ),
    ("frames_unsaved", "How many could not be written", lambda r: r.frames_unsaved),
    ("images_saved", "How many images were saved", lambda r: r.images_saved),
    ("bytes_read", "How many bytes of pictures came", lambda r: r.bytes_read),
    ("reconnects", "How many times the connection was lost", lambda r: r.reconnects),
)

Series = dict[tuple[str, ...], float]


def _gauge(name: str, text: str, labels: tuple[str, ...], series: Series) -> Metric:
    return _filled(GaugeMetricFamily(PREFIX + name, text, labels=labels), series)


def _counter(name: str, text: str, labels: tuple[str, ...], series: Series) -> Metric:
    """Prometheus sees the name with `_total` behind it."""
    return _filled(CounterMetricFamily(PREFIX + name, text, labels=labels), series)


def _filled(metric: GaugeMetricFamily | CounterMetricFamily, series: Series) -> Metric:
    for labels, value in series.items():
        metric.add_metric(labels, value)
    return metric
