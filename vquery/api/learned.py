"""Methods of a collection that learn from it; all of them need the extra ``learn``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.api.embedding import Backbone, Embedded
    from vquery.learn.augment import Preserving
    from vquery.store.store import Store


class Learned:
    """What a collection learns from itself."""

    _store: Store

    def embed(
        self,
        over: Literal["faces", "detections", "frames"] = "faces",
        *,
        name: str = "learned",
        train: bool = True,
        method: Literal["simclr", "rotation"] = "simclr",
        weights: Path | str | Backbone | None = None,
        augment: Any = None,
        labels: str | None = None,
        epochs: int = 50,
        minutes: float | None = None,
        patience: int | None = None,
        rate: float = 2e-3,
        batch: int = 256,
        across: float = 0.7,
        nearest: float | None = None,
        width: int = 16,
        side: int = 48,
        seed: int = 0,
        device: str | None = None,
        fresh: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> Embedded:
        """Learn what looks alike from the collection's own pictures, and embed all of them.

        No label is needed: two pictures of one track show the same, two tracks in one frame do
        not (SimCLR, T. Chen et al. 2020), and pictures of different tracks that are each other's
        nearest neighbours in the descriptor of indexing may be taken for the same.

        The vectors are a space of their own, which takes part in a propagation that names it:
        ``db.propagate("name", spaces=["learned"])``. Called again, it takes up what was
        interrupted, or embeds only what is new, boxes drawn by hand among it; ``db.undo_run`` does
        not concern it, since no label changes.

        Parameters
        ----------
        over
            What is embedded. Frames count as of their shot, detections as of their track.
        name
            Of the space; not one that begins with "face" or "frame".
        train
            False embeds with the model trained before or, where there is none, with ``weights`` as
            they are.
        method
            "rotation" learns which way up pictures are (S. Gidaris et al. 2018), for comparison.
        weights
            A file to start from: weights of vquery's network, or a model of an embedding. A network
            of your own is given as ``vq.Backbone(module, path)`` and stays as it is: a copy learns.
            Nothing is downloaded.
        augment
            How pictures are varied: one of ``vq.augment``, or a function of pictures (n, 3, h, w)
            and a generator; by default crops, colours and, except for frames, mirrors.
        labels
            A concept whose human labels are used to tell, while it learns, how far nearest
            neighbours agree. They decide nothing.
        epochs, minutes
            It ends after so many rounds (at most 32 pictures of a track in each), or once the time
            is over; given more time, the same call goes on. With few tracks longer is not always
            better: each becomes an island (``tests/bench/learn/embeddings.md``).
        patience
            Stop after so many epochs that are no better at finding held-out tracks.
        rate, batch, across
            Highest learning rate; pairs of a step; share of pairs that are two pictures of a track.
        nearest
            Share of pairs that the descriptor of indexing takes for the same, by default half; 0 of
            frames, whose neighbours share a layout, which is not always what is asked of them. Even
            with 0 they are not driven apart.
        width, side
            Channels of the first stage (vectors have 8 times as many numbers), pixels of a side.
        seed
            Of all that is random: on a CPU the same seed gives the same vectors.
        device
            By default a GPU if there is one.
        fresh
            Whether to train anew although there is a model, which otherwise stays, whatever else
            is asked for: ``notes`` say in what it differs.
        progress
            Told a line an epoch, and what else is being done.

        Returns
        -------
        Embedded
            ``history``, ``counts``, ``vectors()``, and ``table``: how well pictures of one track
            find each other, beside the built-in descriptor.

        Raises
        ------
        LearnError
            If there are no pictures or too few, an option cannot be, the name is taken by vectors
            of other items, or weights cannot be read or do not fit.
        MissingDependencyError
            If PyTorch or safetensors is not installed.
        """
        from vquery.api import embedding

        asked = embedding.Asked(
            over=over,
            name=name,
            train=train,
            method=method,
            weights=embedding.backbone_of(weights),
            side=side,
            view=augment,
            labels=labels,
            fresh=fresh,
            device=device,
            recipe={"width": width, "batch": batch, "across": across, "nearest": nearest},
            settings={
                "epochs": epochs,
                "minutes": minutes,
                "patience": patience,
                "rate": rate,
                "seed": seed,
            },
        )
        return embedding.embed(self._store, asked, progress or embedding.quiet)

    def is_label_preserving(
        self,
        tf: Callable[[Any, Any], Any],
        concept: str,
        *,
        labels: Literal["human", "found"] = "human",
        beside: Any = None,
        embed: Any = None,
        folds: int = 5,
        draws: int = 3,
        tolerance: float = 0.05,
        side: int = 64,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> Preserving:
        """Measure whether a transformation of pictures moves items across a concept's labels.

        Colour jitter is right for faces and wrong where colour tells kinds apart: so it is
        measured on what is labelled, before anything is trained with it. It warns of each class
        that moves.

        Parameters
        ----------
        tf
            One of ``vq.augment``, or any function of pictures (n, 3, h, w) and a generator.
        concept
            Whose labels; "none of them" is a class too. Detections are looked at or, where none is
            labelled, frames inside labelled spans.
        labels
            "found" takes the labels that were found too, where people said nothing: only as good
            as those are.
        beside
            Other transformations by name, to compare with; by default some mild ones.
        embed
            Maps pictures to vectors, such as a network that was trained; by default the built-in
            descriptor and coarse colours.
        folds, draws, tolerance, seed
            See ``vq.augment.is_label_preserving``. Folds are of videos or, where those are fewer,
            of tracks.
        side
            Pixels of a side.

        Returns
        -------
        Preserving
            True where no label moves; ``table`` with shares and intervals of each class,
            ``warnings``.

        Raises
        ------
        LabelError
            If nothing, or only one class, is labelled.
        LearnError
            If there are no pictures, or all are of one track.
        MissingDependencyError
            If PyTorch or safetensors is not installed.
        """
        from vquery.api import augmenting

        return augmenting.is_label_preserving(
            self._store,
            tf,
            concept,
            labels=labels,
            side=side,
            progress=progress,
            beside=beside,
            embed=embed,
            folds=folds,
            draws=draws,
            tolerance=tolerance,
            seed=seed,
        )
