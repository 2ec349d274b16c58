"""The model card: what a person should know before using the weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearbg import licenses
from clearbg.contract import Contract
from clearbg.metrics.names import ON_MODEL_CARD, heading
from clearbg.templates import render

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
        best: the row of the training's history that the weights come from.
        shipped: of a model that comes with the package instead, its made.json.
    """
    origins = contract.trained_on
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
        origins=origins,
        words=licenses.WORDS,
        is_open=licenses.is_open(origins),
        closed=[origin for origin in origins if origin.commercial != "yes"],
        generated=all(origin.source == "synthetic" for origin in origins),
        unlisted=[origin.source for origin in origins if origin.images is None],
    )


def _figures(headline: str, best: Mapping[str, float]) -> dict[str, str]:
    """Name and arrow -> value, the headline first."""
    values = {name.removeprefix("validation/"): value for name, value in best.items()
              if name.startswith("validation/")}  # fmt: skip
    names = [name for name in dict.fromkeys([headline, *values]) if name in values]
    return {
        heading(name): f"{values[name]:.4f}"
        for name in names
        if name == headline or (name in ON_MODEL_CARD and values[name] == values[name])
    }


def _channels(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
