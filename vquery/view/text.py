"""Tables and values as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def short(text: str, letters: int) -> str:
    """Cut a text off behind so many letters.

    >>> short("logo", 4), short("commercial", 4)
    ('logo', 'com…')
    """
    return text if len(text) <= letters else text[: letters - 1] + "…"


def aligned(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, numbers: bool = True
) -> list[str]:
    """Write a table as lines, two spaces between columns.

    With ``numbers`` all columns but the first go to the right.

    >>> aligned(["", "value"], [["f1", 0.5], ["items", None]])
    ['       value', 'f1     0.500', 'items      –']
    """
    cells = [list(columns), *([written(each) for each in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    return [
        "  ".join(
            cell.rjust(width) if at and numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def written(value: Any) -> str:
    """Write a cell: three decimals, thousands apart, a dash for nothing.

    >>> written(None), written(0.25), written(12000), written("a")
    ('–', '0.250', '12,000', 'a')
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
