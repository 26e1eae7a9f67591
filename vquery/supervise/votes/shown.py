"""The summary of votes as text and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.schema import KEYS
from vquery.supervise.votes.items import runs
from vquery.view.lanes import Lane, lanes_html
from vquery.view.page import fragment, heading, paragraph, rows_html, table_html
from vquery.view.text import aligned
from vquery.view.votes import matrix_svg, shares_svg

if TYPE_CHECKING:
    from vquery.supervise.votes.matrix import LabelMatrix
    from vquery.supervise.votes.summary import Summary

SHOWN_FUNCTIONS = 30
SHOWN_ROWS = 60
SHOWN_PAIRS = 5
SHOWN_VIDEOS = 8
SHOWN_ITEMS = 50_000
"""Items of these videos that are drawn over time."""
ALIKE = 0.1
"""Residual correlation from which a pair is worth a line."""


def text(summary: Summary) -> str:
    """Write a table with a line a function, and the pairs that err together."""
    table = summary.table.slice(0, SHOWN_ROWS)
    said = _polarity(summary)
    lines = [_line(row, summary, said) for row in table.to_pylist()]
    names = ["slice", "function", "votes", "cover", "overlap", "conflict", "polarity", "accuracy"]
    return "\n".join([_head(summary), *aligned(names, lines, numbers=False), *_notes(summary)])


def _timed(votes: LabelMatrix) -> bool:
    return votes.items is not None and set(KEYS) <= set(votes.items.column_names)


def _head(summary: Summary) -> str:
    votes = summary.votes
    known = int((summary.truth >= 0).sum())
    hours = f", {votes.seconds.sum():,.1f} seconds" if _timed(votes) else ""
    nobody = int((votes.votes < 0).all(axis=1).sum())
    return (
        f"{votes.m} functions on {votes.n:,} items{hours}; {nobody:,} items without any vote; "
        f"class known of {known:,}"
    )


def _polarity(summary: Summary) -> dict[tuple[str, str], str]:
    """Classes that each function votes in each slice, with the share that is right where known."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in summary.classes.to_pylist():
        right = "" if row["accuracy"] is None else f" {row['accuracy']:.0%}"
        found.setdefault((row["slice"], row["function"]), []).append(f"{row['vote']}{right}")
    return {key: ", ".join(values) for key, values in found.items()}


def _line(row: dict[str, Any], summary: Summary, said: dict[tuple[str, str], str]) -> list[str]:
    timed = _timed(summary.votes)

    def share(name: str) -> str:
        in_time = f" ({row[f'{name}_time']:.1%} of time)" if timed else ""
        return f"{row[name]:.1%}{in_time}"

    accuracy = "–"
    if row["accuracy"] is not None:
        accuracy = f"{row['accuracy']:.1%} ({row['low']:.1%}–{row['high']:.1%} of {row['known']:,})"
    return [
        row["slice"], row["function"], f"{row['votes']:,}", share("coverage"), share("overlap"),
        share("conflict"), said.get((row["slice"], row["function"]), "–"), accuracy,
    ]  # fmt: skip


def _notes(summary: Summary) -> list[str]:
    notes = []
    if summary.table.num_rows > SHOWN_ROWS:
        notes.append(f"the first {SHOWN_ROWS} of {summary.table.num_rows:,} lines; see .table")
    for name, source in zip(summary.votes.functions, summary.votes.sources, strict=False):
        if source.get("problem"):
            notes.append(f"{name} failed and abstains: {source['problem']}")
        if source.get("ties"):
            notes.append(f"{name}: {source['ties']:,} items abstained on, as two values tie")
    pairs = summary.pairs().slice(0, SHOWN_PAIRS).to_pylist()
    alike = [pair for pair in pairs if abs(pair["correlation"]) >= ALIKE]
    if alike:
        residual = summary.residual()
        said = ", ".join(
            f"{pair['first']} and {pair['second']} {pair['correlation']:+.2f}" for pair in alike
        )
        notes.append(f"residual correlation given {residual.given}: {said}")
    return notes


def html(summary: Summary) -> str:
    """Draw figures, what is voted how often, functions by functions, and votes over time."""
    votes = summary.votes
    table = summary.table.slice(0, SHOWN_ROWS)
    rows = [
        [", ".join(cell) if isinstance(cell, list) else cell for cell in row.values()]
        for row in table.to_pylist()
    ]
    names = votes.functions[:SHOWN_FUNCTIONS]
    some = votes.votes[:, : len(names)]
    shares = [
        [float(np.mean(column == k)) if votes.n else 0.0 for k in range(len(votes.classes))]
        for column in some.T
    ]
    residual = summary.residual()
    part = f" (the first {len(names)} of {votes.m} functions)" if len(names) < votes.m else ""
    return fragment(
        paragraph(_head(summary)),
        table_html(table.column_names, rows),
        *map(paragraph, _notes(summary)),
        heading(f"What is voted{part}"),
        _class_table(summary),
        shares_svg(names, [str(each) for each in votes.classes], shares),
        heading(f"Residual correlation{part}"),
        paragraph(f"beyond what is explained by {residual.given}; on {residual.items:,} items"),
        matrix_svg(names, residual.correlation[: len(names), : len(names)].tolist()),
        *_over_time(summary, names),
    )


def _class_table(summary: Summary) -> str:
    left = summary.classes.num_rows - SHOWN_ROWS
    more = paragraph(f"{left:,} more lines: see .classes") if left > 0 else ""
    return rows_html(summary.classes.slice(0, SHOWN_ROWS)) + more


def _over_time(summary: Summary, names: tuple[str, ...]) -> list[str]:
    votes = summary.votes
    if votes.items is None or not _timed(votes) or not votes.n:
        return []
    videos = pc.unique(votes.items["video"]).slice(0, SHOWN_VIDEOS)
    here = np.flatnonzero(pc.is_in(votes.items["video"], value_set=videos).to_numpy())
    shown = votes.take(here[:SHOWN_ITEMS]).select(names)
    said = pa.array([str(each) for each in votes.classes], pa.string())
    lanes = [
        Lane(name, _spans(shown.items, shown.votes[:, [j]], said), colour_by="vote")
        for j, name in enumerate(names)
    ]
    part = f"the first {shown.n:,} of {votes.n:,} items" if shown.n < votes.n else ""
    return [
        heading("Votes over time"),
        lanes_html(lanes, values=said.to_pylist()),
        paragraph(part) if part else "",
    ]


def _spans(items: pa.Table, codes: Any, said: pa.Array) -> pa.Table:
    """Votes of one function as intervals: neighbours with the same vote are one."""
    run = runs(items, codes)
    first = np.flatnonzero(np.diff(run, prepend=-1))
    last = np.append(first[1:], len(run)) - 1
    voted = codes[first, 0] >= 0
    first, last = first[voted], last[voted]
    columns = {
        "video": items["video"].take(pa.array(first)),
        "start_us": items["start_us"].take(pa.array(first)),
        "end_us": items["end_us"].take(pa.array(last)),
        "vote": said.take(pa.array(codes[first, 0])),
    }
    return pa.table(columns)
