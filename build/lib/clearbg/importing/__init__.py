"""Import published weights as a models folder: the same files that a training writes."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch

from clearbg.contract import FILE as CONTRACT
from clearbg.data.fetching.fetch import fetch
from clearbg.errors import ModelError
from clearbg.importing import checkpoint
from clearbg.importing.published import LICENSE, PUBLISHED, contract
from clearbg.importing.recognize import Match, is_discriminator, match, mismatch
from clearbg.models import weights
from clearbg.system import project
from clearbg.system.files import file_sha256, replacing_folder


@dataclass(frozen=True)
class Imported:
    """What was found in the file, and the folder that was written.

    Attributes:
        folder: holds weights.safetensors and model.json.
        model: a name of `clearbg.models.MODELS`.
        tensors: how many were written, with the counters of batches.
        parameters: how many values a training changes.
        epoch: at which the checkpoint was saved; None: the file does not say.
        sha256: of weights.safetensors.
        remarks: what was changed beside the names, and what in the file was left out.
    """

    folder: Path
    model: str
    tensors: int
    parameters: int
    epoch: int | None
    sha256: str
    remarks: tuple[str, ...]


def import_weights(
    source: str,
    output: Path | None = None,
    size: int | None = None,
    license: str | None = None,
    key: str | None = None,
) -> Imported:
    """Turn a checkpoint of a known network into a folder with the layout of models/.

    Equal input gives equal bytes. No code that the checkpoint contains is run.

    Args:
        source: a file, or an address that `clearbg.data.fetching.fetch.fetch` understands.
        output: the folder to make; by default imported/<name of the file>.
        size: height and width of the network's input, pixels; by default as published.
        license: of the images that the weights were trained on; None: unknown.
        key: which network to import from a file with several; the error message lists them.

    Raises:
        ModelError: the file is damaged, asks to run code, holds no known network, or holds
            several of them; or the output folder already holds something else.
        FetchError: the file is missing or cannot be fetched.
        ArchiveError: the file is an archive that is damaged or unsafe.
    """
    downloads = project.state() / "downloads"
    path = checkpoint.unpacked(fetch(source, downloads), downloads)
    held = checkpoint.read(path)
    place, found, remarks = _chosen(held, path, key)
    for name, tensor in found.weights.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(
                f"{path} has values in {name} that are not finite, so its training has diverged: "
                "import an earlier checkpoint."
            )
    folder = output or project.root() / "imported" / _name(path)
    return Imported(
        folder=folder,
        model=found.network.model,
        tensors=len(found.weights),
        parameters=weights.parameters(found.weights),
        epoch=held.epoch,
        sha256=_write(found, folder, size, license or LICENSE),
        remarks=(
            *((f"the network is {place!r} of the file",) if place else ()),
            *found.notes,
            *remarks,
        ),
    )


def summary(imported: Imported) -> str:
    """Lines that tell the user what was imported, and how to use it."""
    folder = imported.folder
    if folder.is_absolute() and folder.is_relative_to(project.root()):
        folder = folder.relative_to(project.root())
    epoch = "" if imported.epoch is None else f", epoch {imported.epoch}"
    return "\n".join(
        [
            f"{folder}: {imported.model}, {imported.tensors} tensors, "
            f"{imported.parameters:,} parameters{epoch}",
            *(f"note: {remark}" for remark in imported.remarks),
            f"Use it as it is: `clearbg remove IMAGE --model {folder}` or `clearbg evaluate "
            f"IMAGES MASKS --model {folder}`. To start a training from it, in params.yaml:",
            "train:",
            f"  init_from: {folder.as_posix()}",
            f"  init_sha256: {imported.sha256}",
        ]
    )


def _chosen(
    held: checkpoint.Checkpoint, path: Path, key: str | None
) -> tuple[str, Match, tuple[str, ...]]:
    """The place in the file of the network to import, its match, and remarks on the others."""
    if key is not None and key not in held.networks:
        known = ", ".join(map(repr, held.networks))
        raise ModelError(f"{path} has no network at {key!r}, only at {known}: correct --key.")
    usable, others = {}, {}
    for place, tensors in held.networks.items():
        if key is not None and place != key:
            continue
        found = match(tensors, held.ordered)
        if found is not None and found.network.model in PUBLISHED:
            usable[place] = found
        elif found is not None and found.network.model == "isnet_gt":
            others[place] = "IS-Net's ground-truth encoder, whose input is a mask and not an image"
        elif is_discriminator(tensors):
            others[place] = "a discriminator, which only judges images"
        else:
            others[place] = mismatch(tensors)
    if not usable:
        what = "; ".join(others.values())
        raise ModelError(f"{path} holds {what}: import weights of one of {', '.join(PUBLISHED)}.")
    if len(usable) > 1:
        what = ", ".join(f"{place!r} ({m.network.model})" for place, m in usable.items())
        raise ModelError(f"{path} holds several networks, {what}: choose one with --key.")
    [(place, found)] = usable.items()
    return place, found, tuple(f"left out {other!r}: {why}" for other, why in others.items())


def _write(found: Match, folder: Path, size: int | None, license: str) -> str:
    """Write the folder; return the SHA-256 of its weights."""
    network = found.network
    with replacing_folder(folder) as aside:
        weights.save(found.weights, aside / weights.FILE)
        sha256 = file_sha256(aside / weights.FILE)
        text = contract(network.model, network.settings, size, sha256, license).to_json()
        (aside / CONTRACT).write_text(text, encoding="utf-8")
        if folder.exists() and not _holds(folder, text):
            raise ModelError(
                f"{folder} already holds something else: name another folder with --output, or "
                "delete it."
            )
    return sha256


def _holds(folder: Path, text: str) -> bool:
    """Whether the folder is empty, or holds an import with this same contract and nothing else."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    if not names:
        return True
    if names != {CONTRACT, weights.FILE}:
        return False
    return (folder / CONTRACT).read_text(encoding="utf-8", errors="replace") == text


def _name(path: Path) -> str:
    """`net` of net.pth, net.pth.tar and net.safetensors."""
    while path.suffix in (*checkpoint.SUFFIXES, ".tar"):
        path = path.with_suffix("")
    return re.sub(r"[^\w.-]+", "_", path.name)
