"""From pictures to an embedding: choose what to hold out, train, take off the mean, measure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from vquery.errors import LearnError
from vquery.learn.core.device import seed_torch
from vquery.learn.core.training import Settings, train
from vquery.learn.pretext import backbones, network, views
from vquery.learn.pretext.contrast import ACROSS, HIDDEN, NEAREST, PROJECTED, TEMPERATURE, Contrast
from vquery.learn.pretext.pairs import Known
from vquery.learn.pretext.probe import Probe, asked
from vquery.learn.pretext.rotation import WAYS, Rotation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from torch import nn

    from vquery.learn.core.networks import Architecture
    from vquery.learn.core.pictures import Pictures
    from vquery.learn.core.training import History, Task
    from vquery.learn.pretext.network import Pretext
    from vquery.learn.pretext.probe import Asked
    from vquery.learn.pretext.views import View

    Floats = npt.NDArray[np.float32]

Method = Literal["simclr", "rotation"]
TASKS: dict[Method, type[Contrast | Rotation]] = {"simclr": Contrast, "rotation": Rotation}
FEWEST = 8
"""Pictures below which there is nothing to learn from."""
CENTRED_ON = 20_000
"""Pictures that the mean is taken of, at most."""


@dataclass(frozen=True)
class Recipe:
    """How an embedding is learnt.

    Attributes
    ----------
    method
        "simclr" or "rotation".
    width, blocks
        Of the residual network, where no other is given.
    batch
        Pairs of a step.
    across
        Share of pairs that are two pictures of one track.
    nearest
        Share of pairs that a descriptor takes for the same, where one is given.
    temperature
        Of NT-Xent.
    """

    method: Method = "simclr"
    width: int = 32
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    batch: int = 256
    across: float = ACROSS
    nearest: float = NEAREST
    temperature: float = TEMPERATURE
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            known = " or ".join(map(repr, get_args(Method)))
            raise LearnError(f"method must be {known}, got {self.method!r}")
        if self.batch < 2:
            raise LearnError(f"batch must be at least 2, since pairs need others: {self.batch!r}")
        for name in ("across", "nearest"):
            if not 0 <= getattr(self, name) <= 1:
                raise LearnError(f"{name} is a share from 0 to 1, got {getattr(self, name)!r}")
        if not self.temperature > 0:
            raise LearnError(f"temperature must be above 0, got {self.temperature!r}")


@dataclass(frozen=True, eq=False)
class Learnt:
    """An embedding that was learnt.

    Attributes
    ----------
    network, architecture
        What makes vectors, with the mean taken off.
    history
        What happened in training.
    questions
        What tells how good it is.
    """

    network: Pretext
    architecture: Architecture
    history: History
    questions: Asked

    def vectors(self, pictures: Pictures) -> Floats:
        """Embed pictures: unit vectors, float32 (n, d)."""
        return network.vectors(self.network, pictures)


def learn(
    pictures: Pictures,
    recipe: Recipe,
    *,
    descriptor: Floats | None = None,
    view: View | None = None,
    start: tuple[nn.Module, Architecture] | None = None,
    labels: Sequence[str | None] | None = None,
    told: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    device: str | None = None,
    fresh: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Learnt:
    """Learn an embedding of pictures without labels.

    Where there are enough tracks some are held out: whether their pictures find each other decides
    which epoch is kept.

    Parameters
    ----------
    descriptor
        What another descriptor makes of the pictures, (n, d), zeros where nothing: pictures of
        different tracks that are each other's nearest neighbours in it are drawn together.
    view
        How pictures are varied; `vquery.learn.pretext.views.standard` by default.
    start
        A backbone as `vquery.learn.pretext.backbones.start` makes it.
    labels
        For each picture a label or None, only to be told how well they agree.
    told
        Plain values that tell this run from others, beside what the pictures say.
    folder, device, fresh, progress
        See `vquery.learn.core.training.train`.

    Raises
    ------
    LearnError
        If there are fewer than `FEWEST` pictures, or training fails.
    """
    if len(pictures) < FEWEST:
        raise LearnError(
            f"{len(pictures)} pictures are too few to learn an embedding from: at least {FEWEST}, "
            "and better thousands"
        )
    settings = recipe.settings
    known = Known.of(pictures, descriptor if recipe.method == "simclr" else None)
    choosing, telling = asked(known, settings.seed).halves
    rows = np.setdiff1d(np.arange(len(pictures)), choosing.held_out)
    seed_torch(settings.seed, 0)
    small = {"width": recipe.width, "blocks": [*recipe.blocks]}
    backbone, inner = start or backbones.start(None, None, small)
    dimension = backbones.dimension_of(backbone, pictures.side)
    outputs, hidden = (PROJECTED, HIDDEN) if recipe.method == "simclr" else (WAYS, 0)
    architecture = network.described(inner, dimension, outputs, hidden)
    made = network.made(backbone, architecture)
    options: dict[str, Any] = {
        "rows": rows,
        "view": view or views.standard(),
        "probe": Probe(pictures, known, choosing, labels),
        "told": {"method": recipe.method, **_facts(pictures), **(told or {})},
        **_options(recipe),
    }
    task: Task[Any] = TASKS[recipe.method](made, architecture, pictures, known, **options)
    how: dict[str, Any] = {"device": device, "folder": folder, "fresh": fresh, "progress": progress}
    history = train(task, settings, **how)
    chosen = np.random.default_rng(settings.seed).permutation(rows)[:CENTRED_ON]
    network.set_centre(made, pictures, np.sort(chosen))
    return Learnt(made, architecture, history, telling)


def _options(recipe: Recipe) -> dict[str, Any]:
    if recipe.method == "rotation":  # each picture is shown four times, in pairs twice
        return {"batch": recipe.batch // 2}
    return {name: getattr(recipe, name) for name in ("batch", "across", "nearest", "temperature")}


def _facts(pictures: Pictures) -> dict[str, Any]:
    """Tell these pictures from others by a few numbers."""
    return {
        "pictures": len(pictures),
        "side": pictures.side,
        "ids": int(np.bitwise_xor.reduce(pictures.ids * 31 + np.arange(len(pictures)))),
    }
