"""Fabric on the chosen devices, with everything fixed that could vary between runs."""

import logging
import os
from datetime import timedelta

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from clearbg import config
from clearbg.errors import SettingsError
from clearbg.system import memory

PATIENCE = timedelta(minutes=30)  # that processes wait for each other, for example at validation


def launch(settings: config.Train) -> Fabric:
    """Start Fabric.

    `train.determinism: exact` gives the same bits on one type of machine, with deterministic
    algorithms alone; `fast` lets cuDNN and cuBLAS choose the quickest ones, and TF32.

    Raises:
        SettingsError: the device or the precision is not to be had on this machine.
    """
    accelerator = _accelerator(settings)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces its precision
    memory.keep_freed()
    torch.set_num_threads(settings.threads)
    exact = settings.determinism == "exact"
    if exact:  # read when CUDA's libraries start
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(exact)
    # It would fill every new tensor with NaN first: two more kernels for each one of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not exact
    torch.backends.cudnn.deterministic = exact
    torch.backends.cudnn.allow_tf32 = not exact
    torch.set_float32_matmul_precision("highest" if exact else "high")
    fabric = Fabric(
        accelerator=accelerator,
        devices=settings.devices,
        num_nodes=settings.nodes,
        precision=settings.precision,
        strategy=DDPStrategy(timeout=PATIENCE) if settings.devices * settings.nodes > 1 else "auto",
    )
    fabric.launch()
    return fabric


def _accelerator(settings: config.Train) -> str:
    cuda = torch.cuda.is_available()
    if settings.accelerator == "cuda" and not cuda:
        raise SettingsError(
            "train.accelerator = cuda, but torch finds no CUDA device here: set it to cpu or auto."
        )
    accelerator = settings.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if cuda else "cpu"
    if accelerator == "cpu" and settings.precision == "16-mixed":
        raise SettingsError(
            "train.precision = 16-mixed needs a GPU: use bf16-mixed or 32-true on the CPU."
        )
    if accelerator == "cpu" and settings.sync_batch_norm:
        raise SettingsError(
            "train.sync_batch_norm needs GPUs: set it to false, or model.norm to group."
        )
    if accelerator == "cuda" and settings.devices > torch.cuda.device_count():
        raise SettingsError(
            f"train.devices = {settings.devices}, but torch finds {torch.cuda.device_count()} "
            "CUDA devices here: lower it."
        )
    return accelerator
