"""Images by the thousand, with Ray Data: on one machine or many, what `files` does on one."""

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from clearbg.errors import ClearBGError, SettingsError
from clearbg.inference.sessions import Device, open_model
from clearbg.removal import outputs
from clearbg.removal.distributed.actors import Orders, RemoverActor, Tally
from clearbg.removal.distributed.cluster import Fleet, astray, connected, imported, seen_by_all
from clearbg.removal.files import Work, in_order, undone
from clearbg.removal.inputs import STREAM, Job, plan
from clearbg.removal.outcomes import Outcome, Report
from clearbg.removal.outputs import Look
from clearbg.removal.stores import address, place, plain
from clearbg.system.progress import progress

PORTION = 32  # images that an actor is given at a time, at most, or one run of the network


def remove_in_bulk(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    model: str | Path,
    *,
    name: str = "",
    device: Device = "cpu",
    refine: bool = True,
    look: Look | None = None,
    work: Work | None = None,
    fleet: Fleet | None = None,
    format: str | None = None,
) -> Report:
    """Do every image with Ray Data; results are those of `files.remove_files`, byte for byte.

    Ray is the one that this process has started or joined already, else the cluster at
    RAY_ADDRESS, else one on this machine that ends with the call. The model goes to the actors
    through Ray; folders must be ones that all machines see, or addresses.

    Args:
        inputs, output, format: as `inputs.plan` takes them, without standard streams.
        model: an ONNX file on this machine.
        name: what the report calls the model.
        device, refine: as `Remover` takes them, on each machine.
        look, work: None: as their own defaults say. Of `work`, `workers` is the fleet's choice.

    Raises:
        DataError: an input is missing or holds no images, or `output` cannot take them.
        ModelError: the model cannot be used.
        SettingsError: the choices exclude each other, Ray is not installed, or no machine has
            what an actor needs.
        ClearBGError: Ray cannot be reached, or broke off.
    """
    look, work, fleet = look or Look(), work or Work(), fleet or Fleet()
    if work.fail_fast:
        raise SettingsError("Ray has begun others by the time one fails: leave --fail-fast out.")
    if STREAM in map(os.fspath, inputs) or output == STREAM:
        raise SettingsError("Standard input and output hold one image: leave --engine ray out.")
    jobs = plan(inputs, output, format)
    if output is not None and jobs[0].target == place(plain(os.fspath(output))):
        raise SettingsError(f"{output} is one image: name a folder, or leave --engine ray out.")
    outputs.check(look, {job.format for job in jobs})
    open_model(model, "cpu", 1)  # whether it can be used; only the actors know their devices
    todo, made = undone(jobs, work), {}
    if todo:
        orders = Orders(device, refine, look, work, os.getcwd())
        few = len(todo) <= 1
        with progress(what="remove", unit="images", total=len(todo), disable=few) as bar:
            for number, ended in _ended(todo, Path(model).read_bytes(), orders, fleet):
                made[todo[number]] = ended
                bar.update()
    return Report(name, device, refine, in_order(jobs, todo, made | astray(made)))


def _ended(
    jobs: Sequence[Job], model: bytes, orders: Orders, fleet: Fleet
) -> Iterator[tuple[int, Outcome]]:
    """Numbers of jobs and what became of them, as they end."""
    ray = imported()
    with connected(ray) as alone:
        shared = () if alone else seen_by_all(jobs)
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        actors, cores = fleet.on(machines)
        batch = orders.work.batch
        actors = min(actors, -(-len(jobs) // batch))
        rows = batch * max(1, min(PORTION, len(jobs) // (4 * actors)) // batch)
        work = dataclasses.replace(orders.work, workers=cores)
        orders = dataclasses.replace(orders, work=work, shared=shared)
        data = ray.data.from_items(
            [
                {
                    "number": number,
                    "source": os.fsencode(address(job.source)),
                    "target": os.fsencode(address(job.target)),
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
            num_gpus=fleet.gpus or None,
            fn_constructor_args=(ray.put(model), ray.remote(num_cpus=0)(Tally).remote(), orders),
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
