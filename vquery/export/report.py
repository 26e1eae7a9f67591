"""What an export wrote and left out: the account that ends up in the manifest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Written:
    """Counts of one export.

    >>> written = Written()
    >>> written.count("train", 3); written.skip("no crop")
    >>> written.total, dict(written.skipped)
    (3, {'no crop': 1})
    """

    by_split: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    pictures: int = 0
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Count the labels written."""
        return self.by_split.total()

    def count(self, split: str, labels: int) -> None:
        """Add labels that were written."""
        self.by_split[split] += labels

    def skip(self, reason: str) -> None:
        """Count a label that could not be written."""
        self.skipped[reason] += 1
