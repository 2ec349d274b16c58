"""What a user can choose for a video, beside the options of every removal."""

import re
from dataclasses import dataclass
from typing import Annotated

from clearbg.errors import SettingsError
from clearbg.removal.options import Help


@dataclass(frozen=True)
class VideoOptions:
    """How a video's frames come in, and how steady their alpha is.

    Raises:
        SettingsError: a value is out of its range.
    """

    steady: Annotated[float, Help("Calm a video's flicker: 0 not at all, to 1.")] = 0.8
    size: Annotated[str | None, Help("Of raw RGB frames on standard input, as 640x360.")] = None

    def __post_init__(self) -> None:
        if not 0 <= self.steady <= 1:
            raise SettingsError(f"The steadiness {self.steady:g} is not in the range 0 to 1.")
        if self.size is not None and not re.fullmatch(r"[1-9]\d{0,5}x[1-9]\d{0,5}", self.size):
            raise SettingsError(
                f"The size {self.size!r} is not width and height: give them as 640x360."
            )

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height of raw frames; None: there are none."""
        if self.size is None:
            return None
        width, height = map(int, self.size.split("x"))
        return width, height
