"""What an export wrote and left out: the account that ends up in the manifest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vquery.view.page import fragment, paragraph, table_html

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Written:
    """Counts of one export.

    Attributes
    ----------
    by_split, by_source
        Labels written.
    by_class
        Labels written, by split and label.
    skipped
        Labels left out, by reason.
    pictures
        Pictures of frames.
    warnings
        What a model trained on this would suffer from.
    manifest
        What ``manifest.json`` says.
    """

    by_split: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    by_class: dict[str, Counter[str]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    pictures: int = 0
    warnings: list[str] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Count the labels written."""
        return self.by_split.total()

    def _repr_html_(self) -> str:
        rows = [
            [split, label, count]
            for split, labels in self.by_class.items()
            for label, count in labels.items()
        ]
        left = [[reason, count] for reason, count in self.skipped.items()]
        return fragment(
            paragraph(f"{self.total:,} labels and {self.pictures:,} pictures of frames written"),
            table_html(["split", "label", "items"], rows) if rows else "",
            table_html(["left out because", "labels"], left) if left else "",
            *(paragraph(warning) for warning in self.warnings),
        )

    def add(self, split: str, items: pa.Table) -> None:
        """Count items that were written."""
        if not items.num_rows:
            return
        self.by_split[split] += items.num_rows
        self.by_source.update(counts(items["label_source"]))
        self.by_class.setdefault(split, Counter()).update(counts(items["label"]))

    def skip(self, reason: str, labels: int = 1) -> None:
        """Count labels that could not be written.

        >>> written = Written()
        >>> written.skip("no crop"); written.skip("no frame", 0); written.skipped
        Counter({'no crop': 1})
        """
        if labels:
            self.skipped[reason] += labels


def counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Count the values of a column, in the order of the values.

    >>> import pyarrow as pa
    >>> counts(pa.chunked_array([["b", "a", "b"]]))
    {'a': 1, 'b': 2}
    """
    found = {str(one["values"]): one["counts"] for one in pc.value_counts(column).to_pylist()}
    return dict(sorted(found.items()))
