"""The trained weights as Hugging Face's loaders expect them: model.safetensors and config.json.

`clearbg.export.pretrained.TrainedNetwork.from_pretrained` reads such a folder through the
library's own mixin; the safetensors file alone fits `clearbg.models.build` as it is.
"""

import dataclasses
import shutil
from pathlib import Path

from clearbg.contract import Contract
from clearbg.models import weights
from clearbg.system.files import write_json

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def write(trained: Path, folder: Path, contract: Contract) -> None:
    """Write the weights of the models folder `trained`, and their contract, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(trained / weights.FILE, folder / WEIGHTS)
    write_json(folder / CONFIG, dataclasses.asdict(contract))
