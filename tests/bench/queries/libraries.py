"""The queries in other interval libraries, as far as each can express them.

Their coordinates are whole milliseconds, since two of them hold 32 bits; what follows a join (a
second condition, a hull) is written in the library's own terms or in numpy.
"""

from __future__ import annotations

import numpy as np

FREE_Q8 = ("x1", "x2", "y1", "y2")


def placed(a, b):
    """Rows of pairs that Q8 keeps; ``a`` and ``b`` map columns to arrays of the pairs."""
    two = np.float32(2)
    inside = (b["t1"] < a["t1"]) & (a["t2"] < b["t2"])
    left = (a["x1"] + a["x2"]) / two < (b["x1"] + b["x2"]) / two
    across = (a["x1"] < b["x2"]) & (b["x1"] < a["x2"])
    return inside & left & across & (a["y1"] < b["y2"]) & (b["y1"] < a["y2"])


class Ncls:
    """Nested containment lists have no groups: each video is moved to a stretch of its own."""

    name = "ncls"

    def __init__(self, tables):
        from ncls import NCLS

        self._make = NCLS
        self._tables = tables
        self._keys = {}
        self._lists = {}
        stretch = max(int(table["t2"].max()) for table in tables.values()) + 60_000_000
        for name, table in tables.items():
            shift = table["video"].astype(np.int64) * stretch
            self._keys[name] = (
                table["t1"] + shift,
                table["t2"] + shift,
                table["id"].astype(np.int64),
            )

    def _pairs(self, left, right):
        tree = self._make(*right)
        return tree.all_overlaps_both(*left)

    def q1(self):
        faces = self._tables["faces"]
        sides = []
        for name in (0, 1):
            chosen = np.flatnonzero(faces["name"] == name)
            sides.append([each[chosen] for each in self._keys["faces"]])
        a, b = self._pairs(*sides)
        start = np.minimum(faces["t1"][a], faces["t1"][b])
        return [start, np.maximum(faces["t2"][a], faces["t2"][b]), a, b]

    def q2b(self):
        return [*self._pairs(self._keys["faces"], self._keys["shots"])]

    def q3(self):
        return [*self._pairs(self._keys["faces"], self._keys["captions"])]

    def q6(self):
        _, end, ids = self._keys["shots"]
        start, _, faces = self._keys["faces"]
        return [*self._pairs((end, end + 10_000_001, ids), (start, start + 1, faces))]

    def q8(self):
        a, b = self._pairs(self._keys["faces"], self._keys["graphics"])
        faces, graphics = self._tables["faces"], self._tables["graphics"]
        columns = ("t1", "t2", *FREE_Q8)
        keep = placed(
            {name: faces[name][a] for name in columns},
            {name: graphics[name][b] for name in columns},
        )
        return [a[keep], b[keep]]


class PolarsBio:
    """Groups are text, coordinates 32-bit and half-open."""

    name = "polars-bio"

    def __init__(self, tables):
        import polars
        import polars_bio

        polars_bio.set_option("datafusion.execution.target_partitions", "2")
        self._pl, self._pb = polars, polars_bio
        self._frames = {name: self._frame(table) for name, table in tables.items()}
        faces = self._frames["faces"]
        self._named = {n: self._zero_based(faces.filter(polars.col("name") == n)) for n in (0, 1)}
        by_name = faces.with_columns(
            (polars.col("chrom") + "|" + polars.col("name").cast(polars.String)).alias("chrom")
        )
        self._by_name = self._zero_based(by_name)
        shots = self._frames["shots"]
        end = polars.col("end")
        self._after = self._zero_based(shots.with_columns(start=end, end=end + 10_001))
        self._starts = self._zero_based(
            faces.select("chrom", "start", (polars.col("start") + 1).alias("end"), "id")
        )

    def _frame(self, table):
        columns = {name: each for name, each in table.items() if name not in ("video", "t1", "t2")}
        frame = self._pl.DataFrame(
            {
                "chrom": table["video"],
                "start": (table["t1"] // 1_000).astype(np.int32),
                "end": (table["t2"] // 1_000).astype(np.int32),
                **columns,
            }
        ).with_columns(self._pl.col("chrom").cast(self._pl.String))
        return self._zero_based(frame)

    @staticmethod
    def _zero_based(frame):
        frame.config_meta.set(coordinate_system_zero_based=True)
        return frame

    def _pairs(self, left, right, columns=("id_1", "id_2")):
        found = self._pb.overlap(left, right, output_type="polars.LazyFrame")
        return found.select(columns).collect()

    def _ids(self, left, right):
        ids = [
            self._zero_based(each.select("chrom", "start", "end", "id")) for each in (left, right)
        ]
        return [each.to_numpy() for each in self._pairs(*ids)]

    def q1(self):
        pl = self._pl
        both = self._pb.overlap(self._named[0], self._named[1], output_type="polars.LazyFrame")
        hull = both.select(
            pl.min_horizontal("start_1", "start_2").cast(pl.Int64) * 1_000,
            pl.max_horizontal("end_1", "end_2").cast(pl.Int64) * 1_000,
            pl.col("id_1").alias("a"),
            pl.col("id_2").alias("b"),
        )
        return [each.to_numpy() for each in hull.collect()]

    def q2(self):
        found = self._pb.overlap(
            self._frames["faces"], self._frames["shots"], output_type="polars.LazyFrame"
        )
        return [np.array([found.select(self._pl.len()).collect().item()])]

    def q2b(self):
        return self._ids(self._frames["faces"], self._frames["shots"])

    def q3(self):
        return self._ids(self._frames["faces"], self._frames["captions"])

    def q4(self):
        merged = self._pb.merge(self._by_name, min_dist=5_000, output_type="polars.DataFrame")
        start, end = (merged[name].cast(self._pl.Int64) * 1_000 for name in ("start", "end"))
        return [start.to_numpy(), end.to_numpy(), merged["n_intervals"].to_numpy()]

    def q5(self):
        """Without the number of the shot, which subtract does not give back."""
        ends = [
            self._zero_based(self._frames[name].select("chrom", "start", "end"))
            for name in ("shots", "faces")
        ]
        rest = self._pb.subtract(*ends, output_type="polars.DataFrame")
        return [(rest[name].cast(self._pl.Int64) * 1_000).to_numpy() for name in ("start", "end")]

    def q6(self):
        return self._ids(self._after, self._starts)

    def q8(self):
        columns = [f"{name}_{side}" for side in "12" for name in ("start", "end", "id", *FREE_Q8)]
        found = self._pairs(self._frames["faces"], self._frames["graphics"], columns)
        sides = []
        for side in "12":
            names = {"t1": "start", "t2": "end"} | {name: name for name in FREE_Q8}
            sides.append({key: found[f"{name}_{side}"].to_numpy() for key, name in names.items()})
        keep = placed(*sides)
        return [found["id_1"].to_numpy()[keep], found["id_2"].to_numpy()[keep]]


class Bioframe:
    """Data frames of pandas."""

    name = "bioframe"

    def __init__(self, tables):
        import bioframe
        import pandas as pd

        self._bf = bioframe
        self._frames = {}
        for name, table in tables.items():
            rest = {key: each for key, each in table.items() if key not in ("video", "t1", "t2")}
            keys = {"chrom": table["video"].astype(str), "start": table["t1"], "end": table["t2"]}
            self._frames[name] = pd.DataFrame(keys | rest)

    def _pairs(self, left, right):
        columns = ["chrom", "start", "end", "id"]
        return self._bf.overlap(left[columns], right[columns], how="inner", ensure_int=False)

    def q1(self):
        faces = self._frames["faces"]
        found = self._pairs(faces[faces["name"] == 0], faces[faces["name"] == 1])
        start = np.minimum(found["start"], found["start_"])
        end = np.maximum(found["end"], found["end_"])
        return [np.asarray(each) for each in (start, end, found["id"], found["id_"])]

    def q2b(self):
        found = self._pairs(self._frames["faces"], self._frames["shots"])
        return [np.asarray(found["id"]), np.asarray(found["id_"])]

    def q3(self):
        found = self._pairs(self._frames["faces"], self._frames["captions"])
        return [np.asarray(found["id"]), np.asarray(found["id_"])]

    def q4(self):
        found = self._bf.merge(self._frames["faces"], min_dist=5_000_000, on=["name"])
        return [np.asarray(found[name]) for name in ("start", "end", "n_intervals")]
