"""Progress bars that neither flicker in a terminal nor flood a log."""

import sys

from tqdm import tqdm


def progress(iterable=None, *, what: str, unit: str, total: int | None = None, **options) -> tqdm:
    """A bar on stderr; in a log file a line every ten seconds at most."""
    quiet = not sys.stderr.isatty()
    interval = {"mininterval": 10.0, "maxinterval": 60.0} if quiet else {"mininterval": 0.2}
    return tqdm(iterable, what, total, unit=f" {unit}", ncols=88, **interval, **options)
