"""Retrain: bring new data, train, judge, push, commit to a branch, and move the champion.

python pipelines/retrain.py [--recipe NAME] [--recent IMAGES] [--open]

reads   the whole project, its DVC remote, its git remote origin, the model registry
writes  what `dvc repro` writes, reports/promotion.*, .clearbg/retrain/pull_request.md, a branch
        retrain/NAME-HASH when the new model is better, and then the alias champion
On the same data a second call finds everything done. Without a DVC remote, a git remote or --open
it leaves out those steps, and says so. With --recent it trains only if those images have drifted
away from the training images (see `clearbg drift`).
"""

import argparse
import sys

from clearbg.retraining.retrain import retrain
from clearbg.system.stage import Options, stage


def arguments() -> argparse.Namespace:
    parser = Options(__doc__)
    parser.add_argument("--recipe", help="make this recipe the live params.yaml first")
    parser.add_argument("--recent", help="a folder of images, a removal log, or their address")
    parser.add_argument("--open", action="store_true", help="open a pull request with gh")
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    with stage("retrain", ".clearbg/retrain/pull_request.md"):
        done = retrain(given.recipe, given.open, given.recent)
        if done is None:
            print("retrain: no drift was found, nothing is trained")
            sys.exit()
        result = "the new model is champion" if done.verdict.promoted else "the champion stays"
        print(f"retrain: {result}; {done.address or done.branch or 'no branch'}; {done.body}")
