"""How far a long query is, on a terminal."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from vquery.engine.running.batches import Running

PATIENCE = 1.0
"""Seconds after which a query counts as long."""


@contextmanager
def shown(running: Running, *, wanted: bool | None) -> Iterator[None]:
    """Show progress while a query runs for long: on a terminal alone, unless it is ``wanted``."""
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        yield
        return
    bar = _Bar()
    running.advance = bar.advance
    timer = threading.Timer(PATIENCE, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        bar.close()


class _Bar:
    """Rows read of all rows; of unknown length as long as nothing is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done, self._total = 0, 0
        self._progress: Progress | None = None
        self._closed = False

    def show(self) -> None:
        """Draw the bar."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        with self._lock:
            if self._closed:
                return
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("query"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[rows]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.add_task("query", total=None, rows="")
            self._progress.start()
            self._update()

    def advance(self, done: int, total: int) -> None:
        """Take down how many of all rows are done."""
        with self._lock:
            self._done, self._total = done, total
            self._update()

    def _update(self) -> None:
        if self._progress is not None and self._total:
            rows = f"{self._done:,} of {self._total:,} rows"
            self._progress.update(
                self._progress.task_ids[0], completed=self._done, total=self._total, rows=rows
            )

    def close(self) -> None:
        """Take the bar away."""
        with self._lock:
            self._closed = True
            if self._progress is not None:
                self._progress.stop()
