"""Fabric on the chosen devices, with everything fixed that could vary between runs."""

import logging
import os
import sys
from datetime import timedelta

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from clearbg import config
from clearbg.errors import SettingsError
from clearbg.system import memory
from clearbg.training import processes

PATIENCE = timedelta(minutes=30)  # that processes wait for each other, for example at validation


def launch(settings: config.Train, alone: bool = False) -> Fabric:
    """Start Fabric.

    `train.determinism: exact` gives the same bits on one type of machine, with deterministic
    algorithms alone; `fast` lets cuDNN and cuBLAS choose the quickest ones, and TF32.

    Several devices are several processes: see `processes.run_all`. With `alone`, this process uses
    one device for itself, whatever other processes there are.

    Raises:
        SettingsError: the device or the precision is not to be had on this machine, or other
            processes were started than the settings want.
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
    if alone:
        fabric.launch()
    else:
        _launch(fabric, settings)
    return fabric


def _launch(fabric: Fabric, settings: config.Train) -> None:
    """Start all processes of this machine, or take the place of one that was started.

    Raises:
        SettingsError: a program beside this one has started another number of them.
    """
    wanted = settings.devices * settings.nodes
    found = int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else wanted
    if found != wanted:
        raise SettingsError(
            f"{found} processes were started from outside, but train.devices = {settings.devices} "
            f"on train.nodes = {settings.nodes} needs {wanted}: start that many."
        )
    environment = getattr(fabric.strategy, "cluster_environment", None)
    if wanted > 1 and environment is not None and not environment.creates_processes_externally:
        if settings.nodes > 1:
            raise SettingsError(
                f"train.nodes = {settings.nodes}: start the training on each machine with "
                f"`torchrun --nnodes {settings.nodes} --nproc-per-node {settings.devices} "
                "--rdzv-backend c10d --rdzv-endpoint FIRST_MACHINE:29500 pipelines/train.py`."
            )
        processes.run_all(settings.devices)
    fabric.launch()
    processes.follow_starter()
    if not fabric.is_global_zero:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  the first process speaks for all


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
    if accelerator == "cuda" and settings.devices > torch.cuda.device_count():
        raise SettingsError(
            f"train.devices = {settings.devices}, but torch finds {torch.cuda.device_count()} "
            "CUDA devices here: lower it."
        )
    return accelerator
