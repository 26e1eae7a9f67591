"""The command line: one verb per stage, each one call into the api.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed,
2 wrong usage. Imports are inside the commands, so that ``vquery --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vquery.errors import VQueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

COLLECTION = click.argument("collection", type=click.Path(path_type=Path))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
CONCEPTS = click.option(
    "--concepts",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python file with @vq.concept functions; may be given again.",
)


class _Commands(click.Group):
    """Turns vquery's own errors into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VQueryError as error:
            click.echo(f"vquery: {error}", err=True)
            raise SystemExit(1) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vquery-video", prog_name="vquery")
def main() -> None:
    """Query video with Python and turn a few labels into a training set."""


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
    from vquery.api.demo import run_demo

    report = run_demo(output, seed=seed, say=_say)
    if as_json:
        _print_json(report.to_dict())
    else:
        click.echo(report.text())


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
    type=float,
    default=0.0,
    metavar="SECONDS",
    help="Detect faces only this often; default: in every frame.",
)
@click.option(
    "--faces",
    type=click.Choice(["auto", "yunet", "haar", "none"]),
    default="auto",
    show_default=True,
    help="Face detector; auto takes YuNet where weights are found.",
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
@click.option("--images", metavar="FPS", help="Take a folder of pictures for a video at this rate.")
@click.option("--fps", help="Frame rate of detection files that have no video.")
@click.option("--size", metavar="WxH", help="Picture size of detection files that have no video.")
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one a core.")
@AS_JSON
def index(collection: Path, folder: Path, as_json: bool, size: str | None, **options: Any) -> None:  # noqa: FBT001
    """Index the videos of FOLDER with the captions and detections beside them."""
    from vquery.api.collection import open_or_create
    from vquery.api.console import IndexBar, index_text

    with open_or_create(collection) as db, IndexBar() as bar:
        report = db.index(folder, size=_size(size), progress=bar, **options)
    if as_json:
        _print_json(report.to_dict())
    else:
        click.echo(index_text(report))
    if report.failed:
        raise SystemExit(1)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) for part in parts):
        raise click.BadParameter(f"--size must look like 640x480, got {text!r}")
    return int(parts[0]), int(parts[1])


@main.command()
@COLLECTION
@AS_JSON
def info(collection: Path, as_json: bool) -> None:  # noqa: FBT001
    """Say what is in a collection: videos, tables, labels, runs."""
    from vquery.api.collection import Collection
    from vquery.api.console import info_text

    with Collection.open(collection) as db:
        facts = db.info()
    if as_json:
        _print_json(facts)
    else:
        click.echo(info_text(facts))


@main.command()
@COLLECTION
@click.argument("query")
@CONCEPTS
@click.option("--limit", type=click.IntRange(1), help="Print at most so many rows; says so.")
@click.option("--count", "only_count", is_flag=True, help="Print the number of rows only.")
@click.option("--explain", is_flag=True, help="Print the plan instead of running it.")
@click.option("--save", metavar="NAME", help="Keep the result in the collection.")
@AS_JSON
def query(
    collection: Path,
    query: str,
    files: Sequence[Path],
    limit: int | None,
    only_count: bool,  # noqa: FBT001
    explain: bool,  # noqa: FBT001
    save: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run QUERY: the name of a concept, or an expression such as "faces.filter(score > 0.9)"."""
    from vquery.api.collection import Collection
    from vquery.api.console import print_rows

    with Collection.open(collection) as db:
        relation = db.query(query, concepts=files)
        if explain:
            click.echo(relation.explain())
        elif only_count:
            click.echo(relation.count())
        else:
            rows = relation.collect()
            if save:
                db.save(save, rows)
            print_rows(rows, limit=limit, as_json=as_json)


@main.command()
@COLLECTION
@click.option("--concept", default="name", show_default=True, help="What is labelled.")
@click.option("--value", help="The label; leave it out with --none or --from.")
@click.option("--none", "none_of_them", is_flag=True, help="Label rows as none of the classes.")
@click.option(
    "--from",
    "seeds",
    type=click.Path(path_type=Path),
    help="CSV with video,time,x,y,label or detection_id,label.",
)
@click.option("--where", help='Faces to label, such as "track == 1000000003".')
@click.option("--undo", is_flag=True, help="Take back the last label action.")
@click.option("--redo", is_flag=True, help="Bring back what was undone.")
@AS_JSON
def label(collection: Path, concept: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001
    """Label faces, by a file of seeds or by a condition."""
    from vquery.api.collection import Collection

    chosen = [name for name in ("seeds", "where", "undo", "redo") if options[name]]
    if len(chosen) != 1:
        raise click.UsageError("give exactly one of --from, --where, --undo and --redo")
    if options["where"] and (options["value"] is None) == (not options["none_of_them"]):
        raise click.UsageError("--where needs either --value or --none")
    said: dict[str, Any]
    with Collection.open(collection) as db:
        if options["undo"] or options["redo"]:
            done = db.undo() if options["undo"] else db.redo()
            said = {"done": done}
        elif options["seeds"]:
            said = {"labelled": db.label_file(options["seeds"], concept)}
        else:
            rows = db.query(f"faces.filter({options['where']})")
            said = {"labelled": db.label(rows, concept, options["value"])}
    _tell(said, as_json=as_json)


@main.command()
@COLLECTION
@click.option("--concept", default="name", show_default=True, help="What is propagated.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Probability from which a label is given.",
)
@AS_JSON
def propagate(collection: Path, concept: str, threshold: float, as_json: bool) -> None:  # noqa: FBT001
    """Spread the human labels of a concept to everything that looks alike."""
    from vquery.api.collection import Collection
    from vquery.api.console import propagation_text, status

    with Collection.open(collection) as db, status("propagating"):
        facts = db.propagate(concept, threshold=threshold).summary()
    if as_json:
        _print_json(facts)
    else:
        click.echo(propagation_text(facts))


@main.command()
@COLLECTION
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["coco", "yolo", "parquet", "fiftyone"]),
    default="coco",
    show_default=True,
)
@click.option("--labels", default="name", show_default=True, help="The concept to export.")
@click.option(
    "--split",
    default="0.8,0.1,0.1",
    show_default=True,
    help="Shares of train, val and test; whole videos.",
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Least probability of a label.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the split.")
@click.option("--no-images", is_flag=True, help="Write the labels only, not the frames.")
@AS_JSON
def export(
    collection: Path,
    folder: Path,
    format_: str,
    labels: str,
    split: str,
    threshold: float | None,
    seed: int,
    no_images: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Write the labels of a concept to FOLDER as a training set."""
    from vquery.api.collection import Collection
    from vquery.api.console import PictureBar, export_text

    with Collection.open(collection) as db, PictureBar() as bar:
        written = db.export(
            folder,
            format=format_,
            labels=labels,
            split=_shares(split),
            threshold=threshold,
            seed=seed,
            images=not no_images,
            progress=bar,
        )
    if as_json:
        _print_json(written.manifest)
    else:
        click.echo(export_text(folder, written))


def _shares(text: str) -> tuple[float, float, float]:
    try:
        train, val, test = (float(share) for share in text.split(","))
    except ValueError as error:
        message = f"--split must be three numbers such as 0.8,0.1,0.1, got {text!r}"
        raise click.BadParameter(message) from error
    return train, val, test


@main.group(invoke_without_command=True)
@click.pass_context
@AS_JSON
def models(ctx: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """List model weights: which are found, and how to get the others."""
    if ctx.invoked_subcommand is not None:
        return
    from vquery.api.console import models_text
    from vquery.api.models import listing

    rows = listing()
    if as_json:
        _print_json(rows)
    else:
        click.echo(models_text(rows))


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


def _say(text: str) -> None:
    click.echo(text, err=True)


def _tell(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(facts)
    else:
        click.echo("\n".join(f"{name}: {value}" for name, value in facts.items()))


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
