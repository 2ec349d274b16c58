"""A whole run of `clearbg remove`, for Python: open the model, choose the engine, do the images.

Heavy imports wait, so that they happen while the network is being opened.
"""

import contextlib
import dataclasses
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clearbg.errors import SettingsError
from clearbg.removal.options import OutputOptions, RayOptions, RunOptions

if TYPE_CHECKING:
    from clearbg.inference.sessions import Device
    from clearbg.removal.report import RemovalReport

Engine = Literal["plain", "ray"]


def remove_images(
    inputs: Sequence[str | Path],
    output: str | Path | None = None,
    model: str | Path | None = None,
    *,
    name: str | None = None,
    device: "Device" = "cpu",
    refine: bool = True,
    format: str | None = None,
    output_options: OutputOptions | None = None,
    run_options: RunOptions | None = None,
    engine: Engine = "plain",
    ray_options: RayOptions | None = None,
    log: Path | None = None,
) -> "RemovalReport":
    """Remove the backgrounds of files, as `clearbg remove` does.

    Args:
        inputs, output, format: see `plan.plan`.
        model: see `Remover`.
        name: what the report calls the model; None: as it was named here.
        device, refine: see `Remover`.
        output_options, run_options, ray_options: None: the defaults.
        engine: "plain" works in this process; "ray" in processes of Ray, on the cluster at
            RAY_ADDRESS or on this machine.
        log: a file to which every image adds a line of numbers, see `log.RemovalLog`.

    Raises:
        DataError: an input is missing or holds no images, or `output` cannot take them.
        ModelError: the model cannot be used.
        SettingsError: options exclude each other, or the device or Ray is not there.
        ClearBGError: Ray cannot be reached, or broke off.
    """
    ray_options = ray_options or RayOptions()
    if engine == "plain" and ray_options != RayOptions():
        raise SettingsError(
            "The number of actors and their GPU share (gpus) need the engine ray: choose it, or "
            "leave them out."
        )
    if engine == "ray" and log is not None:
        raise SettingsError("The engine ray keeps no log: leave the log out, or the engine ray.")
    from clearbg.pretrained.choice import choose

    runs = choose(model, device)
    name = name or runs.name
    if engine == "ray":
        from clearbg.removal.distributed.bulk import remove_in_bulk

        with contextlib.redirect_stdout(StringIO()):  # Ray prints there that a process has ended
            return remove_in_bulk(
                inputs,
                output,
                runs.file,
                name=name,
                device=device,
                refine=refine,
                output_options=output_options,
                run_options=run_options,
                ray_options=ray_options,
                format=format,
            )
    if engine != "plain":
        raise SettingsError(f"The engine {engine!r} is not known: choose plain or ray.")
    from clearbg.inference.sessions import open_model

    single = len(inputs) == 1 and (str(inputs[0]) == "-" or Path(inputs[0]).is_file())
    opened = open_model(runs.file, device, images="one" if single else "many")

    from clearbg.removal.files import remove_files
    from clearbg.removal.remover import Remover

    remover = Remover.of(opened, refine)
    options = {"output_options": output_options, "run_options": run_options, "format": format}
    if log is None:
        return remove_files(inputs, output, remover, name, **options)
    from clearbg.removal.log import RemovalLog

    lines = RemovalLog(log, remover.contract.weights_sha256)
    report = remove_files(inputs, output, remover, name, log=lines, **options)
    return dataclasses.replace(report, notes=lines.notes())
