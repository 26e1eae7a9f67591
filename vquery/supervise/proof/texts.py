"""Assessments and comparisons as text and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.view.page import heading, paragraph, rows_html, table_html
from vquery.view.plots import Point, intervals_svg, reliability_svg
from vquery.view.text import aligned

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.supervise.proof.assessment import Assessment
    from vquery.supervise.proof.comparison import Comparison

SHOWN_SLICES = 40
SHOWN_CHANGED = 20


def text(found: Assessment) -> str:
    """Write an assessment as lines of text."""
    lines = [_head(found), *aligned(["", "value", "low", "high"], _metrics(found))]
    if found.slices.num_rows:
        lines += ["", f"{found.main} by slice", *aligned(*slice_rows(found.slices))]
    return "\n".join([*lines, *found.notes])


def html_pieces(found: Assessment) -> list[str]:
    """Draw an assessment: figures, reliability, classes, slices, notes."""
    pieces = [paragraph(_head(found)), *map(paragraph, found.notes)]
    pieces.append(table_html(["", "value", "low", "high"], _metrics(found)))
    if found.reliability is not None:
        pieces += [heading("reliability"), reliability_svg(found.reliability)]
    pieces += [heading("classes"), rows_html(found.classes)]
    counts = found.segmentation
    if counts is not None:
        words = [name.replace("_", " ") for name in counts]
        pieces += [heading("segments"), table_html(words, [list(counts.values())])]
    if found.slices.num_rows:
        pieces += [
            heading(f"{found.main} by slice"),
            *slice_pieces(found.slices, found.metric(found.main)),
        ]
    return pieces


def slice_pieces(table: pa.Table, overall: float | None) -> list[str]:
    """Draw a table of slices: points with intervals beside the whole, and the numbers."""
    shown = table.slice(0, SHOWN_SLICES)
    points = [
        Point(row["slice"], row["value"], row["low"], row["high"], worse=bool(row["worse"]))
        for row in shown.to_pylist()
    ]
    pieces = [intervals_svg(points, overall), table_html(*slice_rows(shown))]
    if table.num_rows > SHOWN_SLICES:
        pieces.append(paragraph(f"the first {SHOWN_SLICES} of {table.num_rows:,} slices"))
    return pieces


def slice_rows(table: pa.Table) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a table of slices, ready to be written."""
    rows = [
        [
            row["slice"], row["items"], row["positives"], row["groups"], row["value"],
            _between(row["low"], row["high"]), row["difference"],
            _between(row["difference_low"], row["difference_high"]),
            {True: "worse", False: "", None: "too few to tell"}[row["worse"]],
        ]
        for row in table.to_pylist()
    ]  # fmt: skip
    columns = [
        "slice", "items", "positives", "groups", "value", "interval", "to the rest", "interval", "",
    ]  # fmt: skip
    return columns, rows


def comparison_text(found: Comparison) -> str:
    """Write a comparison as lines of text."""
    return "\n".join([_changes(found), *aligned(*_compared(found))])


def comparison_pieces(found: Comparison) -> list[str]:
    """Draw a comparison: figures, and the first items that changed."""
    pieces = [paragraph(_changes(found)), table_html(*_compared(found))]
    if found.changed.num_rows:
        shown = found.changed.slice(0, SHOWN_CHANGED)
        pieces += [heading("items that changed"), rows_html(shown)]
        if found.changed.num_rows > SHOWN_CHANGED:
            pieces.append(paragraph(f"the first {SHOWN_CHANGED} of {found.changed.num_rows:,}"))
    return pieces


def _head(found: Assessment) -> str:
    rows, level = found.rows, found.options.level
    names = ", ".join(str(value) for value in rows.classes)
    if len(rows.classes) == 2:
        names += " (the positive one)"
    return (
        f"{int(rows.known.sum()):,} items with a known truth in {found.groups:,} groups; classes "
        f"{names}; {level:.0%} intervals over {found.options.draws:,} draws of groups"
    )


def _metrics(found: Assessment) -> list[list[Any]]:
    return [[name, one.value, one.low, one.high] for name, one in found.metrics.items()]


def _changes(found: Comparison) -> str:
    return (
        f"{found.changed.num_rows:,} items changed: {found.fixed:,} became right, "
        f"{found.broken:,} became wrong"
    )


def _compared(found: Comparison) -> tuple[list[str], list[list[Any]]]:
    words = {True: "better", False: "worse", None: ""}
    rows = [
        [
            row["metric"], row["before"], row["after"], row["difference"],
            _between(row["low"], row["high"]), words[row["better"]],
        ]
        for row in found.table.to_pylist()
    ]  # fmt: skip
    return ["", "before", "after", "difference", "interval", ""], rows


def _between(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"
