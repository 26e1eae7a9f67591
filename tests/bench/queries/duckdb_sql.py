"""The queries in DuckDB: plain SQL, and the best form known, where spans are cut into bins."""

from __future__ import annotations

import duckdb
import pyarrow as pa

SECOND = 1_000_000
BIN = 8 * SECOND
LATE = 2**62
OVERLAP = "a.video = b.video and a.t1 < b.t2 and b.t1 < a.t2"
SPREAD = f"unnest(range(t1 // {BIN}, (t2 - 1) // {BIN} + 1)) as bin"
ONCE = f"a.bin = b.bin and a.bin = greatest(a.t1, b.t1) // {BIN}"
NAMED = "(from faces where name = {})"
HULL = "least(a.t1, b.t1), greatest(a.t2, b.t2), a.id, b.id"
WINDOW = f"a.video = b.video and b.t1 between a.t2 and a.t2 + {10 * SECOND}"
PLACED = """b.t1 < a.t1 and a.t2 < b.t2
    and (a.x1 + a.x2) / 2::float < (b.x1 + b.x2) / 2::float
    and a.x1 < b.x2 and b.x1 < a.x2 and a.y1 < b.y2 and b.y1 < a.y2"""
LEVEL = "abs(({0}.y1 + {0}.y2) / 2::float - ({1}.y1 + {1}.y2) / 2::float) < 0.1::float"
ISLANDS = """
with marked as (select *, coalesce(t1 > {gap} + max(t2) over (partition by {by} order by t1, id
        rows between unbounded preceding and 1 preceding), true) as far from faces),
numbered as (select *, sum(far::int) over (partition by {by} order by t1, id) as island
    from marked),
islands as (select {by}, min(t1) as t1, max(t2) as t2, count(*) as n from numbered
    group by {by}, island)
"""


def pairs(left, right, columns="a.id, b.id", also="true"):
    return f"select {columns} from {left} a join {right} b on {OVERLAP} and {also}"


def binned(left, right, columns="a.id, b.id", also="true"):
    return f"""with a as (select *, {SPREAD} from {left}), b as (select *, {SPREAD} from {right})
        select {columns} from a join b on {OVERLAP} and {ONCE} and {also}"""


TRIO = f"""with large as (from faces where y2 - y1 > 0.3::float)
    select a.id, b.id, c.id from large a
    join large b on a.video = b.video and a.t1 = b.t1 and a.id < b.id and a.track <> b.track
        and {LEVEL.format("a", "b")}
    join large c on b.video = c.video and b.t1 = c.t1 and b.id < c.id and b.track <> c.track
        and a.track <> c.track and {LEVEL.format("b", "c")} and {LEVEL.format("a", "c")}"""
COALESCED = (
    ISLANDS.format(by="video, name", gap=5 * SECOND) + "select t1, t2, n::bigint from islands"
)
FREE = (
    ISLANDS.format(by="video", gap=0)
    + f""", free as (select video, t2 as t1,
            lead(t1, 1, {LATE}) over (partition by video order by t1) as t2 from islands
        union all select video, -1, min(t1) from islands group by video
        union all select distinct video, -1, {LATE} from shots
            where video not in (select video from islands))
    select a.id, greatest(a.t1, b.t1), least(a.t2, b.t2) from shots a join free b on """
    + OVERLAP
)
PLAIN = {
    "q1": pairs(NAMED.format(0), NAMED.format(1), HULL),
    "q2": pairs("faces", "shots", "count(*)"),
    "q2b": pairs("faces", "shots"),
    "q3": pairs("faces", "captions"),
    "q4": COALESCED,
    "q5": FREE,
    "q6": f"select a.id, b.id from shots a join faces b on {WINDOW}",
    "q7": TRIO,
    "q8": pairs("faces", "graphics", also=PLACED),
}
BINS = {
    "q1": binned(NAMED.format(0), NAMED.format(1), HULL),
    "q2": binned("faces", "shots", "count(*)"),
    "q2b": binned("faces", "shots"),
    "q3": binned("faces", "captions"),
    "q6": f"""
        with a as (select *, unnest(range(t2 // {BIN}, (t2 + {10 * SECOND}) // {BIN} + 1)) as bin
            from shots), b as (select *, t1 // {BIN} as bin from faces)
        select a.id, b.id from a join b on {WINDOW} and a.bin = b.bin""",
    "q8": binned("faces", "graphics", also=PLACED),
}


class Engine:
    """Runs one dialect on tables inside DuckDB."""

    statements = PLAIN

    def __init__(self, tables):
        self.connection = duckdb.connect()
        self.connection.execute("set threads = 2")
        for name, table in tables.items():
            self.connection.register("given", pa.table(table))
            self.connection.execute(f"create table {name} as from given")
        self.connection.unregister("given")

    def __getattr__(self, query):
        if query not in self.statements:
            raise AttributeError(query)
        return lambda: self.connection.sql(self.statements[query]).to_arrow_table()


class Plain(Engine):
    name = "DuckDB plain"


class Binned(Engine):
    name = "DuckDB bin"
    statements = BINS
