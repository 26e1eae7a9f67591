"""Commands that learn from a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vquery.cli.group import AS_JSON, COLLECTION, main


@main.command()
@COLLECTION
@click.option(
    "--over",
    type=click.Choice(["faces", "detections", "frames"]),
    default="faces",
    show_default=True,
    help="What is embedded.",
)
@click.option("--name", default="learned", show_default=True, help="Of the embedding.")
@click.option("--train", is_flag=True, help="Learn it first, or go on where that was interrupted.")
@click.option(
    "--method",
    type=click.Choice(["simclr", "rotation"]),
    default="simclr",
    show_default=True,
    help="What is learnt: which pictures show the same, or which way up they are.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Weights to start from, of vquery's network: safetensors, or a state dict of PyTorch.",
)
@click.option("--labels", metavar="CONCEPT", help="Human labels to watch it by; decide nothing.")
@click.option("--epochs", type=click.IntRange(1), default=50, show_default=True, help="Rounds.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after this time.")
@click.option("--patience", type=click.IntRange(1), help="Stop after so many epochs in vain.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=2e-3,
    show_default=True,
    help="Highest learning rate.",
)
@click.option("--batch", type=click.IntRange(2), default=256, show_default=True, help="Pairs.")
@click.option(
    "--width", type=click.IntRange(1), default=16, show_default=True, help="Of the network."
)
@click.option(
    "--side", type=click.IntRange(16), default=48, show_default=True, help="Pixels of pictures."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@click.option("--device", help="Such as cpu or cuda; default: a GPU if there is one.")
@click.option("--fresh", is_flag=True, help="Train anew although there is a model.")
@AS_JSON
def embed(collection: Path, as_json: bool, **options: Any) -> None:  # noqa: FBT001
    """Learn an embedding of COLLECTION's own pictures, without labels, and embed all of them.

    Without --train what is new is embedded with the model there is. It takes part in
    `vquery propagate --space NAME`.
    """
    from vquery.api.collection import Collection
    from vquery.api.console import say, tell

    if options["fresh"] and not options["train"]:
        raise click.UsageError("--fresh goes with --train")
    with Collection.open(collection) as db:
        found = db.embed(progress=say, **options)
    tell(found.summary(), lambda: repr(found), as_json=as_json)
