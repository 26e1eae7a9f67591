"""Networks that are defined here and need no download, and the description to build them by.

An `Architecture` is plain values: it travels in checkpoints, so that weights are only ever put into
the network that they are of.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vquery.errors import LearnError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIDE = 64
"""Pixels of the square that pictures are brought to."""
WIDTH, BLOCKS = 32, (1, 1, 1, 1)
MOST_STAGES, MOST_BLOCKS = 8, 200
"""What a description may ask for, since it may come from a stranger's file."""


@dataclass(frozen=True)
class Architecture:
    """What a network is: its kind, and the values that its builder takes.

    >>> one = Architecture("small_resnet", {"width": 8})
    >>> Architecture.read(one.written()) == one
    True
    """

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def written(self) -> str:
        """Write as JSON, the same for equal architectures."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def read(cls, text: str) -> Architecture:
        """Read what `written` wrote.

        Raises
        ------
        LearnError
            If it is something else.
        """
        try:
            found = json.loads(text)
            return cls(str(found["kind"]), dict(found["values"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LearnError(f"not the description of a network: {text[:80]!r}") from error

    def __str__(self) -> str:
        """Say it for people: ``small_resnet(width=8)``."""
        inside = ", ".join(f"{name}={value!r}" for name, value in sorted(self.values.items()))
        return f"{self.kind}({inside})"


class Block(nn.Module):
    """Two convolutions beside a shortcut (K. He et al. 2016, with the stride in the first)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inside, outside, stride)
        self.second = _convolution(outside, outside, 1)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inside != outside:
            self.shortcut = _convolution(inside, outside, stride, kernel=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, inside, h, w) to (n, outside, h / stride, w / stride)."""
        inner = self.second(torch.relu(self.first(x)))
        return torch.relu(inner + self.shortcut(x))


def _convolution(inside: int, outside: int, stride: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
    )


class SmallResNet(nn.Module):
    """A residual network for small pictures: a stem and four stages, each half the size.

    Parameters
    ----------
    width
        Channels of the first stage; each further one has twice as many.
    blocks
        Blocks of each stage.
    channels
        Of the pictures.

    Attributes
    ----------
    dimension : int
        Length of what it makes of a picture.
    """

    def __init__(
        self, width: int = WIDTH, blocks: tuple[int, ...] = BLOCKS, channels: int = 3
    ) -> None:
        super().__init__()
        if len(blocks) > MOST_STAGES or sum(blocks) > MOST_BLOCKS:
            raise ValueError(f"at most {MOST_STAGES} stages and {MOST_BLOCKS} blocks")
        self.stem = _convolution(channels, width, 1)
        stages, inside = [], width
        for number, count in enumerate(blocks):
            outside = width << number
            for block in range(count):
                stages.append(Block(inside, outside, 2 if block == 0 else 1))
                inside = outside
        self.stages = nn.Sequential(*stages)
        self.dimension = inside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map pictures, float (n, channels, h, w), to vectors (n, dimension)."""
        found: torch.Tensor = self.stages(torch.relu(self.stem(x)))
        return found.mean((2, 3))


class Layers(nn.Sequential):
    """Linear layers with normalisation between: ``sizes`` from the input to the output.

    One pair of sizes is a linear map; more have batch normalisation, ReLU and dropout in between.
    """

    def __init__(self, sizes: tuple[int, ...], dropout: float = 0.0) -> None:
        parts: list[nn.Module] = []
        for number in range(len(sizes) - 2):
            parts += [nn.Linear(sizes[number], sizes[number + 1], bias=False)]
            parts += [nn.BatchNorm1d(sizes[number + 1]), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*parts, nn.Linear(sizes[-2], sizes[-1]))
        self.dimension = sizes[-1]


BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "small_resnet": lambda width=WIDTH, blocks=BLOCKS, channels=3: SmallResNet(
        width, tuple(blocks), channels
    ),
    "layers": lambda sizes, dropout=0.0: Layers(tuple(sizes), dropout),
}
"""How each kind is built; values come from JSON, so that tuples arrive as lists."""


def build(architecture: Architecture) -> nn.Module:
    """Build a network with fresh weights, drawn by PyTorch's seed.

    Raises
    ------
    LearnError
        If there is no such kind, or its values cannot be.

    >>> build(Architecture("small_resnet", {"width": 4}))(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 32])
    >>> build(Architecture("oracle"))
    Traceback (most recent call last):
    vquery.errors.LearnError: there is no network of kind 'oracle'; known: ...
    """
    builder = BUILDERS.get(architecture.kind)
    if builder is None:
        known = ", ".join(sorted(BUILDERS))
        raise LearnError(f"there is no network of kind {architecture.kind!r}; known: {known}")
    try:
        return builder(**architecture.values)
    except LearnError:
        raise
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError) as error:
        said = str(architecture)[:200]
        raise LearnError(f"the network {said} cannot be built: {error}") from error
