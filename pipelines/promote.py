"""Champion against challenger: make the exported model the champion if it is better.

python pipelines/promote.py [--dry-run]: exit status 0 promoted, 3 the champion stays, others
failed. --dry-run judges and writes the verdict, and changes nothing in the registry.
python pipelines/promote.py --rollback: the champion before the present one is champion again.

reads   params.yaml (promote, export, evaluate), exports/, data/ingested/, dvc.lock,
        reports/export/parity.json, the model registry
writes  reports/promotion.md, reports/promotion.jpg, the registry: a version, its aliases
"""

import argparse
import sys
from pathlib import Path

from clearbg import config
from clearbg.promotion.promote import Candidate, Outcome, promote, rollback
from clearbg.system.stage import stage

REPORT, KEPT = Path("reports/promotion.md"), 3
CANDIDATE = Candidate(
    model=Path("exports/model.onnx"),
    parity=Path("reports/export/parity.json"),
    data=Path("data/ingested"),
    lock=Path("dvc.lock"),
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Champion or challenger; see the file's head.")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--dry-run", action="store_true", help="judge; move nothing")
    either.add_argument("--rollback", action="store_true", help="the champion before is it again")
    return parser.parse_args()


def main(given: argparse.Namespace) -> Outcome:
    if given.rollback:
        return rollback()
    return promote(CANDIDATE, config.load(), REPORT, given.dry_run)


if __name__ == "__main__":
    given = arguments()
    with stage("promote", "the registry" if given.rollback else str(REPORT)):
        outcome = main(given)
        word = "rolled back" if given.rollback else "promoted" if outcome.promoted else "kept"
        rehearsal = "dry run, " if given.dry_run else ""
        print(f"promote: {rehearsal}{word}: {outcome.sentence}")
    sys.exit(0 if outcome.promoted else KEPT)
