"""The weights that a training starts from."""

from dataclasses import replace
from pathlib import Path

from clearbg import config, licenses, pretrained
from clearbg.contract import read_contract
from clearbg.errors import ModelError
from clearbg.models import weights
from clearbg.system import project

COST = 0.2  # of Dice, after minutes on street photographs


def place(settings: config.Settings) -> Path | None:
    """The models folder or the file that `train.init_from` names; None: random weights.

    The name of a shipped model stands for its folder.

    Raises:
        ModelError: there is neither.
    """
    name = settings.train.init_from
    if name is None:
        return None
    if name in pretrained.names():
        return pretrained.folder(name)
    found = project.root() / name
    if not (file := weights.file_of(found)).is_file():
        raise ModelError(
            f"{file} does not exist: correct train.init_from, or name a shipped model "
            f"({', '.join(pretrained.names())})."
        )
    return found


def permitted(settings: config.Settings) -> config.Settings:
    """The settings; without a shipped model to start from that `data.commercial_only` forbids.

    Then the whole network learns, with batch norms of its own, and a sentence says what that
    costs. Other weights are not replaced: `provenance` refuses them.
    """
    train, model, name = settings.train, settings.model, settings.train.init_from
    if not settings.data.commercial_only or name not in pretrained.names():
        return settings
    origins = read_contract(pretrained.folder(name)).trained_on
    if licenses.is_open(origins):
        return settings
    terms = ", ".join(origin.license for origin in origins)
    print(
        f"train: data.commercial_only = true rules out {name} ({terms}), so training starts from "
        f"random weights, which costs about {COST} of Dice in the same time: raise train.steps to "
        "thousands and train.lr to 0.003."
    )
    fresh: dict[str, object] = {"init_from": None, "init_sha256": None, "freeze": []}
    norm = "batch" if model.norm == "frozen" else model.norm  # there are no statistics to keep
    return replace(
        settings,
        train=train.model_copy(update=fresh),
        model=model.model_copy(update={"norm": norm}),
    )
