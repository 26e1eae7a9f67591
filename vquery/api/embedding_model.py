"""The model of a learned embedding: trained, taken up, or read; and what it makes of pictures."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.api.embedding_report import report
from vquery.api.learning import room
from vquery.errors import LearnError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from vquery.api.embedding import Asked
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]
    Say = Callable[[str], None]

AS_IT_IS = "none"
"""The method of a network that was not trained here."""
CENTRED_ON = 20_000
"""Pictures that the mean of such a network's vectors is taken of, at most."""
MODEL, HISTORY, REPORT = "model.safetensors", "history.csv", "report.html"
TOGETHER = " + "
SPACE = "embedding."


class Model:
    """A model in its folder.

    Attributes
    ----------
    network
        What makes vectors, once it is ready.
    told
        What is written with the weights: over, side, method, history, probe.
    fingerprint
        Of the weights.
    notes
        What else there is to know.
    """

    def __init__(self, store: Store, snapshot: Snapshot, asked: Asked, ids: Ints, say: Say) -> None:
        self.asked, self.say = asked, say
        self.folder = store.path / "models" / asked.name
        self.told: dict[str, Any] = {}
        self.notes: list[str] = []
        self.fingerprint = ""
        self.network: Any = None
        self._store, self._snapshot, self._ids = store, snapshot, ids
        self._pictures: Any = None
        self._side = asked.side
        self._small = {"width": asked.recipe.get("width", 16), "blocks": [1, 1, 1, 1]}

    @property
    def path(self) -> Path:
        """Where the weights are."""
        return self.folder / MODEL

    def ready(self) -> None:
        """Train it, or read what was trained before.

        Raises
        ------
        LearnError
            If there is neither, or it is of other items or another method.
        """
        training = room("core.training")
        unfinished = (self.folder / training.CHECKPOINT).exists()
        if self.asked.train and (self.asked.fresh or unfinished or not self.path.exists()):
            self._train(training)
        elif self.path.exists():
            self._read()
            if self.asked.train:
                other = self._otherwise()
                self.notes.append(
                    f"trained before{other and f' with {other}'}; fresh=True trains anew"
                )
        elif self.asked.weights is not None:
            self._as_it_is()
        else:
            raise LearnError(
                f"{self.folder}: no model was trained of this name; give train=True, or weights="
            )
        self.network.to(room("core.device").pick(self.asked.device)).eval()
        self.fingerprint = _fingerprint(self.network)

    def look_at(self, snapshot: Snapshot) -> None:
        """Take the pictures of another snapshot from now on."""
        if snapshot.generation != self._snapshot.generation:
            self._pictures = None
        self._snapshot = snapshot

    def _asked(self) -> dict[str, Any]:
        """Say in plain values how it is to be trained."""
        settings = asdict(room("core.training").Settings(**self.asked.settings))
        how = {name: settings[name] for name in self.asked.settings if name != "minutes"}
        return {**self.asked.recipe, **how}

    def _otherwise(self) -> str:
        """Say in what the model that there is was trained otherwise than it is asked for now."""
        before = self.told.get("asked", {})
        return ", ".join(
            f"{name}={before[name]!r} (asked for: {value!r})"
            for name, value in self._asked().items()
            if name in before and before[name] != value
        )

    def _train(self, training: Any) -> None:
        asked, learning = self.asked, room("pretext.learning")
        settings = training.Settings(**asked.settings)
        recipe = learning.Recipe(method=asked.method, settings=settings, **asked.recipe)
        start = None if asked.weights is None else self._start()
        own = {"view": _named(self._view()), "start": start and _fingerprint(start[0])}
        self._pictures = self._load(self._ids)
        learnt = learning.learn(
            self._pictures,
            recipe,
            descriptor=self._descriptor(),
            view=_checked(self._view()),
            start=start,
            labels=self._labels(),
            told={"over": asked.over, **own},
            folder=self.folder,
            device=asked.device,
            fresh=asked.fresh,
            progress=self.say,
        )
        self.network = learnt.network
        history = learnt.history
        held = "held out, by others of which the epoch was chosen"
        if not learnt.questions.half:
            held = "held out, by which the epoch was chosen"
        self.told = {
            "over": asked.over,
            "side": asked.side,
            "method": asked.method,
            "ended": history.ended,
            "best": history.best,
            "history": history.rows,
            "probe": self._compared(
                learnt.questions,
                held if len(learnt.questions.held_out) else "that it learns from",
            ),
            "asked": {**self._asked(), **own},
        }
        self._write(learnt.architecture)
        if history.ended != "out of time":  # such a run goes on where it is given more time
            (self.folder / training.CHECKPOINT).unlink(missing_ok=True)
        if history.resumed is not None:
            self.notes.append(f"taken up after epoch {history.resumed}")
        if not len(learnt.questions.held_out):
            self.notes.append("too few tracks to hold any out: the last epoch is kept")

    def _write(self, architecture: Any) -> None:
        checkpoints = room("core.checkpoints")
        tensors = {checkpoints.NETWORK + n: t for n, t in self.network.state_dict().items()}
        rows = self.told["history"]
        names = list(dict.fromkeys(name for row in rows for name in row))
        try:
            with (self.folder / HISTORY).open("w", newline="") as file:
                table = csv.DictWriter(file, names)
                table.writeheader()
                table.writerows(rows)
            (self.folder / REPORT).write_text(report(self.asked.name, self.told), "utf-8")
        except OSError as error:
            raise LearnError(
                f"{self.folder}: cannot be written: {error.strerror or error}"
            ) from error
        checkpoints.save(self.path, architecture, tensors, self.told)

    def _read(self) -> None:
        checkpoints, networks = room("core.checkpoints"), room("pretext.network")
        room("pretext.backbones")  # knows the kinds of networks
        saved = checkpoints.load(self.path)
        if saved.architecture.kind != networks.KIND:
            raise LearnError(f"{self.path}: is of {saved.architecture}, which is no embedding")
        self.told = _notes(self.path, saved.told)
        self._side = self.told["side"]
        for name in ("over", *(("side", "method") if self.asked.train else ())):
            asked = getattr(self.asked, name)
            if self.told.get(name) != asked:
                raise LearnError(
                    f"{self.path}: was trained with {name}={self.told.get(name)!r}, and {asked!r} "
                    "is asked for: choose another name=, or fresh=True with train=True"
                )
        weights, as_it_is = self.asked.weights, self.told.get("method") == AS_IT_IS
        if weights is not None and (weights.module is not None or as_it_is):
            backbone, _ = self._start()
            if as_it_is and self.told["asked"].get("start") not in (None, _fingerprint(backbone)):
                raise LearnError(f"{self.path}: is of other weights: choose another name=")
            self.network = networks.made(backbone, saved.architecture)
            checkpoints.put(self.network, saved.part(checkpoints.NETWORK), what=str(self.path))
        else:
            self.network = saved.network()
            if weights is not None:
                self.notes.append("weights= are not read, since it was trained before")

    def _as_it_is(self) -> None:
        """Take the user's weights without training; the mean is that of the collection."""
        backbones, networks = room("pretext.backbones"), room("pretext.network")
        backbone, inner = self._start()
        dimension = backbones.dimension_of(backbone, self.asked.side)
        architecture = networks.described(inner, dimension, 1, 0)
        start = _fingerprint(backbone)
        self.network = networks.made(backbone, architecture)
        self.network.to(room("core.device").pick(self.asked.device))
        self._pictures = self._load(self._ids)
        count = len(self._pictures)
        evenly = np.linspace(0, count - 1, min(count, CENTRED_ON)).astype(np.int64)
        networks.set_centre(self.network, self._pictures, evenly)
        pairs, probe = room("pretext.pairs"), room("pretext.probe")
        questions = probe.asked(pairs.Known.of(self._pictures), hold_out=False)
        self.told = {
            "over": self.asked.over,
            "side": self.asked.side,
            "method": AS_IT_IS,
            "history": [],
            "probe": self._compared(questions, "of all"),
            "asked": {"start": start},
        }
        self._write_folder()
        self._write(architecture)

    def _write_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LearnError(f"{self.folder}: cannot be made: {error.strerror or error}") from error

    def _start(self) -> Any:
        weights = self.asked.weights
        assert weights is not None
        return room("pretext.backbones").start(
            weights.module,
            None if weights.weights is None else Path(weights.weights),
            self._small,
            size=weights.size,
            mean=tuple(weights.mean),
            std=tuple(weights.std),
        )

    def _view(self) -> Any:
        """Vary pictures as asked; frames are not mirrored, since they hold text."""
        if self.asked.view is not None:
            return self.asked.view
        return room("pretext.views").standard(flip=self.asked.kind != "frame")

    def _load(self, ids: Ints, *, empty: bool = False) -> Any:
        self.say(f"reading {len(ids):,} pictures")
        kind, how = self.asked.kind, {"side": self._side, "progress": self.say, "empty": empty}
        return room("core.pictures").load(self._snapshot, kind, ids, **how)

    def _labels(self) -> list[str | None] | None:
        """Look up the human labels of the pictures, where a concept is named."""
        if self.asked.labels is None:
            return None
        said = self._store.labels(self.asked.labels, self._snapshot)
        known = dict(zip(said["detection_id"].to_pylist(), said["label"].to_pylist(), strict=True))
        found = [known.get(item) for item in self._pictures.ids.tolist()]
        if not any(found):
            raise LearnError(
                f"embed(labels={self.asked.labels!r}): people labelled no picture of this concept"
            )
        return found

    def _compared(self, questions: Any, asked: str) -> list[dict[str, Any]]:
        """Ask the built-in descriptor what the probe asked, and both together."""
        if not questions.any:
            return []
        networks, probe = room("pretext.network"), room("pretext.probe")
        rows = np.r_[questions.queries, questions.candidates]
        spaces = {self.asked.name: networks.vectors(self.network, self._pictures, rows)}
        built = self._built(self._pictures.ids[rows])
        if built and all(one.any(1).all() for one in built.values()):
            joined = _joined(list(built.values()))
            own = spaces[self.asked.name]
            name = TOGETHER.join(built)
            together = TOGETHER.join([*built, self.asked.name])
            spaces = {name: joined, **spaces, together: _joined([*built.values(), own])}
        count = len(questions.queries)
        return [
            {
                "space": name,
                "pictures": count,
                "asked": asked,
                "retrieval": probe.retrieval(questions, x[:count], x[count:])["retrieval"],
            }
            for name, x in spaces.items()
        ]

    def _built(self, ids: Ints) -> dict[str, Floats]:
        """Return the vectors of indexing for these items, zeros where an item has none."""
        prefix = SPACE + ("frame" if self.asked.kind == "frame" else "face")
        found = {}
        for space in self._snapshot.tables():
            if space.startswith(prefix):
                known, matrix = self._snapshot.vectors(space)
                at = np.searchsorted(known, ids).clip(0, max(len(known) - 1, 0))
                there = (known[at] == ids) if len(known) else np.zeros(len(ids), np.bool_)
                if there.any():
                    found[space.removeprefix(SPACE)] = np.where(there[:, None], matrix[at], 0)
        return found

    def _descriptor(self) -> Floats | None:
        """Return what indexing made of the pictures, all spaces joined; None where nothing."""
        built = self._built(self._pictures.ids)
        return _joined(list(built.values())) if built else None

    def rows(self, ids: Ints) -> pa.Table:
        """Embed items: rows of an embedding table, without those whose picture cannot be read."""
        networks, pictures = room("pretext.network"), self._pictures
        if pictures is None or not np.isin(ids, pictures.ids).any():
            pictures = self._load(ids, empty=True)
        at = np.flatnonzero(np.isin(pictures.ids, ids))
        if not len(at):
            return pa.table({"item_id": pa.array([], pa.int64())})
        vectors = networks.vectors(self.network, pictures, at)
        size = vectors.shape[1]
        columns = [
            pa.array(pictures.ids[at]),
            pa.array(pictures.videos).take(pa.array(pictures.video[at])),
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), size),
        ]
        return pa.table(columns, schema=schema.embedding(size))


def _joined(spaces: Sequence[Floats]) -> Floats:
    """Put spaces side by side, so that they count alike."""
    from vquery.graph.tracks import joined

    return joined({str(n): one for n, one in enumerate(spaces)})


def _notes(path: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Check what was written with a model, since the file may be anybody's."""
    rows = [told.get(name) for name in ("history", "probe")]
    good = all(isinstance(one, list) and all(isinstance(r, dict) for r in one) for one in rows)
    if (
        not good
        or not isinstance(told.get("side"), int)
        or not isinstance(told.get("asked", {}), dict)
    ):
        raise LearnError(
            f"{path}: is damaged: its notes are not those of an embedding; fresh=True with "
            "train=True makes it anew"
        )
    return {"asked": {}, **told}


def _named(view: Any) -> str:
    """Say which way to vary pictures it is, alike in every process, with its strengths."""
    if isinstance(view, room("augment").Transformation):
        return repr(view)
    kind = view if hasattr(view, "__qualname__") else type(view)
    return f"{kind.__module__}.{kind.__qualname__}"


def _checked(view: Any) -> Any:
    """Look at what a function of the user makes of pictures."""

    def checked(x: Any, generator: Any) -> Any:
        found = view(x, generator)
        if getattr(found, "shape", None) != x.shape:
            raise LearnError(
                f"embed(augment=): must give pictures {tuple(x.shape)} for such, got "
                f"{tuple(found.shape) if hasattr(found, 'shape') else type(found).__name__}"
            )
        return found

    return checked


def _fingerprint(network: Any) -> str:
    """Hash the weights; files of equal weights may differ in the order of their notes."""
    found = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
