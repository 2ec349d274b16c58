"""Recognize which of our networks a foreign state dict belongs to, and rename its tensors.

Names decide first. The original code of the GAN, of the stacked U-Net and of many a U-Net gives
other names to the layers. Then the order decides in which the network was built and saved: if
each tensor has the kind and shape of ours at the same position, it is the same network.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from typing import Any

import torch
from torch import Tensor

from clearbg import models

Shape = tuple[int, ...]
Signature = tuple[str, Shape]
"""The last part of a tensor's name (weight, bias, running_mean, ...) and its shape."""

COUNTER = "num_batches_tracked"  # checkpoints from before 2018 lack it; comparisons ignore it
BY_ORDER = (
    "its layers have other names and were matched by their order: check a result before you use it"
)
MOST_GROUPS = 16  # no other order is tried for more modules than this


@dataclass(frozen=True)
class Network:
    """One of our architectures, with the settings that follow from the tensors' shapes."""

    model: str
    settings: dict[str, Any] = field(default_factory=dict)

    def shapes(self) -> dict[str, Shape]:
        """Names and shapes of its tensors, in order; no memory is allocated for them."""
        with torch.device("meta"):
            network = models.build(self.model, **self.settings)
        return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@dataclass(frozen=True)
class Match:
    """Foreign tensors under our names, as float32, and notes on what else was changed."""

    network: Network
    weights: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def match(tensors: dict[str, Tensor], ordered: bool) -> Match | None:
    """The network to which these tensors belong; None: they belong to none of ours.

    Args:
        tensors: by foreign name, in the file's order.
        ordered: whether they may be matched by this order where their names differ from ours.
    """
    folded = _one_logit(tensors)
    for network in candidates(tensors):
        ours = network.shapes()
        variants = [(tensors, ())]
        if network.model == "unet" and folded is not None:
            variants.append((folded, ("its two classes became one logit: their difference",)))
        for variant, notes in variants:
            theirs = _shapes(variant)
            names = _by_name(theirs, ours) or (_by_order(theirs, ours) if ordered else None)
            if names is not None:
                if any(own != their for own, their in names.items()):
                    notes = (BY_ORDER, *notes)
                return Match(network, _renamed(variant, names, ours), notes)
    return None


def candidates(tensors: dict[str, Tensor]) -> Iterator[Network]:
    """All our networks; one that comes in several sizes has the size that the shapes imply."""
    for model in ("u2net", "u2netp", "isnet", "isnet_gt", "unet"):
        yield Network(model)
    for backbone in ("resnet18", "resnet34"):
        yield Network("deeplab", {"backbone": backbone, "pretrained": False})
    shapes = [tuple(tensor.shape) for tensor in tensors.values() if tensor.ndim == 4]
    # Each block has exactly one convolution that is 1×1 with one output: its last.
    blocks = sum(shape[0] == 1 and shape[2:] == (1, 1) for shape in shapes)
    yield Network("stacked_unet", {"blocks": max(blocks, 1)})
    ups = [shape for shape in shapes if shape[2:] == (2, 2)]
    if ups and shapes[-1][0] in (3, 4):  # a transposed convolution's shape begins with inputs
        ups.sort(reverse=True)  # deepest first
        widths = [shape[1] for shape in ups[::-1]] + [ups[0][0]]
        yield Network("gan_generator", {"channels": shapes[-1][0], "widths": widths})


def is_discriminator(tensors: dict[str, Tensor]) -> bool:
    """Whether a dense layer with one output, a score for the image, is among the tensors."""
    return any(tensor.ndim == 2 and len(tensor) == 1 for tensor in tensors.values())


def mismatch(tensors: dict[str, Tensor]) -> str:
    """Why the tensors are none of our networks, as the end of a sentence "the file holds ..."."""
    theirs = _shapes(tensors)
    variant = _unet_variant(theirs)
    if variant is not None:
        return variant
    best, nearest = -1.0, ""
    found = Counter(_signatures(theirs))
    for network in candidates(tensors):
        ours = network.shapes()
        wanted = _without_counters(ours)
        common = (found & Counter(_signatures(wanted))).total()
        named = len(theirs.items() & wanted.items())
        likeness = (common + named) / max(len(theirs), len(wanted))
        if likeness > best:
            best = likeness
            nearest = f"no known network; nearest is {network.model}, {_difference(theirs, wanted)}"
    return nearest


def _unet_variant(theirs: dict[str, Shape]) -> str | None:
    """What is special about a common U-Net of a form that we lack; None: it is no such U-Net."""
    head = theirs.get("outc.conv.weight")
    if head is None or "inc.double_conv.0.weight" not in theirs:
        return None
    if "up1.up.weight" not in theirs:
        return "a U-Net with bilinear upsampling, but ClearBG's has transposed convolutions"
    if head[0] > 2:
        return f"a U-Net for {head[0]} classes, but a background remover has one or two"
    return None


def _difference(theirs: dict[str, Shape], ours: dict[str, Shape]) -> str:
    """The first tensor that differs, found by name if most names are ours, else by order."""
    if 2 * len(theirs.keys() & ours.keys()) > len(ours):
        for name, shape in ours.items():
            if name not in theirs:
                return f"whose {name} is missing here"
            if theirs[name] != shape:
                return f"whose {name} is {_text(shape)} and here {_text(theirs[name])}"
        return f"which has no {next(name for name in theirs if name not in ours)}"
    pairs = zip_longest(theirs.items(), ours.items())
    for position, (their, own) in enumerate(pairs, 1):
        if their is None:
            return f"which has {len(ours)} tensors, but here are only {len(theirs)}"
        if own is None:
            return f"which has only {len(ours)} tensors, so {their[0]} is one too many"
        if _signature(*their) != _signature(*own):
            return (
                f"whose tensor {position}, {own[0]}, is {_text(own[1])} "
                f"and here {their[0]}, {_text(their[1])}"
            )
    return "whose tensors have other names here, and safetensors files do not keep their order"


def _one_logit(tensors: dict[str, Tensor]) -> dict[str, Tensor] | None:
    """Replace a last 1×1 convolution to (background, foreground) by foreground - background.

    A softmax over two values is the sigmoid of their difference, so nothing is lost. None: the
    last convolution is another one.
    """
    heads = [name for name, tensor in tensors.items() if tensor.ndim == 4]
    weight, bias = heads[-1], heads[-1].removesuffix("weight") + "bias"
    shape = tuple(tensors[weight].shape)
    if (shape[0], *shape[2:]) != (2, 1, 1) or bias not in tensors:
        return None
    ends = {name: tensors[name][1:] - tensors[name][:1] for name in (weight, bias)}
    return {**tensors, **ends}


def _by_name(theirs: dict[str, Shape], ours: dict[str, Shape]) -> dict[str, str] | None:
    """Our name -> their name, if all names and shapes are the same; else None."""
    ours = _without_counters(ours)
    return {name: name for name in ours} if theirs == ours else None


def _by_order(theirs: dict[str, Shape], ours: dict[str, Shape]) -> dict[str, str] | None:
    """Our name -> their name, by position; None: no order fits.

    A U-Net may list its decoder before its encoder. If the tensors do not fit in the file's
    order, the modules of the first or second level are rearranged into an order that fits.
    """
    ours = _without_counters(ours)
    if len(theirs) != len(ours):
        return None
    wanted = _signatures(ours)
    if _signatures(theirs) == wanted:
        return dict(zip(ours, theirs))
    for level in (1, 2):
        groups = _modules(theirs, level)
        if len(groups) <= MOST_GROUPS:
            for order in _orders(groups, theirs, wanted):
                return dict(zip(ours, order))
    return None


def _modules(names: Iterable[str], level: int) -> list[list[str]]:
    return [list(group) for _, group in groupby(names, lambda name: name.split(".")[:level])]


def _orders(
    groups: list[list[str]], theirs: dict[str, Shape], wanted: list[Signature]
) -> Iterator[list[str]]:
    """The names, group after group, in every order of groups that has the `wanted` signatures.

    Groups with equal signatures stay in the file's order.
    """
    if not groups:
        yield []
    tried = []
    for index, group in enumerate(groups):
        signatures = [_signature(name, theirs[name]) for name in group]
        if signatures == wanted[: len(group)] and signatures not in tried:
            tried.append(signatures)
            rest = groups[:index] + groups[index + 1 :]
            for tail in _orders(rest, theirs, wanted[len(group) :]):
                yield group + tail


def _renamed(
    tensors: dict[str, Tensor], names: dict[str, str], ours: dict[str, Shape]
) -> dict[str, Tensor]:
    """Copies under our names; counters of batches that the file lacks start at 0."""
    weights = {}
    for name in ours:
        if name in names:
            weights[name] = tensors[names[name]].detach().to(torch.float32, copy=True)
        else:
            mean = names[name.removesuffix(COUNTER) + "running_mean"]
            counter = tensors.get(mean.removesuffix("running_mean") + COUNTER, torch.tensor(0))
            weights[name] = counter.detach().to(torch.int64, copy=True)
    return weights


def _shapes(tensors: dict[str, Tensor]) -> dict[str, Shape]:
    return _without_counters({name: tuple(tensor.shape) for name, tensor in tensors.items()})


def _without_counters(shapes: dict[str, Shape]) -> dict[str, Shape]:
    return {name: shape for name, shape in shapes.items() if not name.endswith(COUNTER)}


def _signatures(shapes: dict[str, Shape]) -> list[Signature]:
    return [_signature(name, shape) for name, shape in shapes.items()]


def _signature(name: str, shape: Shape) -> Signature:
    return name.rpartition(".")[2], shape


def _text(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "a number"
