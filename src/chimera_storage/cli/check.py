"""`chimera-storage check`: what is wrong in the data folder, in words, and putting it right."""

import json
import sys
import time
from collections import Counter
from typing import Annotated, Any

import typer

from chimera_storage.archive.findings import Finding, Kind, Report
from chimera_storage.cli.bar import Bar
from chimera_storage.cli.options import ConfigFile, DataFolder, configured
from chimera_storage.clock import SystemClock
from chimera_storage.log import configure_logging
from chimera_storage.web.formatting import file_size

_SHOWN = 5  # examples of each kind in the summary for people

# What each kind is for one and for several, and what --repair does about it.
_WORDS = {
    Kind.INDEX: ("The index", "The index", "it is set aside and made anew from the files"),
    Kind.ORPHAN: ("image is", "images are", "taken into the index"),
    Kind.MISSING: ("image is", "images are", "taken out of the index"),
    Kind.CHANGED: ("image is", "images are", "kept; the index then says what they hold now"),
    Kind.NO_IMAGE: ("file is", "files are", "moved to the hidden folder shared/captures/.damaged"),
    Kind.UNREADABLE: ("file", "files", "nothing can be done from here; look at the disk"),
    Kind.SIDECAR: ("record", "records", "made to agree"),
    Kind.EVENT: ("event", "events", "put into the index"),
    Kind.TOTALS: ("hour's totals are", "hours' totals are", "counted anew"),
    Kind.LEFTOVER: ("temporary file", "temporary files", "deleted"),
    Kind.OUTPUT_ORPHAN: ("finished conversion is", "finished conversions are", "listed again"),
    Kind.OUTPUT_MISSING: ("finished conversion is", "finished conversions are", "no longer listed"),
    Kind.OUTPUT_CHANGED: (
        "finished conversion is",
        "finished conversions are",
        "left as it is; delete it and ask for it again",
    ),
    Kind.CUT_SHORT: ("image is", "images are", ""),
    Kind.UNREAD: ("image was", "images were", ""),
}
_WRONG = {
    Kind.INDEX: "cannot be used",
    Kind.ORPHAN: "on disk and not in the index: not listed, counted or cleaned",
    Kind.MISSING: "in the index and not on disk",
    Kind.CHANGED: "not what was saved: other bytes than the index knows",
    Kind.NO_IMAGE: "no image at all, though named like one",
    Kind.UNREADABLE: "cannot be read",
    Kind.SIDECAR: "beside the images (.images) and in the index do not agree",
    Kind.EVENT: "of images that the index does not know",
    Kind.TOTALS: "not the sums of their images",
    Kind.LEFTOVER: "left behind by something that was killed",
    Kind.OUTPUT_ORPHAN: "on disk and not in the list of processes",
    Kind.OUTPUT_MISSING: "in the list of processes and not on disk",
    Kind.OUTPUT_CHANGED: "of another size than when it was made",
    Kind.CUT_SHORT: "cut short: only the upper part can be shown (no problem of the index)",
    Kind.UNREAD: "not read before: no checksum to compare with; a running server reads them",
}


def check_command(
    *,
    config: ConfigFile = None,
    path: DataFolder = None,
    camera: Annotated[int | None, typer.Option(min=0, help="Check this camera only.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what can be; no footage is deleted.")
    ] = False,
    max_missing: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            help="Percent of a camera's images that may be missing for a repair to go on.",
        ),
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Verify every stored file; exit code 1 while something is wrong, 2 where it cannot be said."""
    configure_logging()
    from chimera_storage.archive.check import Listener, check
    from chimera_storage.service.opening import layout_of

    settings = configured(config, path)
    layout = layout_of(settings)
    started = time.monotonic()
    with Bar(None, counted=True) as bar:
        listener = Listener(
            total=lambda total: bar.show(total=total or None),
            progress=bar.show,
            step=lambda step: bar.show(description=step),
        )
        report = check(
            layout,
            SystemClock(),
            listener,
            camera=camera,
            repair=repair,
            max_missing=max_missing / 100,
        )
    seconds = time.monotonic() - started
    if as_json:
        sys.stdout.write(json.dumps(_as_json(report, seconds), indent=2) + "\n")
    else:
        _summarize(report, seconds, repair=repair)
    sys.stdout.flush()
    if report.stopped is not None:
        typer.echo(f"chimera-storage: {report.stopped}.", err=True)
    if report.left:
        raise typer.Exit(1)


def _as_json(report: Report, seconds: float) -> dict[str, Any]:
    return {
        "images": report.images,
        "bytes": report.size,
        "seconds": round(seconds, 3),
        "left": report.left,
        "stopped": report.stopped,
        "found": _by_kind(report.found),
        "mended": _by_kind(report.mended),
        "findings": [
            {"kind": named.kind.value, "path": named.path, "detail": named.detail}
            for named in report.named
        ],
    }


def _by_kind(counts: Counter[Kind]) -> dict[str, int]:
    return {kind.value: counts[kind] for kind in Kind if counts[kind]}


def _summarize(report: Report, seconds: float, *, repair: bool) -> None:
    checked = f"Checked {report.images:,} images ({file_size(report.size)}) in {seconds:.1f} s"
    problems = sum(number for kind, number in report.found.items() if kind.is_problem)
    typer.echo(f"{checked}: {'all is well' if not problems else _count(problems, 'problem')}.")
    for kind in Kind:
        if report.found[kind]:
            _tell(kind, report, repair=repair)
    if report.left and not repair:
        typer.echo("chimera-storage check --repair puts right what can be; it deletes no footage.")
    elif problems and not report.left:
        typer.echo("All of it is put right.")


def _tell(kind: Kind, report: Report, *, repair: bool) -> None:
    one, several, remedy = _WORDS[kind]
    number, mended = report.found[kind], report.mended[kind]
    what = one if number == 1 else several
    line = f"{what} {_WRONG[kind]}" if kind is Kind.INDEX else f"{number:,} {what} {_WRONG[kind]}"
    if repair and mended:
        line += f" → {remedy}" if mended == number else f" → {mended:,} {remedy}"
    elif repair and kind.is_problem:
        line += " → not put right"
    typer.echo(f"  {line}")
    named = [finding for finding in report.named if finding.kind is kind]
    for finding in named[:_SHOWN]:
        typer.echo(f"      {_named(finding)}")
    if number > _SHOWN:
        typer.echo(f"      and {number - _SHOWN:,} more (--json names them)")


def _named(finding: Finding) -> str:
    return f"{finding.path} ({finding.detail})" if finding.detail else finding.path


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
