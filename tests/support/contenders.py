"""Small projects whose exported "models" are made in milliseconds, for promotions."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import imagehash
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from clearbg import config, licenses
from clearbg.contract import METADATA_KEY, Contract
from clearbg.data import leaks, manifest
from clearbg.images import write_image, write_mask
from clearbg.promotion.promote import Candidate, Verdict, judge, promote
from clearbg.system.files import file_sha256
from clearbg.tracking import runs
from clearbg.tracking.registry import CHAMPION, ONNX, open_registry
from support.images import disc
from support.project import ROOT, demo

ORIGIN = licenses.origin("synthetic", licenses.OFFICIAL["synthetic"], 2)
CANDIDATE = Candidate()
TEST, TRAIN = 7, 3  # images: fewer than scoring starts processes for


def settings(**promote) -> config.Settings:
    """The demo's, promoted by MAE, which tells crisp alpha from dull."""
    changes = {"metric": "mae", "margin": 0.005, "min_images": 3, "min_score": 0.3, **promote}
    return config.parse(demo(promote=changes))


def promoted(**changes) -> Verdict:
    """What becomes of the export in the current folder, judged by these settings."""
    return promote(judge(CANDIDATE, settings(**changes)))


def ingested(folder: Path) -> Path:
    """An ingested folder: discs, the last ones of the test split without any."""
    rows = []
    for index in range(TEST + TRAIN):
        rgb, alpha = disc(index)
        if index == TEST - 1:
            rgb, alpha = rgb // 4, alpha * 0
        image, mask = f"images/{index}.png", f"masks/{index}.png"
        write_image(folder / image, rgb)
        write_mask(folder / mask, alpha)
        rows.append(
            {
                **dict.fromkeys(manifest.COLUMNS, ""),
                "id": str(index), "split": "test" if index < TEST else "train",
                "group": str(index), "image": image, "mask": mask, "width": 80, "height": 60,
                "coverage": alpha.mean() / 255, "soft_fraction": 0.02,
                "sha256": file_sha256(folder / image),
                "mask_sha256": file_sha256(folder / mask),
                "phash": str(imagehash.phash(Image.fromarray(rgb))),
                "source": "synthetic", "license": "CC0-1.0", "status": "ok",
            }
        )  # fmt: skip
    manifest.write(rows, folder / "manifest.csv")
    return folder


def project(folder: Path) -> Path:
    """A folder with all that a promotion reads but the export; see `export`."""
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    shutil.copy(ROOT / "recipes/demo.yaml", folder / "params.yaml")
    data = ingested(folder / "data/ingested")
    frame = manifest.read(data)
    manifest.write(frame.to_dict("records"), folder / "data/augmented/manifest.csv")
    for name, text in {
        "reports/ingest/summary.json": json.dumps({"good": TEST + TRAIN}),
        "reports/ingest/quarantine.csv": "id,reason\n",
        "reports/ingest/contact_sheet.jpg": "",
        "reports/train/history.csv": "epoch,train/loss\n1,0.5\n",
        "reports/train/metrics.json": json.dumps({"mae": 0.1}),
        "reports/export/parity.json": json.dumps(
            {"fp32": {"max_difference": 1e-7, "mae_loss": 0.0, "max_f_loss": 0.0,
                      "boundary_iou_loss": 0.0}}
        ),
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def export(folder: Path, gain: float = 8.0, offset: float = 0.45, seen=(), **changes) -> Path:
    """Make exports/: alpha is `gain · (brightness - offset)`, cut to [0, 1].

    Brightness itself (1, 0) is dull, (8, 0.45) is crisp, (-8, -0.55) is inverted. `seen` are
    further ids of the manifest that training has used; `changes` go into the contract.
    """
    frame = manifest.read(folder / "data/ingested")
    used = frame[(frame.split == "train") | frame.id.isin(seen)]
    exports = folder / "exports"
    exports.mkdir(exist_ok=True)
    facts = {
        "model": "u2netp", "settings": {}, "height": 32, "width": 32, "fit": "stretch",
        "overlap": 0, "kernel": "bilinear", "color_order": "RGB", "mean": (0.0,) * 3,
        "std": (1.0,) * 3, "threshold": 0.5, "output": "cutout", "headline": "mae",
        "weights_sha256": hashlib.sha256(f"{gain} {offset}".encode()).hexdigest(),
        "data_digest": "0" * 64, "data_license": "CC0-1.0", "trained_on": (ORIGIN,),
        "images_sha256": leaks.write(leaks.merged(used[leaks.COLUMNS]), exports),
    }  # fmt: skip
    contract = Contract(**{**facts, **changes})
    path = exports / "model.onnx"
    onnx.save(_graph(gain, offset, contract), path)
    return path


def _graph(gain: float, offset: float, contract: Contract) -> onnx.ModelProto:
    scalars = {"gain": gain, "shift": -gain * offset, "zero": 0.0, "one": 1.0}
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images", "axes"], ["brightness"], keepdims=1),
            helper.make_node("Mul", ["brightness", "gain"], ["scaled"]),
            helper.make_node("Add", ["scaled", "shift"], ["moved"]),
            helper.make_node("Clip", ["moved", "zero", "one"], ["alpha"]),
        ],
        "contrast",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])]
        + [helper.make_tensor(k, TensorProto.FLOAT, [], [v]) for k, v in scalars.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    return model


@contextlib.contextmanager
def exporting(folder: Path) -> Iterator[Path]:
    """The export of a project that is made there; inside, MLflow's store is that project's own."""
    model = export(project(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("DVC_ROOT", str(folder))
        yield model


def registered(folder: Path, versions: int = 1, champion: int | None = None) -> Path:
    """The same project with versions of its one logged model in the registry."""
    with exporting(folder) as model:
        with runs.train_run("first", {}, "demo") as run:
            source = run.model(model)
        registry = open_registry()
        for number in range(versions):
            registry.add(source, run.id, {ONNX: file_sha256(model), "number": str(number)})
        if champion is not None:
            registry.point(CHAMPION, champion)
    return folder
