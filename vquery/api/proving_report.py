"""What `vquery check` says: lines for a terminal, and a page with plots that stands alone."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.proving import worst
from vquery.engine.trust.evaluation_text import text as evaluation_text
from vquery.supervise.proof import Assessment
from vquery.supervise.proof.texts import html_pieces, slice_pieces, slice_rows
from vquery.view.clock import clock
from vquery.view.lanes import Lane, lanes_html
from vquery.view.page import heading, page, paragraph, rows_html, table_html
from vquery.view.text import aligned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.api.proving import Bound, Missed, Proof
    from vquery.supervise.assertions.checked import Checked

SHOWN_VIOLATIONS = 40
SHOWN_VIDEOS = 8
SHOWN_SLICES = 20
"""On a terminal; the page shows more."""
SHOWN_WORST = 3


def text(proof: Proof, bounds: Sequence[Bound]) -> str:
    """Say what was found, one thing a line; thresholds come last."""
    lines = list(proof.notes)
    for table, checked in proof.checked.items():
        lines.append(f"{table}: {checked}")
        if table in proof.sound:
            lines += _sound_lines(proof.sound[table], sliced=proof.sliced)
    for name, judged in proof.assessments.items():
        lines += [f"{name}:", *(f"  {line}".rstrip() for line in str(judged).splitlines())]
    missed = proof.missed(bounds)
    lines += [f"missed: {one}" for one in missed]
    if bounds and not missed:
        several = f"all {len(bounds)} thresholds are" if len(bounds) > 1 else "the threshold is"
        lines.append(f"{several} met")
    return "\n".join(lines)


def _sound_lines(sound: Assessment, *, sliced: bool) -> list[str]:
    """Say how many rows are sound: of all, of each slice, and where they are surely fewest."""
    lines = [f"sound rows: {_share(sound)}"]
    if sliced:
        named = sound.by_slice("accuracy")
        lines += aligned(*slice_rows(named.slice(0, SHOWN_SLICES)))
        if named.num_rows > SHOWN_SLICES:
            lines.append(f"the first {SHOWN_SLICES} of {named.num_rows:,} slices")
    found = [row for row in worst(sound).to_pylist() if row["worse"]][:SHOWN_WORST]
    if found:
        said = "; ".join(f"{row['slice']} {row['value']:.4f}" for row in found)
        lines.append(f"worst slices found: {said}")
    return [f"  {line}".rstrip() for line in lines]


def write(proof: Proof, bounds: Sequence[Bound]) -> str:
    """Make the page."""
    facts = proof.facts
    pieces = [
        paragraph(f"{facts['path']}: {facts['videos']:,} videos, {facts['hours']:g} hours"),
        *map(paragraph, proof.notes),
        *_thresholds(proof, bounds),
    ]
    for table, checked in proof.checked.items():
        pieces += [heading(f"What cannot be: {table}"), *_violations(checked)]
        if table in proof.sound:
            pieces += _slices(table, proof.sound[table])
    for name, judged in proof.assessments.items():
        pieces.append(heading(f"How good: {name}"))
        if isinstance(judged, Assessment):
            pieces += html_pieces(judged)
            found = judged.worst()
            if found.num_rows:
                pieces += [
                    heading(f"Worst slices found: {name}"),
                    *slice_pieces(found, judged.metric(judged.main)),
                ]
        else:
            pieces.append(f"<pre>{html.escape(evaluation_text(judged))}</pre>")
    return page(f"vquery check: {facts['path']}", *pieces)


def _thresholds(proof: Proof, bounds: Sequence[Bound]) -> list[str]:
    if not bounds:
        return [paragraph("No thresholds were named.")]
    missed: dict[Any, Missed] = {one.bound: one for one in proof.missed(bounds)}
    words = {"under": "at least", "over": "at most", "violations": "violations at most"}
    rows = [
        [
            bound.name, words[bound.kind], bound.limit, proof.value(bound),
            "missed" if bound in missed else "met",
        ]
        for bound in bounds
    ]  # fmt: skip
    said = f"{len(missed)} of {len(bounds)} thresholds missed" if missed else "All are met"
    columns = ["what", "", "asked for", "found", ""]
    return [heading("Thresholds"), paragraph(f"{said}."), table_html(columns, rows)]


def _violations(checked: Checked) -> list[str]:
    summary, found = checked.summary(), checked.violations
    pieces = [
        *map(paragraph, checked.notes),
        rows_html(summary),
    ]
    if not found.num_rows:
        return [*pieces, paragraph(f"No rule is broken in {checked.rows:,} rows.")]
    videos = found["video"].unique()
    shown = found.filter(pc.is_in(found["video"], value_set=videos.slice(0, SHOWN_VIDEOS)))
    pieces.append(lanes_html([Lane("violations", shown, colour_by="rule")]))
    if len(videos) > SHOWN_VIDEOS:
        pieces.append(paragraph(f"the first {SHOWN_VIDEOS} of {len(videos):,} videos"))
    return [*pieces, _gravest(found)]


def _gravest(found: pa.Table) -> str:
    first = found.sort_by([("severity", "descending"), ("violation", "ascending")])
    columns = ["rule", "video", "start", "end", "severity", "before", "after", "items"]
    rows = [
        [
            row["rule"], row["video"], clock(row["start_us"], digits=3),
            clock(row["end_us"], digits=3), row["severity"], row["before"], row["after"],
            " ".join(str(item) for item in row["items"] or []),
        ]
        for row in first.slice(0, SHOWN_VIOLATIONS).to_pylist()
    ]  # fmt: skip
    table = table_html(columns, rows)
    if found.num_rows <= SHOWN_VIOLATIONS:
        return table
    return table + paragraph(f"the gravest {SHOWN_VIOLATIONS} of {found.num_rows:,}")


def _slices(table: str, sound: Assessment) -> list[str]:
    overall = sound.metric("accuracy")
    named = sound.by_slice("accuracy")
    pieces = [
        heading(f"Sound rows by slice: {table}"),
        paragraph(f"Share of rows that break no rule: {_share(sound)}."),
        *map(paragraph, sound.notes[:1] if sound.groups < 2 else ()),
        *(slice_pieces(named, overall) if named.num_rows else ()),
    ]
    found = worst(sound)
    if found.num_rows:
        pieces += [paragraph("Worst slices found:"), table_html(*slice_rows(found))]
    return pieces


def _share(sound: Assessment) -> str:
    one = sound.metrics["accuracy"]
    between = "" if one.low is None else f" ({one.low:.4f} to {one.high:.4f})"
    return f"{one.value:.4f}{between}"
