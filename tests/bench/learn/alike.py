"""How many of a screen are right after "more like these": ``python -m tests.bench.learn.alike DATA WORK [DRAWS]``.

As in the workbench: three examples of a class order all others, a screen of 24 is judged by the
truth (right ones become examples, wrong ones counterexamples), and the rest is ordered anew, four
screens in all; each class in turn, the same examples for every way. A figure is the share of right
ones among those that could be. The way used was chosen by these figures. WORK holds an index of
``DATA/videos``, made where it is not there.
"""  # noqa: E501 - a command is not cut

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.learn import sets
from tests.bench.learn.sets import Set
from vquery.api.alike import BACKGROUND, OTHERS, _learnt
from vquery.learn.ends.few_shot import FewShot

EXAMPLES, SCREEN, SCREENS, DRAWS = 3, 24, 4, 10
Way = Callable[[np.ndarray, np.ndarray, np.ndarray], FewShot]


def fitted(kind, good, bad, around) -> FewShot:
    known = np.vstack([good, bad])
    said = (np.arange(len(known)) < len(good)).tolist()
    return FewShot(kind).fit(known, said, background=around, rest=False)


WAYS: dict[str, Way] = {
    "mean of the examples": lambda good, bad, around: fitted("prototype", good, bad[:0], around),
    "difference of two means": lambda good, bad, around: fitted("prototype", good, bad, around),
    "ridge on what was judged": lambda good, bad, around: fitted("ridge", good, bad, around),
    "ridge, others beside": lambda good, bad, around: fitted(
        "ridge", good, np.vstack([bad, around[:OTHERS]]), around
    ),
    "as used": _learnt,
}


def screens(x: np.ndarray, mine: np.ndarray, first: np.ndarray, way: Way) -> list[float]:
    """Judge one screen after the other; return the share of right ones on each."""
    around = x[np.random.default_rng(0).permutation(len(x))[:BACKGROUND]]
    good, bad, shares = first, first[:0], []
    for _ in range(SCREENS):
        head = way(x[good], x[bad], around)
        scores, yes = head.scores(x), head.classes_.index(True)
        lead = scores[:, yes] - scores[:, 1 - yes]
        lead[np.r_[good, bad]] = -np.inf
        seen = np.argsort(-lead, kind="stable")[:SCREEN]
        right = mine[seen]
        shares.append(right.sum() / max(1, min(SCREEN, mine.sum() - len(good))))
        good, bad = np.r_[good, seen[right]], np.r_[bad, seen[~right]]
    return shares


def tell(data: Set, draws: int) -> None:
    """Print the rows of one set."""
    x, truth = data.built[data.rows], data.truth[data.rows].astype(str)
    found: dict[str, list[list[list[float]]]] = {name: [] for name in WAYS}
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        members = [truth == one for one in np.unique(truth)]
        drawn = [(mine, rng.permutation(np.flatnonzero(mine))[:EXAMPLES]) for mine in members]
        for name, way in WAYS.items():
            found[name].append([screens(x, mine, first, way) for mine, first in drawn])
    used = np.array(found["as used"]).mean((1, 2))
    for name, shares in found.items():
        each = np.array(shares)
        gain = used - each.mean((1, 2))
        half = 2.26 * gain.std(ddof=1) / np.sqrt(draws)  # t, nine degrees of freedom
        cells = [f"{one:.3f}" for one in [*each.mean((0, 1)), each.mean()]]
        beside = "" if name == "as used" else f"{gain.mean():+.3f} ± {half:.3f}"
        print(f"| {data.name} | {name} | " + " | ".join(cells) + f" | {beside} |", flush=True)


def main(folder: Path, work: Path, draws: int) -> None:
    """Measure and print."""
    print("| set | way | screen 1 | 2 | 3 | 4 | all | used less this, by draws |")
    print("|---|---|---|---|---|---|---|---|")
    signs, _ = sets.faces(folder, work / "clips.vq")
    for data in (sets.digits(), sets.television(folder), signs):
        tell(data, draws)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else DRAWS)
