"""The benchmark that puts any models into one table of accuracy."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.images import disc
from support.models import brightness_model
from support.project import ROOT

from clearbg.images import read_image, write_image, write_mask


@pytest.fixture
def run(monkeypatch, pairs_folder, capsys):
    """Runs the benchmark over six discs; its output, or the sentence it ends with."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import accuracy

    own = pairs_folder(6)

    def run(*arguments, on=None):
        on = on or f"discs={own / 'images'},{own / 'masks'}"
        try:
            accuracy.main([*map(str, arguments), "--on", on])
        except SystemExit as end:
            return end.code
        return capsys.readouterr().out

    run.own = own
    return run


@pytest.fixture
def model(tmp_path):
    return brightness_model(tmp_path / "model.onnx")


def other_model(path, side: int):
    """An ONNX file as rembg's models are: no contract, and several outputs."""
    shape = ["n", 3, side, side]
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["in", "axes"], ["mask"], keepdims=1),
         helper.make_node("Neg", ["mask"], ["side output"])],
        "other",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, side, side])
         for name in ("mask", "side output")],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )  # fmt: skip
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path
    )
    return path


def rows(text: str) -> dict[str, list[str]]:
    """First cell -> the others, of the lines of a Markdown table."""
    cells = [
        [c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line
    ]
    return {first: others for first, *others in cells}


@pytest.mark.slow
def test_a_model_maps_and_the_mean_mask_stand_in_one_table(run, model, tmp_path):
    for path in (run.own / "masks").iterdir():
        write_mask(tmp_path / f"maps/{path.name}", disc(int(path.stem[1:]))[1])
    out = run(f"ours={model}", f"theirs={tmp_path / 'maps'}", "mean-mask",
              "--json", tmp_path / "rows.json")  # fmt: skip
    table = rows(out)
    assert "### discs: 6 images\n" in out
    assert table["theirs"][:4] == ["–", "–", "–", "1.000 (1.000 to 1.000)"]
    assert float(table["ours"][3][:5]) > 0.9 > float(table["mean-mask"][3][:5])
    saved = {row["model"]: row for row in json.loads((tmp_path / "rows.json").read_text())}
    low, high = saved["ours"]["raw"]["max_f"][1:]
    assert low <= saved["ours"]["raw"]["max_f"][0] <= high
    assert saved["ours"]["seconds"] > 0 and saved["theirs"]["seconds"] is None
    assert set(saved["ours"]["min_max"]) == {"max_f", "weighted_f", "s_measure", "mae"}


def test_a_draw_of_images_is_the_same_for_every_model_and_named(run, model):
    out = run(model, "mean-mask", "--limit", 3, "--seed", 5, "--figures", "mae")
    assert "### discs: 3 images of 6, drawn with --seed 5" in out
    same, other = (
        rows(run("mean-mask", "--limit", 3, "--seed", seed, "--figures", "mae"))["mean-mask"]
        for seed in (5, 6)
    )
    assert rows(out)["mean-mask"] == same != other


@pytest.mark.slow
@pytest.mark.parametrize("kind, side", [("u2net", 320), ("isnet", 1024)])
def test_a_file_of_others_goes_through_rembgs_own_steps(run, tmp_path, kind, side):
    """Its division by the maximum and its stretch make a dim image as bright as any."""
    dim = tmp_path / "dim"
    for path in (run.own / "images").iterdir():
        write_image(dim / path.with_suffix(".png").name, read_image(path).rgb // 4)
    file = other_model(tmp_path / "other.onnx", side)
    out = run(f"them={kind}:{file}", "--limit", 1, "--figures", "max_f,mae",
              on=f"dim={dim},{run.own / 'masks'}")  # fmt: skip
    cells = rows(out)["them"]
    assert float(cells[3]) > 0.9 and cells[3] == cells[5]  # stretched already


def test_published_figures_stand_below_the_model_that_they_are_of(run, tmp_path):
    file = other_model(tmp_path / "u2netp.onnx", 320)
    on = f"DUTS-TE={run.own / 'images'},{run.own / 'masks'}"
    table = rows(run(f"u2netp:{file}", "--limit", 1, on=on))
    assert table["published: Qin et al. 2020, U²-Net"][-4:] == ["0.852", "0.763", "0.847", "0.054"]


def test_images_that_a_model_has_learned_from_are_counted_or_left_out(run, model, tmp_path):
    from clearbg.data import leaks

    paths = sorted((run.own / "images").iterdir())
    listed = leaks.write(leaks.hashes(paths[:2]), tmp_path)
    brightness_model(model, images_sha256=listed)
    assert rows(run(model, "--figures", "mae"))[str(model)][2] == "2"
    out = run(model, "--figures", "mae", "--unseen")
    assert "### discs: 4 images of 6, none of which resembles" in out
    brightness_model(model, images_sha256=leaks.write(leaks.hashes(paths), tmp_path))
    assert "no image that none of the models has learned from" in run(model, "--unseen")


def test_robustness_says_what_is_lost_by_each_variation(run, model, tmp_path):
    out = run(
        model, "--limit", 2, "--figures", "mae", "--robustness", "--json", tmp_path / "r.json"
    )
    assert "what is lost (positive is worse)" in out and "| upside down | +0.000" in out
    [row] = json.loads((tmp_path / "r.json").read_text())
    assert [r["variation"] for r in row["robustness"]][:2] == ["original", "dimmed"]


def test_what_cannot_be_measured_is_answered_with_a_sentence(run, model, tmp_path):
    assert "is not NAME=IMAGES,MASKS" in run(model, on="images,masks")
    assert "does not exist" in run(tmp_path / "nothing.onnx")
    assert "is not a complete ONNX file" in run(f"u2net:{write_text(tmp_path / 'x.onnx')}")
    bare = other_model(tmp_path / "bare.onnx", 320)
    assert "write u2net:, u2netp:, isnet: before its name" in run(bare)
    assert "takes no 1024×1024 image" in run(f"isnet:{bare}")
    assert "metric 'sharpness' is not known" in run(model, "--figures", "sharpness")
    assert "give at least 1" in run(model, "--limit", 0)
    write_mask(tmp_path / "maps/p00.png", np.zeros((60, 80), np.uint8))
    assert "holds no map of" in run(tmp_path / "maps")
    small = tmp_path / "small"
    for path in (run.own / "masks").iterdir():
        write_mask(small / path.name, np.zeros((6, 8), np.uint8))
    assert "8×6" in run(small) and "Traceback" not in run(small)


def write_text(path):
    path.write_text("no model")
    return path
