"""The removal log: a line of numbers for every image that a network has seen.

A line names neither the image, nor a path, nor a time: the newest stand last.
"""

import json
import os
import re
import stat
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clearbg.errors import DataError, SettingsError
from clearbg.images import DecodedImage
from clearbg.removal import image_statistics
from clearbg.system.overwriting import Kind, refuse_to_lose
from clearbg.system.parsing import ParseError, parse_json

LOG = Kind("a log of `clearbg remove --log`", re.compile(rb'\A\{"format": \d+, "model": "'))
DIGITS = 4  # after the point
LARGEST = 1e12  # number in a line
LONGEST_LINE = 10_000  # bytes; a line of a log has 400


class RemovalLog:
    """Appends a line an image; threads and processes may share one file.

    Every line is one write at the end of the file, so that lines never mix. A failure here costs
    a line and never an image: see `notes`.

    Args:
        path: a file; it and its folders are created when they do not exist.
        model: the SHA-256 of the network's weights.

    Raises:
        SettingsError: nothing can be appended to the file.
        DataError: the file is no log.
    """

    def __init__(self, path: Path, model: str):
        self.path, self._model = path, model
        self._failures: list[str] = []
        refuse_to_lose(path, LOG, overwrite=None)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append(b"")
        except OSError as error:
            raise SettingsError(
                f"{path} cannot be appended to ({error.strerror or error}): name another file "
                "for the log, or leave the log out."
            ) from error

    def __call__(self, image: DecodedImage, inferred: np.ndarray) -> None:
        """Add the line of an image and of its alpha, float32 `(h,w)` in [0, 1]."""
        facts = image_statistics.of_image(image) | image_statistics.of_alpha(inferred)
        facts = {name: round(value, DIGITS) for name, value in facts.items()}
        line = json.dumps({"format": image_statistics.FORMAT, "model": self._model, **facts})
        try:
            self._append(f"{line}\n".encode())
        except OSError as error:
            self._failures.append(error.strerror or str(error))

    def notes(self) -> tuple[str, ...]:
        """A sentence about lines that could not be written; empty when all of them are there."""
        if not self._failures:
            return ()
        return (
            f"{self.path} lacks the lines of {len(self._failures)} images "
            f"({self._failures[-1]}): check the file and the free disk space; the cutouts are "
            "not affected.",
        )

    def _append(self, line: bytes) -> None:
        # Opened every time: a file that was moved away is begun anew.
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(file, line) < len(line):
                raise OSError("the disk is full")
        finally:
            os.close(file)


@dataclass(frozen=True)
class Lines:
    """The newest lines of a log: each the numbers of an image, and "model".

    `unreadable` counts those that are no lines of a log, such as one that a full disk cut short.
    """

    rows: list[dict[str, Any]]
    unreadable: int


def read(path: Path, last: int) -> Lines:
    """The `last` lines of a log.

    Raises:
        DataError: the file cannot be read, or none of the lines is of a removal log.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe without a writer would be waited for
            raise DataError(f"{path} is not a regular file: give a log or a folder of images.")
        with path.open("rb") as file:
            lines = iter(lambda: file.readline(LONGEST_LINE), b"")
            newest = deque((line for line in lines if line.strip()), maxlen=last)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    rows = [row for line in newest if (row := _row(line)) is not None]
    if newest and not rows:
        raise DataError(
            f"{path} is no log of this version's `clearbg remove --log`: give one, or a folder of "
            "images."
        )
    return Lines(rows, len(newest) - len(rows))


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = parse_json(line)
        if row["format"] != image_statistics.FORMAT or not isinstance(row["model"], str):
            return None
        values = {name: row[name] for name in image_statistics.OF_IMAGE + image_statistics.OF_ALPHA}
    except (ParseError, TypeError, KeyError):
        return None
    if not all(type(value) in (int, float) and abs(value) < LARGEST for value in values.values()):
        return None  # NaN is not below it either
    return {"model": row["model"], **{name: float(value) for name, value in values.items()}}
