"""The sections of params.yaml beside `data`."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from clearbg.config.section import Accelerator, BelongsTo, Fraction, Positive, Section
from clearbg.metrics.names import Family, Protocol, Selectable

Channels = Annotated[list[float], Field(min_length=1, max_length=3)]


class Augment(Section):
    """What the stage augment makes once, on disk: the working size and mirrored copies."""

    size: Annotated[int, Field(ge=32, le=4096, description="working height and width, pixels")]
    fit: Annotated[
        Literal["stretch", "tile"],
        Field(description="stretch the image to the size, or cut it into tiles of the size"),
    ]
    overlap: Annotated[
        int | None,
        BelongsTo("fit", "tile"),
        Field(ge=0, description="pixels that neighboring tiles share"),
    ] = None
    kernel: Annotated[
        Literal["bilinear", "bicubic", "lanczos"] | None, BelongsTo("fit", "stretch")
    ] = None
    mirror: Annotated[bool, Field(description="mirrored copies of the training split")]

    @model_validator(mode="after")
    def _tiles_fit(self) -> Self:
        if self.fit == "tile" and 2 * (self.overlap or 0) >= self.size:
            raise ValueError(f"overlap = {self.overlap} must be below half of size = {self.size}")
        return self


class Model(Section):
    name: Literal["u2net", "u2netp", "isnet", "unet", "deeplab", "stacked_unet", "gan_generator"]
    norm: Annotated[
        Literal["batch", "group", "frozen"],
        Field(description="normalization; group and frozen also suit a batch of one"),
    ]
    backbone: Annotated[
        Literal["resnet18", "resnet34"] | None, BelongsTo("name", "deeplab")
    ] = None  # fmt: skip
    pretrained: Annotated[
        bool | None,
        BelongsTo("name", "deeplab"),
        Field(description="start the encoder from ImageNet weights, which are downloaded"),
    ] = None
    blocks: Annotated[Positive | None, BelongsTo("name", "stacked_unet")] = None
    channels: Annotated[
        Literal[3, 4] | None,
        BelongsTo("name", "gan_generator"),
        Field(description="4: premultiplied RGB and alpha; 3: RGB alone, as the original"),
    ] = None
    widths: Annotated[
        list[Positive] | None,
        BelongsTo("name", "gan_generator"),
        Field(min_length=2, max_length=7, description="channels of each level"),
    ] = None
    teacher_epochs: Annotated[
        int | None,
        BelongsTo("name", "isnet"),
        Field(ge=0, description="epochs at most of the ground-truth encoder; 0 = do without"),
    ] = None
    gray: Annotated[
        Literal["luma", "darker"] | None,
        BelongsTo("name", "stacked_unet"),
        Field(description="what it reads: the luma, or the lesser of R and G"),
    ] = None
    mean: Annotated[Channels, Field(description="of R, G, B, or of gray, in [0, 1]")]
    std: Annotated[Channels, Field(description="of R, G, B, or of gray; -1 with mean 1 inverts")]
    threshold: Annotated[float, Field(gt=0, lt=1, description="alpha counted as foreground")]
    output: Annotated[
        Literal["cutout", "ink"],
        Field(description="what removal keeps: the subject's colors, or black ink"),
    ]

    @model_validator(mode="after")
    def _channels_fit(self) -> Self:
        wanted = 1 if self.name == "stacked_unet" else 3
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != wanted:
                raise ValueError(f"{self.name} takes {key} of length {wanted}, not {values}")
        if 0 in self.std:
            raise ValueError("std must not be 0")
        if self.name == "gan_generator" and (set(self.mean), set(self.std)) != ({0.0}, {1.0}):
            raise ValueError("gan_generator compares its output with the image: set mean to "
                             "[0.0, 0.0, 0.0] and std to [1.0, 1.0, 1.0]")  # fmt: skip
        return self

    def settings(self) -> dict[str, Any]:
        """What `clearbg.models.build` takes beside the name."""
        keys = ("norm", "backbone", "pretrained", "blocks", "channels", "widths")
        return {key: value for key, value in self.given().items() if key in keys}


class Evaluate(Section):
    batch_size: Positive
    accelerator: Accelerator
    metrics: Annotated[list[Family], Field(min_length=1)]
    protocols: Annotated[
        list[Protocol] | None,
        BelongsTo("metrics", "saliency"),
        Field(min_length=1),
    ] = None
    cases: Annotated[Positive, Field(description="worst, middle and best images in the report")]
    max_leaked: Annotated[
        Fraction, Field(description="share of test images that training may have seen")
    ]
    robustness: Annotated[
        bool,
        Field(description="also score the images dimmed, noisy, small, turned and the like"),
    ]


class Export(Section):
    opset: Annotated[int, Field(ge=18, le=23)]
    tolerance: Annotated[float, Field(gt=0, description="largest allowed alpha difference")]
    images: Annotated[Positive, Field(description="validation images checked")]
    formats: Annotated[
        list[Literal["fp16", "int8"]], Field(description="written beside model.onnx in fp32")
    ]
    fp16_tolerance: Annotated[
        float | None,
        BelongsTo("formats", "fp16"),
        Field(gt=0, le=1, description="largest allowed alpha difference of fp16"),
    ] = None
    int8_tolerance: Annotated[
        float | None,
        BelongsTo("formats", "int8"),
        Field(gt=0, le=1, description="largest allowed alpha difference of int8"),
    ] = None
    calibration: Annotated[
        Positive | None,
        BelongsTo("formats", "int8"),
        Field(description="validation images, the last ones, that int8's ranges come from"),
    ] = None
    float_layers: Annotated[
        Fraction | None,
        BelongsTo("formats", "int8"),
        Field(description="share of convolutions that int8 may keep in float"),
    ] = None
    max_f_loss: Annotated[Fraction, Field(description="how far maxF may fall in any export")]
    mae_loss: Annotated[Fraction, Field(description="how far MAE may rise in any export")]
    boundary_iou_loss: Annotated[
        Fraction, Field(description="how far boundary IoU may fall in any export")
    ]
    rembg: Annotated[
        list[Literal["u2net_custom", "dis_custom"]],
        Field(description="sessions of rembg that a file is written for"),
    ]
    hugging_face: Annotated[bool, Field(description="write exports/hf for Hugging Face loaders")]


class Promote(Section):
    """What makes an exported model the champion of the registry."""

    metric: Annotated[
        Selectable | None, Field(description="what the gain is measured in; null: train.select_by")
    ]
    margin: Annotated[
        float, Field(ge=0, description="the lower bound of the gain must be above it")
    ]
    confidence: Annotated[float, Field(ge=0.5, lt=1, description="of the gain's interval")]
    max_slice_drop: Annotated[
        float, Field(ge=0, description="how far the metric may fall behind on any slice")
    ]
    max_empty_alpha_rise: Annotated[
        Fraction, Field(description="how far alpha may rise where there is no subject")
    ]
    min_images: Annotated[
        int, Field(ge=2, description="groups of images that the test split, or a slice, needs")
    ]
    min_score: Annotated[
        float, Field(ge=0, description="what a first champion must reach in the metric")
    ]
    commercial_only: Annotated[
        bool, Field(description="refuse a model that is not open to commercial use")
    ]
