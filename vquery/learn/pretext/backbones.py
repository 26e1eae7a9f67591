"""Networks to start from: the one defined here, or the user's own with weights on this machine.

Nothing is ever downloaded: timm and open_clip are asked for the shape of a network alone, and its
weights come from a file of the user.
"""

from __future__ import annotations

import copy
import importlib
import json
import re
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from vquery.errors import LearnError, MissingDependencyError
from vquery.learn.core import checkpoints
from vquery.learn.core.networks import BUILDERS, Architecture, build
from vquery.learn.core.values import is_number, whole
from vquery.learn.pretext.network import KIND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GIVEN = "given"
LIBRARIES = ("timm", "open_clip")
SMALL = "small_resnet"


class Adapted(nn.Module):
    """A network of somebody else: pictures brought to its size and range, one vector each.

    Parameters
    ----------
    inner
        Maps (n, 3, size, size) to (n, d) or (n, d, h, w), which is averaged over places.
    size
        Pixels of its input; None leaves pictures as they are.
    mean, std
        Of its input, by channel (RGB), for pictures from 0 to 1.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        inner: nn.Module,
        size: int | None = None,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        self.inner, self.size = inner, size
        if size is not None:
            whole("size", size, 1)
        for name, values in (("mean", mean), ("std", std)):
            if len(values) != 3 or not all(map(is_number, values)):
                raise LearnError(f"{name}= takes three numbers (red, green, blue), got {values!r}")
        if 0 in std:
            raise LearnError(f"std= takes three numbers other than 0, got {std!r}")
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(list(values)).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map pictures, float (n, 3, h, w) from 0 to 1, to vectors (n, d)."""
        if self.size is not None and x.shape[-1] != self.size:
            side = (self.size, self.size)
            x = functional.interpolate(x, side, mode="bilinear", antialias=True)
        found = self.inner((x - self.mean) / self.std)
        if not isinstance(found, torch.Tensor) or found.ndim not in (2, 4):
            said = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise LearnError(
                f"{type(self.inner).__name__} gives {said} for pictures, and vectors (n, d) or "
                "maps (n, d, h, w) are expected: give the part without its classifier"
            )
        return found if found.ndim == 2 else found.mean((2, 3))


def start(
    module: nn.Module | str | None,
    weights: Path | None,
    small: Mapping[str, Any],
    *,
    size: int | None = None,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
) -> tuple[nn.Module, Architecture]:
    """Make a backbone: its network and what describes it.

    Parameters
    ----------
    module
        None for the residual network defined here, a module, of which a copy is taken, or
        ``"timm:NAME"`` and ``"open_clip:NAME"`` for networks of those libraries.
    weights
        A state dict for it (safetensors, or a file of ``torch.save``), or a model of vquery.
    small
        Values of the network defined here, as `vquery.learn.core.networks.SmallResNet` takes them;
        with ``weights`` they are those of the weights.

    Raises
    ------
    LearnError, MissingDependencyError
        If weights do not fit or cannot be read, or a library is not installed.
    """
    how = {"size": size, "mean": [*mean], "std": [*std]}
    if module is None:
        if how != {"size": None, "mean": [0.0] * 3, "std": [1.0] * 3}:
            raise LearnError("size=, mean= and std= are of a network of your own: give it too")
        return _small(weights, small)
    if isinstance(module, str):
        inner = _by_name(module)
        architecture = Architecture("named", {"name": module, **how})
    elif isinstance(module, nn.Module):
        # a copy, lest training changes the user's own, and with it the start of the next run
        inner, name = (
            copy.deepcopy(module),
            f"{type(module).__module__}.{type(module).__qualname__}",
        )
        architecture = Architecture(GIVEN, {"module": name, **how})
    else:
        raise LearnError(
            "a network is a torch.nn.Module, 'timm:NAME' or 'open_clip:NAME', got "
            f"{type(module).__name__}"
        )
    if weights is not None:
        checkpoints.put(inner, checkpoints.foreign(weights), what=str(weights))
    return Adapted(inner, size, mean, std), architecture


def dimension_of(backbone: nn.Module, side: int) -> int:
    """Return the length of the vectors that a backbone makes of pictures of so many pixels.

    Raises
    ------
    LearnError
        If it cannot take such pictures.
    """
    backbone.eval()
    try:
        with torch.inference_mode():
            return int(backbone(torch.zeros(1, 3, side, side)).shape[1])
    except LearnError:
        raise
    except Exception as error:  # whatever somebody's network may raise
        raise LearnError(
            f"the network cannot take pictures (1, 3, {side}, {side}): {error}; give size= where "
            "it needs another one"
        ) from error


def _small(weights: Path | None, small: Mapping[str, Any]) -> tuple[nn.Module, Architecture]:
    if weights is None:
        architecture = Architecture(SMALL, dict(small))
        return build(architecture), architecture
    tensors, architecture = _kept(weights)
    return checkpoints.fitted(architecture, tensors, what=str(weights)), architecture


def _kept(weights: Path) -> tuple[dict[str, torch.Tensor], Architecture]:
    """Read weights of the network defined here: of a model of vquery, or a plain state dict."""
    tensors = checkpoints.foreign(weights)
    inside = "network.backbone."
    if any(name.startswith(inside) for name in tensors):
        saved = checkpoints.load(weights)
        if saved.architecture.kind != KIND:
            raise LearnError(f"{weights}: is of {saved.architecture}, which is no embedding")
        inner = saved.architecture.values.get("backbone")
        return saved.part(inside), Architecture.read(json.dumps(inner))
    return tensors, Architecture(SMALL, _values_of(tensors, weights))


def _values_of(tensors: Mapping[str, torch.Tensor], weights: Path) -> dict[str, Any]:
    """See from a state dict how wide and deep the network is."""
    stem = tensors.get("stem.0.weight")
    sizes = [
        int(one.shape[0])
        for name, one in sorted(tensors.items(), key=lambda item: _number(item[0]))
        if name.startswith("stages.") and name.endswith(".second.0.weight")
    ]
    if stem is None or stem.ndim != 4 or not sizes:
        first = ", ".join(map(repr, list(tensors)[:2]))
        raise LearnError(
            f"{weights}: are no weights of the residual network defined here (they begin with "
            f"{first}); give the network they are of too, as in weights=Backbone(module, path)"
        )
    width = int(stem.shape[0])
    blocks = [sizes.count(width << stage) for stage in range(len(set(sizes)))]
    return {"width": width, "blocks": blocks, "channels": int(stem.shape[1])}


def _number(name: str) -> int:
    part = name.split(".")[1] if name.startswith("stages.") else "0"
    return int(part[:9]) if part.isdecimal() else 0


def _by_name(text: str) -> nn.Module:
    """Make a network of timm or open_clip, with fresh weights."""
    library, _, name = text.partition(":")
    # names with ':' or '/' are addresses, of which both libraries fetch what is there
    if library not in LIBRARIES or not re.fullmatch(r"[\w.-]+", name):
        raise LearnError(f"a network by name is 'timm:NAME' or 'open_clip:NAME', got {text!r}")
    try:
        found = importlib.import_module(library)
    except ImportError as error:
        raise MissingDependencyError(f"{text!r} needs {library}: pip install {library}") from error
    try:
        with torch.device("cpu"):
            if library == "timm":
                made: nn.Module = found.create_model(name, pretrained=False, num_classes=0)
            else:
                made = found.create_model(name, pretrained=None).visual
    except (RuntimeError, ValueError, KeyError) as error:
        raise LearnError(f"{library} knows no network {name!r}: {error}") from error
    return made


def _given(module: str, **_: Any) -> nn.Module:
    raise LearnError(
        f"the network {module} is the user's own: give it again, as in weights=Backbone(module)"
    )


BUILDERS[GIVEN] = _given
BUILDERS["named"] = lambda name, size=None, mean=(0, 0, 0), std=(1, 1, 1): Adapted(
    _by_name(name), size, mean, std
)
