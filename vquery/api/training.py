"""Methods of a collection that train end models, predict by them, and learn from few examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vquery.api.labelling import Rows
    from vquery.api.learnt.predicting import Predicted
    from vquery.api.learnt.trained import Trained
    from vquery.api.relations import Detections
    from vquery.engine.intervals import Intervals
    from vquery.store.store import Store


class Training:
    """What models learn from the labels of a collection, and what they say of the rest."""

    _store: Store

    if TYPE_CHECKING:

        @property
        def faces(self) -> Detections:
            """Detected faces."""

    def train(
        self,
        concept: str,
        name: str | None = None,
        *,
        kind: Literal["linear", "mlp", "network"] = "linear",
        over: Any = None,
        spaces: Sequence[str] | None = None,
        labels: Literal["soft", "human"] = "soft",
        side: int = 48,
        slices: Any = None,
        start: Any = None,
        augment: Any = None,
        fresh: bool = False,
        progress: Callable[[str], None] | None = None,
        **options: Any,
    ) -> Trained:
        """Train an end model on the labels of a concept in force, and keep it under a name.

        It learns from what was fused or propagated last, each label as far as it is believed, and
        from what people said, which is final; never from predictions. Videos are left out in turn:
        what is said of them judges and calibrates the model.

        Parameters
        ----------
        concept
            What it is to tell.
        name
            Under which it is kept, in ``NAME.vq/models``; by default the concept.
        kind
            "linear" or "mlp" on vectors, "network" on pictures; see `vquery.EndModel`.
        over
            Detections or spans to learn from; by default all that are labelled.
        spaces
            Embeddings to see by, in a row: built-in or learned ones; by default "face" and
            "face_wide" for detections, "frame" for spans, which are seen by the mean of up to 16
            frames.
        labels
            "human" learns from what people said alone.
        side
            Pixels of the pictures of a "network".
        slices
            As for `assess`: each has a head, or counts more with ``slices_as="weights"``; figures
            are told by slice.
        start
            The backbone of a "network": the file of a learned embedding, or a module.
        augment
            One of `vquery.learn.augment`, for a "network".
        fresh
            Whether to start anew where a run was interrupted.
        progress
            Told a line an epoch, and what else is being done.
        options
            Further ones of `vquery.EndModel`, such as ``balance="even"`` or ``epochs=30``.

        Returns
        -------
        Trained
            ``by_people``, ``by_labels`` (assessments of left-out items), ``beside(other)``,
            ``model``, ``to_onnx(path)``; ``folder`` has ``report.html`` and ``history.csv``.

        Raises
        ------
        LabelError
            If nothing is labelled.
        LearnError
            If there is one class only, too few items, no vectors or pictures, or an option that
            cannot be.
        MissingDependencyError
            If PyTorch or safetensors is not installed.
        """
        from vquery.api.learnt import running

        return running.train(
            self._store,
            concept,
            name,
            over=over,
            spaces=spaces,
            labels=labels,
            side=side,
            slices=slices,
            start=start,
            augment=augment,
            fresh=fresh,
            progress=progress,
            options={"kind": kind, **options},
        )

    def trained(self, name: str) -> Trained:
        """Return an end model that was trained before.

        Raises
        ------
        LearnError
            If there is none of that name; the message lists those there are.
        """
        from vquery.api.learnt.trained import Trained

        return Trained.read(self._store.path, name)

    def predict(
        self,
        name: str,
        *,
        over: Any = None,
        concept: str | None = None,
        threshold: float = 0.5,
        by: Literal["track", "detection"] = "track",
        keep: bool = True,
    ) -> Predicted:
        """Label items by an end model; what people said stays as they said it.

        The detections of a track show one thing, so that all have the mean of what the model says
        of each. Figures of `train` are of single detections.

        The predictions take the place of what was propagated, fused or predicted of the concept
        before, and give way to what people say at any time. `undo_run` takes them back. Fusions
        and trainings go on drawing on what was propagated and fused, never on predictions.

        Parameters
        ----------
        name
            Of the model.
        over
            Detections or spans; by default all detections of the classes that it learnt from, such
            as faces; or the spans that were fused of the concept, else all shots.
        concept
            Under which the labels are kept; by default that of the model.
        threshold
            Probability from which an item has its label.
        by
            "detection" takes each detection by itself, "track" the mean over those of its track
            that are asked about. Spans, and detections without a track, are by themselves.
        keep
            Whether to keep them: ``db.faces.with_labels(concept)``, exports, the workbench.

        Returns
        -------
        Predicted
            ``table``, ``why(item)`` with the model and its version, ``summary()``.

        Raises
        ------
        LearnError
            If there is no such model, it is damaged, or a learned space that it sees by was learnt
            anew; if items are not of its kind or have nothing it sees.
        """
        from vquery.api.learnt import predicting

        return predicting.predict(self._store, name, over, concept, threshold, by, keep=keep)

    def classified(
        self,
        model: Path | str,
        *,
        over: Any = None,
        threshold: float = 0.5,
        spaces: Sequence[str] | None = None,
        **options: Any,
    ) -> Intervals:
        """Ask a classifier about items: a relation with ``vote`` and ``probability``.

        As a label function it votes by name: ``db.votes({"net": db.classified("net.onnx")}, …)``.
        Items below the threshold, or of "none of them", have no row: it abstains.

        Parameters
        ----------
        model
            The name of an end model, or a file ``.onnx`` on pictures or vectors, which needs no
            PyTorch; see `vquery.OnnxClassifier`.
        over
            Detections or spans; by default as for `predict`, for a file all faces.
        threshold
            Least probability of a vote.
        spaces
            What a file on vectors sees, as in `train`.
        options
            Of `vquery.OnnxClassifier`, such as ``classes=["no", "yes"]``.

        Raises
        ------
        LearnError, MediaError
            If there is no such model, or it cannot be run on the items.
        """
        from vquery.api.learnt import predicting

        return predicting.classified(self._store, model, over, threshold, spaces, options)

    def few_shot(
        self,
        concept: str,
        *,
        examples: Mapping[int, str | None] | None = None,
        kind: Literal["prototype", "ridge"] = "prototype",
        over: Rows | None = None,
        spaces: Sequence[str] | None = None,
    ) -> Intervals:
        """Score detections by very few examples of a concept, which are learnt in a millisecond.

        Parameters
        ----------
        concept
            Its human labels are the examples, None ("none of them") among them.
        examples
            Detection → label, in their place: nothing is kept.
        kind
            See `vquery.FewShot`.
        over
            Detections to score; by default all faces.
        spaces
            As in `train`.

        Returns
        -------
        Intervals
            Rows of detections with ``best`` (null: more like all else), ``likeness`` (ranks, no
            probability), ``margin`` to the next class, and whether each is an ``example``.

        Raises
        ------
        LabelError
            If nothing is labelled.
        """
        from vquery.api.learnt import few

        rows = self.faces.select("detection_id") if over is None else over
        return few.few_shot(self._store, concept, kind, rows, spaces, examples)
