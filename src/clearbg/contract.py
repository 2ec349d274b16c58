"""How an image becomes a model's input: shipped with the model, never set by hand elsewhere.

Training writes the contract into `models/model.json`, export copies it into the ONNX file's
metadata. Evaluation and removal read it from there, so that they cannot differ.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clearbg.errors import ModelError
from clearbg.licenses import Origin
from clearbg.system.files import file_sha256

FORMAT = 3
METADATA_KEY = "clearbg"


@dataclass(frozen=True)
class Contract:
    """Preprocessing and provenance of one set of weights.

    Attributes:
        format: version of this list; a reader of another version refuses.
        model: a name of `clearbg.models.MODELS`.
        settings: what `clearbg.models.build` takes beside it.
        height, width: of the network's input, pixels.
        fit: "stretch": the whole image becomes one input; "tile": it is cut, at its own
            size, into inputs that share `overlap` pixels.
        kernel: Pillow's resampling kernel of a stretch; `antialias` states that reducing
            averages.
        color_order: "RGB", or "L": one channel, the luma.
        mean, std: of each channel, of values in [0, 1].
        threshold: alpha from which a pixel counts as foreground in a mask.
        output: "cutout": the subject keeps its colors; "ink": it becomes black ink.
        headline: the metric that the weights were selected by.
        weights_sha256: of the safetensors file.
        data_digest: of the manifest that the weights were trained on; empty when unknown.
        data_license: terms of those images.
        images_sha256: of training_images.csv, which lists all that the weights have seen;
            empty when unknown.
        trained_on: where these come from, those of the weights started from first; empty when
            unknown.
    """

    model: str
    settings: dict[str, Any]
    height: int
    width: int
    fit: Literal["stretch", "tile"]
    overlap: int
    kernel: str
    color_order: Literal["RGB", "L"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    threshold: float
    output: Literal["cutout", "ink"]
    headline: str
    weights_sha256: str
    data_digest: str
    data_license: str
    images_sha256: str = ""
    trained_on: tuple[Origin, ...] = ()
    antialias: bool = True
    format: int = FORMAT

    @property
    def channels(self) -> int:
        return len(self.mean)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"


def parse_contract(text: str, origin: str) -> Contract:
    """Read a contract; `origin` names the file in messages.

    Raises:
        ModelError: it is not a contract, or one that this version cannot keep.
    """
    try:
        facts = json.loads(text)
        facts["mean"], facts["std"] = tuple(facts["mean"]), tuple(facts["std"])
        facts["trained_on"] = tuple(Origin(**fact) for fact in facts.get("trained_on", ()))
        contract = Contract(**facts)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{origin} holds no preprocessing contract: export the model again with `dvc repro`."
        ) from error
    kept = {
        "format": (FORMAT,),
        "antialias": (True,),
        "color_order": ("RGB", "L"),
        "fit": ("stretch", "tile"),
        "output": ("cutout", "ink"),
    }
    for name, known in kept.items():
        if getattr(contract, name) not in known:
            raise ModelError(
                f"{origin} asks for {name} = {getattr(contract, name)!r}, and this version of "
                f"ClearBG can only do {' or '.join(map(repr, known))}: update ClearBG or export "
                "the model again."
            )
    if not 0 <= 2 * contract.overlap < min(contract.height, contract.width):
        raise ModelError(
            f"{origin} asks for tiles of {contract.height}×{contract.width} that share "
            f"{contract.overlap} pixels, which must be less than half: export the model again."
        )
    return contract


def read_contract(folder: Path) -> Contract:
    """The contract in a models folder, whose weights must be the ones it speaks of.

    Raises:
        ModelError: a file is missing, or the weights were exchanged.
    """
    path, weights = folder / "model.json", folder / "weights.safetensors"
    for file in (path, weights):
        if not file.is_file():
            raise ModelError(f"{file} does not exist: train a model first with `dvc repro`.")
    contract = parse_contract(path.read_text(encoding="utf-8"), str(path))
    if file_sha256(weights) != contract.weights_sha256:
        raise ModelError(
            f"{weights} is not the file that {path} describes: take both from the same training."
        )
    return contract
