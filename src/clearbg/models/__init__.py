"""The networks behind one contract.

`forward(images) -> list[logits]`: images `(N,3,H,W)` normalised as the model's preprocessing
contract says, every logits `(N,1,H,W)` at the images' size, finest first. Training may use
them all; inference reads the first.
"""

import difflib
from collections.abc import Callable

from torch import nn

from clearbg.errors import ModelError
from clearbg.models.u2net import u2net, u2netp

MODELS: dict[str, Callable[..., nn.Module]] = {"u2net": u2net, "u2netp": u2netp}


def build(name: str, **settings) -> nn.Module:
    """A freshly initialised network.

    Raises:
        ModelError: no model has this name, or the model does not know a setting.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        hint = f"did you mean {near[0]!r}? Known" if near else "known"
        raise ModelError(f"no model is called {name!r}; {hint}: {', '.join(sorted(MODELS))}.")
    try:
        return MODELS[name](**settings)
    except TypeError as error:
        raise ModelError(f"model {name!r} does not take these settings: {error}.") from error
