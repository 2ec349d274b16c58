"""The GAN's training: two networks, two optimizers, one resume."""

import numpy as np
import pytest
import torch
import yaml
from support.project import ROOT
from support.training import Killed, KilledAt, fit, same

from clearbg import config, models
from clearbg.config import recipes
from clearbg.data import leaks
from clearbg.data.dataset import Pairs
from clearbg.models import weights
from clearbg.training import checkpoints as recovery
from clearbg.training import loop, outputs
from clearbg.training.adversarial import Adversarial
from clearbg.training.launch import launch
from clearbg.training.provenance import Provenance


def settings(channels: int = 4, **train) -> config.Settings:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        raw = yaml.safe_load(recipes.render("gan", demo=True))
    raw["augment"] |= {"size": 32, "mirror": False}
    raw["transform"] |= {"crop": 32}
    raw["model"] |= {"widths": [4, 8], "channels": channels}
    raw["train"] |= {
        "epochs": 2, "batch_size": 4, "threads": 1, "precision": "32-true", "checkpoint_seconds": 0,
        "discriminator_widths": [4, 8], "discriminator_depths": [1, 1], **train,
    }  # fmt: skip
    return config.parse(raw)


def method_of(chosen: config.Settings) -> Adversarial:
    return Adversarial(launch(chosen.train), chosen)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.rand(4, 3, 32, 32), (torch.rand(4, 1, 32, 32) > 0.5).float()


def test_both_losses_stand_in_the_history_of_both_splits(augmented, tmp_path):
    _, progress, _ = fit(augmented, recovery.Checkpoint(tmp_path / "c"), settings())
    for split in ("train", "validation"):
        for name in ("loss", "discriminator_loss", "adversarial_loss", "l1"):
            assert np.isfinite(progress.history[-1][f"{split}/{name}"])


def test_generator_loss_is_the_sum_of_its_terms():
    found = method_of(settings(l1_weight=7.0)).step(*batch())
    losses = {name: value.item() for name, value in found.items()}
    assert losses["loss"] == pytest.approx(losses["adversarial_loss"] + 7 * losses["l1"], rel=1e-5)


def test_discriminator_learns_nothing_through_the_generator():
    method, passes = method_of(settings()), []
    method.generator.module.register_full_backward_hook(lambda *_: passes.append(1))
    last = list(method.generator.module.parameters())[-1]
    last.register_hook(lambda _: passes.append(1))
    method.step(*batch())
    assert len(passes) == 1  # the generator's own step


def test_untrained_discriminator_is_not_stuck_at_the_double_sigmoids_loss():
    method, (images, alpha) = method_of(settings(discriminator_lr=0.01)), batch()
    values = [method.step(images, alpha)["discriminator_loss"] for _ in range(30)]
    assert values[-1] < 0.45


@pytest.mark.slow
def test_killed_run_goes_on_to_the_same_two_networks(augmented, tmp_path):
    chosen = settings(ema=0.9)
    method, whole, _ = fit(augmented, recovery.Checkpoint(tmp_path / "whole"), chosen)
    for checkpoints in (2, 4, 5):
        cut = tmp_path / f"cut{checkpoints}"
        with pytest.raises(Killed):
            fit(augmented, KilledAt(cut, checkpoints), chosen)
        again, resumed, _ = fit(augmented, recovery.Checkpoint(cut), chosen)
        assert whole.history == resumed.history
        for part in ("generator", "discriminator"):
            assert same(method.part_weights(part), again.part_weights(part))
            assert same(whole.best_parts[part][1], resumed.best_parts[part][1])


def test_each_part_is_kept_where_its_own_loss_is_lowest(augmented, tmp_path, monkeypatch):
    losses = iter([(3.0, 0.1), (1.0, 0.4), (2.0, 0.2)])

    def validate(*_):
        generator, discriminator = next(losses)
        return {"loss": generator, "discriminator_loss": discriminator, "alpha_mae": 0.1}

    monkeypatch.setattr(loop, "validate", validate)
    _, progress, _ = fit(augmented, recovery.Checkpoint(tmp_path / "c"), settings(epochs=3))
    assert progress.best_parts["generator"][0] == 1.0
    assert progress.best_parts["discriminator"][0] == 0.1


def test_all_four_checkpoints_are_written_and_fit_their_networks(augmented, tmp_path):
    chosen = settings()
    method, progress, _ = fit(augmented, recovery.Checkpoint(tmp_path / "c"), chosen)
    past = Provenance("0" * 64, leaks.unlisted().images, config.learned_from(chosen))
    outputs.write_model(
        method, progress, chosen, past, np.zeros((8, 8), np.uint8), tmp_path / "models"
    )
    for kind in ("best", "final"):
        generator = models.build("gan_generator", **chosen.model.settings())
        weights.load(generator, tmp_path / f"models/parts/{kind}_generator.safetensors")
        discriminator = models.build("gan_discriminator", channels=4, widths=[4, 8], depths=[1, 1])
        weights.load(discriminator, tmp_path / f"models/parts/{kind}_discriminator.safetensors")


def test_three_channels_train_as_the_original_does():
    method = method_of(settings(channels=3))
    first = method.step(*batch())["l1"]
    for _ in range(15):
        last = method.step(*batch())["l1"]
    assert last < first
    alpha, _ = method.validate(*batch())
    assert alpha.shape == (4, 1, 32, 32) and alpha.min() >= 0 and alpha.max() <= 1


@pytest.mark.parametrize(
    "change",
    [{"l1_weight": 1.0}, {"discriminator_lr": 0.05}, {"discriminator_widths": [4, 4]},
     {"discriminator_depths": [2, 1]}, {"ema": 0.5}, {"clip_norm": 0.01}],
    ids=lambda c: next(iter(c)),
)  # fmt: skip
def test_setting_changes_the_generator(change):
    results = []
    for recipe in ({}, change):
        method = method_of(settings(**{"ema": 0.0, "clip_norm": 0.0, **recipe}))
        for _ in range(3):
            torch.manual_seed(1)
            method.step(*batch())
        results.append(method.weights())
    assert not same(*results)


def test_sample_sheet_shows_the_generators_alpha(augmented, tmp_path):
    chosen = settings()
    pairs = Pairs(augmented, "validation", chosen)
    outputs.write_samples(method_of(chosen), pairs, chosen, tmp_path / "samples.jpg")
    assert (tmp_path / "samples.jpg").stat().st_size > 1000
