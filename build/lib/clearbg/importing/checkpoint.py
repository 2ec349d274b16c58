"""Read the checkpoints of other programs, without running any code in them.

A `.pth` file is a pickle, and a pickle may name any function to be called while it is read.
torch's restricted reader rebuilds tensors and plain containers, and refuses everything else.
"""

import re
import struct
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from clearbg.data.fetching.archive import extract
from clearbg.errors import ModelError

SUFFIXES = (".pth", ".pt", ".safetensors", ".ckpt", ".bin")
WRAPPERS = ("module.", "model.", "net.", "network.", "_orig_mod.")
"""Prefixes that DataParallel, trainers and torch.compile put before every name."""
NUMBER = int | float | np.number
DEEPEST = 4  # levels of nested dictionaries that are searched

# Best losses are often NumPy scalars; these rebuild numbers and nothing else.
_SCALAR = np.float64(0).__reduce__()[0]
NUMBERS = [
    (_SCALAR, "numpy.core.multiarray.scalar"),  # NumPy 1
    (_SCALAR, "numpy._core.multiarray.scalar"),  # NumPy 2
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")),
]


@dataclass(frozen=True)
class Checkpoint:
    """What one file holds.

    Attributes:
        networks: the place in the file ("" when it is a plain state dict) -> tensors by name,
            in the file's order, without the prefixes in `WRAPPERS`.
        ordered: whether the tensors are in the order in which the network was built.
        epoch: at which the checkpoint was saved; None: the file does not say.
    """

    networks: dict[str, dict[str, Tensor]]
    ordered: bool
    epoch: int | None


def read(path: Path) -> Checkpoint:
    """Read a safetensors file or a checkpoint of torch; the content tells which of them it is.

    Raises:
        ModelError: the file is damaged, is neither, holds no network, or asks to run code.
    """
    ordered = not _is_safetensors(path)
    tree = _load(path) if ordered else _load_safetensors(path)
    networks = dict(_networks(tree)) if isinstance(tree, dict) else {}
    if not networks:
        raise ModelError(
            f"{path} holds no state dict of a network: save one with "
            "`torch.save(network.state_dict(), file)` and import that file."
        )
    return Checkpoint(networks, ordered, _epoch(tree))


def unpacked(path: Path, folder: Path) -> Path:
    """The only checkpoint in a zip archive, extracted below `folder`; `path` if it is no archive.

    Raises:
        ModelError: the path is a folder, or the archive holds no checkpoint or several.
        ArchiveError: the archive is damaged or unsafe.
    """
    if path.is_dir():
        raise ModelError(f"{path} is a folder: name the file of weights in it.")
    if not zipfile.is_zipfile(path) or _is_torch_archive(path):
        return path
    contents = extract(path, folder / f"{path.name}.contents")
    found = sorted(p for p in contents.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if len(found) == 1:
        return found[0]
    if not found:
        raise ModelError(
            f"{path} holds no file that ends with {', '.join(SUFFIXES)}: name another archive."
        )
    names = ", ".join(map(str, found[:8]))
    raise ModelError(f"{path} holds several checkpoints: import one of {names}.")


def _is_safetensors(path: Path) -> bool:
    """Whether the file starts with a length of eight bytes and the brace of a JSON header."""
    with path.open("rb") as file:
        head = file.read(9)
    if len(head) < 9 or head[8:] != b"{":
        return False
    return struct.unpack("<Q", head[:8])[0] < 100_000_000  # the format's largest header


def _is_torch_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{path} is a damaged safetensors file: fetch it again.") from error


def _load(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(NUMBERS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of old formats
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a different class for every damage
        wanted = re.search(r"GLOBAL (\S+)", str(error))
        if wanted is None:
            raise ModelError(
                f"{path} is not a complete checkpoint of torch or safetensors (it may be "
                "truncated, or another kind of file): fetch it again, or name the right file."
            ) from error
        raise ModelError(
            f"{path} asks to run {wanted[1]} while it is read, which ClearBG refuses: ask its "
            "publisher for the state dict alone (`torch.save(network.state_dict(), file)`) or for "
            "a safetensors file."
        ) from error


def _networks(
    tree: dict, place: str = "", depth: int = 0
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """(place, tensors) of state dicts with convolutions; the state of optimizers is skipped."""
    if "param_groups" in tree or depth > DEEPEST:
        return
    tensors = {n: v for n, v in tree.items() if isinstance(n, str) and isinstance(v, Tensor)}
    if any(tensor.ndim == 4 for tensor in tensors.values()):
        yield place, _unwrapped(tensors)
        return
    for name, branch in tree.items():
        if isinstance(branch, dict):
            yield from _networks(branch, f"{place}.{name}" if place else str(name), depth + 1)


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in WRAPPERS:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _unwrapped({name.removeprefix(prefix): v for name, v in tensors.items()})
    return tensors


def _epoch(tree: dict) -> int | None:
    for name, value in tree.items():
        if re.fullmatch(r".*epoch", str(name), re.IGNORECASE) and isinstance(value, NUMBER):
            return int(value)
    return None
