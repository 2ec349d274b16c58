"""Champion against challenger: make the exported model the champion if it is better.

python pipelines/promote.py: the exit status is 0 when it was promoted, 3 when the champion
stays, and another one when it could not be judged.
python pipelines/promote.py --dry-run: judge and write the report; the registry stays as it is.
python pipelines/promote.py --rollback: the champion before the present one is champion again.

reads   params.yaml (promote, export, evaluate), exports/, data/ingested/, dvc.lock,
        reports/export/parity.json, the model registry
writes  reports/promotion.md, reports/promotion.jpg, the registry: a version, its aliases
"""

import argparse
import sys

from clearbg import config
from clearbg.promotion.promote import Candidate, Verdict, judge, promote, rollback
from clearbg.system.stage import Options, stage

KEPT = 3  # exit status when the champion stays


def arguments() -> argparse.Namespace:
    parser = Options(__doc__)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--dry-run", action="store_true", help="judge; move nothing")
    either.add_argument(
        "--rollback", action="store_true", help="make the champion before this one the champion"
    )
    return parser.parse_args()


def main(given: argparse.Namespace) -> Verdict:
    if given.rollback:
        return rollback()
    challenge = judge(Candidate(), config.load())
    return challenge.verdict if given.dry_run else promote(challenge)


if __name__ == "__main__":
    given = arguments()
    with stage("promote", "the registry" if given.rollback else str(Candidate.report)):
        verdict = main(given)
        word = "rolled back" if given.rollback else "promoted" if verdict.promoted else "kept"
        rehearsal = "dry run, " if given.dry_run else ""
        print(f"promote: {rehearsal}{word}: {verdict.sentence}")
    sys.exit(0 if verdict.promoted else KEPT)
