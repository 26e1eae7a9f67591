"""`EndModel`: what labels are worth, a classifier on vectors or pictures trained on soft labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch

from vquery.errors import LearnError, SchemaError
from vquery.learn.core.device import pick, seed_torch
from vquery.learn.core.networks import Architecture, build
from vquery.learn.core.training import Settings, train
from vquery.learn.ends import folds as leaving
from vquery.learn.ends import nets
from vquery.learn.ends.linear import network_of, path_of
from vquery.learn.ends.options import HEADS, WEIGHTS, Kind, Options
from vquery.learn.ends.start import begin_from, width_of
from vquery.learn.ends.targets import flags, items_of, targets
from vquery.learn.ends.task import HELD_OUT, EndTask, logits_of
from vquery.supervise.linear import PENALTIES, PLAIN_PENALTY
from vquery.supervise.soft import softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from vquery.learn.core.training import History
    from vquery.learn.ends.targets import Targets
    from vquery.learn.ends.task import Augment

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Say = Callable[[str], None]

FEW_TO_CHOOSE = 50
"""Labelled items below which left-out ones choose no penalty: few choose worse than no choice."""


class EndModel:
    """A classifier trained on soft labels, with the conventions of scikit-learn.

    Its loss is the cross-entropy expected under the soft label, so that a label of which nobody is
    sure teaches little. Whole groups, such as videos, are left out in turn: what the model says of
    them calibrates it (one temperature), and another left-out fold tells when to stop, so that
    what is said of a fold (``oof_``) is said by a model that learnt nothing of it, calibrated on
    the other folds; only the penalty of "linear" was chosen on all of them. The model itself then
    learns from all items, for as many epochs as the folds needed.

    Parameters
    ----------
    kind
        "linear" (one convex solution, the same each time; its penalty is the strongest that
        left-out groups allow, or a plain one below 50 labelled items), "mlp" (hidden layers on
        vectors), or "network" (a small residual network on pictures).
    hidden, width, blocks, dropout
        Units of the hidden layers of "mlp"; channels and blocks of "network"; units left out a
        step.
    penalty
        Of "linear", see `vquery.fit_linear`; None chooses it.
    epochs, rate, decay, batch, patience
        At most so many epochs; highest rate and decay of AdamW; items of a step; epochs without a
        better left-out loss before a fold stops, None for never.
    balance
        None: classes count as they occur; "even": alike; or a share for each.
    slices_as, slice_weight
        "heads": each slice given to `fit` has a head of its own; "weights": its members count
        ``slice_weight`` times ("linear" has no heads).
    folds
        How many; fewer where there are fewer groups.
    calibrate
        Whether to learn a temperature from left-out items.
    minutes
        For all folds and the model together; "linear" takes no notice.
    device, seed
        By default a GPU where there is one; of all that is random.

    Attributes
    ----------
    classes_ : tuple
        In the order of probabilities.
    oof_ : float64 (n, k)
        Probabilities by models that did not learn from the item's group; NaN where nothing could
        be left out.
    temperature_ : float
        What logits are divided by; 1 where ``calibrated_`` is false, since too few items were left
        out.
    curves_ : list of dict
        One row an epoch and part ("fold 1" …, "all"), or a penalty.
    histories_ : dict
        `History` of each part.
    notes_ : tuple of str
        What has to be known.

    >>> X = [[0, 1], [0.1, 1], [0, 0.9], [1, 0], [0.9, 0], [1, 0.1]]
    >>> model = EndModel(folds=3).fit(X, ["a", "a", "a", "b", "b", "b"])
    >>> model.predict([[0.0, 1.0], [1.0, 0.0]]).tolist()
    ['a', 'b']
    >>> EndModel().fit(X, ["a"] * 6)
    Traceback (most recent call last):
    vquery.errors.LearnError: all 6 labelled items are most likely 'a': there is nothing to tell
    apart; label some items of another class, or as none of them
    """

    def __init__(self, kind: Kind = "linear", *, start: Any = None, **options: Any) -> None:
        try:
            self.options = Options(kind, **options)
        except TypeError as error:
            known = ", ".join(Options.__dataclass_fields__)
            raise LearnError(f"EndModel: {error}; there are {known}") from None
        if start is not None and kind != "network":
            raise LearnError(f"start= is the beginning of a 'network', not of {kind!r}")
        self.start = start
        self.classes_: tuple[Hashable, ...] = ()
        self.network_: torch.nn.Module

    def fit(
        self,
        X: Any,  # noqa: N803 - as in scikit-learn
        P: Any,  # noqa: N803
        weights: ArrayLike | str | None = "confidence",
        groups: Any = None,
        *,
        classes: Sequence[Hashable] | None = None,
        slices: Mapping[str, Any] | None = None,
        trusted: Any = None,
        augment: Augment | None = None,
        folder: Path | None = None,
        fresh: bool = False,
        progress: Say | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X
            Vectors (n, d); for "network" `Pictures`, or an array (n, 3, side, side) of bytes or of
            numbers from 0 to 1.
        P
            Soft labels (n, k) in the order of ``classes``, or one label an item, None for those
            without one.
        weights
            "confidence" (how far the best class leads), numbers (n,), or None for alike.
        groups
            Which items stay together in folds, (n,): their videos. By default the videos of
            pictures, else each item is alone.
        slices
            Name → booleans (n,).
        trusted
            Booleans (n,): items whose labels are known to be right, such as those by people; only
            they calibrate, where there are enough.
        augment
            Changes pictures: one of ``vq.augment``, or a function of ``(batch, generator)``.
        folder, fresh, progress
            Where each part keeps its checkpoint, so that an interrupted run goes on; whether to
            start anew; told a line an epoch.

        Raises
        ------
        LabelError, LearnError, SchemaError
            Naming the argument and the row that cannot be; for too few items, or one class.
        """
        own = self.options
        as_weights = own.slices_as == WEIGHTS or own.kind == "linear"
        given = targets(
            X, P, weights=weights, groups=groups, classes=classes, balance=own.balance,
            slices=slices, slice_weight=own.slice_weight if slices and as_weights else 1.0,
        )  # fmt: skip
        self._check_kind(given)
        self.classes_, notes = given.classes, list(given.notes)
        if slices and own.kind == "linear" and own.slices_as == HEADS:
            notes.append("a linear model has no heads: members of slices count more instead")
        self._heads = 0 if as_weights else len(given.slices)
        self._say, self._folder, self._fresh = progress, folder, fresh
        self.fold_ = leaving.folds(given, own.folds)
        self.curves_: list[dict[str, Any]] = []
        self.histories_: dict[str, History] = {}
        if own.kind == "linear":
            held_out = self._fit_linear(given)
        else:
            held_out = self._fit_network(given, augment)
        self._calibrate(given, held_out, trusted, notes)
        self.notes_ = tuple(notes)
        return self

    def _check_kind(self, given: Targets) -> None:
        pictures = given.x.ndim == 4
        if pictures != (self.options.kind == "network"):
            other = "vectors, (items, dimensions)" if pictures else "pictures"
            raise LearnError(
                f"kind={self.options.kind!r} learns from "
                + (other if pictures else "pictures, (items, 3, side, side)")
                + f"; X has shape {given.x.shape}"
            )

    def _fit_linear(self, given: Targets) -> Floats:
        """Choose the penalty on left-out groups, and solve for all items; returns logits."""
        own, number = self.options, int(self.fold_.max()) + 1
        self.fair_ = leaving.fair(given, self.fold_, stops=False)
        penalties = list(PENALTIES[::2]) if own.penalty is None else [own.penalty]
        if own.penalty is None and (self.fair_ > 0).sum() < FEW_TO_CHOOSE:
            penalties = [PLAIN_PENALTY]
        logits = np.full((len(penalties), given.n, len(given.classes)), np.nan)
        for fold in range(number if number > 1 else 0):
            rows, held = self.fold_ != fold, np.flatnonzero(self.fold_ == fold)
            if not given.weight[rows].any():
                continue
            models = path_of(given, np.flatnonzero(rows), penalties)
            for at, model in enumerate(models):
                logits[at, held] = given.x[held].astype(np.float64) @ model.weights + model.offset
        chosen = 0
        if len(penalties) > 1:
            losses = np.stack([leaving.surprises(one, given.soft) for one in logits])
            chosen = leaving.strongest(losses, self.fair_, given.group)
            counts = np.where(np.isfinite(losses).all(0), self.fair_, 0.0)
            mean = (np.nan_to_num(losses) * counts).sum(1) / counts.sum()
            self.curves_ = [
                {"part": "penalty", "penalty": penalty, HELD_OUT: float(loss)}
                for penalty, loss in zip(penalties, mean, strict=True)
            ]
        self.penalty_ = float(penalties[chosen])
        (solved,) = path_of(given, np.arange(given.n), [self.penalty_])
        self.network_ = network_of(solved)
        self.architecture_ = self._architecture(given)
        return np.asarray(logits[chosen])

    def _fit_network(self, given: Targets, augment: Augment | None) -> Floats:
        """Train a model a fold and one for all; returns the logits of left-out items."""
        number = int(self.fold_.max()) + 1
        found = np.full((given.n, len(given.classes)), np.nan)
        best: list[int] = []
        self.fair_ = leaving.fair(given, self.fold_, stops=True)
        for fold in range(number if number > 1 else 0):
            held = np.flatnonzero(self.fold_ == fold)
            stop = leaving.stop_of(fold, number)
            mine = (self.fold_ != fold) & (self.fold_ != stop)
            rows = np.flatnonzero(mine)
            if (given.weight[rows] > 0).sum() < 2:
                continue
            stops = np.flatnonzero((self.fold_ == stop) & leaving.taught(given, mine))
            network, history = self._train(given, f"fold {fold + 1}", rows, stops, augment, fold)
            found[held] = logits_of(network, given.x, held).numpy()
            best.append(history.best)
        epochs = round(float(np.median(best))) if best else self.options.epochs
        none, every = np.zeros(0, np.int64), np.arange(given.n)
        self.epochs_ = max(1, epochs)
        self.network_, _ = self._train(given, "all", every, none, augment, number, self.epochs_)
        return found

    def _train(
        self,
        given: Targets,
        part: str,
        rows: Ints,
        held: Ints,
        augment: Augment | None,
        number: int,
        epochs: int | None = None,
    ) -> tuple[torch.nn.Module, History]:
        own = self.options
        seed_torch(own.seed, number)
        self.architecture_ = self._architecture(given)
        network = build(self.architecture_)
        if isinstance(network, nets.OnVectors):
            network.fit_scale(torch.from_numpy(given.x[rows]))
        if self.start is not None:
            begin_from(network, self.start)
        task = self._task(network, given, rows, held, augment)
        settings = Settings(
            epochs=epochs or own.epochs,
            rate=own.rate,
            decay=own.decay,
            patience=own.patience if len(task.held) else None,
            minutes=None if own.minutes is None else own.minutes / (int(self.fold_.max()) + 2),
            seed=int(np.random.SeedSequence([own.seed, number]).generate_state(1)[0]),
        )
        say = self._say
        history = train(
            task,
            settings,
            device=pick(own.device),
            folder=None if self._folder is None else self._folder / part.replace(" ", "-"),
            fresh=self._fresh,
            progress=None if say is None else lambda text: say(f"{part}: {text}"),
        )
        self.histories_[part] = history
        self.curves_ += [{"part": part, **row} for row in history.rows]
        return network, history

    def _task(
        self,
        network: torch.nn.Module,
        given: Targets,
        rows: Ints,
        held: Ints,
        augment: Augment | None,
    ) -> EndTask:
        return EndTask(
            network, self.architecture_, given, rows, held,
            batch=self.options.batch, augment=augment,
        )  # fmt: skip

    def _architecture(self, given: Targets) -> Architecture:
        own, classes = self.options, len(given.classes)
        if own.kind == "network":
            width, blocks = width_of(self.start) or (own.width, own.blocks)
            values = {"width": width, "blocks": list(blocks), "side": int(given.x.shape[-1])}
            values |= {"classes": classes, "slices": self._heads, "dropout": own.dropout}
            return Architecture(nets.PICTURES, values)
        hidden = list(own.hidden) if own.kind == "mlp" else []
        values = {"dimension": int(given.x.shape[1]), "classes": classes, "hidden": hidden}
        values |= {"slices": self._heads, "dropout": own.dropout if hidden else 0.0}
        return Architecture(nets.VECTORS, values)

    def _calibrate(self, given: Targets, logits: Floats, trusted: Any, notes: list[str]) -> None:
        weight = self.fair_
        lost = int((weight < given.weight).sum())
        if lost and np.isfinite(logits).any():
            notes.append(
                f"{lost:,} items are in the only fold of their class: left out, they "
                "cannot be told, and calibrate nothing"
                if weight.any()
                else "fewer than two classes are in several folds: left-out items tell nothing of "
                "the model, and calibrate nothing"
            )
        if trusted is not None:
            sure = weight * flags("trusted", trusted, given.n)
            classes = np.unique(given.soft[sure > 0].argmax(1))
            if len(classes) > 1 and (sure > 0).sum() >= 5 * len(given.classes):
                weight = sure
        self.calibrated_ = bool(self.options.calibrate and leaving.enough(logits, weight))
        self.temperature_ = 1.0
        if not self.calibrated_:
            notes.append(f"not calibrated: that takes {leaving.FEW} left-out items")
            self.oof_ = softmax(logits)
            return
        self.temperature_ = leaving.temperature(logits, given.soft, weight)
        self.oof_ = leaving.left_out(logits, given.soft, weight, self.fold_)

    def logits(self, X: Any) -> Floats:  # noqa: N803
        """Return the logits of each class before calibration, (n, k)."""
        if not self.classes_:
            raise LearnError("this EndModel is not trained yet: call fit(X, P)")
        x = items_of(X)
        values = self.architecture_.values
        side, length = values.get("side"), values.get("dimension")
        wanted = (3, side, side) if side is not None else (length,)
        if x.shape[1:] != wanted:
            raise SchemaError(f"X must have shape (items, {', '.join(map(str, wanted))}) as in "
                              f"training, got {x.shape}")  # fmt: skip
        if not len(x):
            return np.zeros((0, len(self.classes_)))
        self.network_.to(pick(self.options.device))
        return logits_of(self.network_, x, np.arange(len(x))).numpy().astype(np.float64)

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return the calibrated probability of each class, (n, k); rows sum to 1."""
        return softmax(self.logits(X) / self.temperature_)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class of each item."""
        names = np.empty(len(self.classes_), object)
        names[:] = self.classes_
        return np.asarray(names[self.predict_proba(X).argmax(1)])

    def save(self, path: Path) -> None:
        """Write weights, classes and temperature as safetensors."""
        from vquery.learn.ends.storing import save

        save(self, path)

    @classmethod
    def load(cls, path: Path, *, device: str | None = None) -> EndModel:
        """Read what `save` wrote; nothing in the file is run.

        Raises
        ------
        LearnError
            If it is damaged, a pickle, or no end model.
        """
        from vquery.learn.ends.storing import load

        return load(path, device=device)

    def to_onnx(
        self, path: Path, *, output: Literal["probability", "embedding"] = "probability"
    ) -> Path:
        """Write an ONNX file; see `vquery.learn.ends.onnx_out.to_onnx`."""
        from vquery.learn.ends.onnx_out import to_onnx

        return to_onnx(self, path, output=output)
