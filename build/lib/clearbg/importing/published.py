"""The preprocessing of the published networks, which a file of weights does not contain."""

from dataclasses import dataclass
from typing import Any, Literal

from clearbg.contract import Contract

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
LICENSE = "unknown: see where the weights came from"


@dataclass(frozen=True)
class Published:
    """Preprocessing of one architecture; `size` is the input's height and width, pixels."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Literal["stretch", "tile"] = "stretch"
    output: Literal["cutout", "ink"] = "cutout"


PUBLISHED = {
    # Qin et al. 2020, section 4.2: 320², and their code's ImageNet statistics.
    "u2net": Published(320, *IMAGENET),
    "u2netp": Published(320, *IMAGENET),
    # Qin et al. 2022 (DIS), section 5: 1024²; their code shifts by a half and leaves the scale.
    "isnet": Published(1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)),
    # The common U-Net of people and cars is trained on values in [0, 1], here on 256².
    "unet": Published(256, *PLAIN),
    # Its encoder starts from ImageNet, whose statistics it expects; trained on 512².
    "deeplab": Published(512, *IMAGENET),
    # The generator's output is compared with its input, so both stay in [0, 1].
    "gan_generator": Published(256, *PLAIN),
    # Trained on crops of 256² in the page's own resolution, inverted so that ink is 1.
    "stacked_unet": Published(256, (1.0,), (-1.0,), fit="tile", output="ink"),
}


def contract(
    model: str, settings: dict[str, Any], size: int | None, weights_sha256: str, license: str
) -> Contract:
    """The preprocessing contract of imported weights; `size` (pixels) replaces the published one.

    Neighboring tiles overlap by a quarter of their size: 64 of 256 pixels, the
    radius of the receptive field of the published stacked U-Net with its two blocks.
    """
    facts = PUBLISHED[model]
    size = size or facts.size
    return Contract(
        model=model,
        settings=settings,
        height=size,
        width=size,
        fit=facts.fit,
        overlap=size // 4 if facts.fit == "tile" else 0,
        kernel="bilinear",
        color_order="L" if len(facts.mean) == 1 else "RGB",
        mean=facts.mean,
        std=facts.std,
        threshold=0.5,
        output=facts.output,
        headline="unknown",
        weights_sha256=weights_sha256,
        data_digest="",
        data_license=license,
    )
