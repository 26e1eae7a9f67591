"""Relations that move, cut and make spans: shift, clip, split, windows, complement.

Each works on one axis, ``"time"``, ``"x"`` or ``"y"``: amounts are seconds on time and widths or
heights of the picture on the others. Where the length of videos matters, the node has the relation
of their extents as an input of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vquery.errors import QueryError
from vquery.expr.amounts import require_amount, require_axis, require_step
from vquery.expr.expression import Literal
from vquery.expr.pairs import check_pair
from vquery.expr.relations import Relation

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.expr.expression import Expression


@dataclass(frozen=True, slots=True, eq=False)
class Shift(Relation):
    """Spans moved by ``amount``; their length stays."""

    input: Relation
    amount: Expression
    axis: str = "time"
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_axis(self.input, self.axis, "shift()")
        require_amount(self.amount, self.axis, "shift()", lowest=None)
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Clip(Relation):
    """Rows cut to what lies between ``start`` and ``end``, or inside the extent of their video.

    A row that shares nothing with it is left out and counted.
    """

    input: Relation
    start: Expression | None
    end: Expression | None
    axis: str = "time"
    extents: Relation | None = None
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_axis(self.input, self.axis, "clip()")
        for name, bound in (("start", self.start), ("end", self.end)):
            if bound is not None:
                require_amount(bound, self.axis, f"clip({name}=)", lowest=None)
        low, high = self.start, self.end
        if isinstance(low, Literal) and isinstance(high, Literal) and low.value >= high.value:
            raise QueryError(f"clip(): start={low!r} has to come before end={high!r}")
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Split(Relation):
    """Rows cut into pieces of at most ``every`` seconds.

    Cuts are counted from the start of the row (``anchor="row"``) or lie at the multiples of
    ``every`` (``"video"``). Pieces keep the columns of their row; an instant stays one.
    """

    input: Relation
    every: Expression
    anchor: str = "row"
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.anchor not in ("row", "video"):
            raise QueryError(f"split(): anchor= must be 'row' or 'video', got {self.anchor!r}")
        require_step(self.every, "split(every=)")
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class SplitAt(Relation):
    """Rows cut where rows of another relation start."""

    left: Relation
    right: Relation
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.left, self.right, None, "split(at=)")
        self._set_schema(self.left.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.left.name


@dataclass(frozen=True, slots=True, eq=False)
class SlidingWindows(Relation):
    """Windows of ``length`` seconds that slide through each row, one every ``step`` seconds.

    The first starts with the row; the last is the first that reaches the end of the row. It is cut
    there, or with ``partial`` off left out when it would be shorter than the others.
    """

    input: Relation
    length: Expression
    step: Expression
    partial: bool = True
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_step(self.length, "windows()")
        require_step(self.step, "windows(step=)")
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return f"windows of {self.input.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Complement(Relation):
    """What of the rows ``within`` no row of the input covers; instants cover nothing.

    With ``whole`` the rows ``within`` are the extents of all known videos, and a video of the
    input that is not among them is an error.
    """

    within: Relation
    input: Relation
    whole: bool
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.within, self.input, None, "complement()")
        self._set_schema(self.within.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return f"complement of {self.input.name}"
