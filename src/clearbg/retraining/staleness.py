"""How old the champion is: a retraining that promotes nothing for long, or does not run, shows."""

import time

from clearbg.tracking.registry import CHAMPION, find_registry

TITLE = "The champion is stale"


def judge(days: float) -> tuple[bool, str]:
    """Whether the champion is older than so many days, or missing; and a sentence on it.

    Raises:
        RegistryError: the registry does not answer.
    """
    registry = find_registry()
    version = registry.aliased(CHAMPION) if registry else None
    if version is None:
        what = "There is no champion"
    else:
        age = (time.time() - version.created / 1000) / 86400  # milliseconds since 1970
        what = f"The champion is {age:.0f} days old"
        if age <= days:
            return False, f"{what}; {days:g} days are allowed."
    return True, (
        f"{what}; {days:g} days are allowed. See why the last retrainings promoted nothing (or "
        "did not run) and what new data there is; `clearbg retrain` tries now."
    )
