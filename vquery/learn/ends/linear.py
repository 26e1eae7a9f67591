"""The linear end model: solved in closed steps, and brought into the form of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vquery.learn.ends.nets import OnVectors
from vquery.supervise.linear import fit_linear_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vquery.learn.ends.targets import Targets
    from vquery.supervise.linear import LinearModel


def path_of(
    given: Targets, rows: NDArray[np.int64], penalties: Sequence[float]
) -> list[LinearModel]:
    """Solve for some rows, once a penalty; rows without weight teach nothing."""
    counted = rows[given.weight[rows] > 0]
    return fit_linear_path(
        given.x[counted], given.soft[counted], penalties, weight=given.weight[counted]
    )


def network_of(solved: LinearModel) -> OnVectors:
    """Make a network that says what a solved model says."""
    network = OnVectors(*solved.weights.shape)
    with torch.no_grad():
        network.heads.base.weight.copy_(torch.from_numpy(solved.weights.T))
        network.heads.base.bias.copy_(torch.from_numpy(solved.offset))
    return network.eval()
