"""What people see on a terminal: progress on standard error, results as text and tables."""

from __future__ import annotations

import csv
import json
import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from vquery.engine.show import print_table
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from vquery.export.report import Written
    from vquery.index.jobs import Outcome
    from vquery.index.report import IndexReport

LISTED = 10
"""Files that are named for one reason; all of them are in the JSON."""
NAMED_GAPS = 5
"""Components without a seed that are named; more of them are in the JSON."""

AGAIN = {"propagated": "propagate", "fused": "fuse", "predicted": "train"}
"""What to do again where labels have changed since."""


def _bars(*columns: Any) -> Progress:
    """Make progress bars that show on a terminal and are silent in a pipe."""
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class IndexBar:
    """Progress of indexing: videos done, frames done, frames a second, time left."""

    def __init__(self) -> None:
        self._bars = _bars(MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
        self._videos = self._bars.add_task("videos", total=None, rate="")
        self._frames = self._bars.add_task("frames", total=None, rate="")
        self._done: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def planned(self, videos: int, frames: int | None) -> None:
        """Say how much there is to do."""
        self._bars.update(self._videos, total=videos)
        self._bars.update(self._frames, total=frames)

    def advanced(self, video: str, done: int, announced: int | None) -> None:  # noqa: ARG002
        """Show the frames done over all videos."""
        self._done[video] = max(done, self._done.get(video, 0))
        speed = self._bars.tasks[self._frames].speed
        rate = "" if speed is None else f"{speed:,.0f} frames/s"
        self._bars.update(self._frames, completed=sum(self._done.values()), rate=rate)

    def finished(self, outcome: Outcome) -> None:
        """Count a video, and its frames in full."""
        self._bars.advance(self._videos)
        self.advanced(outcome.video, outcome.counts.get("frames", 0), None)


class PictureBar:
    """Progress of writing pictures, or spans of time."""

    def __init__(self) -> None:
        self._bars = _bars(MofNCompleteColumn())
        self._task = self._bars.add_task("writing", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show how many are written and to write."""
        self._bars.update(self._task, completed=done, total=total, visible=True)


@contextmanager
def status(text: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that work of unknown length is going on; yields what says what it is."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(text) as shown:
        yield lambda now: shown.update(f"{text}: {now}")


def say(text: str) -> None:
    """Tell on a terminal what is being done."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")


def tell(facts: Any, text: Callable[[], str], *, as_json: bool) -> None:
    """Print a result for a program or for a person."""
    sys.stdout.write((_json(facts, indent=2) if as_json else text()) + "\n")


def _json(value: Any, indent: int | None = None) -> str:
    """Write JSON that every reader takes: no NaN, no infinity."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Reduce to what JSON has.

    >>> from pathlib import Path
    >>> _plain({"a": float("nan"), "b": (1, Path("c"))})
    {'a': None, 'b': [1, 'c']}
    """
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def index_text(report: IndexReport) -> str:
    """Say what indexing did, with every file that was left aside."""
    lines = [
        f"indexed {report.indexed} of {report.videos} videos in {report.seconds:.1f} s "
        f"({report.unchanged} were done before, {len(report.failed)} failed)"
    ]
    if report.detectors:
        used = (f"{name} in {n:,} videos" for name, n in report.detectors.items())
        lines.append(f"  faces found by {', '.join(used)}")
    if report.counts:
        lines.append("  " + ", ".join(f"{n:,} {what}" for what, n in report.counts.items()))
    lines += [f"  {note}" for note in report.notes]
    lines += [f"  same content: {alias} = {video}" for alias, video in report.aliases.items()]
    for reason, files in report.skipped.items():
        more = f" and {len(files) - LISTED} more" if len(files) > LISTED else ""
        lines.append(f"  left aside, {reason}: {', '.join(files[:LISTED])}{more}")
    lines += [f"  left out {n:,} rows: {why}" for why, n in report.rows_skipped.items()]
    lines += [f"  kept {n:,} rows that look wrong: {why}" for why, n in report.rows_suspect.items()]
    lines += [f"  failed: {name}: {error}" for name, error in report.failed.items()]
    return "\n".join(lines)


def info_text(facts: Mapping[str, Any]) -> str:
    """Say what is in a collection."""
    length = f", {facts['hours']:.2f} hours" if facts["hours"] else ""
    lines = [f"{facts['path']}: {facts['videos']} videos{length}"]
    lines += [f"  {name}: {count:,}" for name, count in facts["rows"].items()]
    for concept, labels in facts["human_labels"].items():
        said = ", ".join(f"{label} {count}" for label, count in labels.items())
        lines.append(f"  human labels of {concept!r}: {said}")
    for concept, labels in facts["human_spans"].items():
        said = ", ".join(f"{label} {count}" for label, count in labels.items())
        lines.append(f"  spans labelled by people, {concept!r}: {said}")
    if facts.get("cache_bytes"):
        size = facts["cache_bytes"] / 1e6
        lines.append(f"  neighbour lists kept to be searched faster: {size:,.1f} MB")
    spans = [(f"spans of {concept!r}", one) for concept, one in facts["fused_spans"].items()]
    for what, found in [*((repr(c), one) for c, one in facts["propagated"].items()), *spans]:
        again = AGAIN[found["how"]]
        late = "" if found["up_to_date"] else f" (human labels have changed since: {again} again)"
        count = f"{found['labelled']:,} of {found['items']:,}"
        lines.append(f"  {found['how']} {what}: {count}{late}")
    return "\n".join(lines)


def facts_text(facts: Mapping[str, Any]) -> str:
    """Say plain facts, one a line."""
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def propagation_text(facts: Mapping[str, Any]) -> str:
    """Say what a propagation gave, how it was found, how right it should be, what to do next."""
    lines = [
        f"{facts['items']:,} items, {facts['seeds']} seeds: {facts['labelled']:,} labelled, "
        f"{facts['unsure']:,} too unlike the seeds or said to be none of them, "
        f"{facts['unreached']:,} not reached by any seed"
    ]
    lines += [f"  {label}: {count:,}" for label, count in facts["labels"].items()]
    if facts.get("graph"):
        lines += [f"  {line}" for line in _graph_lines(facts["graph"])]
    expected = [
        f"{one['precision']:.3f} from {one['threshold']:g} ({_counted(one['items'], 'item')})"
        for one in facts.get("expected", ())
        if one["precision"] is not None
    ]
    if expected:
        lines.append(f"  expected precision beside the labelled tracks: {', '.join(expected)}")
    lines += [f"  {note}" for note in facts["notes"]]
    return "\n".join(lines)


def _graph_lines(graph: Mapping[str, Any]) -> list[str]:
    """Describe a graph of tracks and how it was solved."""
    mix = graph.get("mix", {})
    edges = ", ".join(
        f"{count:,} {kind}" + (f" × {mix[kind]:g}" if len(mix) > 1 else "")
        for kind, count in graph.get("edges_by_kind", {}).items()
    )
    lines = [
        f"graph: {_counted(graph['nodes'], 'track')}, edges: {edges}; "
        f"{_counted(graph['components'], 'component')}; "
        f"{graph['k']} neighbours a face, search {graph['search']}, recall {graph['recall']:.3f}"
    ]
    lines[0] += "".join(f"; {remark}" for remark in graph.get("remarks", ()))
    if graph.get("solver"):
        steps = f", {graph['iterations']} iterations" if graph["iterations"] else ""
        lines.append(f"solution: {graph['solver']}{steps}, residual {graph['residual']:.0e}")
    gaps = graph.get("gaps", ())[:NAMED_GAPS]
    if gaps:
        parts = _counted(graph["unreached_components"], "component")
        sizes = ", ".join(f"{gap['items']:,}" for gap in gaps)
        more = ", …" if graph["unreached_components"] > len(gaps) else ""
        lines.append(f"without a seed: {parts} of {sizes}{more} items")
    return lines


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def runs_text(runs: Sequence[Mapping[str, Any]]) -> str:
    """List propagations, fusions and corrections, one a line."""
    lines = [
        f"run {run['run_id']}: {run['did']} {run['concept']!r}, {_state(run)}"
        + ("" if run["labelled"] is None else f", {run['labelled']:,} labelled")
        for run in runs
    ]
    return "\n".join(lines) or "nothing was propagated, fused or corrected"


def _state(run: Mapping[str, Any]) -> str:
    return f"undone by run {run['undone_by']}" if run["undone_by"] is not None else run["state"]


def print_csv(rows: pa.Table) -> None:
    """Print rows as CSV with a header."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.column_names)
    for item in _shortest(rows).to_pylist():
        writer.writerow(["" if value is None else value for value in item.values()])


def export_text(folder: Path, written: Written) -> str:
    """Say what an export wrote and left out."""
    splits = ", ".join(f"{split} {count:,}" for split, count in written.by_split.items())
    lines = [f"wrote {written.total:,} labels to {folder} ({splits})"]
    if written.pictures:
        lines.append(f"  {written.pictures:,} pictures")
    lines += [f"  left out {count:,}: {reason}" for reason, count in written.skipped.items()]
    lines += [
        f"  no label for {count:,} detections: {reason}"
        for reason, count in written.manifest.get("without_label", {}).items()
    ]
    lines += [
        f"  no label for {count:,} spans: {reason}"
        for reason, count in written.manifest.get("spans_without_label", {}).items()
    ]
    lines += [f"  warning: {warning}" for warning in written.warnings]
    return "\n".join(lines)


def models_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """List model weights."""
    return "\n".join(f"{row['name']} ({row['kind']}): {row['path'] or row['how']}" for row in rows)


def print_rows(rows: pa.Table, *, limit: int | None, as_json: bool) -> None:
    """Print rows: a table on a terminal, tab-separated in a pipe, or one JSON object a line."""
    shown = _shortest(rows if limit is None else rows.slice(0, limit))
    if as_json:
        for item in shown.to_pylist():
            sys.stdout.write(_json(item) + "\n")
    elif sys.stdout.isatty():
        print_table(shown)
    else:
        _print_tabs(shown)
    if shown.num_rows < rows.num_rows:
        sys.stderr.write(f"{shown.num_rows:,} of {rows.num_rows:,} rows shown\n")


def _shortest(rows: pa.Table) -> pa.Table:
    """Let a float32 be written as 0.1 rather than 0.10000000149011612; it stays the same one."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_float32(field.type):
            written = rows.column(at).cast(pa.string()).cast(pa.float64())
            rows = rows.set_column(at, field.name, written)
    return rows


def _seconds(name: str, value: Any) -> Any:
    return value / US_PER_S if name in {"start_us", "end_us"} and value is not None else value


def _columns(rows: pa.Table) -> list[str]:
    return [{"start_us": "start", "end_us": "end"}.get(name, name) for name in rows.column_names]


def _print_tabs(rows: pa.Table) -> None:
    sys.stdout.write("\t".join(_columns(rows)) + "\n")
    for item in rows.to_pylist():
        cells = (_seconds(name, value) for name, value in item.items())
        line = "\t".join("" if cell is None else str(cell).replace("\t", " ") for cell in cells)
        sys.stdout.write(line.replace("\n", " ") + "\n")
