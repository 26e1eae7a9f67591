"""Commands on collections: make them, ask them, export them; and model weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vquery.cli.group import AS_JSON, COLLECTION, CONCEPTS, main
from vquery.errors import VQueryError

if TYPE_CHECKING:
    from collections.abc import Sequence


@main.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("vquery-demo"),
    show_default=True,
    help="Where the sample and the results go.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sample.")
@AS_JSON
def demo(output: Path, seed: int, as_json: bool) -> None:  # noqa: FBT001
    """Render a synthetic newsroom and run the whole job on it, offline."""
    from vquery.api.console import say, tell
    from vquery.api.demo import run_demo

    report = run_demo(output, seed=seed, say=say)
    tell(report.to_dict(), report.text, as_json=as_json)


def _size(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"must look like 640x480, got {text!r}")
    return int(parts[0]), int(parts[1])


def _rate(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    from vquery.api.indexing import rate_of

    try:
        return "/".join(str(part) for part in rate_of(text))
    except VQueryError as error:
        raise click.BadParameter(str(error)) from error


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--collection",
    type=click.Path(path_type=Path),
    required=True,
    help="The collection, NAME.vq; made if it does not exist.",
)
@click.option(
    "--every",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Detect faces only this often; default: in every frame.",
)
@click.option(
    "--faces",
    type=click.Choice(["auto", "yunet", "haar", "none"]),
    default="auto",
    show_default=True,
    help="Face detector; auto takes YuNet where weights are found, and searches no video that has "
    "detections of its own.",
)
@click.option(
    "--ensemble",
    is_flag=True,
    help="Look for faces in each picture as it is, mirrored, larger and smaller, and keep those "
    "that two of these agree on; takes about 7 times as long.",
)
@click.option(
    "--models",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with model weights.",
)
@click.option(
    "--embedding",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="ONNX file that embeds crops, instead of the built-in descriptor.",
)
@click.option(
    "--images",
    metavar="FPS",
    callback=_rate,
    help="Take a folder of numbered pictures for a video at this rate; else each picture is one.",
)
@click.option(
    "--fps", metavar="FPS", callback=_rate, help="Rate of detection files that have no video."
)
@click.option(
    "--size", metavar="WxH", callback=_size, help="Picture size for detections without a video."
)
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one a core.")
@AS_JSON
def index(folder: Path, collection: Path, as_json: bool, **options: Any) -> None:  # noqa: FBT001
    """Index the videos of FOLDER with the captions and detections beside them.

    Only what is new is done, so the same command completes one that was interrupted.
    """
    from vquery.api.console import IndexBar, index_text, tell
    from vquery.api.indexing import require
    from vquery.api.opening import open_or_create

    require(folder)
    with open_or_create(collection) as db, IndexBar() as bar:
        report = db.index(folder, progress=bar, **options)
    tell(report.to_dict(), lambda: index_text(report), as_json=as_json)
    if report.failed:
        raise SystemExit(1)


@main.command()
@COLLECTION
@AS_JSON
def info(collection: Path, as_json: bool) -> None:  # noqa: FBT001
    """Say what is in COLLECTION: videos, tables, labels, runs."""
    from vquery.api.collection import Collection
    from vquery.api.console import info_text, tell

    facts = Collection.open(collection).info()
    tell(facts, lambda: info_text(facts), as_json=as_json)


@main.command()
@COLLECTION
@click.argument("query")
@CONCEPTS
@click.option("--limit", type=click.IntRange(1), help="Print at most so many rows; says so.")
@click.option("--count", "only_count", is_flag=True, help="Print the number of rows only.")
@click.option("--explain", is_flag=True, help="Print the plan instead of running it.")
@click.option("--analyze", is_flag=True, help="Run it, and print the plan with what it took.")
@click.option(
    "--param", "given", multiple=True, metavar="NAME=VALUE", help="Set a param; may be repeated."
)
@click.option("--skip-errors", is_flag=True, help="Leave out videos that cannot be computed.")
@click.option(
    "--save", metavar="NAME", help="Keep the result under this name, in place of an older one."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def query(
    collection: Path,
    query: str,
    files: Sequence[Path],
    limit: int | None,
    only_count: bool,  # noqa: FBT001
    explain: bool,  # noqa: FBT001
    analyze: bool,  # noqa: FBT001
    given: Sequence[str],
    skip_errors: bool,  # noqa: FBT001
    save: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run QUERY on COLLECTION: a concept by name, or an expression.

    \b
    vquery query news.vq "faces.filter(score > 0.9)"
    vquery query news.vq panel --concepts concepts.py --save panels

    Times are in seconds; in JSON they are whole microseconds.
    """  # noqa: D301 - \b keeps click from filling the lines
    from vquery.api.collection import Collection
    from vquery.api.console import print_rows
    from vquery.api.params import with_params

    if (explain or analyze) and (only_count or save or as_json):
        raise click.UsageError("a plan is no result: leave out --count, --save and --json")
    with Collection.open(collection) as db:
        relation = with_params(db.query(query, concepts=files), given)
        if explain or analyze:
            click.echo(relation.explain(analyze=analyze))
            return
        rows = relation.collect(on_error="skip") if skip_errors else None
        if save:
            relation = db.save(save, relation if rows is None else rows)
        if only_count:
            click.echo(relation.count() if rows is None else rows.num_rows)
        else:
            print_rows(relation.collect() if rows is None else rows, limit=limit, as_json=as_json)


def _shares(_: click.Context, __: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(share) for share in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) != 3:
        raise click.BadParameter(f"must be three numbers such as 0.8,0.1,0.1, got {text!r}")
    return shares


@main.command()
@COLLECTION
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format",
    type=click.Choice(["coco", "yolo", "parquet", "fiftyone", "activitynet", "csv", "vtt"]),
    default="coco",
    show_default=True,
    help="What the training set looks like: coco, yolo, fiftyone hold labels of detections, "
    "activitynet, csv, vtt those of spans of time, parquet (with crops inside) both.",
)
@click.option("--labels", default="name", show_default=True, help="The concept to export.")
@click.option(
    "--split",
    default="0.8,0.1,0.1",
    show_default=True,
    callback=_shares,
    help="Shares of train, val and test; whole videos.",
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Least probability of a label.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the split.")
@click.option("--no-images", "images", flag_value=False, default=True, help="Labels only.")
@click.option("--keyframes-only", is_flag=True, help="Leave out boxes that are interpolated.")
@AS_JSON
def export(collection: Path, folder: Path, as_json: bool, **options: Any) -> None:  # noqa: FBT001
    """Write the labels of COLLECTION to FOLDER, a new one, as a training set.

    \b
    vquery export news.vq faces --labels name --format coco
    vquery export news.vq breaks --labels commercial --format activitynet
    """  # noqa: D301 - \b keeps click from filling the lines
    from vquery.api.collection import Collection
    from vquery.api.console import PictureBar, export_text, tell

    with Collection.open(collection) as db, PictureBar() as bar:
        written = db.export(folder, progress=bar, **options)
    tell(written.manifest, lambda: export_text(folder, written), as_json=as_json)


@main.group(invoke_without_command=True)
@click.pass_context
@AS_JSON
def models(ctx: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """List model weights: which are found, and how to get the others."""
    if ctx.invoked_subcommand is not None:
        return
    from vquery.api.console import models_text, tell
    from vquery.api.models import listing

    rows = listing()
    tell(rows, lambda: models_text(rows), as_json=as_json)


@models.command("get")
@click.argument("name")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder; default: the user's cache.",
)
def models_get(name: str, to: Path | None) -> None:
    """Download the weights NAME from their published address and check them."""
    from vquery.api.models import get

    click.echo(get(name, to))
