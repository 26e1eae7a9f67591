"""A backbone with a head: the head is for the pretext alone, the vectors are the backbone's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from vquery.errors import LearnError
from vquery.learn.core.device import mixed
from vquery.learn.core.networks import BUILDERS, Architecture, Layers, build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from vquery.learn.core.pictures import Pictures

    Floats = npt.NDArray[np.float32]

KIND = "pretext"
BATCH = 512
"""Pictures that are embedded at once."""
WHOLE_ON_GPU = 0.4
"""Share of the free memory of a GPU that pictures may take, to be sent there once."""


class Pretext(nn.Module):
    """A backbone, a head for the pretext, and the mean that is taken off vectors.

    Attributes
    ----------
    dimension : int
        Of the vectors.
    """

    centre: torch.Tensor

    def __init__(self, backbone: nn.Module, head: nn.Module, dimension: int) -> None:
        super().__init__()
        self.backbone, self.head, self.dimension = backbone, head, dimension
        self.register_buffer("centre", torch.zeros(dimension))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # half as fast again, on a CPU too

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map pictures, float (n, 3, h, w) from 0 to 1, to unit vectors (n, dimension)."""
        found = self.seen(x)
        return functional.normalize(found.float() - self.centre, dim=1)

    def answer(self, x: torch.Tensor) -> torch.Tensor:
        """Map pictures to what the head makes of them, which the pretext is judged by."""
        found: torch.Tensor = self.head(self.seen(x))
        return found

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """Map pictures to what the backbone makes of them, (n, dimension)."""
        found: torch.Tensor = self.backbone(x.contiguous(memory_format=torch.channels_last))
        return found


def described(backbone: Architecture, dimension: int, outputs: int, hidden: int) -> Architecture:
    """Describe such a network: ``hidden`` units between, 0 for a linear head."""
    inner = {"kind": backbone.kind, "values": dict(backbone.values)}
    sizes = [dimension, *([hidden] if hidden else []), outputs]
    return Architecture(KIND, {"backbone": inner, "sizes": sizes})


def made(backbone: nn.Module, architecture: Architecture) -> Pretext:
    """Put a head on a backbone that is there already."""
    sizes = tuple(architecture.values["sizes"])
    return Pretext(backbone, Layers(sizes), sizes[0])


def _built(backbone: Mapping[str, Any], sizes: list[int]) -> Pretext:
    if backbone["kind"] == KIND:
        raise ValueError("its backbone is an embedding")
    inner = build(Architecture(backbone["kind"], backbone["values"]))
    return Pretext(inner, Layers(tuple(sizes)), sizes[0])


BUILDERS[KIND] = _built


class Feed:
    """Pictures on their way to a device: on a GPU once and whole where there is room for them."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self._there: torch.Tensor | None = None

    def __call__(self, rows: npt.ArrayLike, device: torch.device) -> torch.Tensor:
        """Return some pictures, float (m, 3, side, side) from 0 to 1, on a device."""
        if device.type != "cuda":
            return self.pictures.tensor(rows, device)
        if self._there is None:
            free, _ = torch.cuda.mem_get_info(device)
            if self.pictures.pixels.nbytes > WHOLE_ON_GPU * free:
                return self.pictures.tensor(rows, device)
            self._there = torch.from_numpy(np.ascontiguousarray(self.pictures.pixels)).to(device)
        at = torch.from_numpy(np.asarray(rows, np.int64)).to(device)
        return self._there[at].float().div_(255)


def vectors(
    network: Pretext,
    pictures: Pictures | Feed,
    rows: npt.ArrayLike | None = None,
    *,
    centred: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Floats:
    """Embed pictures, by default all: unit vectors, float32 (n, dimension).

    Parameters
    ----------
    centred
        Whether to take off the mean that is kept with the network; else vectors are as the
        backbone makes them, of any length.

    Raises
    ------
    LearnError
        If a vector is not finite, as with damaged weights.
    """
    feed = pictures if isinstance(pictures, Feed) else Feed(pictures)
    chosen = np.arange(len(feed.pictures)) if rows is None else np.asarray(rows)
    device = network.centre.device
    network.eval()
    found = np.empty((len(chosen), network.dimension), np.float32)
    with torch.inference_mode(), mixed(device):
        for start in range(0, len(chosen), BATCH):
            x = feed(chosen[start : start + BATCH], device)
            made = network(x) if centred else network.seen(x)
            found[start : start + BATCH] = made.float().cpu().numpy()
            if progress is not None and start:
                progress(f"{start:,} of {len(chosen):,} embedded")
    if not np.isfinite(found).all():
        raise LearnError("the network makes vectors that are not finite: train it anew")
    return found


def set_centre(network: Pretext, pictures: Pictures | Feed, rows: npt.ArrayLike) -> None:
    """Keep the mean of the vectors of some pictures, so that all cosines spread around 0."""
    mean = vectors(network, pictures, rows, centred=False).mean(0)
    network.centre.copy_(torch.from_numpy(mean))
