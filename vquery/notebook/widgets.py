"""The widgets as a notebook holds them; importing this needs anywidget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from vquery.api.labelling import check_concept
from vquery.errors import QueryError
from vquery.notebook.bundle import module
from vquery.notebook.room import room_of
from vquery.notebook.rows import collected, home
from vquery.web.selection import selected
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from vquery.api.collection import Collection

PARTS = ("grid", "timeline")
LOWEST, HIGHEST = 200, 4000


class Widget(anywidget.AnyWidget):
    """Rows of a collection in a notebook: seen, selected and labelled.

    Made by `vquery.grid` and `vquery.timeline`.

    Attributes
    ----------
    concept : str
        The concept whose labels are shown and given; may be set.
    chosen : dict
        What is selected, as the page says it; `selection` has the rows. Observe it to be told:
        ``widget.observe(f, "chosen")``.
    """

    _esm = module()
    _css = ""
    parts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    height = traitlets.Int(480).tag(sync=True)
    result = traitlets.Dict().tag(sync=True)
    concept = traitlets.Unicode("name").tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        rows: Any,
        concept: str = "name",
        *,
        parts: Sequence[str],
        db: Collection | None = None,
        height: int = 480,
        by: str | None = None,
    ) -> None:
        self._called = str(parts[0])
        if not isinstance(height, int) or not LOWEST <= height <= HIGHEST:
            raise QueryError(f"height= must be {LOWEST} to {HIGHEST} pixels, got {height!r}")
        check_concept(concept)
        self._room = room_of(home(rows, db, self._called), by)
        self._rows = self._room.result(*collected(rows, self._called))
        super().__init__(
            parts=list(parts), height=height, result=self._rows.to_dict(), concept=concept
        )
        self.on_msg(self._heard)

    @property
    def rows(self) -> pa.Table:
        """All rows that are shown, in their order; set it to a relation or table to show others."""
        return self._rows.table

    @rows.setter
    def rows(self, rows: Any) -> None:
        self._rows = self._room.result(*collected(rows, self._called))
        self.chosen = {}
        self.result = self._rows.to_dict()

    @property
    def selection(self) -> pa.Table:
        """The rows that are selected, in the order in which they are shown."""
        if not self.chosen or self.chosen.get("result") != self._rows.id:
            return self._rows.table.slice(0, 0)
        workbench = self._room.workbench
        workbench.results.keep(self._rows)
        try:
            return selected(workbench, dict(self.chosen), self.concept).table()
        except Refused as problem:
            raise QueryError(f"{self._called}(): {problem}") from None

    @traitlets.validate("concept")
    def _concept(self, proposal: dict[str, Any]) -> str:
        check_concept(proposal["value"])
        return str(proposal["value"])

    def _heard(self, _: Any, message: Any, __: Any) -> None:
        self._room.hear(message, self._rows, self._reply)

    def _reply(self, said: dict[str, Any], content: bytes) -> None:
        self.send(said, [content])

    def __repr__(self) -> str:
        return f"{self._called}({self._rows.text}: {self._rows.total:,} rows, {self.concept!r})"
