"""What a training leaves to be read: a page, a CSV of its curves, event files of TensorBoard."""

from __future__ import annotations

import csv
import importlib.util
import io
from typing import TYPE_CHECKING, Any

from vquery.supervise.proof.texts import html_pieces
from vquery.view.page import heading, page, paragraph, table_html
from vquery.view.plots import lines_svg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vquery.api.learnt.trained import Trained

HELD_OUT = "held_out_loss"
EVENTS = "events"
ROUNDS = "rounds"


def curves_csv(curves: Sequence[dict[str, Any]]) -> str:
    """Write the rows of curves as CSV; columns that a row has not are empty.

    >>> curves_csv([{"part": "all", "epoch": 1}, {"part": "all", "loss": 0.5}]).splitlines()
    ['part,epoch,loss', 'all,1,', 'all,,0.5']
    """
    names = list(dict.fromkeys(name for row in curves for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(curves)
    return file.getvalue()


def curves_svg(curves: Sequence[dict[str, Any]]) -> str:
    """Draw the curves of a training: losses over epochs, or the left-out loss over penalties.

    Both axes are shares of the largest value, since a plot is a square from 0 to 1.
    """
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in curves:
        for name in ("loss", HELD_OUT):
            if name in row:
                line = row["part"] if row["part"] == "penalty" else f"{row['part']}: {name}"
                lines.setdefault(line.replace("_", " "), []).append((_across(row), row[name]))
    if not lines:
        return ""
    most = max(value for line in lines.values() for _, value in line) or 1.0
    far = max(at for line in lines.values() for at, _ in line) or 1.0
    drawn = {name: [(at / far, value / most) for at, value in line] for name, line in lines.items()}
    across = "epoch" if "epoch" in curves[0] else "penalty, strong to weak"
    of = f"{far:.0f}" if "epoch" in curves[0] else f"{len(curves)} values"
    return lines_svg(drawn, across=f"{across} (of {of})", up=f"loss (of {most:.3g})")


def _across(row: dict[str, Any]) -> float:
    import math

    return float(row["epoch"]) if "epoch" in row else 1.0 - math.log10(row["penalty"])


def pieces(found: Trained) -> list[str]:
    """Make the parts of the page."""
    told = found.told
    rows = [
        ["concept", found.concept], ["classes", ", ".join(found.classes)],
        ["learns from", f"{told['items']:,} {told['over']}, {told['human']:,} labelled by people, "
         f"the others {told['by']}"],
        ["sees", ", ".join(told["spaces"]) or f"pictures of {told['side']} pixels"],
        ["kind", told["kind"]], ["temperature", f"{told['temperature']:.3f}"],
        ["seconds", f"{told['seconds']:.1f}"], ["version", found.version],
    ]  # fmt: skip
    out = [table_html(["", ""], rows), *(paragraph(note) for note in told["notes"])]
    if told.get(ROUNDS):
        note = f"The model is that of round {told['best_round']}; round 0 is the teacher."
        out += [heading(ROUNDS), paragraph(note), rounds_html(told[ROUNDS])]
    out += [heading("curves"), curves_svg(told["curves"])]
    if found.by_people is not None:
        note = (
            "Items that people labelled, each predicted by a model that did not learn from its "
            "group. People choose what they label: others may be harder or easier."
        )
        out += [
            heading("left out, judged by people"),
            paragraph(note),
            *html_pieces(found.by_people),
        ]
    note = "How far left-out predictions agree with the labels learnt from, which may be wrong."
    out += [heading("left out, beside its own labels"), paragraph(note)]
    out += html_pieces(found.by_labels)
    out += [
        heading("options"),
        table_html(["option", "value"], [[n, str(one)] for n, one in told["options"].items()]),
    ]
    return out


def rounds_html(rounds: Sequence[dict[str, float]]) -> str:
    """Make the table of the rounds of a model that taught itself."""
    names = list(dict.fromkeys(name for row in rounds for name in row))
    rows: list[list[object]] = [
        [f"{row[name]:.4g}" if name in row else "" for name in names] for row in rounds
    ]
    return table_html([name.replace("_", " ") for name in names], rows)


def write(found: Trained, curves: Sequence[dict[str, Any]]) -> None:
    """Write the page and the curves beside a model."""
    from vquery.api.learnt.trained import HISTORY, REPORT

    (found.folder / HISTORY).write_text(curves_csv(curves), "utf-8")
    title = f"{found.name}: an end model of {found.concept}"
    (found.folder / REPORT).write_text(page(title, *pieces(found)), "utf-8")
    events(found.folder / EVENTS, curves)


def events(folder: Path, curves: Sequence[dict[str, Any]]) -> bool:
    """Write curves as event files of TensorBoard, where it is installed; says whether it is."""
    if importlib.util.find_spec("tensorboard") is None:
        return False
    from vquery.api.learning import room

    room("ends.events").write(folder, curves)
    return True
