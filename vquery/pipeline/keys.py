"""What ``vquery.toml`` may hold: every key of every section."""

from __future__ import annotations

from vquery.pipeline.kinds import (
    Anything,
    Either,
    Flag,
    Identifier,
    Kind,
    Named,
    Number,
    Several,
    Table,
    Text,
)

SHARE = Number(0, 1)
COUNT = Number(1, whole=True)
SECONDS = Number(0)
SEED = Number(0, whole=True)
PATH = Text(what="a path")
PATHS = Several(PATH)
NAMES = Several(Text(what="a name"))
MINUTES = Number(0, above=True)
DEVICE = Text(what="a device such as cpu or cuda")

SOURCE = Table(
    {
        "folder": PATH,
        "every": SECONDS,
        "faces": Text(("auto", "yunet", "haar", "none")),
        "ensemble": Flag(),
        "models": PATH,
        "embedding": PATH,
        "images": Either((Number(0, above=True), Text()), "a rate such as 1 or '30000/1001'"),
        "fps": Either((Number(0, above=True), Text()), "a rate such as 25 or '30000/1001'"),
        "size": Several(COUNT, exactly=2),
        "workers": COUNT,
    },
    ("folder",),
)
LABELS = Either(
    (PATHS, Table({"files": PATHS, "by": Text(what="a person")}, ("files",))),
    "a file of labels, a list of them, or a table with files and by",
)
RELATION = Either(
    (Text(), Table({"query": Text(what="a query"), "after": Several(Identifier(), 0)}, ("query",))),
    "a query, or a table with query and after",
)
EMBEDDING = Table(
    {
        "over": Text(("faces", "detections", "frames")),
        "train": Flag(),
        "method": Text(("simclr", "rotation")),
        "weights": PATH,
        "labels": Identifier(),
        "epochs": COUNT,
        "minutes": MINUTES,
        "patience": COUNT,
        "rate": Number(0, above=True),
        "batch": Number(2, whole=True),
        "across": SHARE,
        "nearest": SHARE,
        "width": COUNT,
        "side": Number(16, whole=True),
        "seed": SEED,
        "device": DEVICE,
    },
    search=True,
)
PROPAGATE = Table(
    {
        "threshold": SHARE,
        "k": COUNT,
        "floor": Number(-1, 1),
        "leak": Number(0, above=True),
        "exclusive": Flag(),
        "captions": Number(0),
        "edges": PATH,
        "edges_weight": Number(0),
        "spaces": NAMES,
    },
    search=True,
)
MODEL = Table(
    {
        "method": Text(("auto", "majority", "dawid-skene", "triplets")),
        "balance": Either(
            (Named(SHARE, Text()), Several(SHARE)), "a list of shares, or shares by class"
        ),
        "precision": Named(SHARE, Text()),
        "temper": Either((Number(0, 1, above=True), Text(("auto",))), "a factor or 'auto'"),
        "pairs": Either(
            (Text(("auto",)), Several(Several(Text(), exactly=2), 0)), "'auto' or a list of pairs"
        ),
    },
    search=True,
)
FUSE = Table(
    {
        "propagate": Flag(),
        "decode": Either((Flag(), Named(Anything())), "true, false or options of decode"),
        "corrections": Flag(),
        "balance": Named(SHARE, Text()),
        "none": Text(what="a class"),
        "calibrate": Text(("auto", "scale", "isotonic", "none")),
        "threshold": SHARE,
    },
    search=True,
)
TRAIN = Table(
    {
        "name": Text(what="a name"),
        "kind": Text(("linear", "mlp", "network")),
        "spaces": NAMES,
        "labels": Text(("soft", "human")),
        "side": Number(16, whole=True),
        "slices": NAMES,
        "slices_as": Text(("heads", "weights")),
        "balance": Text(("even",)),
        "epochs": COUNT,
        "minutes": MINUTES,
        "rate": Number(0, above=True),
        "batch": COUNT,
        "seed": SEED,
        "device": DEVICE,
        "penalty": Number(0, above=True),
        "hidden": Several(COUNT),
        "dropout": Number(0, 0.99),
        "decay": Number(0),
        "patience": COUNT,
        "folds": Number(2, whole=True),
    },
    search=True,
)
PREDICT = Table({"threshold": SHARE, "by": Text(("track", "detection"))}, search=True)
TASK = Table(
    {
        "concept": Identifier(),
        "over": Text(what="the name of a table, 'tracks' or 'segments'"),
        "functions": Either(
            (Named(Anything()), Several(Anything())),
            "a list of label functions, or functions by name",
        ),
        "classes": Several(Anything(), 2),
        "cover": Number(0, 1, above=True),
        "propagate": Either((Flag(), PROPAGATE), "true, false or a table of options"),
        "model": MODEL,
        "fuse": FUSE,
        "train": Either((Flag(), TRAIN), "true, false or a table of options"),
        "predict": Either((Flag(), PREDICT), "true, false or a table of options"),
    },
    search=True,
)
EXPORT = Table(
    {
        "folder": PATH,
        "labels": Identifier(),
        "format": Text(("coco", "yolo", "parquet", "fiftyone", "activitynet", "csv", "vtt")),
        "split": Several(SHARE, exactly=3),
        "threshold": SHARE,
        "seed": SEED,
        "images": Flag(),
        "keyframes_only": Flag(),
    },
    ("labels",),
)
CHECK = Table(
    {
        "files": PATHS,
        "fail_under": Named(Number(), Text()),
        "fail_over": Named(Number(), Text()),
        "max_violations": Named(Number(0, whole=True), Text()),
        "report": PATH,
    }
)
SEARCH = Table(
    {
        "task": Identifier(),
        "metric": Text(("accuracy", "macro_f1", "coverage_accuracy")),
        "method": Text(("halving", "random", "hyperband", "asha")),
        "budget": COUNT,
        "holdout": Number(0, 0.9),
        "seed": SEED,
    }
)
LOOP = Table(
    {
        "concept": Identifier(),
        "labels": PATH,
        "test": PATH,
        "strategy": Text(
            ("mixed", "coverage", "margin", "density", "disagreement", "fewshot", "random")
        ),
        "batch": COUNT,
        "rounds": COUNT,
        "spaces": NAMES,
        "seed": SEED,
    }
)
SECTIONS: dict[str, Kind] = {
    "collection": PATH,
    "files": PATHS,
    "sources": Several(SOURCE),
    "labels": Named(LABELS),
    "relations": Named(RELATION),
    "slices": Named(Text(what="a query")),
    "embeddings": Named(EMBEDDING),
    "tasks": Named(TASK),
    "tests": Named(PATHS),
    "exports": Named(EXPORT),
    "check": CHECK,
    "search": SEARCH,
    "loop": LOOP,
}
PIPELINE = Table(SECTIONS, ("collection",))
