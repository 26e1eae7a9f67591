"""A collection of made-up people with a folder for a pipeline file beside it."""

from __future__ import annotations

import copy
import importlib.util
import shutil
from pathlib import Path

import pytest

import vquery as vq


def _made():
    path = Path(__file__).parents[1] / "api" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_people", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORDS = {0.0: "good", 3.0: "evening", 6.0: "and", 9.0: "bye"}
VIDEOS = ("a.mp4", "b.mp4", "c.mp4", "d.mp4")


COLLECTION = "world.vq"


class Place:
    """Four videos of Ann, Bob and a stranger; who each face is; where the pipeline file lies."""

    def __init__(self, folder: Path) -> None:
        """Make the collection in a folder, and close it."""
        self.folder = folder
        self.file = folder / "vquery.toml"
        world = _made().World(folder / COLLECTION)
        self.db, self.who, self.video = world.db, {}, {}
        self.first: dict[tuple[str, str], int] = {}
        with world.db:
            for at, video in enumerate(VIDEOS):
                people = [("ann", 0.0), ("bob", 3.0), ("ann", 6.0), ("bob", 9.0)]
                people.append((f"who{at}", 12.0))
                for person, ids in world.add(video, people, WORDS).items():
                    self.first[video, person] = ids[0]
                    for one in ids:
                        self.who[one], self.video[one] = person, video

    def copied(self, folder: Path) -> Place:
        """Give a copy in another folder, with its collection open."""
        # without the marks of those who read the original, which nobody would take off the copy
        shutil.copytree(
            self.folder, folder, ignore=shutil.ignore_patterns("leases"), dirs_exist_ok=True
        )
        made = copy.copy(self)
        made.folder, made.file = folder, folder / self.file.name
        made.db = vq.open(folder / COLLECTION)
        return made

    def seeds(self, rows: dict[int, str | None], name: str = "seeds.csv") -> Path:
        """Write a file of labels."""
        path = self.folder / name
        lines = [f"{one},{label or ''}" for one, label in rows.items()]
        path.write_text("\n".join(["detection_id,label", *lines]) + "\n")
        return path

    def truth(self, videos: tuple[str, ...] = VIDEOS) -> dict[int, str | None]:
        """Say who every face of some videos is; strangers are nobody."""
        return {
            one: person if person in ("ann", "bob") else None
            for one, person in self.who.items()
            if self.video[one] in videos
        }

    def write(self, text: str, name: str = "vquery.toml") -> Path:
        """Write a pipeline file."""
        path = self.folder / name
        path.write_text(f'collection = "{COLLECTION}"\n{text}')
        return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Make the collection once; tests take a copy of it by `place`."""
    return Place(tmp_path_factory.mktemp("made"))


@pytest.fixture
def place(made: Place, tmp_path: Path):
    """Give a copy of the collection, to be changed at will."""
    copied = made.copied(tmp_path)
    with copied.db:
        yield copied
