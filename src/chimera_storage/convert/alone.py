"""One conversion without a server: the same process, its file put where it is wanted."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from chimera_storage.convert import output
from chimera_storage.convert.job import Job, Report
from chimera_storage.errors import ConversionError, storage_error

_UNWHOLE = "its process ended before the file was whole"


def export(job: Job, on_report: Callable[[Report], None]) -> Report:
    """Make `job.output`, which appears under its name only when it is whole.

    `on_report` is told how far it is. Raises ConversionError where there is a file of this name,
    no folder for it, or it cannot be made, StorageError where the file cannot be written.
    Interrupted, nothing is left.
    """
    final = job.output
    if final is None:
        raise ValueError("an export has a file to write")
    if os.path.lexists(final):
        raise ConversionError(f"{final} is there already; name another file with -o")
    if not final.parent.is_dir():
        raise ConversionError(f"there is no folder {final.parent}; make it, or name another file")
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        last = _run(replace(job, output=temporary), on_report)
        output.publish(temporary, final)
    except OSError as error:
        raise storage_error(f"{final} cannot be written", error) from None
    finally:
        with suppress(OSError):
            output.remove(temporary)
    return last


def _run(job: Job, on_report: Callable[[Report], None]) -> Report:
    last = Report()
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "chimera_storage.convert"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is ours to handle
        ) as child,
    ):
        assert child.stdin is not None  # noqa: S101 - pipes were asked for
        assert child.stdout is not None  # noqa: S101
        try:
            child.stdin.write(job.to_line())
            child.stdin.flush()
            for line in child.stdout:
                with suppress(ValueError, TypeError):
                    last = Report.from_line(line)
                    on_report(last)
        except BrokenPipeError:
            pass  # it ended at once; its log says why
        finally:
            child.kill()
            child.wait()
        if last.error is None and last.finished:
            return last
        log.seek(0)
        if last.error in (None, output.UNKNOWN_REASON):
            sys.stderr.write(log.read().decode(errors="replace"))
    raise ConversionError(last.error or _UNWHOLE)
