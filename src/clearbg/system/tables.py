"""Tables that earlier stages have written. Removal reads none, and has no pandas."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from clearbg.errors import DataError


def table_of(path: Path, columns: Sequence[str], remedy: str) -> pd.DataFrame:
    """The table in a CSV file, which has at least these columns.

    Raises:
        DataError: the file is missing, no table, or lacks a column; as `facts_of`.
    """
    try:
        if not path.is_file():
            raise DataError(f"{path} does not exist: {remedy}.")
        found = pd.read_csv(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): {remedy}.") from error
    except (ValueError, OverflowError):  # pandas' own errors are of the first kind
        raise DataError(f"{path} is no table of comma-separated values: {remedy}.") from None
    if missing := [name for name in columns if name not in found]:
        raise DataError(f"{path} has no column {missing[0]}: {remedy}.")
    return found
