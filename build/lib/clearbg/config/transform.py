"""The section `transform` of params.yaml."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from clearbg.config.section import Fraction, Section

Factors = Annotated[list[Annotated[float, Field(ge=0, le=4)]], Field(min_length=2, max_length=2)]


class Transform(Section):
    """Random changes of the training images, drawn anew for every step; only train reads it."""

    crop: Annotated[int, Field(ge=32, description="side of the random crop, <= augment.size")]
    scale: Annotated[
        list[Annotated[float, Field(gt=0, le=4)]],
        Field(min_length=2, max_length=2, description="least and largest random scale; 1 = as is"),
    ]
    crop_area: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]],
        Field(
            min_length=2,
            max_length=2,
            description="least and largest share of the image that is resized to the crop",
        ),
    ]
    aspect: Annotated[
        Fraction, Field(description="largest change of that share's aspect ratio; 0 = off")
    ]
    rotate: Annotated[float, Field(ge=0, le=180, description="largest rotation, degrees")]
    rotate_chance: Annotated[Fraction, Field(description="chance of such a rotation")]
    flip: Annotated[Fraction, Field(description="chance of a horizontal flip")]
    flip_vertical: Annotated[Fraction, Field(description="chance of a vertical flip")]
    bleed_through: Annotated[Fraction, Field(description="chance of ink from the page's reverse")]
    color: Annotated[Fraction, Field(description="strength of the color jitter; 0 = off")]
    brightness: Annotated[Factors, Field(description="least and largest factor; 1 = as is")]
    contrast: Annotated[Factors, Field(description="least and largest factor; 1 = as is")]
    saturation: Annotated[Factors, Field(description="least and largest factor; 1 = as is")]
    grayscale: Annotated[Fraction, Field(description="chance of an image without colors")]
    dark: Annotated[Fraction, Field(description="chance of a brightness of 0.15 to 0.6 instead")]
    channel_shift: Annotated[
        Fraction, Field(description="largest shift of each channel, 1 = from black to white")
    ]
    channel_shuffle: Annotated[Fraction, Field(description="chance of swapped channels")]
    tint: Annotated[Fraction, Field(description="chance of an RGB shift, HSV shift or shuffle")]
    tone: Annotated[
        Fraction,
        Field(description="chance of gamma, equalization, brightness-contrast or color jitter"),
    ]
    noise: Annotated[Fraction, Field(description="chance of Gaussian or ISO noise")]
    blur: Annotated[Fraction, Field(description="chance of a Gaussian, box or motion blur")]
    coarse_dropout: Annotated[
        int, Field(ge=0, le=64, description="most black rectangles laid over an image; 0 = off")
    ]

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for key in ("scale", "crop_area", "brightness", "contrast", "saturation"):
            least, largest = getattr(self, key)
            if least > largest:
                raise ValueError(f"{key} = {[least, largest]} must be [least, largest]")
        if self.resizes_a_share and self.scale != [1, 1]:
            raise ValueError(
                f"crop_area and aspect decide the scale: set scale = {self.scale} to [1.0, 1.0]"
            )
        return self

    @property
    def resizes_a_share(self) -> bool:
        """Whether a share of the image, of any size, is resized to the crop."""
        return self.crop_area != [1, 1] or self.aspect > 0

    @property
    def recolors(self) -> bool:
        """Whether any of brightness, contrast, saturation, gray, dark and shift is on."""
        ranges = self.brightness, self.contrast, self.saturation
        return ranges != ([1, 1],) * 3 or any((self.grayscale, self.dark, self.channel_shift))
