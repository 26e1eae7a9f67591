"""Assertions over a collection: check it, keep what corrects it, and take that back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.supervise.assertions.checked import check as check_table
from vquery.supervise.assertions.checked import checked_rules
from vquery.supervise.assertions.never import Never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vquery.api.relations import Detections
    from vquery.engine.concept import Concept
    from vquery.engine.intervals import Intervals
    from vquery.store.store import Store
    from vquery.supervise.assertions.checked import Checked
    from vquery.supervise.assertions.findings import Assertion


class Checking:
    """What a collection does about what cannot be."""

    _store: Store

    if TYPE_CHECKING:

        @property
        def faces(self) -> Detections:
            """Detected faces."""

        @property
        def shots(self) -> Intervals:
            """Shots, which cover each video without gaps."""

        def query(self, text: str) -> Intervals:
            """Run a text."""

        def concept(self, concept: str | Concept | Callable[..., Intervals]) -> Intervals:
            """Run a concept."""

        def __getitem__(self, name: str) -> Intervals:
            """Return a table by name."""

    def check(
        self, assertions: Sequence[Assertion], *, over: Intervals | str | Any = None
    ) -> Checked:
        """Look for what cannot be: rows that break assertions.

        Nothing is changed; `correct` keeps the corrections that come with what is found.

        Parameters
        ----------
        assertions
            Such as ``[vq.flicker(max_gap=0.5), vq.multibox(), vq.consistent("name")]``.
        over
            The rows: a relation, a table, or the name of one; by default all faces. Tracks and
            places in the picture start anew with each shot.

        Returns
        -------
        Checked
            ``violations`` (schema VIOLATION), ``corrections``, ``counts``, ``summary()``.

        Raises
        ------
        QueryError
            If something is no assertion, two have one name, or a query cannot be run.
        UnknownColumnError, SchemaError
            If a rule needs a column that the rows do not have.
        """
        rules = [
            rule.resolved(self._asked) if isinstance(rule, Never) else rule
            for rule in checked_rules(assertions)
        ]
        rows = self.faces if over is None else over
        if isinstance(rows, str):
            rows = self[rows]
        return check_table(rows, rules, shots=self.shots, name="over")

    def _asked(self, query: str | Concept | Callable[..., Intervals]) -> Intervals:
        return self.query(query) if isinstance(query, str) else self.concept(query)
