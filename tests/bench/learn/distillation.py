"""What distillation is worth: ``python -m tests.bench.learn.distillation DATA WORK WHAT``.

A teacher learns from a few labels a class; the rest of the set is its pool, test pictures among
it, without labels, as in a collection. Ways differ in what becomes a pseudo label, and share
labels, teacher and settings. Scored are groups without any label. Nothing was tuned on those.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student

from tests.bench.learn import sets
from vquery.learn.core.pictures import ALONE
from vquery.learn.distil import Chosen, Looks, Plan
from vquery.learn.distil.lanes import Lane, Material
from vquery.learn.distil.rounds import _left_out, _measured
from vquery.learn.distil.student import Student
from vquery.learn.ends import EndModel
from vquery.learn.ends.targets import targets

DRAWS = {"vectors": 20, "pictures": 5}
EACH = {"five signers": (2, 5), "two on stage": (5, 10), "screenshots": (5, 10), "digits": (2, 5)}
SHOWN = {"screenshots": 10, "digits": 10}
"""Labels a class of networks on pictures."""
SIDE, POOL = 16, 600
NETWORK = {"kind": "network", "width": 8, "blocks": (1, 1), "epochs": 20, "folds": 2, "batch": 16}
NONE, NEAR = Looks(mirrored=False, scales=(), seconds=0), Looks(mirrored=False, scales=())
SCALES = Looks(mirrored=False, scales=(0.85, 1.2), seconds=0)
SURE = 0.9
TEACHER = "teacher"


@dataclass(frozen=True)
class Way:
    """How pseudo labels come about."""

    looks: Looks
    rounds: int = 1
    plan: Plan = field(default_factory=Plan)
    sure: float | None = None
    stops: bool = False
    true_shares: bool = False


def ways(looks: Looks) -> dict[str, Way]:
    """Name the ways; each differs in one thing from "the rule"."""
    return {
        "the rule": Way(looks),
        "… one look": Way(NONE),
        "… three rounds": Way(looks, rounds=3),
        "… rounds until left-out labels gain no more": Way(looks, rounds=3, stops=True),
        "… the surer half": Way(looks, plan=Plan(keep=0.5)),
        "… soft pseudo labels": Way(looks, plan=Plan(hard=False)),
        "… the true shares of classes": Way(looks, true_shares=True),
        "… a score above .9 instead": Way(looks, sure=SURE),
    }


class Above(Lane):
    """Keeps what is said with a score above one for all."""

    def _choose(self) -> Chosen:
        given = self.material
        pool = np.flatnonzero(self.there & (given.weight == 0) & (given.counts > 0))
        said = given.plan.looks.predict(self.model, given.x, given.track, given.time_us)[pool]
        good = said.max(1) > SURE
        self.said = said[good]
        return Chosen(pool[good], said[good].argmax(1), said[good].max(1), {})


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of labels."""

    x: np.ndarray
    code: np.ndarray
    classes: tuple[str, ...]
    weight: np.ndarray
    test: np.ndarray
    group: np.ndarray
    track: np.ndarray
    time_us: np.ndarray

    def material(self, way: Way) -> Material:
        """Make what lanes work on."""
        plan = replace(way.plan, looks=way.looks)
        known = self.code[self.code >= 0]
        if way.true_shares:
            shares = np.bincount(known, minlength=len(self.classes)) / len(known)
            plan = replace(plan, shares=dict(zip(self.classes, shares, strict=True)))
        _, track, size = np.unique(self.track, return_inverse=True, return_counts=True)
        counts = np.where(self.track >= 0, 1 / size[track], 1.0)
        return Material.of(
            self.x, np.eye(len(self.classes))[self.code], self.weight, classes=self.classes,
            groups=self.group, plan=plan, track=self.track, time_us=self.time_us, counts=counts,
            slices=None, augment=None,
        )  # fmt: skip


def drawn(data: sets.Set, seed: int, each: int, *, pictures: bool) -> Draw:
    """Draw labels of a set, on its vectors or its pictures."""
    seeds, test = sets.split(data, seed, each)
    classes = tuple(sorted(set(data.truth[data.rows])))
    code = np.array([classes.index(one) if one is not None else -1 for one in data.truth])
    # people whom no label can name are no items of faces; other episodes are of screenshots
    items = np.arange(len(code)) if data.name == "screenshots" else data.rows
    if len(items) > POOL and pictures:
        most = np.random.default_rng([seed, 1]).permutation(items)[:POOL]
        items = np.union1d(most, list(seeds))
    kept, own = np.isin(test, items), data.pictures
    shown = own.pixels
    if pictures:
        small = torch.nn.functional.interpolate(
            torch.from_numpy(shown[items]).float(), size=(SIDE, SIDE), mode="area"
        )
        shown = small.round().to(torch.uint8).numpy()
    weight = np.isin(items, list(seeds)).astype(float)
    track = np.where(own.track[items] == ALONE, ALONE, own.track[items])
    return Draw(
        shown if pictures else data.built[items], code[items], classes, weight,
        np.searchsorted(items, test[kept]), data.group[items], track, own.start_us[items],
    )  # fmt: skip


def one_draw(draw: Draw, looks: Looks, options: dict, seed: int, chosen: list[str]) -> dict:
    """Score all ways on one draw: balanced accuracy, and how many pseudo labels are right."""
    rows = np.flatnonzero(draw.weight > 0)
    eye = np.eye(len(draw.classes))
    teacher = EndModel(**options, seed=seed)
    teacher.fit(draw.x[rows], eye[draw.code[rows]], None, draw.group[rows], classes=draw.classes)
    truth = draw.code[draw.test]

    def right(chance: np.ndarray) -> float:
        hit = chance.argmax(1) == truth
        return float(np.mean([hit[truth == one].mean() for one in np.unique(truth)]))

    out = {TEACHER: (right(teacher.predict_proba(draw.x[draw.test])), np.nan, 0)}
    said = looks.predict(teacher, draw.x, draw.track, draw.time_us)[draw.test]
    out["teacher, all looks"] = (right(said), np.nan, 0)
    for name, way in ways(looks).items():
        if name not in chosen:
            continue
        material = draw.material(way)
        rounds = way.rounds
        if way.stops:
            rounds = stopped(material, teacher, rounds)
        lane = (Above if way.sure else Lane)(material, teacher, None, "all", model=teacher)
        for _ in range(rounds):
            lane.go()
        kept = lane.chosen
        known = [] if kept is None else np.flatnonzero(draw.code[kept.rows] >= 0)
        good = float((kept.label == draw.code[kept.rows])[known].mean()) if len(known) else np.nan
        found = right(lane.model.predict_proba(draw.x[draw.test]))
        out[name] = (found, good, len(kept or ()))
    if options:
        out["labels alone, as many steps"] = (right(longer(draw, teacher, len(kept))), np.nan, 0)
    return out


def stopped(material: Material, teacher: EndModel, most: int) -> int:
    """Say which round left-out labels find best; the first where nothing can be left out."""
    lanes = [Lane(material, teacher, held, "fold") for held in _left_out(material, 3)]
    if not lanes:
        return 1
    plan = replace(material.plan, rounds=most)
    told, _ = _measured(material, lanes, plan, lambda _: None)
    return int(np.argmax([row["measure"] for row in told]))


def longer(draw: Draw, teacher: EndModel, pseudo: int) -> np.ndarray:
    """Train on labels alone for as many steps as a student takes."""
    rows = np.flatnonzero(draw.weight > 0)
    batch = teacher.options.batch
    times = (pseudo / (batch - round(0.6 * batch))) / -(-len(rows) // batch)
    again = Student(teacher, 0.6)
    again.options = replace(again.options, epochs=round(again.options.epochs * max(times, 1)))
    eye = np.eye(len(draw.classes))
    given = targets(draw.x[rows], eye[draw.code[rows]], weights=None, groups=draw.group[rows],
                    classes=draw.classes)  # fmt: skip
    return again.learn(given, np.ones(len(rows), bool)).predict_proba(draw.x[draw.test])


def between(values: np.ndarray) -> str:
    """Mean with 95 % over draws."""
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.3f} [{values.mean() - half:+.3f}, {values.mean() + half:+.3f}]"


def show(data: sets.Set, each: int, looks: Looks, options: dict, chosen: list[str]) -> None:
    """Print the table of a set."""
    began = time.process_time()
    found = []
    for seed in range(DRAWS["pictures" if options else "vectors"]):
        draw = drawn(data, seed, each, pictures=bool(options))
        found.append(one_draw(draw, looks, options, seed, chosen))
    print(f"\n### {data.name}, {each} labels a class; {time.process_time() - began:.0f} s of CPU\n")
    print("| way | balanced accuracy | against the teacher | pseudo labels | of them right |")
    print("|---|---|---|---|---|")
    base = np.array([one[TEACHER][0] for one in found])
    for name in found[0]:
        score, good, kept = np.array([one[name] for one in found]).T
        more = "" if name == TEACHER else between(score - base)
        seen = f"{np.nanmean(good):.3f}" if np.isfinite(good).any() else ""
        many = f"{kept.mean():.0f}" if kept.any() else ""
        print(f"| {name} | {score.mean():.3f} | {more} | {many} | {seen} |", flush=True)


def main() -> None:
    """Show all sets."""
    data, work, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    faces = sets.faces(data, work / "clips.vq") if what == "vectors" else ()
    for one in (*faces, sets.television(data), sets.digits()):
        if what == "vectors":
            for each in EACH[one.name]:
                show(one, each, NEAR, {}, list(ways(NEAR)))
        else:
            show(one, SHOWN[one.name], SCALES, NETWORK, ["the rule", "… one look"])


if __name__ == "__main__":
    main()
