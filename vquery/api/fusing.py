"""Fusion: one soft label an item and concept, of all that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.api.fusion.result import Fused
    from vquery.engine.intervals import Intervals
    from vquery.store.store import Store
    from vquery.supervise.assertions.checked import Checked
    from vquery.supervise.votes.matrix import LabelMatrix


class Fusing:
    """What follows from votes, propagation, corrections and people together."""

    _store: Store

    def fuse(
        self,
        concept: str,
        votes: LabelMatrix,
        *,
        model: Any = None,
        propagate: bool = True,
        decode: bool | Mapping[str, Any] | None = None,
        corrections: bool | Checked = True,
        balance: Mapping[str | None, float] | None = None,
        none: str | None = None,
        calibrate: str = "auto",
        threshold: float = 0.5,
        keep: bool = True,
    ) -> Fused:
        """Fuse all that is known of a concept into one soft label an item.

        Human labels are final. Else the log-odds of an item are those of the classes' balance and
        what votes, propagation and corrections add, each less what it repeats of the others, times
        a factor: 1 until human labels teach others. Probabilities are ``calibrated`` where they
        did. The result takes the place of what was kept of the concept for such items before, and
        `undo_run` takes it back.

        Parameters
        ----------
        concept
            Such as "name" or "commercial": that of human labels, propagation and corrections.
        votes
            On the items that get a label: detections, tracks, or spans such as shots and segments.
        model
            A fitted `LabelModel`; by default one is fitted to ``votes``.
        propagate
            Whether what was propagated of the concept last takes part (detections and tracks).
        decode
            True, or options of `vquery.decode`: what the votes say of each moment is what they say
            of the time around it too.
        corrections
            Whether corrections in force that give rows another label of this concept take part;
            or the outcome of a check, whose corrections do. Each counts as its weight says.
        balance
            Share of every class before anything is said; by default that of the model, and for
            further classes their share among human labels.
        none
            The class that the human label None means, such as "no"; by default None is a class of
            its own.
        calibrate
            "auto", "scale" (a factor a source), "isotonic" (a rising curve a class), or "none".
        threshold
            Probability from which an item has its label.
        keep
            Whether to keep the result in the collection: `fused`, and for detections
            ``db.faces.with_labels(concept)`` and exports.

        Returns
        -------
        Fused
            ``table``, ``intervals``, ``why(item)``, ``summary()``.

        Raises
        ------
        LabelError
            If the votes are not on items of this collection, human labels contradict one another
            inside an item, or ``none`` or ``balance`` name classes that there are not.
        QueryError
            If an option cannot be.
        """
        from vquery.api.fusion.gather import Wanted
        from vquery.api.fusion.running import fuse

        wanted = Wanted(
            concept,
            model=model,
            propagate=propagate,
            decode=decode,
            corrections=corrections,
            balance=balance,
            none=none,
            learn=calibrate != "none",
        )
        return fuse(self._store, votes, wanted, calibrate, threshold, keep=keep)

    def fused(self, concept: str) -> Intervals:
        """Return what was fused of a concept last, one row a detection or span, as a relation.

        Columns are ``label`` (null where unsure), ``best``, ``probability``, ``margin``,
        ``reached``, ``calibrated``, ``source`` ("human" or "fused"), and ``detection_id`` with the
        box, or ``item``.

        Raises
        ------
        LabelError
            If nothing fused of it is in force.
        """
        from vquery.api.fusion.running import fused

        return fused(self._store, concept)
