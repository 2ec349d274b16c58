"""The model card: what a person should know before using the weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearbg import licenses
from clearbg.contract import Contract
from clearbg.metrics.baselines import NAMES
from clearbg.metrics.names import ON_MODEL_CARD, heading
from clearbg.templates import render
from clearbg.training import baselines

FILE = "card.md"


def text(
    contract: Contract,
    images: int,
    parameters: int,
    best: Mapping[str, float] | None = None,
    shipped: Mapping[str, Any] | None = None,
) -> str:
    """The card as Markdown. The same arguments give the same text.

    Args:
        images: listed beside the weights, each an original that was trained or validated on.
        parameters: numbers in the weights that a training changes.
        best: the row of the training's history that the weights come from, and the figures of the
            masks beside it.
        shipped: of a model that comes with the package instead, its made.json.
    """
    origins, compared = contract.trained_on, baselines.compare(best or {}, contract.headline)
    return render(
        Path(__file__).with_name("card.md.jinja"),
        {"channels": _channels},
        contract=contract,
        images=images,
        parameters=parameters,
        epoch=int(best["epoch"]) if best else None,
        figures=_figures(contract.headline, best) if best else {},
        shipped=shipped,
        heading=heading,
        masks=list(compared.masks),
        names=NAMES,
        warning="" if compared.beats_baselines else compared.sentence("validation images"),
        origins=origins,
        words=licenses.WORDS,
        is_open=licenses.is_open(origins),
        closed=[origin for origin in origins if origin.commercial != "yes"],
        generated=all(origin.source == "synthetic" for origin in origins),
        unlisted=[origin.source for origin in origins if origin.images is None],
    )


def _figures(headline: str, best: Mapping[str, float]) -> dict[str, list[str]]:
    """Name and arrow -> the model's value and the masks', the headline first."""
    tables = ["validation", *(name for name in NAMES if f"{name}/mae" in best)]
    own = [name.removeprefix("validation/") for name in best if name.startswith("validation/")]
    shown = {name: best[f"validation/{name}"] for name in dict.fromkeys([headline, *own])}
    return {
        heading(name): [_figure(best.get(f"{table}/{name}")) for table in tables]
        for name, value in shown.items()
        if name == headline or (name in ON_MODEL_CARD and value == value)
    }


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _channels(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
