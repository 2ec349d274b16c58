"""Runs that are logged as a training logs them."""

import numpy as np
import pandas as pd

from clearbg.tracking import runs as tracking

SETTINGS = {"train.lr": 0.001, "train.epochs": 3, "model.name": "u2netp"}
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train/loss": [0.5, 0.4, 0.3],
        "validation/max_f": [0.8, np.nan, 0.9],
        "note": ["", "", "best"],
    }
)


def train(fingerprint, epochs=3, settings=SETTINGS, weights=""):
    with tracking.train_run(fingerprint, settings, "demo") as run:
        run.history(HISTORY[:epochs])
        run.weights(weights or fingerprint)
    return run


def from_files(run):
    run.history(HISTORY)


def not_called(run):
    raise AssertionError("nothing is to be filled in")


def points(client, run, key):
    return [(point.step, point.value) for point in client.get_metric_history(run.id, key)]
