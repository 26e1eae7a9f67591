"""Compare vquery's queries with other engines: ``python -m tests.bench.queries.compare``.

Every engine runs in a process of its own on the same tables, holds them in its own form, answers
each query several times (the best counts) and gives its result as columns. All results of a query
must be the same rows as vquery's, whatever their order. Engines that are not installed are left
out: ``pip install --group bench`` brings them.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import resource
import time

import numpy as np

from tests.bench.queries import duckdb_sql, libraries, ours, rekall_peer, workload

QUERIES = ("q1", "q2", "q2b", "q3", "q4", "q5", "q6", "q7", "q8", "full_rows")
OURS = "vquery"
ENGINES = {
    each.name: each
    for each in (
        ours.Engine,
        duckdb_sql.Plain,
        duckdb_sql.Binned,
        libraries.PolarsBio,
        libraries.Ncls,
        libraries.Bioframe,
        rekall_peer.Rekall,
    )
}
LIBRARIES = ("polars-bio", "ncls", "bioframe")
QUADRATIC = {("DuckDB plain", "q3"): 300_000, ("bioframe", "q4"): 30_000}
"""Rows beyond which a query would take minutes."""
LONG = {"DuckDB plain": ("q1", "q2", "q2b", "q3", "q6", "q8")}
"""What compares all rows of a long stream with all."""


def fingerprint(columns):
    """Number of rows, and a hash that does not depend on their order."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = (mixed ^ np.asarray(column).astype(np.int64).view(np.uint64)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        mixed ^= mixed >> np.uint64(29)
    return len(mixed), int(mixed.sum(dtype=np.uint64))


def columns_of(result):
    """Columns of whatever an engine gives: a number, a table or arrays."""
    if isinstance(result, int):
        return [np.array([result])]
    return list(getattr(result, "columns", result))


def measure(engine, query, rounds, seconds):
    """Best time of some rounds, and what came out; the first round warms up."""
    function = getattr(engine, query)
    times, spent, found = [], time.perf_counter(), None
    for _ in range(rounds + 1):
        found = None
        gc.collect()
        started = time.perf_counter()
        found = function()
        times.append(time.perf_counter() - started)
        if time.perf_counter() - spent > seconds:
            break
    best = min(times[1:] or times)
    columns = columns_of(found)
    if query == "q5":  # what a shot is called is not given back by every library
        columns = columns[-2:]
    return {"seconds": best, "rows": fingerprint(columns)}


def work(name, arguments, queries, results):
    """Answer the queries in this process."""
    tables = workload.workload(arguments.faces)
    if arguments.streams:
        tables = workload.folded(tables, arguments.streams)
    try:
        engine = ENGINES[name](tables)
    except ImportError as error:
        results.put((name, None, str(error)))
        return
    for query in queries:
        if not hasattr(engine, query):
            continue
        results.put((name, query, "started"))
        results.put((name, query, measure(engine, query, arguments.rounds, arguments.seconds)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put((name, None, {"peak_mib": peak}))


def answered(name, arguments):
    """Run an engine in a process of its own, and give up on a query that takes too long."""
    chosen = [
        query
        for query in arguments.queries
        if arguments.faces <= QUADRATIC.get((name, query), np.inf)
        and not (arguments.streams and query in LONG.get(name, ()))
    ]
    found, pending = {}, chosen
    while pending:
        results = multiprocessing.Queue()
        process = multiprocessing.Process(target=work, args=(name, arguments, pending, results))
        process.start()
        at = None
        while True:
            try:
                _, query, value = results.get(timeout=arguments.limit)
            except Exception:  # noqa: BLE001 - empty: nothing came in time
                process.kill()
                found[at] = None
                break
            if query is None:
                found[None] = value
                process.join()
                return found
            at = query
            if value != "started":
                found[query] = value
        pending = pending[pending.index(at) + 1 :] if at in pending else []
    return found


def shown(times, ours_):
    if times is None:
        return "too long"
    return f"{times['seconds'] * 1e3:.1f} ({times['seconds'] / ours_['seconds']:.1f})"


def geometric_mean(values):
    return float(np.exp(np.mean(np.log(values)))) if values else float("nan")


def report(found, arguments):
    """Print the table, and the ratios that count."""
    own = found[OURS]
    print(
        f"\n{arguments.faces:,.0f} faces, streams: {arguments.streams or 'one an hour'};"
        f" best of {arguments.rounds} in ms (times vquery's)"
    )
    for query in arguments.queries:
        if query not in own:
            continue
        cells = [f"{OURS} {own[query]['seconds'] * 1e3:.1f}"]
        for name, answers in found.items():
            if name != OURS and query in answers:
                cells.append(f"{name} {shown(answers[query], own[query])}")
        print(f"{query:9} {own[query]['rows'][0]:>11,} rows  " + "  ".join(cells))
    for name, answers in found.items():
        ratios = ratios_to(own, answers)
        peak = (answers.get(None) or {}).get("peak_mib") if isinstance(answers, dict) else None
        print(
            f"{name}: geometric mean {geometric_mean(list(ratios.values())):.2f} over"
            f" {', '.join(ratios)}" + (f"; peak {peak:,.0f} MiB" if peak else "")
        )
    best = {}
    for name in LIBRARIES:
        for query, ratio in ratios_to(own, found.get(name, {})).items():
            best[query] = min(best.get(query, np.inf), ratio)
    print(
        f"best other library: geometric mean {geometric_mean(list(best.values())):.2f} over"
        f" {', '.join(best)}"
    )


def ratios_to(own, answers):
    return {
        query: value["seconds"] / own[query]["seconds"]
        for query, value in answers.items()
        if query is not None and query in own and value
    }


def check(found):
    """Refuse results that differ."""
    for name, answers in found.items():
        for query, value in answers.items():
            if query is not None and value and value["rows"] != found[OURS][query]["rows"]:
                raise SystemExit(
                    f"{name} differs in {query}: {value['rows']}"
                    f" against {found[OURS][query]['rows']}"
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=float, default=1e5)
    parser.add_argument("--streams", type=int, default=0, help="fold the videos into so many")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20, help="no further round after these")
    parser.add_argument("--limit", type=float, default=600, help="give a query up after these")
    parser.add_argument("--queries", nargs="+", default=QUERIES)
    parser.add_argument("--engines", nargs="+", default=[n for n in ENGINES if n != "rekallpy"])
    parser.add_argument("--json", help="also write the figures here")
    arguments = parser.parse_args()
    os.environ.setdefault("VQUERY_THREADS", "2")
    found = {}
    for name in arguments.engines:
        answers = answered(name, arguments)
        if isinstance(answers.get(None), str):
            print(f"{name} is left out: {answers[None]}")
        else:
            found[name] = answers
    check(found)
    report(found, arguments)
    if arguments.json:
        plain = {n: {str(q): v for q, v in a.items()} for n, a in found.items()}
        with open(arguments.json, "w") as file:  # noqa: PTH123
            json.dump(plain, file, indent=1)


if __name__ == "__main__":
    main()
