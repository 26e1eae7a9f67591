"""The parts of the newsroom on their own: programmes, figures, the erring detector, captions."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

import vquery_newsroom
from vquery_newsroom import NewsroomError
from vquery_newsroom.__main__ import main
from vquery_newsroom.detections import FALSE, JITTER, MISSED, Detector
from vquery_newsroom.director import ORDERS, plan
from vquery_newsroom.figure import draw_person, face_box
from vquery_newsroom.film import Face, Take, film
from vquery_newsroom.people import CAST, NAMES, REGULARS, STRANGERS
from vquery_newsroom.programme import BLEND
from vquery_newsroom.script import Cue, subrip
from vquery_newsroom.shapes import Pose
from vquery_newsroom.webm import WebmWriter

PROGRAMMES = [plan(index, seed=0, seconds=20) for index in range(len(ORDERS))]


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(vquery_newsroom.__path__)])
def test_examples_in_docstrings_hold(module: str) -> None:
    if module != "__main__":
        loaded = importlib.import_module(f"vquery_newsroom.{module}")
        assert doctest.testmod(loaded, optionflags=doctest.ELLIPSIS).failed == 0


def test_the_default_collection_has_what_the_demo_needs() -> None:
    lengths = [p.n_frames / 25 for p in PROGRAMMES]
    assert len(PROGRAMMES) >= 8
    assert all(18 <= seconds <= 32 for seconds in lengths)
    shots = [shot for p in PROGRAMMES for shot in p.shots]
    kinds = {shot.kind for shot in shots}
    assert {"two", "panel", "over_shoulder", "single", "commercial", "graphic", "street"} <= kinds
    assert {"cut", "dissolve", "fade"} <= {shot.opens_with for shot in shots}
    for look in REGULARS:
        own = {
            (p.name, s.first)
            for p in PROGRAMMES
            for s in p.shots
            for r in s.roles
            if r.character == look.character
        }
        assert len(own) >= 6
        assert len({name for name, _ in own}) >= 4
    strangers = {r.character for s in shots for r in s.roles if not CAST[r.character].name}
    assert len(strangers) >= 3
    together = [s for s in shots if {"bernie", "jake"} <= {r.character for r in s.roles}]
    assert len(together) >= 8


def test_names_belong_to_regulars_only() -> None:
    assert {"Bernie", "Jake"} <= set(NAMES)
    assert all(look.name == "" for look in STRANGERS)
    assert len({look.character for look in CAST.values()}) == len(REGULARS) + len(STRANGERS)


def test_blends_at_both_ends_of_a_shot_never_meet() -> None:
    for programme in PROGRAMMES:
        for shot in programme.shots:
            assert shot.end - shot.first > max(BLEND.values())


def test_only_commercials_speak_in_lower_case() -> None:
    for programme in PROGRAMMES:
        for shot in programme.shots:
            for cue in shot.speech:
                assert cue.text.isupper() == (shot.kind != "commercial")
                assert shot.first / 25 <= cue.start < cue.end <= shot.end / 25


def test_whoever_speaks_in_a_shot_of_people_is_in_it() -> None:
    for programme in PROGRAMMES:
        for shot in programme.shots:
            if shot.kind not in {"graphic", "commercial"}:
                assert {c.speaker for c in shot.speech} <= {r.character for r in shot.roles}


def test_another_seed_gives_another_programme() -> None:
    assert plan(0, seed=1, seconds=20) != PROGRAMMES[0]
    assert plan(0, seed=0, seconds=20) == PROGRAMMES[0]


def test_running_orders_repeat_with_other_content() -> None:
    again = plan(len(ORDERS), seed=0, seconds=20)
    assert again.name == f"11-{ORDERS[0][0]}"
    assert again.cues != PROGRAMMES[0].cues


def test_panels_are_aligned_and_everyone_is_seen() -> None:
    programme = PROGRAMMES[2]
    shot = next(s for s in programme.shots if s.kind == "panel")
    take = Take(shot, title="")
    for frame in range(shot.first, shot.end, 10):
        faces = take.faces(frame)
        assert len(faces) == 3
        tops = [face.box[1] for face in faces]
        assert max(tops) - min(tops) < 0.05


def test_a_passer_by_is_hidden_behind_the_reporter() -> None:
    shot = next(s for p in PROGRAMMES for s in p.shots if s.kind == "standup")
    take = Take(shot, title="")
    walker = shot.roles[0].character
    seen = [any(f.character == walker for f in take.faces(i)) for i in range(shot.first, shot.end)]
    assert any(seen)
    assert not all(seen)


@pytest.mark.parametrize("look", CAST.values(), ids=CAST)
def test_a_face_box_holds_the_drawn_face(look) -> None:
    pose = Pose(200, 200, 80, yaw=0.3, roll=0.1)
    image = np.full((400, 400, 3), 255, np.uint8)
    draw_person(image, look, pose, pose)
    x1, y1, x2, y2 = face_box(look, pose)
    assert x1 < 200 < x2
    assert y1 < 200 < y2
    assert 1.1 < (y2 - y1) / (x2 - x1) < 1.5
    inside = image[round(y1) : round(y2), round(x1) : round(x2)]
    assert (inside < 255).any(axis=2).mean() > 0.85  # hardly any wall


def test_a_dissolve_belongs_to_the_shot_that_makes_up_more() -> None:
    programme = PROGRAMMES[1]
    number = [shot.opens_with for shot in programme.shots].index("dissolve")
    shot = programme.shots[number]
    until = takewhile(lambda f: f.index < shot.first + 12, film(programme))
    frames = [f for f in until if f.index >= shot.first - 12]
    assert len(frames) == 24
    assert [f.shot for f in frames] == [number - (f.index < shot.first) for f in frames]
    assert [f.blended for f in frames] == [-8 <= f.index - shot.first < 8 for f in frames]


def test_the_detector_errs_as_often_as_it_says() -> None:
    detector = Detector(np.random.default_rng(0))
    face = Face("jake", (0.4, 0.3, 0.5, 0.6), 0.0)
    found = [detector.detect([face]) for _ in range(4000)]
    assert detector.n_missed / 4000 == pytest.approx(MISSED, abs=0.015)
    assert detector.n_false / 4000 == pytest.approx(FALSE, abs=0.01)
    hits = np.array([d.box for ds in found for d in ds if d.score >= 0.7])
    assert len(hits) == 4000 - detector.n_missed
    off = (hits - face.box) / (0.1, 0.3, 0.1, 0.3)
    assert off.std(axis=0) == pytest.approx(np.full(4, JITTER), abs=0.003)
    assert abs(off.mean()) < 0.002


def test_false_boxes_come_without_faces_too_and_score_low() -> None:
    detector = Detector(np.random.default_rng(1))
    found = [d for _ in range(2000) for d in detector.detect([])]
    assert len(found) == detector.n_false > 10
    assert all(d.score < 0.7 for d in found)


def test_subrip_marks_a_change_of_speaker() -> None:
    cues = (
        Cue(0, 1, "GOOD EVENING.", "jake"),
        Cue(1, 2, "HERE IS THE NEWS.", "jake"),
        Cue(2, 3, "HI.", "bernie"),
        Cue(3, 4, "buy soda.", ""),
    )
    texts = [block.split("\n")[2] for block in subrip(cues).split("\n\n")]
    assert texts == [">> GOOD EVENING.", "HERE IS THE NEWS.", ">> HI.", "buy soda."]


def test_a_video_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    writer = WebmWriter(tmp_path / "missing" / "a.webm")
    with pytest.raises(NewsroomError, match="cannot write VP8"), writer:
        pass


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from vquery_newsroom import NewsroomError
from vquery_newsroom.webm import WebmWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    with WebmWriter(Path(sys.argv[1])) as writer:
        for image in np.random.default_rng(0).integers(0, 255, (20, 270, 480, 3), np.uint8):
            writer.write(image)
except NewsroomError as error:
    print(error)
"""


def test_a_disk_that_fills_up_is_noticed(tmp_path: Path) -> None:
    package = Path(vquery_newsroom.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.webm")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(package)},
    )
    assert "of 20 frames. Is the disk full?" in done.stdout


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").touch()
    assert main([str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
