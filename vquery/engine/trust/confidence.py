"""What every operation does with the column ``score``: the confidence of its rows.

A score is what a detector or a person says of one row. Operations that pass rows on, move them or
cut them keep it; operations that make one row of several say how. A missing score never lowers
another one: it is left out, and a row of which no part has a score has none.

======================  ==========================================================================
operation               score of a row
======================  ==========================================================================
join, nearest           of both rows by ``score=``; join ``"min"``, nearest ``"left"`` unless said
coalesce                of all rows of the run by ``score=``, ``"max"`` unless said
group_by().agg          none, unless an aggregate is called ``score``
match                   lowest of the rows that stand for the variables
sequence, phrase        lowest of the parts
complement              none: nobody said anything about that time
everything else         that of the row, as it came
======================  ==========================================================================

``RULES`` says the same for each kind of node; a test goes through all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.expr.groups import Aggregated, Coalesce, GroupFilter, Match
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin
from vquery.expr.partition import WindowFilter, Windows
from vquery.expr.partners import CollectBy, CountOverlaps, Coverage, Nearest
from vquery.expr.phrases import Phrases
from vquery.expr.rekeying import Concat, Rekey, RekeyBack
from vquery.expr.relations import (
    Dilate,
    Distinct,
    Filter,
    Limit,
    Mutate,
    Project,
    Relation,
    Sample,
    Scan,
    Sort,
    Union,
)
from vquery.expr.sequences import Sequence
from vquery.expr.spans import Clip, Complement, Shift, SlidingWindows, Split, SplitAt

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = "that of the row"
LOWEST = "the lowest of its rows"
BY_RULE = "by the rule score= of its rows"
NONE = "none"

RULES: Mapping[type[Relation], str] = {
    Scan: "as the source gives it",
    **dict.fromkeys((Filter, Mutate, Project, Sort, Limit, Distinct, Sample, Union, Concat), KEPT),
    **dict.fromkeys((Rekey, RekeyBack, Windows, WindowFilter, GroupFilter), KEPT),
    **dict.fromkeys((Dilate, Shift, Clip, Split, SplitAt, SlidingWindows), KEPT),
    **dict.fromkeys((SemiJoin, Minus, Intersect, CountOverlaps, Coverage, CollectBy), KEPT),
    **dict.fromkeys((Join, Nearest, Coalesce), BY_RULE),
    **dict.fromkeys((Match, Sequence, Phrases), LOWEST),
    Aggregated: "none, unless an aggregate is called score",
    Complement: NONE,
}
"""The rule of each kind of node."""
