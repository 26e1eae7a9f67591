"""Orders by likeness to a few examples, as they were asked for.

What was learnt stays as it is, whatever is labelled meanwhile, so that positions mean what they
meant; asked for again it is learnt anew, from the labels as they are then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.web.wire import Refused

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.web.results import Result

    Ints = npt.NDArray[np.int64]

LIKE = "like:"
"""How the names of these orders begin."""
DIGITS = 3


@dataclass(frozen=True, eq=False)
class Asked:
    """An order that was asked for, and what it proposes for the rows that are like its examples.

    Attributes
    ----------
    concept : str
        Of which something is proposed.
    value : str or None
        What is proposed; nothing where the examples had no label.
    lead : pyarrow.FloatArray (n,)
        See `vquery.api.alike.Alike`.
    """

    concept: str
    value: str | None
    lead: pa.FloatArray

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return int(self.lead.nbytes)

    def proposed(self, rows: Ints, concept: str) -> npt.NDArray[np.bool_]:
        """Tell of which rows the value is proposed as a label of a concept."""
        if self.value is None or concept != self.concept:
            return np.zeros(len(rows), bool)
        found = pc.fill_null(pc.greater(self.lead.take(pa.array(rows)), 0), fill_value=False)
        return np.asarray(found.to_numpy(zero_copy_only=False))

    def beside(self, rows: Ints, concept: str) -> list[dict[str, Any]]:
        """Say for rows of a page what is proposed, and how like the examples they are."""
        leads = self.lead.take(pa.array(rows)).to_pylist()
        return [
            {
                "alike": self.value if proposed else None,
                "likeness": None if lead is None else round(lead, DIGITS),
            }
            for proposed, lead in zip(self.proposed(rows, concept).tolist(), leads, strict=True)
        ]


def asked(result: Result, sort: str) -> Asked:
    """Find an order by its name.

    Raises
    ------
    Refused
        With 409 if it is not kept any more.
    """
    found: Asked | None = result.alikes.get(sort)
    if found is None:
        raise Refused(409, "this order by likeness is not kept any more: press a for a new one")
    return found
