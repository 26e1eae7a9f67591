"""A folder of a cache that others write to, take from and spoil: results stay right, size bounded.

What is no file of a cache is never removed, and nothing in it is ever run.
"""

from __future__ import annotations

import base64
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from vquery.engine.running import blocks, cache
from vquery.engine.running.cache import Cache
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError
from vquery.expr.placeholders import row
from vquery.expr.time import time_overlaps


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch):
    monkeypatch.setattr(cache, "LOOK_S", 0.0)


def query(least=0.1, rows=60):
    rng = np.random.default_rng(5)
    start = rng.integers(0, 40, rows)
    columns = {"video": rng.choice(["a", "b", "c"], rows), "start": start, "end": start + 3}
    columns |= {"name": rng.choice(["Ann", "Bob", "Zoë"], rows), "score": rng.random(rows)}
    near = from_arrow(pa.table(columns)).filter(row.score > least)
    return near.join(near, predicate=time_overlaps)


def written(path, about, table=None, **metadata):
    table = pa.table({"a": [1]}) if table is None else table
    about = about if isinstance(about, bytes) else json.dumps(about).encode()
    schema = table.schema.with_metadata({blocks.ABOUT: about, **metadata})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(table.cast(schema))


KEYS = base64.b64encode(b"k" * 16).decode()


@pytest.mark.parametrize(
    "about",
    [
        b"no json",
        b"[" * 100_000,
        [],
        {},
        {"keys": 7, "sizes": [1], "dropped": {}},
        {"keys": "?", "sizes": [1], "dropped": {}},
        {"keys": KEYS[:-6], "sizes": [1], "dropped": {}},
        {"keys": KEYS, "sizes": [1, 2], "dropped": {}},
        {"keys": KEYS, "sizes": [-1], "dropped": {}},
        {"keys": KEYS, "sizes": ["1"], "dropped": {}},
        {"keys": KEYS, "sizes": [10**30], "dropped": {}},
        {"keys": KEYS, "sizes": [1]},
        {"keys": KEYS, "sizes": [1], "dropped": [1]},
        {"keys": KEYS, "sizes": [1], "dropped": {"ab": {"reason": "x"}}},
    ],
    ids=range(14),
)
def test_foreign_files_are_left_alone(tmp_path, caplog, about):
    foreign = tmp_path / f"x{blocks.SUFFIX}"
    written(foreign, about)
    before = foreign.read_bytes()
    kept = Cache(folder=tmp_path)
    assert "is not a file of a cache" in caplog.text
    assert query().collect(cache=kept).equals(query().collect())
    kept.clear()
    assert foreign.read_bytes() == before
    assert caplog.text.count("is not a file of a cache") == 1


def test_what_is_no_plain_file_is_not_opened(tmp_path):
    (tmp_path / f"folder{blocks.SUFFIX}").mkdir()
    os.mkfifo(tmp_path / f"pipe{blocks.SUFFIX}")
    elsewhere = tmp_path / "elsewhere"
    written(elsewhere, {"keys": KEYS, "sizes": [1], "dropped": {}})
    (tmp_path / f"link{blocks.SUFFIX}").symlink_to(elsewhere)
    assert repr(Cache(folder=tmp_path)).startswith("Cache(0 of")
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("kind", ["cut", "spoilt", "fewer"])
def test_broken_rows_are_made_again(tmp_path, caplog, kind):
    expected = query().collect(cache=Cache(folder=tmp_path))
    (file,) = tmp_path.iterdir()
    if kind == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif kind == "spoilt":  # the bytes of texts begin and end elsewhere
        content = bytearray(file.read_bytes())
        place = content.index(np.array([0, 1, 2, 3], np.int32).tobytes())
        content[place : place + 16] = np.array([0, 2**30, 2**30, 3], np.int32).tobytes()
        file.write_bytes(content)
    else:
        with pa.memory_map(str(file)) as given:
            table = pa.ipc.open_file(given).read_all()
        file.unlink()  # not in its place: it is mapped into memory
        written(file, table.schema.metadata[blocks.ABOUT], table.slice(1))
    assert query().collect(cache=Cache(folder=tmp_path)).equals(expected)
    assert "is not a file of a cache" in caplog.text


def test_all_processes_together_keep_to_the_bound(tmp_path):
    each = [Cache(max_bytes=60_000, folder=tmp_path) for _ in range(4)]
    for number in range(40):
        query(number / 100).collect(cache=each[number % 4])
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 60_000


def test_files_that_vanish_while_they_count(tmp_path):
    kept = Cache(max_bytes=60_000, folder=tmp_path)
    for number in range(30):
        expected = query(number / 100).collect()
        assert query(number / 100).collect(cache=kept).equals(expected)
        for file in tmp_path.iterdir():
            file.unlink()
    query().collect(cache=kept)
    assert "(0 of" not in repr(kept)


def test_what_was_left_half_written_is_removed_when_it_is_old(tmp_path):
    old, new = (tmp_path / f"{'a' * 32}.{number:08x}.tmp" for number in (1, 2))
    foreign = tmp_path / "letter.tmp"
    for file in (old, new, foreign):
        file.write_text("x")
    for file in (old, foreign):
        os.utime(file, (time.time() - 10_000,) * 2)
    Cache(folder=tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([new, foreign])


def test_a_folder_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch, caplog):
    kept = Cache(folder=tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "written", full)
    assert query().collect(cache=kept).equals(query().collect())
    assert "No space left" in caplog.text


def test_many_threads_and_caches_at_once(tmp_path):
    expected = {number: query(number / 10).collect() for number in range(5)}
    kept = [Cache(max_bytes=50_000, folder=tmp_path) for _ in range(2)]

    def ask(seed):
        numbers = np.random.default_rng(seed).integers(0, 5, 12).tolist()
        return [query(number / 10).collect(cache=kept[seed % 2]) for number in numbers], numbers

    with ThreadPoolExecutor(4) as pool:
        for tables, numbers in pool.map(ask, range(4)):
            for table, number in zip(tables, numbers, strict=True):
                assert table.equals(expected[number])


def test_misuse(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(QueryError, match="cannot be used"):
        Cache(folder=tmp_path / "file")
    with pytest.raises(QueryError, match="must be a number of bytes, got True"):
        Cache(max_bytes=True)
