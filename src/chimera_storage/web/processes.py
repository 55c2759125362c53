"""A conversion as clients see it (ProcessObj of the seed), and which of them are listed."""

from collections.abc import Callable, Sequence

from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError
from chimera_storage.model import Conversion, ConversionStatus, ConversionType
from chimera_storage.web import parsing, schemas
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, given
from chimera_storage.web.ports import Services


def process_object(conversion: Conversion, services: Services) -> schemas.Process:
    """The ProcessObj of a conversion; times in the server's zone."""
    layout = services.archive.layout
    return schemas.Process(
        link=services.absolute(layout.output_url(conversion)),
        type=conversion.type.value,
        id=conversion.id,
        requested=layout.stamp(conversion.requested_us),
        camera=conversion.camera,
        start=layout.stamp(conversion.start_us),
        end=layout.stamp(conversion.end_us),
        running=conversion.status.active,
        status=conversion.status.value,
        progress=round(conversion.progress, 4),
        frames=conversion.frames,
        size=conversion.size,
        eta=conversion.eta_s(to_us(services.clock.now())),
        error=conversion.error,
        fps=conversion.fps,
        skip=conversion.skip,
        missing=conversion.missing,
        options=conversion.options.model_dump(exclude_defaults=True),
    )


MOST_LISTED = 1_000_000


def listed(
    body: Body, names: CameraNames, conversions: Sequence[Conversion]
) -> tuple[int, list[Conversion]]:
    """How many the body's filter keeps, and those of them that `offset` and `limit` leave."""
    keep = process_filter(body, names)
    kept = [conversion for conversion in conversions if keep(conversion)]
    offset = parsing.whole(body, "offset", default=0, least=0, most=MOST_LISTED)
    limit = parsing.whole(body, "limit", default=MOST_LISTED, least=1, most=MOST_LISTED)
    return len(kept), kept[offset : offset + limit]


def process_filter(body: Body, names: CameraNames) -> Callable[[Conversion], bool]:
    """What the fields `camera`, `type`, `status` and `running` keep; absent ones keep all."""
    camera = names.of(body) if given(body, "camera") is not None else None
    type_ = _one_of(body, "type", [kind.value for kind in ConversionType])
    status = _one_of(body, "status", [status.value for status in ConversionStatus])
    wants_running = given(body, "running") is not None
    running = parsing.yes_or_no(body, "running", default=False)

    def keep(conversion: Conversion) -> bool:
        return (
            camera in {None, conversion.camera}
            and type_ in {None, conversion.type.value}
            and status in {None, conversion.status.value}
            and (not wants_running or conversion.status.active is running)
        )

    return keep


def _one_of(body: Body, name: str, values: list[str]) -> str | None:
    value = given(body, name)
    if value is None or value in values:
        return value if isinstance(value, str) else None
    raise InvalidInputError(
        f"{name} is {parsing.shown(value)}; right would be one of {', '.join(values)}"
    )
