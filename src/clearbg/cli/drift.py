"""The command `clearbg drift`. Heavy imports wait until they are used."""

import json
from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import onnx_file

DRIFT = 3  # exit status when recent images have moved away from the training
UNJUDGED = 4  # exit status when there are too few images to tell


def drift(
    recent: Annotated[
        Path,
        typer.Argument(help="A folder of images, or what `clearbg remove --log` has written."),
    ],
    reference: Annotated[
        Path, typer.Option(help="The ingested folder; its training split is compared with.")
    ] = Path("data/ingested"),
    model: Annotated[
        Path | None,
        typer.Option(
            help="As for remove: compares also what it finds in the images (coverage, empty "
            "ones, soft edges); for a log the model that wrote it.",
            show_default="the images alone",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Recent images or lines to take, the newest.")
    ] = 1000,
    sample: Annotated[
        int, typer.Option(min=1, help="Training images to compare with, at most.")
    ] = 1000,
    min_samples: Annotated[
        int, typer.Option(min=10, help="Images on either side without which nothing is judged.")
    ] = 50,
    significance: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Of a false alarm in one call.")
    ] = 0.05,
    effect_size: Annotated[
        float,
        typer.Option(
            min=0.01,
            help="Standard deviations of the training images from which a change matters.",
        ),
    ] = 0.3,
    html: Annotated[Path, typer.Option(help="The page to write.")] = Path("reports/drift.html"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, in place of the table.")
    ] = False,
) -> None:
    """Compare recent images with those of the training: is it time to retrain?

    Exit status: 0 no drift; 3 drift; 4 too few images to judge by; 1 or 2 it could not compare.
    """
    from clearbg.drift import comparison, report, samples
    from clearbg.drift.page import write_page
    from clearbg.removal.remover import Remover

    network = None
    if model is not None:
        file = onnx_file(model)
        network = samples.Model(Remover(file), file)
    limits = comparison.Limits(significance, effect_size, min_samples)
    new = samples.recent(recent, limit, network)
    sources = report.Sources(
        str(recent), str(reference), None if model is None else str(model), new.unreadable
    )
    try:
        comparison.refuse_too_few(new.frame, "recent", limits)
        old = samples.training(reference, sample, network)
        found = comparison.compare(old, new.frame, limits, new.left_out)
    except comparison.TooFewError as error:
        typer.echo(f"clearbg: {error}", err=True)
        raise typer.Exit(UNJUDGED) from None
    write_page(html, found, sources)
    status = DRIFT if found.drifted else 0
    if as_json:
        document = report.document(found, sources, status) | {"page": str(html)}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"{report.table(found, sources)}\n\npage  {html}")
    raise typer.Exit(status)
