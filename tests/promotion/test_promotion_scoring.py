"""What a model scores on the test split."""

import shutil

import pytest
from support import contenders
from support.project import demo

from clearbg import config
from clearbg.data import leaks
from clearbg.errors import DataError
from clearbg.evaluation import evaluate
from clearbg.metrics import bootstrap
from clearbg.metrics.slices import BOUNDS
from clearbg.promotion import scoring


@pytest.mark.parametrize("metric", ["max_f", "mean_f", "mean_e", "dice", "mae", "gradient"])
def test_figures_are_those_that_evaluate_prints(prepared, metric):
    asked = demo()["evaluate"] | {"metrics": ["saliency", "segmentation", "matting"]}
    asked["protocols"] = ["raw"]
    split = scoring.read_split(prepared / "data/ingested")
    found = scoring.measure(split, prepared / "exports/model.onnx", metric, 3)
    remover = found.remover
    printed = evaluate.evaluate(
        remover.network, remover.contract, split.folder, "test",
        config.Evaluate(**asked), leaks.unlisted(),
    )  # fmt: skip
    assert found.scored.figures[metric] == printed.figures[metric]
    formed = bootstrap.figure(found.scored.values)
    assert formed == pytest.approx(printed.figures[metric], abs=1e-6)


def test_slices_are_by_all_facts_and_those_of_a_fact_divide_the_images_with_a_subject(prepared):
    split = scoring.read_split(prepared / "data/ingested")
    found = scoring.measure(split, prepared / "exports/model.onnx", "mae", 3)
    parts = scoring.slices_of(split, found)
    assert len(BOUNDS) == 9
    for fact in BOUNDS.values():
        assert sum(parts[name] for name in fact).tolist() == [1] * (contenders.TEST - 1) + [0]
    split.rows["source"] = ["own"] + ["synthetic"] * (contenders.TEST - 1)
    assert scoring.slices_of(split, found)["source own"].sum() == 1


def test_exchanged_test_image_is_refused(project):
    path = project / "data/ingested/images/0.png"
    shutil.copy(path.with_name("1.png"), path)
    with pytest.raises(DataError, match="the test split has changed"):
        scoring.measure(
            scoring.read_split(project / "data/ingested"), project / "exports/model.onnx", "mae", 3
        )
