"""Tell when the champion has grown old.

python pipelines/staleness.py [--days 45] [--issue]

reads   the model registry
writes  nothing; with --issue an issue on GitHub, once
The exit status is 0 when the champion is younger or an issue tells it, 3 when it is older or
there is none.
"""

import argparse
import math
import os
import sys
import time
from pathlib import Path

from clearbg.errors import ClearBGError
from clearbg.retraining import github
from clearbg.system import streams
from clearbg.system.stage import Options
from clearbg.tracking.registry import CHAMPION, find_registry

STALE = 3
TITLE = "The champion is stale"


def age() -> float | None:
    """Days since the champion was registered; None: there is no champion."""
    registry = find_registry()
    version = registry.aliased(CHAMPION) if registry else None
    return None if version is None else (time.time() - version.created / 1000) / 86400


def age_allowed(text: str) -> float:
    """A number of days, 0 or more."""
    number = float(text)
    if not 0 <= number < math.inf:  # nan is neither
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days: give one like 45")
    return number


def main(days: float, issue: bool) -> int:
    champion = age()
    if champion is not None and champion <= days:
        print(f"staleness: the champion is {champion:.0f} days old, {days:g} are allowed.")
        return 0
    what = (
        "There is no champion" if champion is None else f"The champion is {champion:.0f} days old"
    )
    text = (
        f"{what}; {days:g} days are allowed. See why the last retrainings promoted nothing (or "
        "did not run) and what new data there is; `python pipelines/retrain.py` tries now."
    )
    print(f"staleness: {text}")
    if not issue:
        return STALE
    github.require_gh()
    print(f"staleness: {github.open_issue(TITLE, text)}")
    return 0


if __name__ == "__main__":
    parser = Options(__doc__)
    parser.add_argument("--days", type=age_allowed, default=45, help="the age allowed")
    parser.add_argument("--issue", action="store_true", help="open an issue with gh")
    given = parser.parse_args()
    os.chdir(Path(__file__).resolve().parent.parent)
    streams.prepare()
    try:
        streams.end("staleness", main(given.days, given.issue))
    except ClearBGError as error:
        sys.exit(f"staleness: {error}")
