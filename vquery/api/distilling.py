"""Models that teach themselves on the items of a collection that nobody labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vquery.api.learnt.rounds import SelfTaught
    from vquery.store.store import Store


class Distilling:
    """What a model learns from its own surest predictions."""

    _store: Store

    def distil(
        self,
        concept: str,
        name: str | None = None,
        *,
        rounds: int = 3,
        kind: Literal["linear", "mlp", "network"] = "linear",
        over: Any = None,
        spaces: Sequence[str] | None = None,
        labels: Literal["soft", "human"] = "human",
        side: int = 48,
        mirrored: bool = True,
        scales: Sequence[float] = (0.85, 1.2),
        seconds: float = 1.0,
        share: float = 0.6,
        keep: float = 1.0,
        shares: Mapping[str | None, float] | None = None,
        hard: bool = True,
        slices: Any = None,
        start: Any = None,
        augment: Any = None,
        fresh: bool = False,
        progress: Callable[[str], None] | None = None,
        **options: Any,
    ) -> SelfTaught:
        """Train an end model on labels, and again on them and its own surest predictions.

        Each round predicts what has no label in several ways at once (neighbours of its track;
        pictures mirrored, nearer and farther too), keeps of each class as many predictions as its
        share among labelled items leads to expect, the surest ones, and trains anew. Videos that
        are left out of all this in turn say when to stop; where no round helps them, the model is
        that of the labels alone. The table of rounds tells. A "network" takes more steps as a
        student than as a teacher: give it epochs enough, or what it gains is that alone.

        Parameters
        ----------
        concept, name, kind, spaces, side, start, augment, fresh, progress, options
            As in `train`; the model is kept and used like those: ``db.predict(name)``.
        rounds
            At most.
        over
            Items to learn from, with and without labels; by default all faces, where spans are
            labelled the spans that were fused of the concept, else all shots.
        labels
            "human" takes for labelled what people said; "soft" what was fused or propagated too.
        mirrored, scales, seconds
            How pictures are looked at: mirrored too (not where that changes what is seen, as in
            writing), nearer and farther; how far neighbours of a track may be away. Embeddings
            have neighbours only.
        share
            What labelled items are of each batch.
        keep
            Share of the predictions expected that is kept, the surer part.
        shares
            Label → share of the items that have it, None for none of them. By default that among
            labelled items, which is wrong where people chose what they labelled.
        hard
            Whether pseudo labels are one class each, or its probabilities.
        slices
            As in `train`; shares are those of items of the same slices, where these have labels
            enough.

        Returns
        -------
        SelfTaught
            As `train` gives, with ``rounds`` (a table) and ``best``, the round it is of.

        Raises
        ------
        LabelError, LearnError, MissingDependencyError
            As `train`; if every item is labelled.
        """
        from vquery.api.learnt import rounds as running

        plan = {
            "rounds": rounds, "share": share, "keep": keep, "hard": hard,
            "shares": None if shares is None else dict(shares),
        }  # fmt: skip
        return running.distil(
            self._store,
            concept,
            name,
            over=over,
            spaces=spaces,
            labels=labels,
            side=side,
            plan=plan,
            looks={"mirrored": mirrored, "scales": tuple(scales), "seconds": seconds},
            slices=slices,
            start=start,
            augment=augment,
            fresh=fresh,
            progress=progress,
            options={"kind": kind, **options},
        )
