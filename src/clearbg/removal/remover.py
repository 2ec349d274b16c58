"""The background remover people use: a picture in, RGBA of the same size out. No torch."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from clearbg import images
from clearbg.errors import ModelError
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

    def __call__(self, picture: images.Source) -> Image.Image:
        """Remove one picture's background.

        Args:
            picture: a path, a file's bytes, or a binary stream.

        Returns:
            An RGBA picture of exactly the input's (upright) size; colours are the input's own.

        Raises:
            PictureError: the picture cannot be read.
        """
        source = images.read_picture(picture)
        cut_out = Image.fromarray(np.dstack([source.rgb, self.matte(source)]))
        for name in ("icc_profile", "dpi"):
            if getattr(source, name) is not None:
                cut_out.info[name] = getattr(source, name)
        return cut_out

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
        """float32 `(N,3,h,w)`, prepared as the contract says -> alpha float32 `(N,1,h,w)`."""
        return self._session.run(["alpha"], {"images": batch})[0]
