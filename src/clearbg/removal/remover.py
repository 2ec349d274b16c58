"""The background remover people use: a picture in, RGBA of the same size out. No torch."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageColor

from clearbg import images
from clearbg.errors import ModelError, SettingsError
from clearbg.removal import contract
from clearbg.removal.predict import predict


class Remover:
    """Removes backgrounds with an exported model, through ONNX Runtime.

    Args:
        model: an ONNX file written by the export stage; it carries its own preprocessing.
        threads: CPU threads; 0 leaves the choice to ONNX Runtime.

    Raises:
        ModelError: the file is missing, is not ONNX, or carries no contract.
    """

    def __init__(self, model: str | Path = "exports/model.onnx", threads: int = 0):
        if not Path(model).is_file():
            raise ModelError(f"{model} does not exist: make it with `dvc repro`, or name another.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # ONNX Runtime's warnings are not for users
        try:
            self._session = onnxruntime.InferenceSession(
                os.fspath(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises a different class for every damage
            raise ModelError(f"{model} is not a whole ONNX file: export it again.") from error
        facts = self._session.get_modelmeta().custom_metadata_map
        self.contract = contract.parse(facts.get(contract.METADATA_KEY, ""), str(model))

    def __call__(self, picture: images.Source, background: str | None = None) -> Image.Image:
        """Remove one picture's background.

        Args:
            picture: a path, a file's bytes, or a binary stream.
            background: as `cut_out` takes it.

        Returns:
            A picture of exactly the input's (upright) size: RGBA, or RGB with a background.

        Raises:
            PictureError: the picture cannot be read.
            SettingsError: the background is no colour.
        """
        found = self.cut_out(images.read_picture(picture), background)
        layers = found.rgb if found.alpha is None else np.dstack([found.rgb, found.alpha])
        image = Image.fromarray(layers)
        for name in ("icc_profile", "dpi"):
            if getattr(found, name) is not None:
                image.info[name] = getattr(found, name)
        return image

    def cut_out(self, picture: images.Picture, background: str | None = None) -> images.Picture:
        """The subject of a picture, or its ink in black where the contract's output is "ink".

        Args:
            background: a colour's name or #rrggbb, to lie behind the subject or the ink.

        Returns:
            A picture of the same size: without a background it has an alpha and the subject
            keeps the colours and the profile of the input; with one it is opaque, in sRGB.

        Raises:
            SettingsError: the background is no colour.
        """
        behind = None if background is None else colour(background)
        alpha, ink = self.matte(picture), self.contract.output == "ink"
        rgb, profile = picture.rgb, picture.icc_profile
        if ink or behind is not None:
            rgb, profile = np.zeros_like(rgb) if ink else picture.srgb(), None
        if behind is not None:
            ground = Image.new("RGB", (picture.width, picture.height), behind)
            ground.paste(Image.fromarray(rgb), mask=Image.fromarray(alpha))
            rgb, alpha = np.asarray(ground), None
        return images.Picture(rgb, alpha, icc_profile=profile, dpi=picture.dpi)

    def matte(self, picture: images.Picture) -> np.ndarray:
        """Alpha uint8 `(H,W)` of a picture; transparency that it had already stays."""
        alpha = self.alpha([picture.srgb()])[0]
        if picture.alpha is not None:
            alpha = alpha * (picture.alpha / np.float32(255))
        return np.rint(alpha * 255).astype(np.uint8)

    def alpha(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        """Alpha float32 `(H,W)` in [0, 1] for each uint8 `(H,W,3)` sRGB picture."""
        return predict(pictures, self.network, self.contract)

    def network(self, batch: np.ndarray) -> np.ndarray:
        """float32 `(N,C,h,w)`, prepared as the contract says -> alpha float32 `(N,1,h,w)`."""
        return self._session.run(["alpha"], {"images": batch})[0]


def colour(text: str) -> tuple[int, int, int]:
    """The sRGB values, 0 to 255, of a colour's name or of #rrggbb.

    Raises:
        SettingsError: it is neither, or it is transparent.
    """
    try:
        red, green, blue = ImageColor.getrgb(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is no opaque colour: give a name such as white, or #rrggbb."
        ) from error
    return red, green, blue
