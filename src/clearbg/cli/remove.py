"""The command `clearbg remove`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from clearbg.cli.options import DEFAULT_MODEL, DeviceOption, ModelOption, onnx_file
from clearbg.errors import SettingsError
from clearbg.removal.options import OutputOptions, RayOptions, RunOptions
from clearbg.removal.run import remove_images
from clearbg.system import memory

if TYPE_CHECKING:
    from clearbg.removal.report import RemovalReport

NONE = 2  # exit status when no image has its result, as of wrong usage

RESULT, RUN, RAY = "What the result looks like", "How the run goes", "Ray"
"""Headings in the help."""

Inputs = Annotated[
    list[str],
    typer.Argument(
        help="Images, folders (with all their subfolders), patterns such as 'photos/**/*.jpg', "
        "addresses such as s3://bucket/photos, or - for standard input."
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="Where the results go: for one image a file (.png, .webp, .tiff, or .jpg with a "
        "background), else a folder; an address of either; or - for standard output.",
        show_default="the folder cutouts; - for standard input",
    ),
]
FormatOption = Annotated[
    Literal["png", "webp", "tiff", "jpeg"] | None,
    typer.Option(
        help="Format of the results in a folder or on standard output.",
        show_default="png",
        rich_help_panel=RESULT,
    ),
]
QualityOption = Annotated[
    int | None,
    typer.Option(
        help="Quality of JPEG and WebP, 1 to 100.",
        show_default="95 for JPEG, lossless WebP",
        rich_help_panel=RESULT,
    ),
]
MaskOption = Annotated[
    bool,
    typer.Option("--mask", help="Write the alpha alone, as a gray image.", rich_help_panel=RESULT),
]
BackgroundOption = Annotated[
    str | None,
    typer.Option(
        help="What to put behind the subject: a color (a name or #rrggbb), the path of an image, "
        "or blur.",
        show_default="transparent",
        rich_help_panel=RESULT,
    ),
]
CropOption = Annotated[
    bool, typer.Option("--crop", help="Crop the result to the subject.", rich_help_panel=RESULT)
]
MarginOption = Annotated[
    str | None,
    typer.Option(
        help="Space around the crop: pixels (20), or a share of the subject's longer side (5%).",
        show_default="0",
        rich_help_panel=RESULT,
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        help="Make hard edges: pixels with at least this alpha, 0 to 1, become fully opaque, the "
        "others transparent.",
        show_default="soft edges",
        rich_help_panel=RESULT,
    ),
]
RefineOption = Annotated[
    bool,
    typer.Option(
        "--refine/--no-refine",
        help="Follow the edges in the image, and remove the old background's color from them.",
        rich_help_panel=RESULT,
    ),
]
MetadataOption = Annotated[
    bool,
    typer.Option(
        "--keep-metadata/--drop-metadata",
        help="Keep the EXIF block (camera, time, place). Color profile and resolution are always "
        "kept, and the orientation is applied.",
        rich_help_panel=RESULT,
    ),
]
SkipOption = Annotated[
    bool,
    typer.Option(
        "--skip-existing/--overwrite",
        help="Skip images whose result already exists.",
        rich_help_panel=RUN,
    ),
]
FailFastOption = Annotated[
    bool,
    typer.Option(
        "--fail-fast/--keep-going",
        help="Start no further image after one has failed.",
        rich_help_panel=RUN,
    ),
]
BatchOption = Annotated[
    int | None,
    typer.Option(
        help="How many images the network takes at once.",
        show_default="1; 8 with --device cuda",
        rich_help_panel=RUN,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        help="Threads that read, refine and encode; with --engine ray the processor cores of "
        "each actor.",
        show_default="one for each processor core, at most 4",
        rich_help_panel=RUN,
    ),
]
EngineOption = Annotated[
    Literal["plain", "ray"],
    typer.Option(
        help="plain: in this process. ray: in several processes, on the Ray cluster at "
        "RAY_ADDRESS or on this machine.",
        rich_help_panel=RAY,
    ),
]
ActorsOption = Annotated[
    int | None,
    typer.Option(
        help="With --engine ray: how many processes hold the model.",
        show_default="as many as there is room for",
        rich_help_panel=RAY,
    ),
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        help="With --engine ray: the share of a GPU that each process takes, up to 1.",
        show_default="1 with --device cuda",
        rich_help_panel=RAY,
    ),
]
LogOption = Annotated[
    Path | None,
    typer.Option(
        help="For `clearbg drift`: append a line of numbers for each image to this file, without "
        "name, path or time.",
        show_default="none",
        rich_help_panel=RUN,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print the outcome of every image as JSON.", rich_help_panel=RUN),
]


def remove(
    inputs: Inputs,
    output: OutputOption = None,
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = "cpu",
    format: FormatOption = None,
    quality: QualityOption = None,
    mask: MaskOption = False,
    background: BackgroundOption = None,
    crop: CropOption = False,
    margin: MarginOption = None,
    threshold: ThresholdOption = None,
    refine: RefineOption = True,
    keep_metadata: MetadataOption = False,
    skip_existing: SkipOption = False,
    fail_fast: FailFastOption = False,
    batch: BatchOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = "plain",
    actors: ActorsOption = None,
    gpus: GpusOption = None,
    log: LogOption = None,
    json: JsonOption = False,
) -> None:
    """Cut out the subjects of images, or the ink of documents.

    Exit status: 0 every image has its result; 1 some images failed; 2 all failed, or wrong usage.
    """
    if json and (output == "-" or (output is None and inputs == ["-"])):
        raise SettingsError(
            "Standard output cannot take both the image and the JSON: name a file with -o."
        )
    output_options = OutputOptions(
        mask, background, crop, margin, threshold, quality, keep_metadata
    )
    run_options = RunOptions(batch, workers, skip_existing, fail_fast)
    ray_options = RayOptions(actors, gpus)
    memory.keep_freed()
    report = remove_images(
        inputs,
        output,
        onnx_file(model),
        name=str(model),
        device=device,
        refine=refine,
        format=format,
        output_options=output_options,
        run_options=run_options,
        engine=engine,
        ray_options=ray_options,
        log=log,
    )
    _print(report, json)


def _print(report: "RemovalReport", as_json: bool) -> NoReturn:
    """Print the outcomes of the images, and end with the exit status that says it too."""
    sentences = list(report.notes)
    for outcome in report.outcomes:
        sentences += [outcome.message] if outcome.message else []
        sentences += [f"{outcome.target}: {note}." for note in outcome.notes]
    for sentence in sentences:
        typer.echo(f"clearbg: {sentence}", err=True)
    if as_json:
        typer.echo(report.to_json())
    elif len(report.outcomes) > 1:
        typer.echo(report.summary())
    raise typer.Exit(report.exit_status)
