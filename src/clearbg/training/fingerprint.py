"""What decides a training's result, in one name: settings, data, code and libraries."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from clearbg import config
from clearbg.models import weights
from clearbg.system import code
from clearbg.system.files import file_sha256
from clearbg.training import start


def fingerprint(settings: config.Settings, data: Path) -> str:
    """A name for the training of these settings on the augmented folder `data`.

    The manifest tells images apart; masks are read, since two of equal coverage may differ.
    """
    content = hashlib.sha256()
    for path in (*data.glob("manifest.csv"), *sorted(data.glob("masks/*"))):
        content.update(path.read_bytes())
    trained = ("data", "augment", "transform", "model", "train")
    origin = start.place(settings)
    facts = {
        "settings": {k: v for k, v in settings.flat().items() if k.split(".")[0] in trained},
        "start": origin and file_sha256(weights.file_of(origin)),
        "data": content.hexdigest(),
        "code": code.digest(Path(__file__).parent, beside=code.BESIDE_WEIGHTS),
        "libraries": [version(name) for name in ("torch", "torchvision", "lightning-fabric")],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
