"""A model file that somebody else made, or that was damaged, is refused with a sentence."""

import dataclasses
import json
import typing

import pytest

from clearbg import contract, licenses
from clearbg.config.sections import Augment
from clearbg.contract import Contract, parse_contract, read_contract
from clearbg.errors import ModelError
from clearbg.export import rembg
from clearbg.metrics.names import Selectable
from clearbg.system.files import file_sha256

ORIGIN = licenses.Origin("duts", "DUTS, academic use", "no", "cite the paper", 12)
WHOLE = Contract(
    model="gan_generator", settings={"channels": 4, "widths": [4, 8], "pretrained": False},
    height=64, width=32, fit="stretch", overlap=0, kernel="bilinear", color_order="RGB",
    mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), threshold=0.5, output="cutout",
    headline="max_f", weights_sha256="0" * 64, data_digest="1" * 64, data_license="CC0-1.0",
    trained_on=(ORIGIN,),
)  # fmt: skip
FACTS = json.loads(WHOLE.to_json())
AGAIN = "export the model again."
UPDATE = "and this version of ClearBG can only do"


def said(facts: dict | str | bytes) -> str:
    """The sentence that a text is refused with."""
    text = json.dumps(facts) if isinstance(facts, dict) else facts
    with pytest.raises(ModelError) as error:
        parse_contract(text, "model.json")
    return str(error.value)


def test_contract_comes_back_as_it_was_written():
    assert parse_contract(WHOLE.to_json(), "model.json") == WHOLE
    assert parse_contract(WHOLE.to_json().encode(), "model.json") == WHOLE


@pytest.mark.parametrize("headline", [*typing.get_args(Selectable), "unknown"])
def test_every_headline_that_a_training_or_an_import_writes_is_read(headline):
    changed = json.dumps(FACTS | {"headline": headline})
    assert parse_contract(changed, "model.json").headline == headline


def test_page_in_tiles_with_one_channel_of_negative_deviation_is_read():
    changes = {"fit": "tile", "overlap": 8, "color_order": "L", "mean": [1], "std": [-1]}
    found = parse_contract(json.dumps(FACTS | changes), "model.json")
    assert (found.mean, found.std, found.channels) == ((1.0,), (-1.0,), 1)


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"height": 0}, f": height = 0, but it should be greater than or equal to 1: {AGAIN}"),
        ({"width": 8193}, f": width = 8193, but it should be less than or equal to 8192: {AGAIN}"),
        ({"height": "64"}, f": height = '64', but it should be a valid integer: {AGAIN}"),
        ({"height": True}, f": height = True, but it should be a valid integer: {AGAIN}"),
        ({"width": 10**300}, "but it should be less than or equal to 8192"),
        ({"overlap": -1}, "overlap = -1"),
        ({"overlap": 16}, ": overlap = 16, which must be less than half of the input's 64×32"),
        ({"threshold": 0}, ": threshold = 0, but it should be greater than 0"),
        ({"threshold": float("nan")}, ": threshold = nan, but it should be a finite number"),
        ({"mean": [0, 0, float("inf")]}, ": mean.2 = inf, but it should be a finite number"),
        ({"mean": [10**309, 0, 0]}, ": mean.0 = 1000"),
        ({"mean": [0, 0, -2e6]}, "but it should be greater than or equal to -1000000"),
        ({"std": [1, 1e-46, 1]}, f": std holds 1e-46, which is nearly 0: {AGAIN}"),
        ({"height": 8192, "width": 8192}, f" has 8192×8192 pixels, more than 16777216: {AGAIN}"),
        ({"model": "../x"}, ": model = '../x', but it should match pattern"),
        ({"data_license": "CC0\x1b[31m"}, ": data_license = 'CC0\\x1b[31m', but it should match"),
        ({"settings": {str(n): n for n in range(101)}}, "should have at most 100 items"),
        ({"mean": [0]}, "mean has 1 values, and color_order = 'RGB' has 3"),
        ({"color_order": "L"}, "mean has 3 values, and color_order = 'L' has 1"),
        ({"std": [1, 0, 1]}, "std holds a 0, by which no value can be divided"),
        ({"std": "abc"}, ": std = 'abc', but it should be a valid list"),
        ({"kernel": "nearest"}, f" asks for kernel = 'nearest', {UPDATE} 'bilinear', 'bicubic'"),
        ({"fit": ["tile"]}, f" asks for fit = ['tile'], {UPDATE} 'stretch' or 'tile'"),
        ({"output": {}}, f" asks for output = {{}}, {UPDATE} 'cutout' or 'ink'"),
        ({"color_order": "BGR"}, f" asks for color_order = 'BGR', {UPDATE} 'RGB', 'L' or 'dark"),
        ({"antialias": False}, f" asks for antialias = False, {UPDATE} True"),
        ({"format": 99, "new": 1}, f" asks for format = 99, {UPDATE} 3: update ClearBG"),
        ({"new": 1}, " has the unknown key new: update ClearBG"),
        ({"settings": {"a": {"b": 1}}}, ": settings.a = {'b': 1}, but it should be a plain value"),
        ({"settings": {"a": float("-inf")}}, ": settings.a = -inf, but it should be a plain"),
        ({"settings": [1]}, ": settings = [1], but it should be"),
        ({"weights_sha256": "abc"}, "'abc', but it should be a SHA-256 of 64 hexadecimal digits"),
        ({"weights_sha256": ""}, "'', but it should be a SHA-256 of 64 hexadecimal digits"),
        ({"data_digest": "g" * 64}, "but it should be a SHA-256 of 64 hexadecimal digits"),
        ({"headline": "\ud800"}, ": headline = '\\ud800', but it should be a valid string"),
        ({"headline": "sharpness"}, " asks for headline = 'sharpness', and this version of ClearBG "
         "knows no such metric: update ClearBG, or export"),
        ({"headline": ["mae"]}, " asks for headline = ['mae'], and this version of ClearBG knows"),
        ({"data_license": None}, ": data_license = None, but it should be a valid string"),
        ({"trained_on": [{"source": "duts"}]}, " lacks the key trained_on.0.license"),
        ({"trained_on": [{**FACTS["trained_on"][0], "commercial": "maybe"}]}, "'maybe'"),
        ({"trained_on": [{**FACTS["trained_on"][0], "images": -1}]}, "trained_on.0.images = -1"),
    ],
)  # fmt: skip
def test_value_that_is_not_allowed_is_a_sentence_with_file_key_and_next_action(changes, says):
    sentence = said(FACTS | changes)
    assert sentence.startswith("model.json") and says in sentence
    assert "export the model again." in sentence and len(sentence) < 300
    sentence.encode()  # it can be printed


@pytest.mark.parametrize("key", [f.name for f in dataclasses.fields(Contract)])
def test_key_that_is_missing_is_named(key):
    facts = {name: value for name, value in FACTS.items() if name != key}
    if key in ("images_sha256", "trained_on", "antialias", "format"):
        assert parse_contract(json.dumps(facts), "model.json").format == 3
    else:
        assert said(facts) == f"model.json lacks the key {key}: {AGAIN}"


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "null", "[" * 9, b"\xff\xfe{}"],
    ids=lambda text: repr(text[:9]),
)
def test_text_that_is_no_object_of_json_is_a_sentence(text):
    assert said(text) == (
        "model.json holds no preprocessing contract: export the model again with ClearBG."
    )


@pytest.mark.parametrize(
    "text, says",
    [
        (WHOLE.to_json().replace("64,", '64, "height": 1,', 1), "'height' twice"),
        ("1" * 5000, "holds an integer of more than 400 digits"),
        ("[" * 200_000, "is nested more than 32 deep"),
        ('{"a":' * 100_000, "is nested more than 32 deep"),
        ("[" * 1_000_001, "has 1000001 characters, more than 1000000"),
    ],
    ids=lambda text: repr(text[:9]),
)
def test_text_that_exceeds_a_limit_is_a_sentence(text, says):
    sentence = said(text)
    assert sentence.startswith("model.json: its contract ") and sentence.endswith(AGAIN)
    assert says in sentence


def test_known_kernels_are_those_of_settings_and_of_rembgs_files():
    kernels = set(typing.get_args(contract.Kernel))
    setting = typing.get_args(Augment.model_fields["kernel"].annotation)[0]
    assert kernels == set(typing.get_args(setting)) == set(rembg.MODES)


@pytest.mark.parametrize("gone", ["model.json", "weights.safetensors"])
def test_models_folder_without_a_file_says_how_to_make_one(tmp_path, gone):
    for name in {"model.json", "weights.safetensors"} - {gone}:
        (tmp_path / name).write_text(WHOLE.to_json())
    with pytest.raises(ModelError, match=f"{gone} does not exist: make a project"):
        read_contract(tmp_path)


def test_weights_must_be_those_that_the_contract_names(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    (tmp_path / "model.json").write_text(WHOLE.to_json())
    with pytest.raises(ModelError, match="not the file that"):
        read_contract(tmp_path)
    right = dataclasses.replace(WHOLE, weights_sha256=file_sha256(tmp_path / "weights.safetensors"))
    (tmp_path / "model.json").write_text(right.to_json())
    assert read_contract(tmp_path) == right
