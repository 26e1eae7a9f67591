"""What pretext tasks have in common, as tasks for `vquery.learn.core.training.train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.learn.pretext.network import Feed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    import torch

    from vquery.learn.core.networks import Architecture
    from vquery.learn.core.pictures import Pictures
    from vquery.learn.pretext.network import Pretext
    from vquery.learn.pretext.pairs import Known
    from vquery.learn.pretext.probe import Probe
    from vquery.learn.pretext.views import View

    Ints = npt.NDArray[np.int64]


class PretextTask:
    """Pictures on their way to a network, and what it is asked after an epoch.

    Parameters
    ----------
    rows
        Pictures that are learnt from.
    batch
        Pictures of a step.
    told
        Plain values that tell this run from others.
    """

    def __init__(
        self,
        network: Pretext,
        architecture: Architecture,
        pictures: Pictures,
        known: Known,
        *,
        rows: Ints,
        view: View,
        probe: Probe | None = None,
        batch: int = 256,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        self.network: torch.nn.Module = network
        self.architecture, self._made = architecture, network
        self._feed, self._probe, self._view = Feed(pictures), probe, view
        self._rows, self._known = rows, known.take(rows)
        self._shown = self._known.count()
        self._batch = min(max(batch, 1), self._shown)
        self._told = dict(told or {})

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return self._shown // self._batch if self._shown else 0

    def identity(self) -> Mapping[str, Any]:
        """Say what is learnt from."""
        return {**self._told, "batch": self._batch}

    def probe(self) -> Mapping[str, float]:
        """Retrieve held-out tracks."""
        return {} if self._probe is None else self._probe(self._made)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self._made.centre.device

    def views(self, rows: Ints, generator: torch.Generator) -> torch.Tensor:
        """Return pictures varied, (m, 3, side, side), on the network's device."""
        return self._view(self._feed(rows, self.device), generator)
