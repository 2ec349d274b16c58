"""Test images that a model has seen are marked, counted apart, and refused when too many."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.images import disc
from support.models import brightness_model
from support.project import demo

from clearbg import Remover, config, licenses
from clearbg.data import leaks, manifest
from clearbg.data.augment import augment
from clearbg.errors import DataError, ModelError
from clearbg.evaluation import evaluate, score_files
from clearbg.images import write_image, write_mask

ORIGINS = (licenses.origin("synthetic", licenses.OFFICIAL["synthetic"], 9),)


def table(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=leaks.COLUMNS)


def seen(*rows: tuple[str, str], complete: bool = True) -> leaks.Seen:
    return leaks.Seen(table(*rows), complete)


def test_equal_file_is_exact_and_few_bits_are_near():
    asked = table(("a", "f" * 16), ("b", f"{0xF0:016x}"), ("c", f"{0x1F0:016x}"))
    marks = leaks.mark(asked, seen(("a", "f" * 16), ("z", f"{0xFF:016x}")))
    assert marks.kinds == ("exact", "near", "")  # 0, 4 and 5 bits of 64
    assert marks.counts() == {"exact": 1, "near": 1}


def test_every_pair_is_compared_as_one_by_one():
    rng = np.random.default_rng(0)
    asked, known = (rng.integers(0, 2**16, n, np.uint64) for n in (300, 40))
    near = [min(int(a ^ b).bit_count() for b in known) <= manifest.NEAR_BITS for a in asked]
    first, second = ([(f"{who}{i}", f"{v:016x}") for i, v in enumerate(values)]
                     for who, values in (("a", asked), ("b", known)))  # fmt: skip
    marks = leaks.mark(table(*first), seen(*second))
    assert [kind == "near" for kind in marks.kinds] == near and 0 < sum(near) < 300


def test_model_that_has_seen_nothing_known_marks_nothing_and_says_so():
    marks = leaks.mark(table(("a", "0" * 16)), leaks.unlisted())
    assert marks.kinds == ("",)
    assert "is not complete" in marks.sentence()


def test_copies_and_tiles_are_one_image_named_by_its_ingested_file(ingested, tmp_path):
    plain = demo()["augment"]
    del plain["kernel"]
    changes = {"fit": "tile", "overlap": 8, "size": 32, "mirror": True}
    augment(ingested, config.Augment.model_validate(plain | changes), tmp_path / "augmented")
    listed = leaks.training_images(tmp_path / "augmented")
    whole = manifest.read(ingested)
    whole = whole[whole.split.isin(["train", "validation"])]
    assert set(listed.sha256) == set(whole.sha256) and len(listed) == len(whole)
    assert set(listed.phash) == set(whole.phash)


def test_augmented_folder_of_before_says_what_to_do(augmented):
    table = augmented / "manifest.csv"
    pd.read_csv(table).drop(columns="ingested_sha256").to_csv(table, index=False)
    with pytest.raises(DataError, match=r"no column ingested_sha256: delete .*dvc repro"):
        leaks.training_images(augmented)


def test_list_is_ordered_and_the_same_bytes_again(tmp_path):
    rows = [("b", "1" * 16), ("a", "2" * 16), ("b", "1" * 16)]
    sums = {leaks.write(leaks.merged(table(*order)), tmp_path) for order in (rows, rows[::-1])}
    assert len(sums) == 1
    assert (tmp_path / leaks.FILE).read_text().split() == [
        "sha256,phash", f"a,{'2' * 16}", f"b,{'1' * 16}"
    ]  # fmt: skip


def test_list_of_another_training_is_refused(tmp_path):
    digest = leaks.write(table(("a", "1" * 16)), tmp_path)
    assert leaks.of_model(tmp_path, digest, ORIGINS).complete
    with pytest.raises(ModelError, match=r"training_images\.csv is not the list that model\.js"):
        leaks.of_model(tmp_path, "0" * 64, ORIGINS)
    (tmp_path / leaks.FILE).unlink()
    with pytest.raises(ModelError, match=r"does not exist, but model\.json names it"):
        leaks.of_model(tmp_path, digest, ORIGINS)


def test_hashes_of_a_plain_file_are_those_that_ingesting_gave(ingested):
    frame = manifest.read(ingested).head(3)
    found = leaks.hashes(ingested / name for name in frame.image)
    assert found.to_dict("list") == frame[leaks.COLUMNS].to_dict("list")


@pytest.fixture
def model(tmp_path) -> Remover:
    return Remover(brightness_model(tmp_path / "model.onnx"))


@pytest.fixture
def test_rows(ingested) -> pd.DataFrame:
    frame = manifest.read(ingested)
    frame = frame[frame.split == "test"]
    assert len(frame) > 1
    return frame


def run(model: Remover, folder, had: leaks.Seen, **changes) -> evaluate.Evaluation:
    settings = config.parse(demo(evaluate={"metrics": ["segmentation"], "protocols": None,
                                           **changes})).evaluate  # fmt: skip
    return evaluate.evaluate(model.network, model.contract, folder, "test", settings, had)


def test_figures_are_given_with_and_without_what_was_seen(model, ingested, test_rows):
    row = test_rows.iloc[0]
    result = run(model, ingested, seen((row.sha256, row.phash)), max_leaked=0.5)
    scores = result.per_image.set_index("id")
    assert scores.leak[row.id] == "exact" and (scores.leak != "").sum() == 1
    clean = scores[scores.leak == ""]
    assert result.figures["dice"] == pytest.approx(scores.dice.mean(), abs=1e-6)
    assert result.metrics["clean"]["dice"] == pytest.approx(clean.dice.mean(), abs=1e-6)
    assert result.metrics["clean"]["dice"] != result.figures["dice"]


def test_nothing_seen_gives_one_set_of_figures(model, ingested):
    result = run(model, ingested, seen(("0" * 64, "0" * 16)), max_leaked=0.0)
    assert "clean" not in result.metrics and set(result.per_image.leak) == {""}
    assert result.marks.sentence().startswith("None of these")


@pytest.mark.parametrize(
    "kind, sentence",
    [
        ("", "This image is not known to duplicate a training image."),
        ("exact", "The model was trained on an exact duplicate of this image."),
    ],
)
def test_single_image_is_spoken_of_in_the_singular(kind, sentence):
    assert leaks.Marks((kind,), complete=True).sentence() == sentence


def test_too_many_seen_images_are_refused_by_name(model, ingested, test_rows):
    had = leaks.Seen(test_rows[leaks.COLUMNS], complete=True)
    with pytest.raises(DataError) as error:
        run(model, ingested, had, max_leaked=0.9)
    message = str(error.value)
    assert test_rows.iloc[0].id in message and "evaluate.max_leaked = 0.9" in message
    assert f"{len(test_rows)} of {len(test_rows)}" in message
    assert "clean" not in run(model, ingested, had, max_leaked=1.0).metrics


def test_exported_model_is_held_against_the_list_beside_it(pairs_folder, tmp_path):
    own = pairs_folder(3)
    found = leaks.hashes([own / "images/p00.jpg"])
    Image.open(own / "images/p00.jpg").save(own / "images/p00.jpg", quality=60)  # near from now on
    rgb, alpha = disc(1)
    write_image(own / "images/same.png", rgb)
    write_mask(own / "masks/same.png", alpha)
    found = leaks.merged(found, leaks.hashes([own / "images/same.png"]))
    folder = tmp_path / "exports"
    folder.mkdir()
    facts = {"images_sha256": leaks.write(found, folder), "trained_on": ORIGINS}
    model = brightness_model(folder / "model.onnx", **facts)
    result = score_files.score_model(own / "images", own / "masks", model, ["segmentation"], False)
    text = score_files.table(result, tmp_path / "all.csv")
    # p01 is the same image as JPEG.
    assert "duplicates of 3 of these 4 images: 1 exact, 2 near." in text
    assert text.split()[:6] == ["raw", "95%", "low", "95%", "high", "clean"]
    marks = pd.read_csv(tmp_path / "all.csv", keep_default_na=False).set_index("id").leak.to_dict()
    assert marks == {"p00": "near", "p01": "near", "p02": "", "same": "exact"}


def test_exported_file_alone_is_measured_and_says_what_is_not_known(pairs_folder, tmp_path):
    own = pairs_folder(2)
    model = brightness_model(tmp_path / "alone.onnx", images_sha256="1" * 64, trained_on=ORIGINS)
    result = score_files.score_model(own / "images", own / "masks", model, ["segmentation"], False)
    assert "is not complete" in score_files.table(result, None)


def test_contract_carries_what_the_model_learned_from(tmp_path):
    path = brightness_model(tmp_path / "m.onnx", trained_on=ORIGINS, images_sha256="1" * 64)
    contract = Remover(path).contract
    assert contract.trained_on == ORIGINS and contract.images_sha256 == "1" * 64
    assert json.loads(contract.to_json())["trained_on"][0]["license"] == "CC0-1.0"
