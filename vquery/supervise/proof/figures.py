"""What is made of sums: precision, F1, log-loss and so on, for many samples at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vquery.supervise.proof.sums import Sums

    Floats = NDArray[np.float64]


class Figure(NamedTuple):
    """How a figure is made of totals (samples, …), NaN without a value, and which way is better.

    ``sign`` is 1 where more is better, -1 where less is.
    """

    make: Callable[[Sums], Floats]
    sign: int


def figures(sums: Sums, classes: int) -> dict[str, Figure]:
    """List the figures that these sums allow, in the order of tables.

    Of two classes precision, recall and F1 are those of the second; of more they are means over the
    classes that were found or are true.
    """
    only = 1 if classes == 2 else None
    made = {
        "accuracy": Figure(_ratio("right", "items"), 1),
        "precision": Figure(_prf("", only, "found"), 1),
        "recall": Figure(_prf("", only, "true"), 1),
        "f1": Figure(_f1("", only), 1),
        "time_accuracy": Figure(_ratio("right_s", "items_s"), 1),
        "time_precision": Figure(_prf("_s", only, "found"), 1),
        "time_recall": Figure(_prf("_s", only, "true"), 1),
        "time_f1": Figure(_f1("_s", only), 1),
        "labelled": Figure(_ratio("labelled", "items"), 1),
    }
    for name in [name for name in sums if name.startswith("hits@")]:
        tiou = name.removeprefix("hits@")
        made[f"segment_precision@{tiou}"] = Figure(_ratio(name, "segments"), 1)
        made[f"segment_recall@{tiou}"] = Figure(_ratio(name, "true_segments"), 1)
        made[f"segment_f1@{tiou}"] = Figure(_segment_f1(name), 1)
    if "segments" in sums:
        made["start_error"] = Figure(_ratio("start_off", "pairs"), -1)
        made["end_error"] = Figure(_ratio("end_off", "pairs"), -1)
        made["pieces_per_segment"] = Figure(_pieces, -1)
    if "loss" in sums:
        made["log_loss"] = Figure(_ratio("loss", "items"), -1)
        made["brier"] = Figure(_ratio("square", "items"), -1)
        made["ece"] = Figure(_ece, -1)
    return made


def figure_of(known: dict[str, Figure], name: str) -> Figure:
    """Find a figure by its name.

    Raises
    ------
    QueryError
        Naming the ones that exist.
    """
    if name not in known:
        raise QueryError(f"there is no metric {name!r}. Metrics: {', '.join(known)}")
    return known[name]


def per(part: Floats, all_of: Floats) -> Floats:
    """Divide, NaN where there is nothing to divide by.

    >>> per(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    shape = np.broadcast_shapes(part.shape, all_of.shape)
    return np.asarray(np.divide(part, all_of, out=np.full(shape, np.nan), where=all_of > 0))


def _ratio(part: str, all_of: str) -> Callable[[Sums], Floats]:
    return lambda total: per(total[part], total[all_of])


def _prf(suffix: str, only: int | None, side: str) -> Callable[[Sums], Floats]:
    """Precision (``side`` found) or recall (``side`` true)."""
    return lambda total: _over(per(total["hit" + suffix], total[side + suffix]), only)


def _f1(suffix: str, only: int | None) -> Callable[[Sums], Floats]:
    def make(total: Sums) -> Floats:
        both = total["found" + suffix] + total["true" + suffix]
        return _over(per(2 * total["hit" + suffix], both), only)

    return make


def _over(of_class: Floats, only: int | None) -> Floats:
    """Take one class, or the mean over those that have a value."""
    if only is not None:
        return np.asarray(of_class[:, only])
    there = ~np.isnan(of_class)
    return per(np.where(there, of_class, 0.0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def _segment_f1(hits: str) -> Callable[[Sums], Floats]:
    return lambda total: per(2 * total[hits], total["segments"] + total["true_segments"])


def _pieces(total: Sums) -> Floats:
    """Pieces in which a true segment that was found at all was found: 1 is best."""
    there = total["true_segments"] - total["missed"]
    return per(there + total["extra"], there)


def _ece(total: Sums) -> Floats:
    bins = total["bins"]
    return per(np.abs(bins[:, :, 1] - bins[:, :, 2]).sum(axis=1), bins[:, :, 0].sum(axis=1))
