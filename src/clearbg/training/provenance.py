"""What a training's model has learned from: its own images and those behind its first weights."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clearbg import config, licenses
from clearbg.contract import FILE as CONTRACT
from clearbg.contract import parse_contract, read_contract
from clearbg.data import leaks, manifest
from clearbg.licenses import Origin
from clearbg.models import weights
from clearbg.system.files import file_sha256
from clearbg.training import start


@dataclass(frozen=True)
class Provenance:
    """What stands in model.json and beside it about the past of a model.

    Attributes:
        digest: of the manifest that it is trained on.
        images: all it has seen, see `leaks.Seen`.
        origins: where these come from, those of the weights started from first.
    """

    digest: str
    images: pd.DataFrame
    origins: tuple[Origin, ...]


def provenance(settings: config.Settings, folder: Path) -> Provenance:
    """The past of the model that a recipe trains on the augmented folder.

    Raises:
        DataError: the folder's manifest is missing or does not tell.
        ModelError: the weights to start from, or what lies beside them, do not go together.
        SettingsError: `data.commercial_only` is set, and something is not open to commercial use.
    """
    own = leaks.training_images(folder)
    origins = config.learned_from(settings, len(own))
    images = own
    if (origin := start.place(settings)) is not None:
        earlier, seen = _past(origin)
        origins, images = (*earlier, *origins), leaks.merged(seen, own)
    if settings.data.commercial_only:
        licenses.refuse_closed(origins)
    return Provenance(manifest.digest(manifest.read(folder)), images, _once(origins))


def _past(place: Path) -> tuple[tuple[Origin, ...], pd.DataFrame]:
    """Where weights come from, and what they have seen as far as it is listed beside them."""
    file = weights.file_of(place)
    sha256 = file_sha256(file)
    path = file.with_name(CONTRACT)
    contract = parse_contract(path.read_bytes(), str(path)) if path.is_file() else None
    if contract is None or (contract.weights_sha256 != sha256 and place.is_file()):
        foreign = licenses.origin(f"weights {sha256[:12]}", licenses.FOREIGN, None)
        return (foreign,), leaks.unlisted().images
    contract = read_contract(file.parent)
    seen = leaks.of_model(file.parent, contract.images_sha256, contract.trained_on)
    if contract.trained_on:
        return contract.trained_on, seen.images
    terms = licenses.terms("weights", contract.data_license)
    return (licenses.origin(f"weights {sha256[:12]}", terms, None),), seen.images


def _once(origins: tuple[Origin, ...]) -> tuple[Origin, ...]:
    return tuple(dict.fromkeys(origins))
