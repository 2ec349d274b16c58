"""The models that can be picked on the page, opened when they are first used."""

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clearbg import pretrained
from clearbg.contract import Contract
from clearbg.errors import ClearBGError, ModelError, SettingsError
from clearbg.pretrained.choice import TASKS, WARNING, choose, only_generated, task, terms
from clearbg.removal.remover import Remover

FIRST = "model"
"""The name of the export that `clearbg remove` takes unless told otherwise."""
OPEN = 2
"""Number of models that stay in memory."""
ARCHITECTURES = {
    "u2net": "U²-Net", "u2netp": "U²-Net-lite", "isnet": "IS-Net", "unet": "U-Net",
    "deeplab": "DeepLab", "stacked_unet": "Stacked U-Net", "gan_generator": "GAN generator",
}  # fmt: skip
VARIANTS = {"model": "", "model-fp16": "half precision", "model-int8": "8-bit integers"}
SHIPPED = {"clearbg-lite": "ClearBG Lite", "documents": "ClearBG Documents"}
"""What people read of a contract's model, of an export's name, and of a shipped model's name."""


@dataclass(frozen=True)
class Model:
    """A model that can be picked.

    Attributes:
        name: the name that the API takes.
        path: the ONNX file.
        title: what people call it.
        task: what it finds, and in which images.
        terms: those of the images that it has learned from.
        generated: whether it has learned from nothing but generated images.
    """

    name: str
    path: Path
    title: str
    task: str
    terms: str
    generated: bool

    @property
    def label(self) -> str:
        return f"{self.title}: {self.task} ({self.terms})"


class ModelChoices:
    """Models by name, the first of which is taken unless a request names another.

    Args:
        paths: exported models; a file that cannot be opened, or has no contract, is left out.
        champion: the registry's champion. It is named "champion", or "champion-of-registry"
            where an exported file has that name.
        shipped: names of models that come with the package, which are listed last.
        say: called with a sentence for each file that is left out.
        shared: gives the remover of every model, in place of its file: that of a server which has
            opened the only one. None: a model's file is opened when the model is used.

    Raises:
        ModelError: no model is left.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        champion: Path | None = None,
        shipped: Sequence[str] = (),
        say: Callable[[str], None] = print,
        shared: Callable[[], Remover] | None = None,
    ):
        self._lock, self._shared = threading.Lock(), shared
        self._open: OrderedDict[tuple, Remover] = OrderedDict()
        candidates = [
            (path.stem, VARIANTS.get(path.stem, path.stem), path)
            for path in sorted(paths, key=lambda path: (path.stem != FIRST, path.name))
        ]
        if champion is not None:
            taken = any(name == "champion" for name, _, _ in candidates)
            name = "champion-of-registry" if taken else "champion"
            candidates.append((name, "champion of the registry", champion))
        names = {name for name, _, _ in candidates}
        candidates += [(name, "", choose(name).file) for name in shipped if name not in names]
        self.models: dict[str, Model] = {}
        refusals = []
        for name, variant, path in candidates:
            try:
                self.models[name] = _model(name, path, Remover(path).contract, variant)
            except ClearBGError as error:
                refusals.append(str(error))
        if not self.models:
            raise ModelError(" ".join(refusals) or "There is no model to choose from.")
        for refusal in refusals:
            say(f"Left out: {refusal}")

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Label and name of each model, as Gradio's Dropdown takes them."""
        return [(model.label, model.name) for model in self.models.values()]

    def warning(self, name: str) -> str:
        """A sentence for people whom a model would disappoint; "" where there is none to say."""
        model = self.models[name]
        if not model.generated:
            return ""
        better = (one.title for one in self.models.values() if one.task == TASKS["cutout"])
        advice = next((f": choose {title} for those" for title in better), "")
        return f"{model.title} was {WARNING}{advice}."

    def open(self, name: str | None, refine_edges: bool) -> tuple[Model, Remover]:
        """A model and its remover.

        A remover that is not shared is opened again when its file has changed.

        Args:
            name: a model's name; None: the first one.

        Raises:
            SettingsError: no model has this name.
            ModelError: the file has been removed or damaged meanwhile.
            Exception: whatever `shared` raises.
        """
        model = next(iter(self.models.values())) if name is None else self.models.get(name)
        if model is None:
            raise SettingsError(f"There is no model {name!r}: choose {' or '.join(self.models)}.")
        if self._shared is not None:
            remover = self._shared()
        else:
            with self._lock:
                remover = self._opened(model)
        remover = copy.copy(remover)  # shares the network
        remover.refine = refine_edges
        return model, remover

    def _opened(self, model: Model) -> Remover:
        try:
            facts = model.path.stat()
        except OSError as error:
            raise ModelError(
                f"The file of model {model.name} has been removed: choose another model, or "
                "start the page again."
            ) from error
        key = (model.path, facts.st_mtime_ns, facts.st_size)
        if key not in self._open:
            self._open[key] = Remover(model.path)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        return self._open[key]


def _model(name: str, path: Path, contract: Contract, variant: str) -> Model:
    network = ARCHITECTURES.get(contract.model, contract.model)
    shipped = SHIPPED.get(name) if path.is_relative_to(pretrained.FOLDER) else None
    title = shipped or ", ".join(filter(None, (network, variant)))
    return Model(name, path, title, task(contract), terms(contract), only_generated(contract))
