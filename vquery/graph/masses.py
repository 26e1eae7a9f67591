"""Class masses: how much of the unlabelled items goes to each class.

With few labels the plain solution favours the class whose seeds lie best. Scaling each class so
that the scores of the unlabelled items sum to a prior repairs that (class mass normalisation;
X. Zhu, Z. Ghahramani, J. Lafferty 2003). Copies count as often as they occur.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vquery.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    Weights = NDArray[np.float64]

Prior = Literal["uniform"] | Mapping[Any, float] | None


def shares(prior: Prior, classes: Sequence[Hashable | None]) -> Weights | None:
    """Read a prior as shares of the classes that sum to 1; None stays None (no scaling).

    Raises
    ------
    LabelError
        If it is neither "uniform", None nor a number above 0 for each class.

    >>> shares("uniform", ["a", "b"]).tolist(), shares({"a": 3, "b": 1}, ["a", "b"]).tolist()
    ([0.5, 0.5], [0.75, 0.25])
    """
    if prior is None:
        return None
    if isinstance(prior, str) and prior == "uniform":
        return np.full(len(classes), 1 / len(classes))
    given = _by_class(prior)
    if given is None or set(given) != set(classes):
        raise LabelError(
            f"The 'prior' parameter must be 'uniform', None or a share for each of "
            f"{_few(classes)}. Got {prior!r} instead."
        )
    try:
        wanted = np.array([float(given[value]) for value in classes])
    except (TypeError, ValueError, OverflowError):
        wanted = np.zeros(1)
    if not (np.isfinite(wanted) & (wanted > 0)).all():
        raise LabelError(f"The shares in 'prior' must be numbers above 0. Got {given} instead.")
    wanted /= wanted.max()  # the sum of large ones is not finite
    return np.asarray(wanted / wanted.sum())


def _by_class(prior: Any) -> dict[Any, float] | None:
    if not isinstance(prior, Mapping):
        return None
    return {k.item() if isinstance(k, np.generic) else k: v for k, v in prior.items()}


def _few(classes: Sequence[Hashable | None]) -> str:
    """Name the classes, at most ten of them.

    >>> _few(["a", "b"]), _few(range(12))
    ("['a', 'b']", '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] and 2 more')
    """
    more = f" and {len(classes) - 10} more" if len(classes) > 10 else ""
    return f"{list(classes[:10])}{more}"


def mass_scale(mass: Weights, wanted: Weights | None) -> Weights:
    """Factor for each class that brings its mass, shape (c,), to the wanted share of the total.

    One more item that is spread as wanted is added first. Without it the only unlabelled item would
    be torn apart evenly between two classes, however like one of them it is.

    >>> mass_scale(np.array([300.0, 100.0]), np.array([0.5, 0.5])).round(2).tolist()
    [0.67, 2.0]
    >>> mass_scale(np.array([0.7, 0.3]), np.array([0.5, 0.5])).round(2).tolist()
    [0.83, 1.25]
    """
    if wanted is None:
        return np.ones(len(mass))
    more = mass + wanted
    return np.asarray(wanted * more.sum() / more)
