"""Begin a network on pictures with a known backbone: of a learned embedding, or a module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vquery.errors import LearnError
from vquery.learn.core import checkpoints
from vquery.learn.core.networks import BLOCKS
from vquery.learn.core.training import BEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

MARK = "stem.0.weight"
"""The first weight of a `SmallResNet`, by which its others are found under any prefix."""
STAGE = "stages."


def tensors_of(start: Any) -> dict[str, torch.Tensor]:
    """Find the weights of a `SmallResNet` in a module, a state dict, or a file.

    Raises
    ------
    LearnError
        If there are none.
    """
    what = "start="
    if isinstance(start, str | Path):
        what, found = str(start), checkpoints.foreign(Path(start))
    elif hasattr(start, "state_dict"):
        found = dict(start.state_dict())
    else:
        found = dict(start)
    prefixes = sorted(
        (name.removesuffix(MARK) for name in found if name.endswith(MARK)), key=_order
    )
    if not prefixes:
        raise LearnError(
            f"{what}: holds no weights of a SmallResNet (no {MARK!r}): give the file of a learned "
            "embedding, or a SmallResNet"
        )
    first = prefixes[0]
    return {n.removeprefix(first): one for n, one in found.items() if n.startswith(first)}


def _order(prefix: str) -> tuple[bool, str]:
    # a training checkpoint holds its best weights too, which are those that count
    return not prefix.startswith(BEST), prefix


def width_of(start: Any) -> tuple[int, tuple[int, ...]] | None:
    """Tell channels and blocks of the backbone; None where there is none.

    >>> from vquery.learn.core.networks import SmallResNet
    >>> width_of(SmallResNet(width=4, blocks=(1, 2)))
    (4, (1, 2))
    """
    if start is None:
        return None
    tensors = tensors_of(start)
    width, count, blocks = int(tensors[MARK].shape[0]), 0, [0] * len(BLOCKS)
    while f"{STAGE}{count}.first.0.weight" in tensors:
        outside = int(tensors[f"{STAGE}{count}.first.0.weight"].shape[0])
        blocks[(outside // width).bit_length() - 1] += 1
        count += 1
    return width, tuple(one for one in blocks if one)


def begin_from(network: torch.nn.Module, start: Any) -> None:
    """Give the body of a network the weights of a backbone."""
    tensors = tensors_of(start)
    body: Any = network.body
    known: Mapping[str, torch.Tensor] = body.state_dict()
    checkpoints.put(body, {n: one for n, one in tensors.items() if n in known}, what="start=")
