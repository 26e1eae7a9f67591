"""The page that tells how an embedding was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def report(name: str, told: Mapping[str, Any]) -> str:
    """Draw a page on how it was learnt: curves, and the probe beside the built-in descriptor."""
    from vquery.view.page import heading, page, paragraph, table_html
    from vquery.view.plots import lines_svg

    rows = told["history"]
    pieces = [paragraph(f"{told['method']} over {told['over']}, {len(rows)} epochs")]
    if told["probe"]:
        columns = list(told["probe"][0])
        pieces += [
            heading("nearest neighbour of the same track, at least a second away"),
            table_html(columns, [[row[one] for one in columns] for row in told["probe"]]),
        ]
    if rows:
        columns = list(dict.fromkeys(one for row in rows for one in row))
        most = max(row["loss"] for row in rows) or 1.0
        last = max(len(rows) - 1, 1)
        lines = {f"loss / {most:.2f}": [(n / last, r["loss"] / most) for n, r in enumerate(rows)]}
        for one in ("retrieval", "measure", "own_tracks", "labels"):
            if one in columns:
                lines[one] = [(n / last, r[one]) for n, r in enumerate(rows) if one in r]
        pieces += [
            heading("while it learnt"),
            lines_svg(lines, across=f"epochs, 1 to {len(rows)}", up="value"),
            table_html(columns, [[row.get(one) for one in columns] for row in rows]),
        ]
    return page(f"embedding {name!r}", *pieces)
