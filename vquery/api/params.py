"""Values of a query's params as they are written on a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.intervals import Intervals
from vquery.errors import QueryError
from vquery.plan.rewrite import with_defaults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vquery.expr.expression import Param


def with_params(relation: Intervals, given: Sequence[str]) -> Intervals:
    """Set params of a query by ``NAME=VALUE`` texts.

    Raises
    ------
    QueryError
        If a text is no such pair, the query has no such param, or the value is of another kind.
    """
    values = param_values(relation.parameters, given)
    return Intervals(with_defaults(relation.node, values)) if values else relation


TRUTH = {"true": True, "false": False}


def param_values(known: Mapping[str, Param], given: Sequence[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` texts, each value as the kind of its param's default.

    Raises
    ------
    QueryError
        If a text is no such pair, the query has no such param, or the value is of another kind.

    >>> from vquery.expr.placeholders import param
    >>> param_values({"gap": param("gap", 5)}, ["gap=2.5"])
    {'gap': 2.5}
    """
    values: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise QueryError(f"--param takes NAME=VALUE, such as gap=5, got {text!r}")
        if name not in known:
            names = ", ".join(known) or "none"
            raise QueryError(f"the query has no param {name!r}. Params: {names}")
        values[name] = _read(name, value, known[name].default)
    return values


def _read(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() not in TRUTH:
            raise QueryError(f"param {name!r} is true or false, got {text!r}")
        return TRUTH[text.lower()]
    if not isinstance(default, (int, float)):
        return text
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise QueryError(f"param {name!r} must be a number, got {text!r}") from None
