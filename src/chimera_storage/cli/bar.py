"""The bar that commands show on standard error while they work."""

import sys
from typing import Self


class Bar:
    """Share, time so far, time left, if standard error is a terminal; gone when it is left.

    `total`: what `show` counts up to; None where that is not known yet. `counted`: the numbers are
    shown too, in place of the share.
    rich is imported where one is shown, as that takes as long as scanning some seconds of video.
    """

    def __init__(self, total: float | None, *, counted: bool = False) -> None:
        self._progress = None
        if not sys.stderr.isatty():
            return
        from rich import progress
        from rich.console import Console

        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn() if counted else progress.TaskProgressColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(
        self,
        completed: float | None = None,
        description: str | None = None,
        *,
        total: float | None = None,
    ) -> None:
        """How far it is; a description is text, no markup, and None leaves a thing as it is."""
        if self._progress is None:
            return
        from rich.markup import escape

        text = None if description is None else escape(description)
        self._progress.update(self._task, completed=completed, description=text, total=total)
