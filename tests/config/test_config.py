import pytest
import yaml
from support.project import ROOT, demo

from clearbg import config
from clearbg.config import recipes
from clearbg.errors import SettingsError


def sentence(tmp_path, **changes):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(demo(**changes)))
    with pytest.raises(SettingsError) as error:
        config.load(path)
    message = str(error.value)
    assert "params.yaml" in message and "\n" not in message
    return message


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_is_valid_and_opens_with_its_facts(path):
    config.load(path)
    head = path.read_text().split("\n\n")[0]
    assert head.startswith(f"# {path.stem}: ")
    for fact in ("task", "data", "license", "expected", "cost"):
        assert f"\n# {fact} " in head


def test_live_settings_are_valid():
    config.load(ROOT / "params.yaml")


def test_unknown_key_names_the_nearest_known_one(tmp_path):
    assert "did you mean train.batch_size?" in sentence(tmp_path, train={"batchsize": 4})


def test_unknown_section_names_the_nearest_known_one(tmp_path):
    raw = demo()
    raw["trian"] = raw.pop("train")
    with pytest.raises(SettingsError, match=r"trian is not a known key; did you mean train"):
        config.parse(raw)


def test_wrong_type_names_key_and_value(tmp_path):
    message = sentence(tmp_path, train={"epochs": "many"})
    assert "train.epochs" in message and "= 'many'" in message and "integer" in message


def test_value_out_of_range_names_the_range(tmp_path):
    message = sentence(tmp_path, train={"lr": -1.0})
    assert "train.lr = -1.0" in message and "greater than 0" in message


def test_unknown_choice_names_all_choices(tmp_path):
    message = sentence(tmp_path, model={"name": "u2nett"})
    assert "did you mean u2net" in message and "u2netp" in message


def test_missing_key_is_named(tmp_path):
    assert "train.lr is missing" in sentence(tmp_path, train={"lr": None})


def test_unknown_source_names_all_sources(tmp_path):
    message = sentence(tmp_path, data={"source": "sinthetic"})
    assert "did you mean synthetic" in message and "duts" in message


def test_key_of_another_source_is_refused(tmp_path):
    assert "belongs to data.source folder" in sentence(tmp_path, data={"masks": "masks"})


def test_crop_larger_than_the_working_size_is_refused(tmp_path):
    message = sentence(tmp_path, transform={"crop": 128})
    assert "crop = 128" in message and "size = 64" in message


def test_key_that_another_value_does_not_need_is_refused(tmp_path):
    message = sentence(tmp_path, train={"gamma": 0.1})
    assert "gamma belongs to schedule = step, and schedule is one_cycle; remove gamma" in message


def test_key_that_a_value_needs_is_asked_for(tmp_path):
    message = sentence(
        tmp_path, train={"schedule": "constant", "warmup": None}, model={"name": "isnet"}
    )
    assert "teacher_epochs" in message and "is missing, which name = isnet needs" in message


def test_network_and_method_that_do_not_fit_are_refused(tmp_path):
    train = {"method": "adversarial", "loss": None, "iou_weight": None, "ssim_weight": None,
             "l1_weight": 100.0, "discriminator_lr": 1e-5, "discriminator_widths": [8],
             "discriminator_depths": [1]}  # fmt: skip
    assert "model.name = u2netp and train.method = adversarial" in sentence(tmp_path, train=train)


def test_gray_statistics_for_a_color_network_are_refused(tmp_path):
    assert "u2netp takes mean of length 3" in sentence(tmp_path, model={"mean": [0.5]})


def test_shares_that_leave_no_training_are_refused(tmp_path):
    assert "share for training" in sentence(tmp_path, data={"test": 0.95})


def test_scientific_notation_is_a_number(tmp_path):
    text = (ROOT / "recipes/demo.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("lr: 0.01", "lr: 2e-3"))
    assert config.load(path).train.lr == 0.002


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [", "\x00\x01"])
def test_file_without_settings_is_one_sentence(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(SettingsError, match=r"params\.yaml"):
        config.load(tmp_path / "params.yaml")


def test_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(SettingsError, match="clearbg init DIR"):
        config.load(tmp_path / "params.yaml")


def test_settings_are_frozen(tiny):
    with pytest.raises(Exception, match="frozen"):
        tiny.train.lr = 1


def test_flat_keys_are_written_as_people_write_them(tiny):
    assert tiny.flat()["train.batch_size"] == 4


@pytest.mark.parametrize(
    "section, key, new",
    [
        ("data", "licence", "data.license"),
        ("augment", "crop", "transform.crop"),
        ("augment", "holes", "transform.coarse_dropout"),
        ("train", "color", "transform.color"),
        ("export", "pictures", "export.images"),
        ("promote", "bar", "promote.min_score"),
    ],
)
def test_old_key_is_refused_with_its_new_name(tmp_path, section, key, new):
    assert f"{section}.{key} is called {new} now" in sentence(tmp_path, **{section: {key: 1}})


def test_new_key_in_the_wrong_section_is_called_by_no_other_name(tmp_path):
    assert "augment.aspect is not a known key" in sentence(tmp_path, augment={"aspect": 1})


def test_removed_key_is_refused_with_the_reason(tmp_path):
    assert "train.strategy is gone" in sentence(tmp_path, train={"strategy": "ddp"})


@pytest.mark.parametrize(
    "section, key, old, new",
    [("augment", "fit", "squeeze", "stretch"), ("train", "loss", "hesho", "mse")],
)
def test_old_value_is_refused_with_its_new_name(tmp_path, section, key, old, new):
    assert f"{old} is called {new} now" in sentence(tmp_path, **{section: {key: old}})


@pytest.mark.parametrize("change", [{"freeze": ["encoder"]}, {"compile": "default"}])
def test_what_only_supervised_training_does_is_refused_beside_an_adversary(change, monkeypatch):
    monkeypatch.chdir(ROOT)
    raw = yaml.safe_load(recipes.render("gan", demo=True))
    raw["train"] |= change
    with pytest.raises(SettingsError, match="supervised: set it to"):
        config.parse(raw)


@pytest.mark.parametrize(
    "train, start",
    [({"cache": ["auto"]}, r"train\.cache = \['auto'\] is not known"),
     ({"cache": 1}, r"train\.cache = 1 is not known"),
     ({"epochs": None, "minutes": float("inf")}, r"train\.minutes .*a finite number"),
     ({"sizes": [[1.0, float("inf")]]}, r"train\.sizes\.0\.1 .*a finite number"),
     ({"batch_size": "many"}, r"train\.batch_size \(.*a valid integer"),
     ({"compile": "reduce-overhead", "accumulate": 2}, r"train: accumulate = 2 keeps gradients"),
     ({3: 4}, r"train\.3 is not a known key")],
)  # fmt: skip
def test_value_of_an_unforeseen_kind_is_one_sentence(train, start):
    raw = demo()
    raw["train"] |= train
    with pytest.raises(SettingsError, match=start):
        config.parse(raw)
