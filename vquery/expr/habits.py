"""Names that people bring from pandas, Polars and SQL, and what is written here instead."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from vquery.errors import UnknownMethodError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FRAME = ".to_pandas(), which gives a data frame"
ROWWISE = ".mutate(double=row.x1 * 2) with expressions; only joins take functions, by vq.udf(f)"

RELATION: dict[str, str] = {
    "agg": ".group_by('name').agg(n=vq.count())",
    "append": ".union(other)",
    "apply": ROWWISE,
    "assign": ".mutate(size=row.area)",
    "astype": ".mutate(track=row.track.cast(str))",
    "concat": ".union(other), or vq.concat(a, b) of two collections",
    "copy": "the relation itself, which never changes",
    "describe": FRAME,
    "drop_duplicates": ".distinct('name')",
    "dropna": ".filter(row.name.not_null())",
    "dtypes": ".schema",
    "empty": ".count() == 0",
    "except_": ".anti_join(other, predicate)",
    "fillna": ".mutate(name=row.name.fill_null('?'))",
    "groupby": ".group_by('name')",
    "having": ".group_by('name').filter(vq.count() > 2)",
    "head": ".limit(5), or .show(limit=5)",
    "iloc": ".limit(1, offset=0)",
    "info": "print(relation) or .schema",
    "isnull": ".filter(row.name.is_null())",
    "iterrows": ".collect().to_pylist()",
    "itertuples": ".collect().to_pylist()",
    "loc": ".filter(row.x1 > 0.5)",
    "map": ROWWISE,
    "merge": ".join(other, predicate=time_overlaps), with & same('name') for equal columns",
    "merge_asof": ".nearest(other, max_gap=10)",
    "nunique": ".distinct('name').count()",
    "order_by": ".sort(row.score.desc())",
    "pivot": FRAME,
    "plot": ".show(), which draws timelines in a notebook",
    "query": ".filter(row.x1 > 0.5), for a query as text db.query(text)",
    "resample": ".windows(5)",
    "rolling": ".partition_by('track').mutate(m=vq.rolling(vq.mean(row.x1), rows=5))",
    "shape": ".count() and .columns",
    "size": ".count()",
    "sort_values": ".sort('x1'), or .sort(row.x1.desc())",
    "sum": ".group_by('name').agg(total=vq.sum(row.duration))",
    "tail": ".sort(row.start.desc()).limit(5)",
    "to_csv": ".to_pandas().to_csv(path)",
    "to_dict": ".collect().to_pylist()",
    "to_list": ".collect().to_pylist()",
    "to_parquet": "pyarrow.parquet.write_table(relation.collect(), path)",
    "unique": ".distinct('name')",
    "value_counts": ".group_by('name').agg(n=vq.count()), which counts in each video, or db.sql(…)",
    "values": ".collect()",
    "where": ".filter(row.x1 > 0.5)",
    "with_columns": ".mutate(size=row.area)",
}
"""What to write instead of methods of data frames and words of SQL."""

VALUE: dict[str, str] = {
    "apply": "operators and methods such as .lower(), vq.when(…), or in a join vq.udf(f)",
    "alias": "a keyword: mutate(size=row.area)",
    "astype": ".cast(str)",
    "count": "vq.count() in agg()",
    "cumsum": "vq.cumulative_sum(row.x1) in partition_by(…).mutate()",
    "diff": "row.x1 - vq.lag(row.x1) in partition_by(…).mutate()",
    "dt": "the method itself, such as .hour()",
    "fillna": ".fill_null(0)",
    "is_between": ".between(low, high)",
    "is_in": ".isin([…])",
    "is_not_null": ".not_null()",
    "isna": ".is_null()",
    "isnull": ".is_null()",
    "len": ".length()",
    "map": "operators and methods such as .lower(), vq.when(…), or in a join vq.udf(f)",
    "max": "vq.max(row.x1) in agg(), in coalesce() or in partition_by(…).mutate()",
    "mean": "vq.mean(row.x1) in agg(), in coalesce() or in partition_by(…).mutate()",
    "min": "vq.min(row.x1) in agg(), in coalesce() or in partition_by(…).mutate()",
    "notna": ".not_null()",
    "notnull": ".not_null()",
    "nunique": "vq.n_unique(row.name) in agg()",
    "rank": "vq.rank(row.x1) in partition_by(…).mutate()",
    "rolling": "vq.rolling(vq.mean(row.x1), rows=5) in partition_by(…).mutate()",
    "shift": "vq.lag(row.x1) or vq.lead(row.x1) in partition_by(…).mutate()",
    "str": "the method itself, such as .contains(text) or .lower()",
    "sum": "vq.sum(row.x1) in agg()",
    "value_counts": ".group_by('name').agg(n=vq.count())",
}
"""What to write instead of methods of columns of data frames."""

GROUPS: dict[str, str] = {
    "aggregate": ".agg(n=vq.count())",
    "apply": ".agg(…), or .partition_by(…).mutate(…) to keep the rows",
    "count": ".agg(n=vq.count())",
    "first": ".agg(name=vq.first(row.name))",
    "having": ".filter(vq.count() > 2)",
    "max": ".agg(m=vq.max(row.score))",
    "mean": ".agg(m=vq.mean(row.score))",
    "min": ".agg(m=vq.min(row.score))",
    "size": ".agg(n=vq.count())",
    "sum": ".agg(m=vq.sum(row.duration))",
    "transform": ".partition_by(…).mutate(…) on the relation",
}
"""What to write instead of methods of grouped data frames."""

RESULT: dict[str, str] = {
    "collect": ".to_arrow()",
    "count": ".num_rows",
    "df": ".to_pandas()",
    "fetchall": ".to_arrow().to_pylist()",
    "filter": ".relation().filter(…), or WHERE",
    "join": ".relation().join(…), or JOIN",
    "pl": ".to_polars()",
    "to_intervals": ".relation()",
}
"""What to write instead of methods of other results of SQL."""


def unknown(
    owner: str, name: str, known: Iterable[str], instead: Mapping[str, str]
) -> UnknownMethodError:
    """Say what to write instead of a name that does not exist.

    >>> str(unknown("faces", "groupby", [], RELATION))
    "faces has no 'groupby': use .group_by('name')"
    >>> str(unknown("faces", "colect", ["collect"], {}))
    "faces has no 'colect'. Did you mean 'collect'?"
    """
    if name in instead:
        return UnknownMethodError(f"{owner} has no {name!r}: use {instead[name]}")
    near = difflib.get_close_matches(name, [each for each in known if each[0] != "_"], n=1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    return UnknownMethodError(f"{owner} has no {name!r}{hint}")


def column_of(owner: str, name: str) -> UnknownMethodError:
    """Say how a column is named in a query."""
    return UnknownMethodError(
        f"{owner}.{name}: a column is named by row.{name} where it is used, such as"
        f" .filter(row.{name}.not_null()), and .collect()[{name!r}] gives its values"
    )


def is_private(name: str) -> bool:
    """Whether Python or a library looks for a name of its own: no message is wanted then."""
    return name.startswith("_")


def plainly(owner: Any, name: str) -> AttributeError:
    """Return the error that Python itself would raise."""
    return AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r}")
