"""Options that several commands share, and the model that they name."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from clearbg.errors import ModelError

if TYPE_CHECKING:
    from clearbg.pretrained.choice import Choice

CHAMPION = "champion"

ModelOption = Annotated[
    str | None,
    typer.Option(
        help="A name (`clearbg models`), a file, or a folder.",
        show_default="export, else clearbg-lite",
    ),
]
DeviceOption = Annotated[
    Literal["cpu", "cuda", "openvino"],
    typer.Option(help="Where the model runs."),
]

OnOption = Annotated[
    tuple[Path, Path] | None,
    typer.Option(
        metavar="IMAGES MASKS",
        help="A folder of images, and one of masks of the same names.",
        show_default="the project's test split",
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Write also over a file that this command has not made."),
]

MegabytesOption = Annotated[float, typer.Option(min=0.01, help="Largest file of an image, MB.")]
MegapixelsOption = Annotated[float, typer.Option(min=0.01, help="Largest image, megapixels.")]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")
]


class Command(TyperCommand):
    """Shows its help without boxes, which take half of a terminal's width.

    Arguments that are empty are refused: as paths they would stand for the working folder. So are
    numbers that are not finite: NaN lies in every range that typer checks.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:  # a hidden one
                continue
            names, text = record
            argument = parameter.param_type_name == "argument"
            heading = getattr(parameter, "rich_help_panel", None) or "Options"
            if parameter.default is False:  # the name that says what is so anyway is left out
                names, text = names.partition(" / ")[0], text.partition("  [default")[0]
            text = re.sub(r"\[default: \((.*)\)\]", r"[default: \1]", text).replace("  [", " [")
            names = names.upper() if argument else re.sub("[<>]", "", names)
            groups.setdefault("Arguments" if argument else heading, []).append((names, text))
        for heading, rows in groups.items():
            formatter.write_heading(heading)
            with formatter.indentation():
                formatter.write_dl(rows, col_max=29)

    def collect_usage_pieces(self, ctx):
        return [re.sub("[{}]", "", piece).upper() for piece in super().collect_usage_pieces(ctx)]

    def parse_args(self, ctx, args):
        for before, given in zip(["", *args], args):
            valueless = given.startswith("--") and given.endswith("=")
            if valueless or not given.strip():
                name = given if valueless else before if before.startswith("-") else "an argument"
                raise typer.BadParameter(
                    f"{name.rstrip('=')} is empty: give its value; perhaps a variable of the shell "
                    "is not set."
                )
        rest = super().parse_args(ctx, args)
        for option in self.params:
            value = ctx.params.get(option.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise typer.BadParameter(f"{option.opts[0]} {value}: give a finite number.")
        return rest


def choice_of(model: str | None, device: str = "cpu") -> "Choice":
    """The model that `--model` names: see `pretrained.choice.choose`.

    Beyond that, "champion" and "version:3" are fetched from the registry, and a models folder is
    exported.

    Raises:
        ModelError: there is no such model.
        RegistryError: the registry does not answer.
    """
    from clearbg.pretrained.choice import Choice, choose

    if model == CHAMPION and not Path(model).exists():
        return Choice(CHAMPION, _registered(CHAMPION))
    if model is not None and (number := re.fullmatch(r"version:(\d{1,9})", model)):
        return Choice(model, _registered(int(number[1])))
    if model is not None and (folder := folder_of(model)):
        from clearbg.export.onnx import exported

        return Choice(model, exported(folder))
    return choose(model, device, others=[CHAMPION])


def folder_of(model: str) -> Path | None:
    """The folder that `--model` names; None: it names something else."""
    from clearbg.pretrained.choice import shipped

    return Path(model) if model not in shipped() and Path(model).is_dir() else None


def _registered(which: str | int) -> Path:
    try:
        from clearbg.tracking import registry
    except ImportError as error:
        raise ModelError(
            "the registry is MLflow's, and MLflow is not installed here: `pip install mlflow`, or "
            "name another model."
        ) from error
    path = registry.fetch(which)
    if path is None:
        asked = which if isinstance(which, str) else f"version {which}"
        raise ModelError(
            f"the registry has no {asked}: make one with `clearbg promote`, or name another model."
        )
    return path
