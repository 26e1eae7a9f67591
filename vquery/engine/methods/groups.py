"""Methods that look at rows in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent

if TYPE_CHECKING:
    from vquery.engine.grouped import Grouped


class Groups(Fluent):
    """Methods that look at rows in groups."""

    __slots__ = ()

    def per_frame(self) -> Grouped:
        """Group the rows of a video that start at the same time."""
        return self.group_by("start_us")

    def group_by(self, *columns: Any) -> Grouped:
        """Group the rows of a video that are equal in these columns; null equals null."""
        from vquery.engine.grouped import Grouped

        return Grouped(self._node, tuple(self._names(columns, "group_by()")))
