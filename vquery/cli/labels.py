"""Commands on labels: give some, spread them, ask which to give next, take back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vquery.cli.group import AS_JSON, COLLECTION, main
from vquery.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Sequence


@main.command()
@COLLECTION
@click.option("--concept", default="name", show_default=True, help="What is labelled.")
@click.option("--value", help="The label that faces get by --where.")
@click.option("--none", "none_of_them", is_flag=True, help='Instead of --value: "none of them".')
@click.option(
    "--from",
    "seeds",
    type=click.Path(path_type=Path),
    help="CSV with video,time,x,y,label (x and y from 0 to 1, within the box) or "
    'detection_id,label; an empty label is "none of them".',
)
@click.option("--where", metavar="EXPR", help='Faces to label: "track == 1000000003".')
@click.option("--by", metavar="PERSON", help="Who says so; default: your login name.")
@click.option("--undo", is_flag=True, help="Take back the last label action of any concept.")
@click.option("--redo", is_flag=True, help="Bring back what was undone.")
@AS_JSON
def label(collection: Path, concept: str, as_json: bool, **given: Any) -> None:  # noqa: FBT001
    """Label faces of COLLECTION, by a file of seeds or by a condition."""
    from vquery.api.collection import Collection
    from vquery.api.concepts import faces_where
    from vquery.api.console import facts_text, tell

    _check_label(given)
    said: dict[str, Any]
    with Collection.open(collection) as db:
        if given["undo"] or given["redo"]:
            action = "undo" if given["undo"] else "redo"
            done = db.undo() if given["undo"] else db.redo()
            if done is None:
                raise LabelError(f"{collection}: there is no label action to {action}")
            said = {"undone" if given["undo"] else "redone": done}
        elif given["seeds"]:
            said = {"labelled": db.label_file(given["seeds"], concept, by=given["by"])}
        else:
            rows = faces_where(db.faces, given["where"])
            said = {"labelled": db.label(rows, concept, given["value"], by=given["by"])}
    tell(said, lambda: facts_text(said), as_json=as_json)


def _check_label(given: dict[str, Any]) -> None:
    """Refuse options that do not belong together."""
    ways = [name for name in ("seeds", "where", "undo", "redo") if given[name]]
    if len(ways) != 1:
        raise click.UsageError("give exactly one of --from, --where, --undo and --redo")
    if ways == ["where"]:
        if (given["value"] is None) != given["none_of_them"]:
            raise click.UsageError("--where needs either --value or --none")
    elif given["value"] is not None or given["none_of_them"]:
        raise click.UsageError("--value and --none go with --where alone")


def _concepts(_: click.Context, __: click.Parameter, given: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(given))


def _spaces(_: click.Context, __: click.Parameter, given: Sequence[str]) -> list[str] | None:
    return list(dict.fromkeys(given)) or None


@main.command()
@COLLECTION
@click.option(
    "--concept",
    "concepts",
    multiple=True,
    default=["name"],
    show_default=True,
    callback=_concepts,
    help="What is propagated; may be given again.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Probability from which a label is given.",
)
@click.option(
    "--neighbours", "k", type=click.IntRange(1), help="Neighbours of each face; default: found."
)
@click.option(
    "--floor", type=click.FloatRange(-1, 1), help="Cosine of alike faces; default: learnt."
)
@click.option(
    "--leak",
    type=click.FloatRange(0, min_open=True),
    help="Chance weight of belonging to nobody known; default: 0.05.",
)
@click.option(
    "--captions",
    type=click.FloatRange(0),
    default=0.0,
    metavar="WEIGHT",
    help="Mixing weight of edges by what is said, such as 0.25; default: none.",
)
@click.option(
    "--edges",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV or Parquet with edges of your own: source,target (detection ids) and weight.",
)
@click.option(
    "--edges-weight",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Mixing weight of --edges.",
)
@click.option(
    "--space",
    "spaces",
    multiple=True,
    callback=_spaces,
    metavar="NAME",
    help="Embedding by which faces are alike, such as one of `vquery embed`; may be given again, "
    "and several count alike. Default: those of indexing.",
)
@click.option(
    "--not-exclusive",
    "exclusive",
    flag_value=False,
    default=True,
    help="Let two tracks of one frame have one label.",
)
@AS_JSON
def propagate(
    collection: Path,
    concepts: list[str],
    edges: Path | None,
    as_json: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Spread the human labels of COLLECTION to everything that looks alike."""
    from vquery.api.collection import Collection
    from vquery.api.console import propagation_text, status, tell
    from vquery.api.propagation.options import read_edges

    table = None if edges is None else read_edges(edges)
    with Collection.open(collection) as db, status("propagating") as progress:
        found = db.propagate_concepts(concepts, edges=table, progress=progress, **options)
    facts = {concept: one.summary() for concept, one in found.items()}
    if len(facts) == 1:
        (only,) = facts.values()
        tell(only, lambda: propagation_text(only), as_json=as_json)
        return
    tell(
        facts,
        lambda: "\n".join(f"{name}: {propagation_text(one)}" for name, one in facts.items()),
        as_json=as_json,
    )


@main.command()
@COLLECTION
@click.option(
    "-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many."
)
@click.option(
    "--strategy",
    default="mixed",
    show_default=True,
    metavar="NAME",
    help="What makes a label worth it: coverage (what most are far from labels of), margin (where "
    "two labels are close), density (margin, where many look alike), disagreement (of sources), or "
    "mixed (coverage, times how unsure).",
)
@click.option("--concept", default="name", show_default=True, help="What is to be labelled.")
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="Print CSV: write labels for the ?, then `vquery label --from`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def suggest(
    collection: Path,
    count: int,
    strategy: str,
    concept: str,
    as_csv: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Choose the faces of COLLECTION that are worth a label next, one a track, best first.

    \b
    vquery suggest news.vq -n 20 --csv > todo.csv
    vquery label news.vq --from todo.csv

    In between, replace each ? by a label, or delete the row.
    """  # noqa: D301 - \b keeps click from filling the lines
    from vquery.api.collection import Collection
    from vquery.api.console import print_csv, print_rows, status
    from vquery.api.propagation.suggesting import to_fill_in

    if as_csv and as_json:
        raise click.UsageError("give --csv or --json, not both")
    with Collection.open(collection) as db, status("looking for what to label") as progress:
        rows = db.suggest(count, strategy=strategy, concept=concept, progress=progress).collect()
    rows = rows.sort_by("rank")
    if as_csv:
        print_csv(to_fill_in(rows))
    else:
        print_rows(rows, limit=None, as_json=as_json)
    if rows.num_rows < count:
        found = f"{rows.num_rows} of {count}"
        click.echo(f"{found}: no other track is worth a label by strategy {strategy!r}", err=True)


@main.command()
@COLLECTION
@click.option("--run", "run_id", type=click.IntRange(1), help="Its number; default: the last one.")
@click.option("--list", "listing", is_flag=True, help="List them instead.")
@AS_JSON
def undo(collection: Path, run_id: int | None, listing: bool, as_json: bool) -> None:  # noqa: FBT001
    """Take back a propagation, fusion or correction of COLLECTION: what was before is in force.

    Human labels stay; `vquery label --undo` takes those back.
    """
    from dataclasses import asdict

    from vquery.api.collection import Collection
    from vquery.api.console import runs_text, tell

    if listing and run_id is not None:
        raise click.UsageError("--list and --run do not go together")
    with Collection.open(collection) as db:
        if listing:
            runs = db.propagations()
            tell(runs, lambda: runs_text(runs), as_json=as_json)
        else:
            undone = db.undo_run(run_id)
            tell(asdict(undone), lambda: str(undone), as_json=as_json)
