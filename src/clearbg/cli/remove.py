"""The command `clearbg remove`. Heavy imports wait until they are used."""

import glob
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar

import typer

from clearbg.cli.options import DeviceOption, ModelOption, choice_of
from clearbg.errors import DataError, SettingsError
from clearbg.removal.options import OutputOptions, RayOptions, RunOptions, parameters
from clearbg.removal.run import remove_images
from clearbg.system import memory
from clearbg.system.object_store import without_secrets
from clearbg.video import is_video, need
from clearbg.video.options import VideoOptions

Made = TypeVar("Made")

if TYPE_CHECKING:
    from clearbg.pretrained.choice import Choice
    from clearbg.removal.report import Outcome, RemovalReport

NONE = 2  # exit status when no image has its result, as of wrong usage

RESULT, RUN, VIDEO, RAY = "Result", "Run", "Video", "Ray (several machines)"
"""Headings in the help."""
PANELS = {OutputOptions: RESULT, RunOptions: RUN, VideoOptions: VIDEO, RayOptions: RAY}

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES...",
        help="Images, a video, folders, patterns, s3://bucket, or -.",
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="File, folder, address, or -.",
        show_default="cutouts",
    ),
]
FormatOption = Annotated[
    Literal["png", "webp", "tiff", "jpeg"] | None,
    typer.Option(
        help="Of results in a folder.",
        show_default="png",
        rich_help_panel=RESULT,
    ),
]
RefineOption = Annotated[
    bool,
    typer.Option(
        "--refine/--no-refine",
        help="Follow edges, free them of the old color.",
        show_default=False,
        rich_help_panel=RESULT,
    ),
]
EngineOption = Annotated[
    Literal["plain", "ray"],
    typer.Option(
        help="ray: here, or at RAY_ADDRESS.",
        rich_help_panel=RAY,
    ),
]
LogOption = Annotated[
    Path | None,
    typer.Option(
        help="Append each image's numbers, for `clearbg drift`.",
        rich_help_panel=RUN,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print every image's outcome as JSON.", rich_help_panel=RUN),
]


WatchOption = Annotated[
    bool,
    typer.Option("--watch", help="Go on with what arrives in the folders.", rich_help_panel=RUN),
]


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command an option for each field of the classes in `PANELS`."""
    signature = inspect.signature(command)
    listed = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    for options, panel in PANELS.items():
        for one in parameters(options):
            name = f"--{one.name}".replace("_", "-")
            option = typer.Option(
                f"{name}/--{one.help.off}" if one.help.off else name,
                help=one.help.text,
                show_default=one.help.default or True,
                rich_help_panel=panel,
            )
            parameter = inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=one.default,
                annotation=Annotated[one.kind, option],
            )
            listed.append(parameter)
    vars(command)["__signature__"] = signature.replace(parameters=listed)
    return command


@with_options
def remove(
    inputs: Inputs,
    output: OutputOption = None,
    model: ModelOption = None,
    device: DeviceOption = "cpu",
    format: FormatOption = None,
    refine: RefineOption = True,
    log: LogOption = None,
    json: JsonOption = False,
    watch: WatchOption = False,
    engine: EngineOption = "plain",
    **chosen: Any,
) -> None:
    """Cut out the subjects of images or a video, or the ink of documents.
    Exit status: 0 all done; 1 some failed; 2 all failed, or wrong usage.
    """
    if json and (output == "-" or (output is None and inputs == ["-"])):
        raise SettingsError(
            "Standard output cannot take both the image and the JSON: name a file with -o."
        )
    output_options = _made(OutputOptions, chosen)
    run_options = _made(RunOptions, chosen)
    ray_options, video_options = _made(RayOptions, chosen), _made(VideoOptions, chosen)
    film = _is_film(inputs, video_options)
    if film and (watch or log or engine != "plain" or ray_options != RayOptions()):
        raise SettingsError(
            "These options are for images: leave Ray, --watch and --log out for a video."
        )
    if watch and (json or engine != "plain" or ray_options != RayOptions()):
        raise SettingsError("A watch never ends and runs here alone: leave --json and Ray out.")
    if not watch:
        _refuse_missing(inputs)
    memory.keep_freed()
    runs = choice_of(model, device)
    if model is None and not run_options.quiet:
        from clearbg.pretrained.choice import introduction

        typer.echo(f"clearbg: {introduction(runs)}", err=True)
    ways: dict[str, Any] = {"device": device, "refine": refine, "format": format, "log": log,
            "output_options": output_options, "run_options": run_options}  # fmt: skip
    if film:
        del ways["log"]
        _remove_video(inputs[0], output, runs, ways | {"video_options": video_options}, json)
        return
    if watch:
        _watch(inputs, output, runs.file, ways)
    report = remove_images(
        inputs, output, runs.file, name=runs.name, engine=engine, ray_options=ray_options, **ways
    )
    _print(report, json, run_options.quiet)


def _refuse_missing(inputs: list[str]) -> None:
    """Raise DataError where a path does not exist, before anything is said of the model."""
    for name in inputs:
        is_path = name != "-" and "://" not in name and not glob.has_magic(name)
        if is_path and not Path(name).exists():
            raise DataError(f"{name} does not exist: check the path.")


def _is_film(inputs: list[str], options: VideoOptions) -> bool:
    """Whether the input is a video or raw frames.

    Raises:
        SettingsError: there is more than a video, or options of videos come with images.
    """
    if any(map(is_video, inputs)) or options.size is not None:
        if address := next((name for name in inputs if "://" in name and is_video(name)), None):
            raise SettingsError(
                f"{without_secrets(address)} is an address, and videos are read from files: "
                "download it, and give the path of the file."
            )
        if len(inputs) > 1:
            raise SettingsError("A video is taken alone: name one, and run once for each.")
        if glob.has_magic(inputs[0]) and not Path(inputs[0]).exists():
            raise SettingsError(f"{inputs[0]} is a pattern: name one video, and run once for each.")
        if options.size is not None and inputs != ["-"] and not is_video(inputs[0]):
            raise SettingsError("The size is for raw frames: give - as input, or leave it out.")
        return True
    if options != VideoOptions():
        raise SettingsError("Images have no flicker: leave --steady out, or name a video.")
    return False


def _remove_video(
    source: str, output: str | None, runs: "Choice", ways: dict[str, Any], as_json: bool
) -> None:
    need("cv2")
    from clearbg.video.run import remove_video

    report = remove_video(source, output, runs.file, name=runs.name, **ways)
    quiet = ways["run_options"].quiet
    for note in () if quiet else report.notes:
        typer.echo(f"clearbg: {report.target}: {note}.", err=True)
    if as_json:
        typer.echo(report.to_json())
    elif report.target != "-" and not quiet:
        typer.echo(report.summary())


def _watch(inputs: list[str], output: str | None, model: Path, ways: dict[str, Any]) -> NoReturn:
    """Watch the folders until a signal comes, and exit."""
    from clearbg.removal import watching

    quiet = ways["run_options"].quiet

    def tell(outcome: "Outcome") -> None:
        if outcome.message:
            typer.echo(f"clearbg: {outcome.message}", err=True)
        if outcome.message or quiet:
            return
        typer.echo(f"{outcome.target}: {outcome.width}×{outcome.height} pixels")
        for note in outcome.notes:
            typer.echo(f"clearbg: {outcome.target}: {note}.", err=True)

    if not quiet:
        typer.echo(f"clearbg: watching {', '.join(inputs)}; Ctrl-C ends it.", err=True)
    done = watching.watch(inputs, output, model, tell, **ways)
    if not quiet:
        typer.echo(
            f"clearbg: ended by {done.signal.name}: {done.written} images written, {done.failed} "
            "failed. The same command goes on.",
            err=True,
        )
    raise typer.Exit(1 if done.failed else 0)


def _made(options: Callable[..., Made], chosen: dict[str, Any]) -> Made:
    names = inspect.signature(options).parameters
    return options(**{name: chosen[name] for name in names})


def _print(report: "RemovalReport", as_json: bool, quiet: bool) -> NoReturn:
    """Print the outcomes of the images, and end with the exit status that says it too."""
    sentences = [] if quiet else list(report.notes)
    for outcome in report.outcomes:
        sentences += [outcome.message] if outcome.message else []
        sentences += [] if quiet else [f"{outcome.target}: {note}." for note in outcome.notes]
    for sentence in sentences:
        typer.echo(f"clearbg: {sentence}", err=True)
    if as_json:
        typer.echo(report.to_json())
    elif quiet:
        pass
    elif len(report.outcomes) > 1:
        typer.echo(report.summary())
    elif (one := report.outcomes[0]).status == "written" and one.target != "-":
        typer.echo(f"{one.target}: {one.width}×{one.height} pixels")
    raise typer.Exit(report.exit_status)
