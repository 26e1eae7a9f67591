"""Commands that train end models and label by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vquery.cli.group import AS_JSON, COLLECTION, main


@main.command()
@COLLECTION
@click.option("--concept", default="name", show_default=True, help="What the model is to tell.")
@click.option("--name", help="Under which it is kept; default: the concept.")
@click.option(
    "--kind",
    type=click.Choice(["linear", "mlp", "network"]),
    default="linear",
    show_default=True,
    help="linear and mlp see embeddings, network sees pictures.",
)
@click.option("--space", "spaces", multiple=True, help="Embedding to see by; may be given again.")
@click.option(
    "--labels",
    type=click.Choice(["soft", "human"]),
    help="Learn from what was fused or propagated too (default), or only from what people said "
    "(default with --rounds).",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    help="Let it teach itself in up to so many rounds, on what has no label; see db.distil.",
)
@click.option("--even", is_flag=True, help="Let classes count alike, however rare.")
@click.option("--epochs", type=click.IntRange(1), help="At most; of mlp and network.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after this time.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@click.option("--device", help="Such as cpu or cuda; default: a GPU if there is one.")
@click.option("--fresh", is_flag=True, help="Start anew where a run was interrupted.")
@click.option(
    "--onnx", type=click.Path(dir_okay=False, path_type=Path), help="Write it as ONNX too."
)
@AS_JSON
def train(
    collection: Path,
    concept: str,
    name: str | None,
    spaces: tuple[str, ...],
    onnx: Path | None,
    rounds: int | None,
    even: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Train an end model on the labels of COLLECTION, and keep it under a name.

    It learns from what was fused or propagated, as far as that is believed, and from people. Whole
    videos are left out in turn to judge and calibrate it; report.html beside the model tells.
    """
    from vquery.api.collection import Collection
    from vquery.api.console import say, tell

    given = {key: one for key, one in options.items() if one is not None}
    given |= {"spaces": spaces or None, "balance": "even" if even else None, "progress": say}
    with Collection.open(collection) as db:
        if rounds is None:
            found = db.train(concept, name, **given)
        else:
            found = db.distil(concept, name, rounds=rounds, **given)
    facts = {key: one for key, one in found.summary().items() if key not in ("curves", "classes")}
    facts["folder"] = str(found.folder)
    if onnx is not None:
        facts["onnx"] = str(found.to_onnx(onnx))
    tell(facts, lambda: f"{found!r}\n{found.folder}", as_json=as_json)


@main.command()
@COLLECTION
@click.argument("model")
@click.option("--concept", help="Under which labels are kept; default: that of the model.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Probability from which a label is given.",
)
@click.option(
    "--by",
    type=click.Choice(["track", "detection"]),
    default="track",
    show_default=True,
    help="Average over the detections of a track, or take each by itself.",
)
@AS_JSON
def predict(
    collection: Path,
    model: str,
    concept: str | None,
    threshold: float,
    by: Any,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Label COLLECTION by the end model named MODEL; what people said stays as it is.

    `vquery undo` brings back what was in force before.
    """
    from vquery.api.collection import Collection
    from vquery.api.console import tell

    with Collection.open(collection) as db:
        found = db.predict(model, concept=concept, threshold=threshold, by=by)
    tell(found.summary(), lambda: repr(found), as_json=as_json)
