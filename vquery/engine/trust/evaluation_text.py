"""An evaluation as a text and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.view.page import fragment, heading, paragraph, rows_html, table_html
from vquery.view.text import aligned

if TYPE_CHECKING:
    from vquery.engine.trust.evaluation import Evaluation

SHOWN_VIDEOS = 20


def text(evaluation: Evaluation) -> str:
    """Write an evaluation as a table of text."""
    return "\n".join([*aligned(*_scores(evaluation)), *_sentences(evaluation)])


def html(evaluation: Evaluation) -> str:
    """Draw an evaluation for a notebook."""
    columns, rows = _scores(evaluation)
    pieces = [table_html(columns, rows), *map(paragraph, _sentences(evaluation))]
    if evaluation.classes.num_rows > 1:
        pieces += [heading("classes"), rows_html(evaluation.classes)]
    pieces += [heading("videos"), rows_html(evaluation.videos.slice(0, SHOWN_VIDEOS))]
    if evaluation.videos.num_rows > SHOWN_VIDEOS:
        pieces.append(paragraph(f"the first {SHOWN_VIDEOS} of {evaluation.videos.num_rows:,}"))
    return fragment(*pieces)


def _scores(evaluation: Evaluation) -> tuple[list[str], list[list[Any]]]:
    columns = ["", "precision", "recall", "F1", "AP"]
    time = evaluation.time
    rows: list[list[Any]] = [["time", time.precision, time.recall, time.f1, None]]
    for key, item in evaluation.items.items():
        label = "items, any overlap" if isinstance(key, str) else f"items, tIoU {key:g}"
        ap = None if isinstance(key, str) else evaluation.ap[key]
        rows.append([label, item.precision, item.recall, item.f1, ap])
    return columns, rows


def _sentences(evaluation: Evaluation) -> list[str]:
    count = next(iter(evaluation.items.values()))
    lines = [
        f"{count.found:,} found, {count.true:,} true, in {evaluation.videos.num_rows:,} videos"
    ]
    ends = evaluation.boundaries
    if ends.pairs:
        lines.append(
            f"starts off by {ends.start_error:.3g} s, ends by {ends.end_error:.3g} s"
            f" (mean of {ends.pairs:,} matched pairs)"
        )
    parts = evaluation.segments
    lines.append(
        f"{parts.split:,} found in several pieces, {parts.merged:,} cover several,"
        f" {parts.missed:,} missed, {parts.false:,} false"
    )
    if evaluation.unscored:
        lines.append(f"{evaluation.unscored:,} without a score rank last")
    return lines
