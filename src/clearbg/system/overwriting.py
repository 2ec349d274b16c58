"""What a command may write over: a file of its own kind that it has not read."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from clearbg.errors import DataError

HEAD = 4096  # bytes of a file in which its mark stands


class Kind(NamedTuple):
    """What a command writes.

    Attributes:
        name: what messages call it, such as "a comparison sheet".
        mark: found in the first `HEAD` bytes of every such file, and in few others.
    """

    name: str
    mark: re.Pattern[bytes]


def refuse_to_lose(
    target: Path, kind: Kind, read: Iterable[Path | None] = (), overwrite: bool | None = False
) -> None:
    """Refuse to write `target` if that would lose a file that is not the command's own.

    A file that was read is never written over, whatever name leads to it. Any other file is
    written over if it is empty or of that kind, or if the user asked for it with `overwrite`
    (None: the command has no such option).

    Raises:
        DataError: the target was read, holds something else, or is no regular file.
    """
    if not os.path.lexists(target):
        return
    if target.is_dir():
        raise DataError(f"{target} is a folder: name a file.")
    if target.exists() and not target.is_file():
        raise DataError(f"{target} is no regular file: name another output.")
    if any(_same(target, path) for path in read):
        raise DataError(f"{target} is an input and would be lost: name another output.")
    if not overwrite and not _is_own(target, kind):
        remedy = "" if overwrite is None else ", or add --overwrite"
        raise DataError(
            f"{target} exists, is not {kind.name} and would be lost: name another output{remedy}."
        )


def _same(target: Path, path: Path | None) -> bool:
    try:
        return path is not None and os.path.samefile(target, path)
    except OSError:
        return False


def _is_own(target: Path, kind: Kind) -> bool:
    try:
        with target.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:  # a link that leads nowhere
        return True
    except OSError as error:
        raise DataError(
            f"{target} exists and cannot be read ({error.strerror}): name another output."
        ) from error
    return not head or kind.mark.search(head) is not None
