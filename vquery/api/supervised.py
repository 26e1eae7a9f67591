"""Methods of a collection that turn a few human labels into many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from vquery.api import labelling
from vquery.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from vquery.api.labelling import Rows, Values
    from vquery.api.propagation import Propagation, Undone
    from vquery.api.propagation.options import Choices
    from vquery.api.relations import Detections
    from vquery.engine.intervals import Intervals
    from vquery.store.store import Store


class Supervised:
    """What people say of detections and spans, and what follows from it."""

    _store: Store

    if TYPE_CHECKING:

        @property
        def faces(self) -> Detections:
            """Detected faces."""

    def label(self, rows: Rows, concept: str, value: Values, *, by: str | None = None) -> int:
        """Label detections, or spans of time, as one undoable action; return how many.

        Rows without ``detection_id`` but with video and times (shots, cues, any relation) label
        what happens then: the latest word wins at each moment, so that earlier spans of the
        concept are cut where it overlaps them.

        Parameters
        ----------
        rows
            A relation, table or data frame with ``detection_id``, or with ``video``, ``start`` and
            ``end``; or ids of detections.
        concept
            What is labelled, such as "name".
        value
            The label, or one for each row in its order; None says "none of them".
        by
            Who says so; by default the user's login name.

        Raises
        ------
        LabelError
            If there are no rows, ids or videos that do not exist, rows that have neither, or two
            labels for one detection or moment.
        """
        return labelling.label(self._store, rows, concept, value, by=by)

    def label_file(self, path: Path | str, concept: str = "name", *, by: str | None = None) -> int:
        """Label from a CSV with ``video,time,x,y,label`` or ``detection_id,label``.

        Raises
        ------
        LabelError, IngestError
            Naming the row: a seed that hits no detection, two that contradict, a bad value.
        """
        ids, values = labelling.match_file(Path(path), self._store)
        return labelling.label(self._store, ids, concept, values, by=by, query=f"seeds of {path}")

    def labels(self, concept: str | None = None) -> pa.Table:
        """Return the human labels in force (schema HUMAN_LABEL), of one concept or of all.

        Labels of detections have no time here, those of spans no ``detection_id``; `labelled` gives
        both as intervals.
        """
        return labelling.every(self._store, concept)

    def labelled(self, concept: str) -> Intervals:
        """Return what people labelled of a concept, as intervals with ``label``.

        Further columns are ``detection_id`` (null for spans), ``by`` and ``at_us``; the label null
        says "none of them". Spans do not overlap one another.
        """
        return labelling.as_intervals(self._store, concept)

    def undo(self) -> str | None:
        """Take back the last label action; return what it was, None if there was none."""
        return labelling.undo(self._store)

    def redo(self) -> str | None:
        """Bring back what was undone last; return what it was, None if there was nothing."""
        return labelling.redo(self._store)

    def propagate(
        self,
        concept: str,
        *,
        over: Rows | None = None,
        threshold: float = 0.5,
        k: int | None = None,
        floor: float | None = None,
        leak: float | None = None,
        exclusive: bool = True,
        captions: float = 0.0,
        edges: Any = None,
        edges_weight: float = 1.0,
        spaces: Sequence[str] | None = None,
        keep: bool = True,
        progress: Callable[[str], None] | None = None,
    ) -> Propagation:
        """Spread the human labels of a concept to the detections that look alike.

        The result is kept in the collection and takes the place of what was propagated of this
        concept before, so that detections outside ``over`` have only their human labels then;
        `undo_run` takes it back. Neighbours are kept too: propagating again, or another concept,
        costs only the solution, and videos that came since are the only ones that are searched.

        Parameters
        ----------
        concept
            Open-set: most items may have no label. Label None ("none of them") is an explicit
            negative.
        over
            The detections that take part; by default all faces.
        threshold
            Probability from which a label is given.
        k
            Neighbours of each face; by default half the faces of a typical track, 4 to 20.
        floor
            Cosine above which two faces count as alike; by default learnt from faces in one frame.
        leak
            Chance weight of belonging to nobody known, .05: more keeps labels nearer to their
            seeds.
        exclusive
            Whether two tracks in one frame may not have one label, as is so for names of people.
        captions
            Mixing weight of edges between tracks during which the same rare words are said, such
            as .25. They help where the same is shown again (advertisements, repeats), and may
            mislead elsewhere. 0 leaves them out.
        edges
            Edges of your own: a relation, table or data frame with ``detection_id`` and
            ``detection_id_right`` (or ``source`` and ``target``), and ``weight`` unless all count
            alike.
        edges_weight
            Their mixing weight; each kind of edges is scaled to the mean weight of the visual ones.
        spaces
            Names of the embeddings by which faces are alike; several count alike. By default those
            of indexing; `embed` makes others, as in ``spaces=["face", "learned"]``.
        keep
            False only looks what would be found: nothing changes until its ``keep()`` is called.
        progress
            Told in a few words what is being done.

        Returns
        -------
        Propagation
            ``table`` (schema SOFT_LABEL), ``summary()``, ``curve()``, ``why()``, ``graph``.

        Raises
        ------
        LabelError
            If nothing is labelled, two labels contradict inside one track, an id is unknown, there
            are no embeddings or (where they are asked for) no captions, or an option cannot be.
        SchemaError
            If ``edges`` lacks a column or has a value that cannot be.
        """
        if not isinstance(concept, str):
            raise LabelError(
                f"propagate() takes the name of one concept, got {concept!r}; for several "
                "there is propagate_concepts([…])"
            )
        return self.propagate_concepts(
            [concept],
            over=over,
            threshold=threshold,
            k=k,
            floor=floor,
            leak=leak,
            exclusive=exclusive,
            captions=captions,
            edges=edges,
            edges_weight=edges_weight,
            spaces=spaces,
            keep=keep,
            progress=progress,
        )[concept]

    def propagate_concepts(
        self,
        concepts: Sequence[str],
        *,
        over: Rows | None = None,
        keep: bool = True,
        progress: Callable[[str], None] | None = None,
        **options: Unpack[Choices],
    ) -> dict[str, Propagation]:
        """Spread the human labels of several concepts, one after the other, over one graph.

        Parameters
        ----------
        concepts
            Each is open-set and a run of its own.
        over, keep, progress, options
            As for `propagate`.

        Returns
        -------
        dict
            Concept → `Propagation`.

        Raises
        ------
        LabelError
            As `propagate`, and if concepts repeat or there are none.
        """
        from vquery.api.propagation import running
        from vquery.api.propagation.options import Options

        chosen, say = Options(**options), progress or running.quiet
        found = running.propagate(self._store, concepts, self._over(over), chosen, say, keep=keep)
        return dict(zip(concepts, found, strict=True))

    def _over(self, rows: Rows | None) -> Rows:
        return self.faces.select("detection_id") if rows is None else rows

    def propagation(self, concept: str = "name") -> Propagation:
        """Return what was propagated of a concept last: it is in force, or a fusion of it is.

        Its graph is built again when it is asked for, of the labels as they were then.

        Raises
        ------
        LabelError
            If nothing is propagated of this concept.
        """
        from vquery.api.propagation import running

        return running.stored(self._store, concept)

    def propagations(self) -> list[dict[str, Any]]:
        """List what `undo_run` takes back, oldest first: propagations, fusions, corrections.

        Of each its run, concept (for corrections the table), counts, what it ``did``
        ("propagated", "fused" or "corrected"), and its ``state``: "in force", "replaced", "undone"
        or "failed".
        """
        from vquery.api import correcting
        from vquery.api.propagation import keeping

        with self._store.snapshot() as snapshot:
            found = [*keeping.runs(snapshot), *correcting.runs(snapshot)]
        return sorted(found, key=lambda run: int(run["run_id"]))

    def undo_run(self, run_id: int | None = None) -> Undone:
        """Take a propagation or fusion back: its concept has again what it had before.

        Human labels stay. The last three runs of each concept can be undone, one after the other;
        what came before them is let go. `runs` says which runs are undone, and by which.
        Corrections that `correct` kept are taken back likewise.

        Parameters
        ----------
        run_id
            The propagation, fusion or correction; by default the last one that is in force.

        Returns
        -------
        Undone
            Which run it was, and which one is in force again.

        Raises
        ------
        StoreError
            If there is no such run, it is none of them, was undone before, was replaced by
            another one that must be undone first, or what it replaced is kept no more.
        """
        from vquery.api import correcting
        from vquery.api.propagation import keeping

        if correcting.is_next(self._store, run_id):
            return correcting.undo(self._store, run_id)
        return keeping.undo(self._store, run_id)

    def suggest(
        self,
        n: int = 20,
        *,
        strategy: str = "mixed",
        concept: str = "name",
        over: Rows | None = None,
        spaces: Sequence[str] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Intervals:
        """Choose the detections that are worth a label next, one a track, best first.

        Parameters
        ----------
        n
            How many, at least 1; there are fewer where no more tracks are worth it.
        strategy
            "coverage": what speaks for most detections that no label speaks for yet, parts of the
            graph without any label among them; "margin": where the two most probable labels are
            closest; "density": the same, where many look alike; "disagreement": where this solution
            and other sources (saved relations with ``detection_id`` and ``vote``) contradict each
            other; "mixed": coverage, times how unsure the labels are; "fewshot": what `few_shot` of
            the labels so far is least sure of, and finds most alike, in turn (needs no graph).
        concept
            What is to be labelled; it need not have labels yet.
        over
            The detections to choose from; by default all faces.
        spaces
            Names of the embeddings by which they are alike, as for `propagate`.
        progress
            Told in a few words what is being done.

        Returns
        -------
        Intervals
            Rows of detections with ``rank`` (from 1), ``suggestion`` (the score, comparable within
            one call), ``reason``, ``items`` (detections that the label would speak for), ``best``
            and ``best_probability`` (the most probable label so far).

        Raises
        ------
        LabelError
            If the strategy is unknown or lacks what it needs, ``n`` is below 1, or there are no
            detections or embeddings.
        """
        from vquery.api.propagation import running
        from vquery.api.propagation.suggesting import suggest

        if strategy == "fewshot":
            from vquery.api.learnt import few

            return few.suggest(self._store, n, concept, self._over(over), spaces)
        say = progress or running.quiet
        return suggest(self._store, n, strategy, concept, self._over(over), say, spaces)
