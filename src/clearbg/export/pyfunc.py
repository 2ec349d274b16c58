"""The remover as an MLflow model: a column of images in, a column of cutouts out.

MLflow keeps this file with the model and runs it where the model is loaded. There it needs
the modules of removal and ONNX Runtime, but not torch.
"""

import base64
import binascii
import contextlib
import io
import re
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from clearbg.errors import ImageError
from clearbg.removal.remover import Remover
from clearbg.system.parsing import shown

BASE64 = re.compile(rb"[A-Za-z0-9+/\s]+=*")  # no image's file is made of these alone


class RowError(MlflowException, ImageError):
    """A row cannot be used. MLflow's server answers with status 400 and this message alone."""

    def __init__(self, message: str):
        super().__init__(message, error_code=INVALID_PARAMETER_VALUE)


class ImageRemover(mlflow.pyfunc.PythonModel):
    """Takes the column `image` of encoded images, returns the column `image` of RGBA PNGs.

    Bytes come back as bytes, base64 text as base64 text. MLflow's scoring server passes on
    what JSON holds as bytes, which may still be base64, and encodes the answer itself.

    The parameter `on_error` says what becomes of an image that cannot be read: "stop" ends
    the prediction, "null" leaves its place empty.
    """

    def load_context(self, context) -> None:
        self._remove = Remover(context.artifacts["onnx"])

    def predict(
        self, context, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Remove every background.

        Raises:
            RowError: names the first row that cannot be read, counted from 0, or `on_error` is
                of no known kind.
        """
        on_error = (params or {}).get("on_error", "stop")
        if on_error not in ("stop", "null"):
            raise RowError(f"on_error is {shown(on_error)}: choose stop or null.")
        cutouts = []
        for row, image in enumerate(model_input["image"]):
            try:
                cutouts.append(self._cut_out(image))
            except (ImageError, MemoryError) as error:
                why = error if isinstance(error, ImageError) else "the server lacks the memory."
                if on_error == "stop":
                    raise RowError(f"Row {row} of column image: {why}") from error
                cutouts.append(None)
        return pd.DataFrame({"image": cutouts}, index=model_input.index)

    def _cut_out(self, image: bytes | str) -> bytes | str:
        if not isinstance(image, bytes | str):
            raise ImageError(f"{shown(image)} is neither bytes nor base64 text.")
        encoded = image.encode(errors="replace") if isinstance(image, str) else image
        if BASE64.fullmatch(encoded.strip()):
            with contextlib.suppress(binascii.Error):
                encoded = base64.b64decode(encoded)
        cutout, png = self._remove(encoded), io.BytesIO()
        cutout.save(png, "PNG", compress_level=1, **cutout.info)
        if isinstance(image, str):
            return base64.b64encode(png.getvalue()).decode()
        return png.getvalue()


set_model(ImageRemover())
