"""Sessions that run an exported model on the chosen device, and never silently on another."""

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal

import numpy as np
import onnxruntime

from clearbg.contract import Contract, parse_contract
from clearbg.errors import ModelError, SettingsError
from clearbg.inference.onnx_metadata import contract_text
from clearbg.inference.predict import PIXELS_AT_ONCE, Network
from clearbg.system import memory, project

Device = Literal["cpu", "cuda", "openvino"]
ImageCount = Literal["one", "some", "many"]
"""How many a model is opened for; of the devices only "cpu" has a use for it.

"some": each as soon as possible. "one": as well, and soonest: the network is opened while the
caller goes on, and what is wrong with it is said at its first call; the memory of its activations
is given back at once, which a second image would have to ask for again. "many": the threads are
shared out to several runs at once, which wait for each other less than the threads of one run.
"""

BATCH = {"cpu": 1, "cuda": 8, "openvino": 1}
"""Images in a run of the network. A processor gains nothing from more, and every one of them
has all its activations in memory."""
MOST_RUNS = 4
PIXELS_OF_RUNS = 2**19
"""Of all inputs of a network that runs several times at once: its activations are in memory as
often. Four of 320×320; of 1024×1024 one."""


@dataclass(frozen=True)
class Opened:
    """An open model.

    Attributes:
        network: any thread may call it.
        device: what runs it.
        runs: how many calls at once are fastest; more of them gain nothing.
    """

    network: Network
    contract: Contract
    device: Device
    runs: int = 1


def open_model(
    model: str | Path, device: Device = "cpu", threads: int = 0, images: ImageCount = "some"
) -> Opened:
    """Open an exported model.

    Args:
        device: "cpu" and "cuda" are ONNX Runtime's, "openvino" is OpenVINO on the processor.
        threads: of the processor; 0 leaves the choice to the runtime.

    Raises:
        ModelError: the file is missing, is not ONNX, or has no contract embedded.
        SettingsError: the device is not available.
    """
    if not Path(model).is_file():
        raise ModelError(
            f"{model} does not exist: check the path, or {project.to_run('dvc repro')}."
        )
    if device not in BATCH:
        raise SettingsError(f"device {device!r} is not known: choose cpu, cuda or openvino.")
    text = contract_text(model)
    if device == "openvino":
        compiled = _openvino(model, threads)
        return Opened(_of_openvino(compiled), parse_contract(text, str(model)), device)
    provider = f"{device.upper()}ExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise SettingsError(
            "the ONNX Runtime installed here cannot use CUDA: put onnxruntime-gpu in the "
            "place of onnxruntime with pip, or choose another device."
        )
    if device == "cuda" or not text:  # then the file may be no ONNX at all, which comes first
        session = _session(model, provider, _options(threads))
        return Opened(_of_onnxruntime(session), parse_contract(text, str(model)), device)
    return _on_processor(model, parse_contract(text, str(model)), threads, images)


def _on_processor(
    model: str | Path, contract: Contract, threads: int, images: ImageCount
) -> Opened:
    """For single inputs of the contract's size, which is known beforehand, the network is planned
    better: fewer changes of the layout, which take less time and less memory. Other inputs have a
    session of their own, once there are such.
    """
    provider, runs = "CPUExecutionProvider", 1
    if images == "many":
        runs, threads = _shared_out(contract, threads or cores())
    options = _options(threads)
    for name, length in (("batch", 1), ("height", contract.height), ("width", contract.width)):
        options.add_free_dimension_override_by_name(name, length)
    if images == "many":  # threads that wait would take the time of those that have work
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = images != "one"
    first = _identity(model)

    def opened() -> Network:
        return _of_onnxruntime(_session(model, provider, options))

    if images != "some":
        memory.share()
    if images == "one":
        single = _later(opened)
    elif runs == 1:
        single = opened()
    else:
        with ThreadPoolExecutor(runs, "clearbg model") as pool:
            opening = [pool.submit(opened) for _ in range(runs)]
        single = _taking_turns([network.result() for network in opening])

    @functools.cache
    def other() -> Network:
        if _identity(model) != first:
            raise ModelError(f"{model} was replaced while it was in use: start again.")
        return _of_onnxruntime(_session(model, provider, _options(threads)))

    def network(batch: np.ndarray) -> np.ndarray:
        fits = batch.shape == (1, contract.channels, contract.height, contract.width)
        alphas = single(batch) if fits else other()(batch)
        if images == "one" and contract.fit != "tile":  # of which there are many in an image
            memory.trim()
        return alphas

    return Opened(network, contract, "cpu", runs)


def _identity(file: str | Path) -> tuple[int, ...] | None:
    """The file's number, size and time of change; None: it is gone."""
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _later(opened: Callable[[], Network]) -> Network:
    """A network that another thread is opening; the first call waits for it."""
    pool = ThreadPoolExecutor(1, "clearbg model")
    opening = pool.submit(opened)
    pool.shutdown(wait=False)

    @functools.cache
    def ready() -> Network:
        network = opening.result()
        memory.trim()  # give back what reading the image and opening have freed
        return network

    return lambda batch: ready()(batch)


def _taking_turns(networks: list[Network]) -> Network:
    """Each runs once at a time: with memory of its own, which then does not grow for ever new
    ways of two runs to overlap in one.
    """
    free: SimpleQueue[Network] = SimpleQueue()
    for network in networks:
        free.put(network)

    def next_free(batch: np.ndarray) -> np.ndarray:
        network = free.get()
        try:
            return network(batch)
        finally:
            free.put(network)

    return next_free


def _shared_out(contract: Contract, threads: int) -> tuple[int, int]:
    """Runs at once, and the threads of each."""
    pixels = max(contract.height * contract.width, PIXELS_AT_ONCE if contract.fit == "tile" else 0)
    runs = max(1, min(MOST_RUNS, threads, PIXELS_OF_RUNS // pixels))
    return runs, threads // runs


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = False  # it keeps a second set of all activations, and gains none
    options.enable_mem_reuse = False  # a block planned for two activations is held between them
    options.log_severity_level = 3  # ONNX Runtime's warnings are not for users
    return options


def _session(
    model: str | Path, provider: str, options: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    if provider.startswith("CUDA"):
        onnxruntime.preload_dlls()  # CUDA's libraries may lie in wheels of their own
    try:
        session = onnxruntime.InferenceSession(os.fspath(model), options, providers=[provider])
    except Exception as error:  # ONNX Runtime raises a different class for every damage
        raise ModelError(f"{model} is not a complete ONNX file: export it again.") from error
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
                "images at once, or export it again."
            ) from error

    return network


def _openvino(model: str | Path, threads: int):
    try:
        import openvino
    except ImportError as error:
        raise SettingsError(
            "OpenVINO is not installed: `pip install openvino`, or choose another device."
        ) from error
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32"
    }  # or newer processors round to bfloat16
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
        try:
            return own.request.infer({"images": batch})["alpha"]
        except (KeyError, RuntimeError) as error:
            raise ModelError(
                f"the model cannot take a batch of shape {batch.shape}, or gives no output "
                "'alpha': take fewer images at once, or export it again."
            ) from error

    return network
