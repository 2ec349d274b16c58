"""What runs an exported model: the device that was asked for, and never another in its place."""

import os
import threading
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime

from clearbg.errors import ModelError, SettingsError
from clearbg.removal import contract
from clearbg.removal.predict import Network

Device = Literal["cpu", "cuda", "openvino"]


def open_model(
    model: str | Path, device: Device, threads: int
) -> tuple[Network, contract.Contract]:
    """An exported model as a function that any thread may call, and its contract.

    Args:
        device: "cpu" and "cuda" are ONNX Runtime's, "openvino" is OpenVINO on the processor.
        threads: of the processor; 0 leaves the choice to the runtime.

    Raises:
        ModelError: the file is missing, is not ONNX, or carries no contract.
        SettingsError: the device is not there.
    """
    if not Path(model).is_file():
        raise ModelError(f"{model} does not exist: make it with `dvc repro`, or name another.")
    if device == "openvino":
        compiled = _openvino(model, threads)
        session = _session(model, "CPUExecutionProvider", threads, optimise=False)  # to be read
        network = _of_openvino(compiled)
    elif device in ("cpu", "cuda"):
        provider = f"{device.upper()}ExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise SettingsError(
                "the ONNX Runtime installed here cannot use CUDA: put onnxruntime-gpu in the "
                "place of onnxruntime with pip, or choose another device."
            )
        session = _session(model, provider, threads, optimise=True)
        network = _of_onnxruntime(session)
    else:
        raise SettingsError(f"device {device!r} is not known: choose cpu, cuda or openvino.")
    facts = session.get_modelmeta().custom_metadata_map
    return network, contract.parse(facts.get(contract.METADATA_KEY, ""), str(model))


def _session(
    model: str | Path, provider: str, threads: int, optimise: bool
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # ONNX Runtime's warnings are not for users
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if provider.startswith("CUDA"):
        onnxruntime.preload_dlls()  # CUDA's libraries may lie in wheels of their own
    try:
        session = onnxruntime.InferenceSession(os.fspath(model), options, providers=[provider])
    except Exception as error:  # ONNX Runtime raises a different class for every damage
        raise ModelError(f"{model} is not a whole ONNX file: export it again.") from error
    if session.get_providers()[0] != provider:  # it falls back to the processor by itself
        raise SettingsError(
            "ONNX Runtime cannot start CUDA on this machine: check the driver (nvidia-smi) and "
            "that CUDA and cuDNN are installed, or choose another device."
        )
    return session


def _of_onnxruntime(session: onnxruntime.InferenceSession) -> Network:
    def network(batch: np.ndarray) -> np.ndarray:
        try:
            return session.run(["alpha"], {"images": batch})[0]
        except Exception as error:  # as above
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(
                f"the model cannot take a batch of shape {batch.shape} ({reason}): take fewer "
                "pictures at once, or export it again."
            ) from error

    return network


def _openvino(model: str | Path, threads: int):
    try:
        import openvino
    except ImportError as error:
        raise SettingsError(
            "OpenVINO is not installed: `pip install openvino`, or choose another device."
        ) from error
    settings = {"INFERENCE_PRECISION_HINT": "f32"}  # or newer processors round to bfloat16
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    try:
        return openvino.Core().compile_model(os.fspath(model), "CPU", settings)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot read {model}: export it again.") from error


def _of_openvino(compiled) -> Network:
    own = threading.local()  # one request runs for one thread at a time

    def network(batch: np.ndarray) -> np.ndarray:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return own.request.infer({"images": batch})["alpha"]

    return network
