"""Assertions over a collection: check it, keep what corrects it, and take that back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.bring import any_table
from vquery.engine.intervals import Intervals
from vquery.errors import QueryError
from vquery.expr.relations import Scan
from vquery.supervise.assertions.checked import check as check_table
from vquery.supervise.assertions.checked import checked_rules
from vquery.supervise.assertions.correcting import apply
from vquery.supervise.assertions.never import Never
from vquery.supervise.assertions.rows import ID, ITEM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from vquery.engine.concept import Concept
    from vquery.store.store import Store
    from vquery.supervise.assertions.checked import Checked
    from vquery.supervise.assertions.findings import Assertion

FACES = "faces"
UNNAMED = "rows"
"""What messages call rows that have no name in the collection."""


class Checking:
    """What a collection does about what cannot be."""

    _store: Store

    if TYPE_CHECKING:

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

        Nothing is changed; `correct` keeps the corrections that come with what is found. None
        contradicts what people have said: rows with a human label stay, and keep it.

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
        rows, name = over, UNNAMED
        if over is None or isinstance(over, str):
            name = over or FACES
            rows = self[name]
        said = self._store.labels()
        return check_table(rows, rules, shots=self.shots, said=said, name=name)

    def correct(self, checked: Checked) -> int:
        """Keep the corrections of a check; they are in force for `corrected` from then on.

        They take the place of those that the table had before, so check the table itself and not
        what `corrected` gives. `undo_run` takes the last three back, one after the other.

        Parameters
        ----------
        checked
            What `check` gave for a table by name, or for the faces.

        Returns
        -------
        int
            The run, as `runs` lists it and `undo_run` takes it.

        Raises
        ------
        QueryError
            If rows without a name were checked, or rows without ids.
        LabelError
            If there is nothing to correct, or rows have changed since they were checked.
        """
        from vquery.api import correcting

        if checked.over == UNNAMED:
            raise QueryError(
                "correct() keeps corrections of a table: check it by its name, as in "
                'check([…], over="faces"); for other rows there is vq.corrected(rows, checked)'
            )
        rows = self[checked.over]
        if not {ID, ITEM} & set(rows.columns):
            raise QueryError(
                f"correct(): rows of {checked.over!r} have no detection_id, so that nothing tells "
                "them apart for long; save them with a column 'item' of numbers of their own"
            )
        apply(rows.collect(), checked.corrections)  # refuses rows that are gone
        return correcting.correct(self._store, checked, checked.over)

    def corrections(self, over: str | None = None) -> pa.Table:
        """Return the corrections in force (schema CORRECTION), of one table or of all."""
        from vquery.api import correcting

        with self._store.snapshot() as snapshot:
            return correcting.in_force(snapshot, over)

    def corrected(self, name: str = FACES) -> Intervals:
        """Return a table with the corrections in force applied.

        It has two more columns: ``correction``, the rule that changed a row last (null: none did),
        and ``weight``, how far its changes are believed (1: it is as it was found). Rows that were
        added have ids below 0.

        Raises
        ------
        StoreError
            If there is no such table.
        LabelError
            When it is read: if rows that were corrected are gone.
        """
        from vquery.api import correcting

        relation, snapshot = self[name], self._store.snapshot()
        log = correcting.in_force(snapshot, name)
        made = correcting.CorrectedTable(snapshot, relation, log, f"corrected {name}")
        return Intervals(Scan(made))

    def review(
        self,
        checked: Checked,
        n: int = 20,
        *,
        previous: Checked | None = None,
        concept: str = "name",
    ) -> Intervals:
        """Choose the violations that are worth a look, best first: those that teach most.

        Rules that fell most since the last round get most of the choice (see
        `vquery.supervise.selection`); of each come the most severe ones, then the most uncertain,
        from all videos alike, two seconds apart, and none whose detections have a human label.

        Parameters
        ----------
        checked
            What `check` gave.
        n
            How many; there are fewer where no more are left.
        previous
            The check of the last round; by default what `correct` kept last of another check of
            the same table.
        concept
            Whose labels count as seen, and whose probabilities say what is uncertain.

        Returns
        -------
        Intervals
            Rows of schema VIOLATION with ``rank`` from 1, ``reason``, and ``detection_id``, the
            detection to look at (null where there is none).

        Raises
        ------
        LabelError
            If ``n`` is below 1.
        """
        from vquery.api import reviewing

        with self._store.snapshot() as snapshot:
            rows = reviewing.review(
                snapshot,
                self._store.labels(concept, snapshot),
                checked,
                n,
                previous=previous,
                concept=concept,
            )
        return any_table(rows, "review").sort("rank")

    def _asked(self, query: str | Concept | Callable[..., Intervals]) -> Intervals:
        return self.query(query) if isinstance(query, str) else self.concept(query)
