"""The bar that commands show on standard error while they work; imported only where one is."""

from rich import progress
from rich.console import Console


def bar() -> progress.Progress:
    """Share, time so far, time left; gone when it is stopped."""
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
