"""A label model as plain values, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import SchemaError
from vquery.supervise.models.estimate import Estimate
from vquery.supervise.models.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.supervise.models.label_model import LabelModel

FORMAT = 1
"""Raised when a stored model is written in another way."""


def to_dict(model: LabelModel, *, counts: bool) -> dict[str, Any]:
    """Write lists, numbers and texts alone, as far as classes and groups are."""
    out = {
        "format": FORMAT,
        "settings": model.get_params(),
        "classes": list(model.classes_),
        "functions": list(model.functions_),
        "model": _plain(model._estimate),
        "groups": [[name, _plain(each)] for name, each in model._groups.items()],
    }
    if counts and hasattr(model, "_counted"):
        out["counts"] = [
            [name, each.votes.tolist(), each.counts.tolist()]
            for name, each in model._counted.items()
        ]
    return out


def fill(model: LabelModel, stored: Mapping[str, Any]) -> None:
    """Give a new model what `to_dict` wrote.

    Raises
    ------
    SchemaError
        If a later version wrote it.
    """
    if stored.get("format") != FORMAT:
        raise SchemaError(
            f"label model: expected format {FORMAT}, got {stored.get('format')!r}; "
            "read it with the version of vquery that wrote it"
        )
    model.classes_, model.functions_ = tuple(stored["classes"]), tuple(stored["functions"])
    model._estimate = _estimate(stored["model"])
    model._groups = {name: _estimate(each) for name, each in stored["groups"]}
    if "counts" in stored:
        m = len(model.functions_)
        model._counted = {
            name: Patterns(
                np.array(votes, np.int16).reshape(-1, m), np.array(counts), np.empty(0, np.int64)
            )
            for name, votes, counts in stored["counts"]
        }
    model._show()


def _plain(found: Estimate) -> dict[str, Any]:
    return {
        "method": found.method,
        "balance": found.balance.tolist(),
        "confusion": found.confusion.tolist(),
        "weights": found.weights.tolist(),
        "members": found.members.tolist(),
        "together": [table.tolist() for table in found.together],
        "temper": found.temper,
        "doubt": found.doubt,
        "capped": found.capped,
        "notes": list(found.notes),
        "scores": dict(found.scores),
    }


def _estimate(stored: Mapping[str, Any]) -> Estimate:
    k = len(stored["balance"])
    return Estimate(
        stored["method"],
        np.array(stored["balance"]),
        np.array(stored["confusion"]).reshape(-1, k, k + 1),
        np.array(stored["weights"]),
        np.array(stored["members"], np.int64).reshape(-1, 2),
        tuple(np.array(table) for table in stored["together"]),
        stored["temper"],
        stored["doubt"],
        stored.get("capped", False),  # models stored before there were caps
        tuple(stored["notes"]),
        dict(stored["scores"]),
    )
