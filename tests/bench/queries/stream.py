"""Many pairs in little memory: ``python -m tests.bench.queries.stream --faces 1e7``.

Faces are joined with words and consumed batch by batch. The tables are made by one process and
read by another, whose highest memory, tables included, is what is printed, with the time a pair.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import pyarrow as pa

import vquery as vq
from tests.bench.queries import workload


def write(faces, folder):
    """Keep what the join needs of both tables as Arrow files."""
    tables = workload.workload(faces)
    spelled = {"video": "video", "t1": "start_us", "t2": "end_us", "id": "id"}
    for name in ("faces", "captions"):
        given = {new: pa.array(tables[name][old]) for old, new in spelled.items()}
        table = pa.table(given)
        with pa.ipc.new_file(Path(folder) / name, table.schema) as file:
            file.write_table(table)


def consume(folder, results):
    """Join, look at every batch once, and tell what it took."""
    sides = []
    for name in ("faces", "captions"):
        file = pa.memory_map(str(Path(folder) / name))  # open as long as the table is used
        sides.append(vq.from_arrow(pa.ipc.open_file(file).read_all(), name=name))
    small = sides[0].limit(1_000).join(sides[1].limit(1_000), predicate=vq.time_overlaps)
    small.count()  # loads the compiled kernels
    before = peak()
    started = time.perf_counter()
    pairs, total, largest = 0, 0, 0
    joined = sides[0].join(sides[1], predicate=vq.time_overlaps)
    for batch in joined.batches(columns=["id", "id_right"]):
        pairs += batch.num_rows
        largest = max(largest, batch.num_rows)
        total += int(sum(batch[name].to_numpy().sum() for name in ("id", "id_right")))
    results.put((pairs, total, largest, time.perf_counter() - started, before, peak()))


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(faces):
    """Make and join in processes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        maker = multiprocessing.get_context("spawn").Process(target=write, args=(faces, folder))
        maker.start()
        maker.join()
        results = multiprocessing.get_context("spawn").Queue()
        process = multiprocessing.get_context("spawn").Process(
            target=consume, args=(folder, results)
        )
        process.start()
        while results.empty() and process.is_alive():
            time.sleep(0.1)
        if results.empty():
            raise SystemExit(f"the join ended with exit code {process.exitcode}")
        found = results.get()
        process.join()
    pairs, total, largest, seconds, before, after = found
    print(
        f"{faces:,.0f} faces: {pairs:,} pairs in {seconds:.2f} s"
        f" ({seconds / pairs * 1e9:.1f} ns a pair), batches of at most {largest:,} rows,"
        f" memory {before:,.0f} MiB before, {after:,.0f} MiB at most; check {total}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=float, nargs="+", default=[1e6, 3e6, 1e7])
    for faces in parser.parse_args().faces:
        run(faces)


if __name__ == "__main__":
    main()
