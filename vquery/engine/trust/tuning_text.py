"""A tuning as a text, as HTML with a small plot, and its progress on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vquery.engine.trust.texts import value_text
from vquery.errors import QueryError
from vquery.view.page import fragment, paragraph, table_html
from vquery.view.text import aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vquery.engine.trust.tuning import Best, Tuning

WIDTH, HEIGHT, EDGE = 420, 140, 24
COLOURS = ("#4269d0", "#efb118")


def text(tuning: Tuning) -> str:
    """Write the best settings beside those of random search and those written."""
    return "\n".join([*aligned(*_rows(tuning), numbers=False), _sentence(tuning)])


def html(tuning: Tuning) -> str:
    """Draw the same with a plot of the best score over what was spent."""
    columns, rows = _rows(tuning)
    return fragment(table_html(columns, rows), _plot(tuning), paragraph(_sentence(tuning)))


def _rows(tuning: Tuning) -> tuple[list[str], list[list[str]]]:
    names = list(tuning.best.params)
    columns = ["", f"{tuning.metric} tuned on", "held out", *names]
    given: list[tuple[str, Best]] = [(tuning.method, tuning.best)]
    if tuning.method != "random":
        given.append(("random", tuning.random))
    given.append(("as written", tuning.default))
    return columns, [
        [label, _score(each.score), _score(each.holdout)]
        + [value_text(each.params[name]) for name in names]
        for label, each in given
    ]


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _sentence(tuning: Tuning) -> str:
    seconds = sum(tuning.trials["seconds"].to_pylist())
    return (
        f"{tuning.trials.num_rows:,} trials in {seconds:.1f} s; {len(tuning.tuned_on):,} videos to"
        f" tune on, {len(tuning.held_out):,} held out"
    )


def _plot(tuning: Tuning) -> str:
    """Best score on all videos so far, over runs on all videos spent."""
    lines = {name: _curve(tuning, name) for name in dict.fromkeys((tuning.method, "random"))}
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    right = max(x for x, _ in points) or 1.0
    low, high = min(y for _, y in points), max(y for _, y in points)
    scale = (high - low) or 1.0
    drawn = []
    for colour, (name, line) in zip(COLOURS, lines.items(), strict=False):
        places = [
            (
                EDGE + x / right * (WIDTH - 2 * EDGE),
                HEIGHT - EDGE - (y - low) / scale * (HEIGHT - 2 * EDGE),
            )
            for x, y in line
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        label_y = 14 + 14 * len(drawn) // 2
        drawn.append(
            f'<text x="{WIDTH - 90}" y="{label_y}" fill="{colour}" font-size="11">{name}</text>'
        )
    drawn.append(f'<text x="2" y="{EDGE - 8}" font-size="11">{high:.3f}</text>')
    drawn.append(
        f'<text x="2" y="{HEIGHT - 6}" font-size="11">{low:.3f}, 0 to {right:.0f} runs</text>'
    )
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{"".join(drawn)}</svg>'


def _curve(tuning: Tuning, name: str) -> list[tuple[float, float]]:
    every = len(tuning.tuned_on)
    lower = tuning.metric in ("start_error", "end_error")
    spent, best = 0.0, None
    curve: list[tuple[float, float]] = []
    for row in tuning.trials.to_pylist():
        if row["search"] != name:
            continue
        spent += row["videos"] / every
        if row["videos"] == every and row["score"] is not None:
            score = float(row["score"])
            if best is None or (score < best if lower else score > best):
                best = score
            curve.append((spent, best))
    return curve


@contextmanager
def shown(progress: Any, *, total: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Tell of trials: to a function that is given, or on a terminal."""
    if callable(progress):
        yield progress
        return
    if progress not in (None, True, False):
        raise QueryError(f"progress= must be True, False, None or a function, got {progress!r}")
    if progress is False or (progress is None and not sys.stderr.isatty()):
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("tuning, {task.fields[search]}"),
        BarColumn(),
        TextColumn("best {task.fields[best]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # elsewhere than on a terminal only the end is written, and stays
    with Progress(*columns, console=console, transient=console.is_terminal) as bar:
        task = bar.add_task("tuning", total=total, search="", best="–")
        best: dict[str, float] = {}
        every = 0

        def told(row: dict[str, Any]) -> None:
            nonlocal every
            every = max(every, row["videos"])
            if row["score"] is not None and row["videos"] == every:
                best[row["search"]] = max(best.get(row["search"], row["score"]), row["score"])
            top = best.get(row["search"])
            bar.update(
                task,
                advance=row["videos"] / every,
                search=row["search"],
                best="–" if top is None else f"{abs(top):.4f}",
            )

        yield told


def _silent(row: dict[str, Any]) -> None:
    del row
