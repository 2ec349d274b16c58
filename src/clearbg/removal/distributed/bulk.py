"""Remove backgrounds of many thousands of images with Ray Data, on one machine or many."""

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from clearbg.errors import ClearBGError, SettingsError
from clearbg.inference.sessions import BATCH, Device, open_model
from clearbg.pretrained.choice import choose
from clearbg.removal.distributed.actors import ActorSettings, AttemptCounter, RemoverActor
from clearbg.removal.distributed.cluster import (
    connected,
    import_ray,
    missing_here,
    room_for_actors,
    shared_paths,
)
from clearbg.removal.files import in_order, refuse_outputs, undone
from clearbg.removal.options import OutputOptions, RayOptions, RunOptions
from clearbg.removal.plan import STREAM, Job, left_out, plan
from clearbg.removal.report import Outcome, RemovalReport
from clearbg.system.object_store import address_of, location, without_file_scheme
from clearbg.system.progress import progress

GROUP = 32  # images that an actor gets at a time, at most, unless a batch is larger


def remove_in_bulk(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    model: str | Path | None = None,
    *,
    name: str = "",
    device: Device = "cpu",
    refine: bool = True,
    output_options: OutputOptions | None = None,
    run_options: RunOptions | None = None,
    ray_options: RayOptions | None = None,
    format: str | None = None,
) -> RemovalReport:
    """Remove backgrounds with Ray Data; the results equal those of `remove_files` byte for byte.

    Ray is the one that this process has started or joined already, else the cluster at
    RAY_ADDRESS, else one on this machine that ends with the call. The model goes to the actors
    through Ray; folders must be ones that all machines see, or addresses.

    Args:
        inputs, output, format: see `plan.plan`; standard input and output are refused.
        model: see `Remover`; it is read on this machine.
        name: what the report calls the model.
        device, refine: see `Remover`; they hold on every machine.
        output_options, run_options, ray_options: None: the defaults.

    Raises:
        DataError: an input is missing or holds no images, or `output` cannot take them.
        ModelError: the model cannot be used.
        SettingsError: options exclude each other, Ray is not installed, or no machine has
            what an actor needs.
        ClearBGError: Ray cannot be reached, or broke off.
    """
    output_options, run_options = output_options or OutputOptions(), run_options or RunOptions()
    ray_options = ray_options or RayOptions()
    gpus = ray_options.gpus_with(device)
    file = choose(model, device).file
    jobs = _planned(inputs, output, format, run_options)
    output_options.refuse_formats({job.format for job in jobs})
    open_model(file, "cpu", 1)  # refuses a bad model early; only the actors know their devices
    todo, made = undone(jobs, run_options), {}
    refuse_outputs(todo, [file, output_options.file], run_options.overwrite)
    if todo:
        run_options = dataclasses.replace(run_options, batch=run_options.batch or BATCH[device])
        settings = ActorSettings(device, refine, output_options, run_options, os.getcwd())
        silent = run_options.quiet or len(todo) <= 1
        with progress(what="remove", unit="images", total=len(todo), disable=silent) as bar:
            ended = _ended(todo, file.read_bytes(), settings, ray_options.actors, gpus)
            for number, result in ended:
                made[todo[number]] = result
                bar.update()
    outcomes = in_order(jobs, todo, made | missing_here(made))
    return RemovalReport(name, device, refine, outcomes, left_out(inputs, output))


def _planned(
    inputs: Sequence[str | Path], output: str | Path | None, format: str | None, run: RunOptions
) -> list[Job]:
    """The jobs; what needs a single process is refused."""
    if run.fail_fast:
        raise SettingsError(
            "With Ray other images have begun by the time one fails: leave fail-fast out, or the "
            "engine ray."
        )
    if STREAM in map(os.fspath, inputs) or output == STREAM:
        raise SettingsError("Standard input and output hold one image: leave the engine ray out.")
    jobs = plan(inputs, output, format)
    if output is not None and jobs[0].target == location(without_file_scheme(os.fspath(output))):
        raise SettingsError(f"{output} is one image: name a folder, or leave the engine ray out.")
    return jobs


def _ended(
    jobs: Sequence[Job], model: bytes, settings: ActorSettings, actors: int | None, gpus: float
) -> Iterator[tuple[int, Outcome]]:
    """Numbers of jobs and their outcomes, as they end."""
    ray = import_ray()
    with connected(ray) as alone:
        shared = () if alone else shared_paths(jobs)
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        options = settings.run_options
        actors, cores = room_for_actors(machines, actors, options.workers, gpus)
        actors = min(actors, -(-len(jobs) // options.batch))
        rows = options.batch * max(1, min(GROUP, len(jobs) // (4 * actors)) // options.batch)
        options = dataclasses.replace(options, workers=cores)
        settings = dataclasses.replace(settings, run_options=options, shared=shared)
        data = ray.data.from_items(
            [
                {
                    "number": number,
                    "source": os.fsencode(address_of(job.source)),
                    "target": os.fsencode(address_of(job.target)),
                    "format": job.format,
                }
                for number, job in enumerate(jobs)
            ],
            override_num_blocks=-(-len(jobs) // rows),
        )
        data.context.enable_progress_bars = False
        done = data.map_batches(
            RemoverActor,
            batch_size=rows,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=cores,
            num_gpus=gpus or None,
            fn_constructor_args=(
                ray.put(model),
                ray.remote(num_cpus=0)(AttemptCounter).remote(),
                settings,
            ),
        )
        try:
            for row in done.iter_rows():
                if row["refusal"]:
                    raise SettingsError(row["refusal"])
                facts = json.loads(row["outcome"])
                yield row["number"], Outcome(**{**facts, "notes": tuple(facts["notes"])})
        except ClearBGError:
            raise
        except Exception as error:  # Ray's, and those of its workers
            why = str(error).strip().rpartition("\n")[2]
            raise ClearBGError(
                f"Ray broke off ({why}): see its logs (/tmp/ray/session_latest/logs) and whether "
                "every machine has the same clearbg; run again with --skip-existing to go on."
            ) from error
