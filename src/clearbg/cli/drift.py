"""The command `clearbg drift`. Heavy imports wait until they are used."""

import json
from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import OverwriteOption, choice_of

RecentArgument = Annotated[
    Path,
    typer.Argument(help="A folder of images, or a file that `clearbg remove --log` has written."),
]
ReferenceOption = Annotated[
    Path, typer.Option(help="The ingested folder; the reference is its training split.")
]
DriftModelOption = Annotated[
    str | None,
    typer.Option(
        help="Also compare what this model finds in the images (coverage, empty images, soft "
        "edges), named as for `clearbg remove`. For a log, give the model that wrote it.",
        show_default="only the images are compared",
    ),
]
LimitOption = Annotated[int, typer.Option(help="How many of the newest images or lines to take.")]
SampleOption = Annotated[int, typer.Option(help="How many training images to take, at most.")]
MinSamplesOption = Annotated[
    int, typer.Option(help="The fewest images on each side that allow a verdict.")
]
SignificanceOption = Annotated[
    float, typer.Option(help="The chance of a false alarm in one call, up to 0.5.")
]
EffectSizeOption = Annotated[
    float,
    typer.Option(
        help="The smallest change that matters, in standard deviations of the training images.",
    ),
]
HtmlOption = Annotated[Path, typer.Option(help="The page to write.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print everything as JSON instead of the table.")
]


def drift(
    recent: RecentArgument,
    reference: ReferenceOption = Path("data/ingested"),
    model: DriftModelOption = None,
    limit: LimitOption = 1000,
    sample: SampleOption = 1000,
    min_samples: MinSamplesOption = 50,
    significance: SignificanceOption = 0.05,
    effect_size: EffectSizeOption = 0.3,
    html: HtmlOption = Path("reports/drift.html"),
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Compare recent images with the training images: is it time to retrain?

    Exit status: 0 no drift; 3 drift; 4 too few images to judge by; 1 or 2 the comparison failed.
    """
    from clearbg.drift.comparison import Limits, TooFewError
    from clearbg.drift.page import PAGE, write_page
    from clearbg.drift.verdict import UNJUDGED, judge
    from clearbg.system.overwriting import refuse_to_lose

    chosen = None if model is None else choice_of(model).file
    refuse_to_lose(html, PAGE, [recent, reference / "manifest.csv", chosen], overwrite)
    try:
        verdict = judge(
            recent,
            reference,
            chosen,
            model_name=str(model),
            limits=Limits(significance, effect_size, min_samples),
            limit=limit,
            sample=sample,
        )
    except TooFewError as error:
        typer.echo(f"clearbg: {error}", err=True)
        raise typer.Exit(UNJUDGED) from None
    write_page(html, verdict.comparison, verdict.sources)
    if as_json:
        document = verdict.document() | {"page": str(html)}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"{verdict.table()}\n\npage  {html}")
    raise typer.Exit(verdict.status)
