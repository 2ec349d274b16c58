"""The networks, all of which have the same interface: `forward(images) -> list[logits]`.

The images are `(N,C,H,W)` of any size, normalized as the model's preprocessing contract says.
C is 3, except for the documents' `stacked_unet`, where it is 1. Each tensor of logits is
`(N,1,H,W)` at the images' size; the sigmoid of a logit is the alpha. The finest output comes first:
inference reads that one alone, and training may use all of them.

Two networks are used in training alone: `isnet_gt` takes alpha in place of images, and
`gan_discriminator` gives one logit `(N,1)` for each image.
"""

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from clearbg.errors import ModelError
from clearbg.models.deeplab import deeplab
from clearbg.models.gan import gan_discriminator, gan_generator
from clearbg.models.isnet import isnet, isnet_gt
from clearbg.models.normalization import normalized
from clearbg.models.stacked_unet import stacked_unet
from clearbg.models.u2net import u2net, u2netp
from clearbg.models.unet import unet

MODELS: dict[str, Callable[..., nn.Module]] = {
    "u2net": u2net,
    "u2netp": u2netp,
    "isnet": isnet,
    "isnet_gt": isnet_gt,
    "unet": unet,
    "deeplab": deeplab,
    "stacked_unet": stacked_unet,
    "gan_generator": gan_generator,
    "gan_discriminator": gan_discriminator,
}


def build(name: str, norm: str = "batch", **settings: Any) -> nn.Module:
    """Build a network with new random weights.

    Args:
        name: a key of `MODELS`.
        norm: "batch", "group" or "frozen"; see `clearbg.models.normalization`.
        settings: arguments of the model's function in `MODELS`.

    Raises:
        ModelError: no model has this name, the model has no such setting, or the setting cannot
            have this value.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        hint = f"did you mean {near[0]!r}? Known" if near else "known"
        raise ModelError(f"no model is called {name!r}; {hint}: {', '.join(sorted(MODELS))}.")
    known = inspect.signature(MODELS[name]).parameters
    for key, value in settings.items():
        if key not in known:
            raise ModelError(
                f"model {name!r} has no setting {key!r}; it takes {', '.join(['norm', *known])}."
            )
        if not _like(value, known[key].default):
            raise ModelError(
                f"model {name!r} cannot take {key} = {value!r}: give a value like "
                f"{known[key].default!r}."
            )
    return normalized(MODELS[name](**settings), norm)


def _like(value: Any, default: Any) -> bool:
    """Whether a value has the type of the default; numbers must be positive, lists not empty."""
    if isinstance(default, tuple):
        items = value if isinstance(value, list | tuple) else ()
        return bool(items) and all(_like(item, default[0]) for item in items)
    return type(value) is type(default) and (type(value) is not int or value > 0)
