"""Retrain: new data in, training, gate, push, branch, pull request, champion.

python pipelines/retrain.py [--recipe NAME] [--recent IMAGES] [--open]

reads   the whole project, its DVC remote, its git remote origin, the model registry
writes  what `dvc repro` writes, reports/promotion.*, .clearbg/retrain/pull_request.md, a branch
        retrain/NAME-HASH when the new model is better, and then the alias champion
Run again on the same data it finds everything done. Without DVC remote, git remote or --open
those steps are left out, and told. With --recent it does nothing unless `clearbg drift` finds
that those images have moved away from the training.
"""

import argparse
import sys

from clearbg.retraining.retrain import drifted, retrain
from clearbg.system.stage import stage


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Retrain, judge, record; see the file's head.")
    parser.add_argument("--recipe", help="make this recipe the live params.yaml first")
    parser.add_argument("--recent", help="a folder of images, a removal log, or their address")
    parser.add_argument("--open", action="store_true", help="open a pull request with gh")
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    with stage("retrain", ".clearbg/retrain/pull_request.md"):
        if given.recent and not drifted(given.recent):
            print("retrain: no drift to be seen, nothing is trained")
            sys.exit()
        outcome = retrain(given.recipe, given.open)
        verdict = "the new model is champion" if outcome.promoted else "the champion stays"
        print(
            f"retrain: {verdict}; {outcome.address or outcome.branch or 'no branch'}; "
            f"{outcome.body}"
        )
