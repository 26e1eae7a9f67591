"""Learn an embedding of the collection's own pictures, and keep the vectors of all of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.embedding_model import SPACE, Model
from vquery.api.learning import room
from vquery.api.learnt.trained import LEFT_OUT, folder_of
from vquery.api.relations import FACE
from vquery.errors import LearnError
from vquery.learn.core.values import share, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.store.writer import Writer

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]
    Say = Callable[[str], None]

Over = Literal["faces", "detections", "frames"]
COMMAND = "embed"
BUILT_IN = ("face", "frame")
"""How the names of spaces begin that indexing makes."""
BLOCK = 20_000
"""Pictures that are in memory at once while they are embedded."""
PROBE = pa.schema(
    [
        ("space", pa.string()),
        ("pictures", pa.int64()),
        ("asked", pa.string()),
        ("retrieval", pa.float64()),
    ]
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Backbone:
    """A network of your own to start from, with weights that are on this machine.

    Parameters
    ----------
    module
        A ``torch.nn.Module`` that maps pictures (n, 3, size, size) to vectors (n, d) or maps
        (n, d, h, w), or ``"timm:NAME"``, ``"open_clip:NAME"`` where those are installed. None is
        the residual network of vquery.
    weights
        Its state dict: safetensors, or a file of ``torch.save``, of which only tensors are read. A
        module may have its weights already.
    size
        Pixels of its input; None leaves pictures as they are.
    mean, std
        Of its input, by channel (RGB), for values from 0 to 1.

    >>> Backbone("timm:resnet18", "resnet18.safetensors", size=224).size
    224
    """

    module: Any = None
    weights: Path | str | None = None
    size: int | None = None
    mean: Sequence[float] = (0.0, 0.0, 0.0)
    std: Sequence[float] = (1.0, 1.0, 1.0)


def quiet(_: str) -> None:
    """Tell nobody what is being done."""


def backbone_of(weights: object) -> Backbone | None:
    """Take a path or a module for the backbone that it means.

    >>> backbone_of("mine.safetensors").weights
    'mine.safetensors'
    """
    if weights is None or isinstance(weights, Backbone):
        return weights
    if isinstance(weights, str | PurePath):
        return Backbone(None, str(weights))
    return Backbone(weights)


@dataclass(frozen=True)
class Asked:
    """What `Collection.embed` was asked for."""

    over: Over
    name: str
    train: bool
    method: str
    weights: Backbone | None
    side: int
    view: Any
    fresh: bool
    device: str | None
    recipe: dict[str, Any]
    settings: dict[str, Any]
    labels: str | None = None

    def __post_init__(self) -> None:
        if self.over not in get_args(Over):
            known = ", ".join(map(repr, get_args(Over)))
            raise LearnError(f"embed(over=) must be one of {known}, got {self.over!r}")
        check_name(self.name)
        kept = {
            name: whole(name, self.recipe[name], low) for name, low in (("width", 1), ("batch", 2))
        }
        nearest = self.recipe["nearest"]
        usual = 0.0 if self.kind == "frame" else 0.5
        shares = {
            "across": share("across", self.recipe["across"]),
            "nearest": usual if nearest is None else share("nearest", nearest),
        }
        object.__setattr__(self, "recipe", {**kept, **shares})
        object.__setattr__(self, "side", whole("side", self.side, 16))
        if self.view is not None and not callable(self.view):
            raise LearnError(
                f"embed(augment=) must be one of vq.augment, or a function, got {self.view!r}"
            )
        if self.fresh and not self.train:
            raise LearnError("embed(fresh=True) trains anew, and train=False trains nothing")
        if not isinstance(self.labels, str | None):
            raise LearnError(f"embed(labels=) takes the name of a concept, got {self.labels!r}")
        if self.labels is not None and self.over == "frames":
            raise LearnError("embed(labels=) takes labels of detections, and frames are embedded")

    @property
    def kind(self) -> Literal["detection", "frame"]:
        """What the items are."""
        return "frame" if self.over == "frames" else "detection"


def check_name(name: object) -> None:
    """Refuse what cannot name a learned space.

    Raises
    ------
    LearnError
        Saying what it must be.

    >>> check_name("face_wide")
    Traceback (most recent call last):
    vquery.errors.LearnError: embed(name='face_wide'): names that begin with 'face' or 'frame' are
    those of indexing; choose another one
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise LearnError(
            f"embed(name={name!r}): a name has small letters, digits and '_', and begins with a "
            "letter"
        )
    if name.startswith(BUILT_IN):
        raise LearnError(
            f"embed(name={name!r}): names that begin with 'face' or 'frame' are those of "
            "indexing; choose another one"
        )


class Embedded:
    """An embedding and the vectors that it made of the collection.

    Attributes
    ----------
    name
        Of the space: ``db.propagate("name", spaces=[name])`` takes it.
    over
        What is embedded: "faces", "detections" or "frames".
    history
        A row an epoch: loss, rate, seconds, and what the probe said.
    folder
        Where the model, its curves and its report are.
    counts
        ``embedded`` now, ``kept`` from before, ``without_picture``, ``total``.
    table
        How well pictures of one track find each other, without labels: a row each for the built-in
        descriptor, the learned one, and both together, as it was when it was trained.
    notes
        What else there is to know.
    """

    def __init__(
        self, store: Store, asked: Asked, run_id: int, counts: dict[str, int], model: Model
    ) -> None:
        self.name, self.over, self.run_id, self.counts = asked.name, asked.over, run_id, counts
        self.folder = model.folder
        self.history: list[dict[str, float]] = model.told["history"]
        self.table = pa.Table.from_pylist(model.told["probe"], schema=PROBE)
        self.notes = model.notes
        self._store = store

    def vectors(self) -> tuple[Ints, Floats]:
        """Return ids, ascending int64 (n,), and unit vectors, float32 (n, d)."""
        with self._store.snapshot() as snapshot:
            return snapshot.vectors(SPACE + self.name)

    def summary(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        last = self.history[-1] if self.history else {}
        return {
            "name": self.name,
            "over": self.over,
            "run_id": self.run_id,
            **self.counts,
            "epochs": len(self.history),
            "last_epoch": last,
            "probe": self.table.to_pylist(),
            "notes": self.notes,
        }

    def __repr__(self) -> str:
        counts = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in self.counts.items())
        lines = [f"{self.name!r} over {self.over}: {counts}"]
        if self.history:
            last = self.history[-1]
            lines.append(f"{len(self.history)} epochs, loss {last['loss']:.3f}")
        if self.table.num_rows:
            lines.append("nearest neighbour of the same track, at least a second away:")
            lines += [
                f"  {row['space']}: {row['retrieval']:.3f} ({row['pictures']:,} {row['asked']})"
                for row in self.table.to_pylist()
            ]
        return "\n".join([*lines, *self.notes])


def embed(store: Store, asked: Asked, say: Say) -> Embedded:
    """Learn an embedding and embed what has no vector of it yet; see `Collection.embed`."""
    _refuse_end_model(folder_of(store.path, asked.name))
    with store.snapshot() as snapshot:
        _check_space(snapshot, asked)
        model = Model(store, snapshot, asked, _items(snapshot, asked), say)
        model.ready()
        with store.writer(COMMAND, _arguments(asked, model)) as writer, store.snapshot() as now:
            model.look_at(now)  # there may be more, or less, than when training began
            _check_space(now, asked)
            unit = f"{COMMAND}/{asked.name}/{asked.over}/{model.fingerprint[:32]}"
            old = _kept(now, asked.name) if writer.is_done(unit) else np.zeros(0, np.int64)
            counts = _write(writer, model, _items(now, asked), old, unit)
            found = Embedded(store, asked, int(writer.run_id), counts, model)
            writer.finish(found.summary())
    return found


def _arguments(asked: Asked, model: Model) -> dict[str, Any]:
    return {
        "space": asked.name,
        "over": asked.over,
        "method": model.told.get("method"),
        "model_sha256": model.fingerprint,
        "train": asked.train,
    }


def _check_space(snapshot: Snapshot, asked: Asked) -> None:
    """Refuse a space of other items: ids of frames and detections would be mixed up."""
    if SPACE + asked.name not in snapshot.tables():
        return
    before = over_of(snapshot, asked.name)
    if before is None or (before == "frames") != (asked.over == "frames"):
        of = "something else" if before is None else before
        raise LearnError(
            f"embed(name={asked.name!r}): this space holds vectors of {of}; choose another name"
        )


def _refuse_end_model(folder: Path) -> None:
    """Refuse the folder of an end model; `Collection.train` refuses that of an embedding."""
    if (folder / LEFT_OUT).exists():
        raise LearnError(f"{folder}: holds an end model, which would be lost; give another name=")


def over_of(snapshot: Snapshot, name: str) -> str | None:
    """Return what a learned space is of; None where no run made it."""
    runs = snapshot.runs()
    runs = runs.filter(pc.equal(runs["command"], COMMAND))
    said = [json.loads(text) for text in runs["arguments"].to_pylist()]
    mine = [one["over"] for one in said if one.get("space") == name]
    return str(mine[-1]) if mine else None


def _items(snapshot: Snapshot, asked: Asked) -> Ints:
    """Return the items that have a picture, ascending."""
    there: Ints = room("core.pictures").pictured(snapshot, asked.kind)
    if asked.over == "faces":
        rows = snapshot.read("detections", columns=["detection_id", "class"])
        own = rows["detection_id"].filter(pc.equal(rows["class"], FACE)).to_numpy()
        there = there[np.isin(there, own)]
    if not len(there):
        raise LearnError(f"no {asked.over} of the collection has a picture")
    return there


def _kept(snapshot: Snapshot, name: str) -> Ints:
    if SPACE + name not in snapshot.tables():
        return np.zeros(0, np.int64)
    return np.asarray(snapshot.read(SPACE + name, columns=["item_id"])["item_id"].to_numpy())


def _write(writer: Writer, model: Model, ids: Ints, old: Ints, unit: str) -> dict[str, int]:
    """Embed what is new, all of it where the model is; return how many were what."""
    new = np.setdiff1d(ids, old)
    gone = np.setdiff1d(old, ids)
    if len(gone):  # what was replaced since has no picture, and its id may be another's
        new, old = ids, np.zeros(0, np.int64)
    parts, embedded = [], 0
    for start in range(0, len(new), BLOCK):
        model.say(f"embedding, {start:,} of {len(new):,}")
        rows = model.rows(new[start : start + BLOCK])
        embedded += rows.num_rows
        if rows.num_rows:
            parts.append(writer.write(SPACE + model.asked.name, rows))
    if parts or not len(old):
        replace = {} if len(old) else {SPACE + model.asked.name: None}
        writer.commit(
            parts, units=[unit], replace=replace, forget=[f"{COMMAND}/{model.asked.name}/"]
        )
    return {
        "embedded": embedded,
        "kept": len(old),
        "without_picture": len(new) - embedded,
        "total": embedded + len(old),
    }
