"""The models that can be picked on the page, opened when they are first used."""

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clearbg.errors import ClearBGError, ModelError, SettingsError
from clearbg.removal.remover import Remover

FIRST = "model"
"""The name of the export that `clearbg remove` takes unless told otherwise."""
OPEN = 2
"""Models that stay open; of others only the file is known."""


@dataclass(frozen=True)
class Model:
    """A model to pick: its name in the API, its file, and what people read."""

    name: str
    path: Path
    label: str


class Offered:
    """Models by name, the first of which is taken unless another is asked for.

    Args:
        paths: exported models; one that cannot be opened, or carries no contract, is left out.
        champion: the registry's, under that name or, where an export has it, another.
        say: told in a sentence which file is left out, and why.

    Raises:
        ModelError: none is left.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        champion: Path | None = None,
        say: Callable[[str], None] = print,
    ):
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple, Remover] = OrderedDict()
        found, refusals = [], []
        for path in sorted(paths, key=lambda path: (path.stem != FIRST, path.name)):
            _add(found, refusals, path, path.stem)
        if champion is not None:
            taken = any(model.name == "champion" for model in found)
            _add(found, refusals, champion, "champion-of-registry" if taken else "champion")
        if not found:
            raise ModelError(" ".join(refusals) or "There is no model to offer.")
        for refusal in refusals:
            say(f"Left out: {refusal}")
        self.models: dict[str, Model] = {model.name: model for model in found}

    @property
    def choices(self) -> list[tuple[str, str]]:
        """What people read, and the name, of each."""
        return [(model.label, model.name) for model in self.models.values()]

    def remover(self, name: str | None, refine: bool) -> tuple[str, Remover]:
        """A model's name, and the model, opened anew when its file has changed.

        Args:
            name: None: the first one's.

        Raises:
            SettingsError: no model has the name.
            ModelError: its file has gone or was damaged since.
        """
        model = next(iter(self.models.values())) if name is None else self.models.get(name)
        if model is None:
            raise SettingsError(f"There is no model {name!r}: choose {' or '.join(self.models)}.")
        with self._lock:
            remover = self._opened(model)
        remover = copy.copy(remover)  # shares the network
        remover.refine = refine
        return model.name, remover

    def _opened(self, model: Model) -> Remover:
        try:
            facts = model.path.stat()
        except OSError as error:
            raise ModelError(
                f"The file of model {model.name} has gone: choose another, or start again."
            ) from error
        key = (model.path, facts.st_mtime_ns, facts.st_size)
        if key not in self._open:
            self._open[key] = Remover(model.path)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        return self._open[key]


def _add(found: list[Model], refusals: list[str], path: Path, name: str) -> None:
    try:
        facts = Remover(path).contract
    except ClearBGError as error:
        refusals.append(str(error))
        return
    label = f"{name} · {facts.model} at {facts.width}×{facts.height}"
    found.append(Model(name, path, label))
